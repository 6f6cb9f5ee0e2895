"""Poll intervals, retry delays and job time-outs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.providers.polling import (
    LatencyEstimate,
    backoff_seconds,
    job_timeout_seconds,
    parse_http_date,
    parse_retry_after,
    poll_delay_seconds,
    retry_delay_seconds,
)

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0, 2), (20, 2), (60, 3), (100, 5), (200, 10), (3600, 10)]
)
def test_poll_delay_grows_with_elapsed_time(elapsed, expected):
    """1/20 of the elapsed time, between the shortest and the longest interval."""
    assert poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10) == expected


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(0, 2), (20, 2), (30, 2.4), (60, 2.4), (120, 2.4), (160, 3.2), (240, 9.6), (280, 10)],
)
def test_poll_delay_is_shortest_at_expected_end(elapsed, expected):
    """1/50 of the elapsed time there, up to four times that before, and 1/20 after."""
    delay = poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10, expected_seconds=120)

    assert delay == pytest.approx(expected, abs=0.01)


def detection_delay(job_seconds, *, min_seconds, expected_seconds):
    """Return the time from the end of a job to the query that finds it finished."""
    now = min_seconds
    while now < job_seconds:
        now += poll_delay_seconds(
            now, min_seconds=min_seconds, max_seconds=1e9, expected_seconds=expected_seconds
        )
    return now - job_seconds


@settings(max_examples=200, deadline=None, database=None)
@given(
    job_seconds=st.floats(0.5, 4000),
    expected=st.none() | st.floats(0.01, 10_000),
    min_seconds=st.sampled_from([0.1, 2.0, 5.0, 10.0]),
)
def test_poll_delay_bounds_detection_delay(job_seconds, expected, min_seconds):
    """1/12 of the duration or the shortest interval; 1/50 if the estimate is right."""
    share = 0.0801 if expected and expected > job_seconds else 0.0501

    delay = detection_delay(job_seconds, min_seconds=min_seconds, expected_seconds=expected)
    delay_as_expected = detection_delay(
        job_seconds, min_seconds=min_seconds, expected_seconds=job_seconds
    )

    assert delay <= max(job_seconds * share, min_seconds)
    assert delay_as_expected <= max(job_seconds * 0.0201 + 1e-9, min_seconds)


@settings(max_examples=200, deadline=None, database=None)
@given(elapsed=st.floats(0, 1e7), expected=st.none() | st.floats(0, 1e7))
def test_poll_delay_stays_within_bounds(elapsed, expected):
    """For any elapsed and expected time."""
    delay = poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10, expected_seconds=expected)

    assert 2 <= delay <= 10


def test_poll_delay_max_wins_over_min():
    """A user who sets half a second gets it."""
    assert poll_delay_seconds(100, min_seconds=2, max_seconds=0.5) == 0.5


def test_latency_estimate_is_median_of_last_jobs():
    """A job that hung hardly counts, and old jobs are forgotten."""
    latency = LatencyEstimate()
    initial = latency.estimate(120)
    for seconds in (60, 66, 600):
        latency.record(seconds, 120)
    after_three = latency.estimate(240)
    for _ in range(5):
        latency.record(240, 120)
    latency.record(0, 120)

    assert (initial, after_three, latency.estimate(120)) == (120, 132, 240)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3),
        ("1.5", 1.5),
        ("-4", 0),
        ("999999", 60),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_seconds_are_bounded(value, expected):
    """A vendor can't stop a run for a day, and invalid values are ignored."""
    assert parse_retry_after(value, NOW) == expected


def test_retry_after_may_be_a_date():
    """The result is its distance from now."""
    date = "Wed, 18 Nov 2026 08:00:10 GMT"
    at = parse_http_date(date)

    assert at is not None
    assert parse_retry_after(date, at - 10) == 10
    assert parse_retry_after(date, at + 10) == 0


@pytest.mark.parametrize("value", [None, "", "yesterday", "Wed, 99 Nov 2026 08:00:10 GMT"])
def test_invalid_http_date_is_none(value):
    """A missing or invalid Date header is ignored."""
    assert parse_http_date(value) is None


def test_backoff_doubles_up_to_a_limit():
    """From half a second to eight."""
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 4, 5, 9)] == [0.5, 1, 2, 4, 8, 8]


def test_retry_delay_prefers_vendor_value():
    """Also if it is 0."""
    assert [retry_delay_seconds(2, requested) for requested in (None, 7.0, 0.0)] == [1, 7, 0]


@pytest.mark.parametrize(
    ("seconds", "tier", "expected"), [(5, None, 600), (30, "default", 1800), (5, "flex", 172_800)]
)
def test_job_timeout_depends_on_duration_and_tier(seconds, tier, expected):
    """60 times the duration, at least ten minutes; two days for flex."""
    assert job_timeout_seconds(seconds, tier) == expected
