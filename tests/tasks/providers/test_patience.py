"""How long is waited, and when a job is given up for this run."""

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
)

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0, 2), (20, 2), (60, 3), (100, 5), (200, 10), (3600, 10)]
)
def test_the_wait_grows_with_what_has_passed(elapsed, expected):
    """A twentieth of it, between the least and the longest."""
    assert expected == poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10)


def known_after(length, *, least, most, expected):
    """Seconds from the end of a job of that length to the question that finds it done."""
    at = least
    while at < length:
        at += poll_delay_seconds(at, min_seconds=least, max_seconds=most, expected_seconds=expected)
    return at - length


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [(0, 2), (20, 2), (30, 2.4), (60, 2.4), (120, 2.4), (160, 3.2), (240, 9.6), (280, 10)],
)
def test_questions_stand_close_together_around_the_moment_it_should_be_done(elapsed, expected):
    """A fiftieth of what has passed there, up to four times that before, and a twentieth after."""
    wait = poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10, expected_seconds=120)

    assert wait == pytest.approx(expected, abs=0.01)


@settings(max_examples=200, deadline=None, database=None)
@given(
    length=st.floats(0.5, 4000),
    expected=st.none() | st.floats(0.01, 10_000),
    least=st.sampled_from([0.1, 2.0, 5.0, 10.0]),
)
def test_a_job_of_any_length_is_known_soon_whatever_was_expected(length, expected, least):
    """Within a twelfth of its length or the vendor's least wait; within a fiftieth as expected."""
    share = 0.0801 if expected and expected > length else 0.0501

    assert known_after(length, least=least, most=1e9, expected=expected) <= max(
        length * share, least
    )
    assert known_after(length, least=least, most=1e9, expected=length) <= max(
        length * 0.0201 + 1e-9, least
    )


@settings(max_examples=200, deadline=None, database=None)
@given(elapsed=st.floats(0, 1e7), expected=st.none() | st.floats(0, 1e7))
def test_no_wait_leaves_the_vendor_s_advice(elapsed, expected):
    """Whatever has passed and whatever is expected."""
    assert (
        2
        <= poll_delay_seconds(elapsed, min_seconds=2, max_seconds=10, expected_seconds=expected)
        <= 10
    )


def test_a_pace_is_the_middle_of_the_last_few_jobs():
    """One that hung does not count for much, and old ones are forgotten."""
    pace = LatencyEstimate()
    untaught = pace.estimate(120)
    for seconds in (60, 66, 600):
        pace.record(seconds, 120)
    taught = pace.estimate(240)
    for _ in range(5):
        pace.record(240, 120)
    pace.record(0, 120)

    assert (untaught, taught, pace.estimate(120)) == (120, 132, 240)


def test_the_longest_wait_holds_also_where_it_is_under_the_least():
    """A user who asks for half a second gets it."""
    assert poll_delay_seconds(100, min_seconds=2, max_seconds=0.5) == 0.5


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
def test_retry_after_in_seconds_is_bounded(value, expected):
    """A vendor can't stop us for a day, and nonsense is as good as nothing."""
    assert expected == parse_retry_after(value, NOW)


def test_retry_after_may_be_a_date():
    """As far as it is in the future."""
    at = parse_http_date("Wed, 18 Nov 2026 08:00:10 GMT")

    assert parse_retry_after("Wed, 18 Nov 2026 08:00:10 GMT", at - 10) == 10
    assert parse_retry_after("Wed, 18 Nov 2026 08:00:10 GMT", at + 10) == 0


@pytest.mark.parametrize("value", [None, "", "yesterday", "Wed, 99 Nov 2026 08:00:10 GMT"])
def test_what_is_no_date_is_none(value):
    """A vendor's clock is told, or it is not."""
    assert parse_http_date(value) is None


def test_back_off_doubles_and_is_bounded():
    """From half a second to eight."""
    assert [backoff_seconds(attempt) for attempt in (1, 2, 3, 4, 5, 9)] == [0.5, 1, 2, 4, 8, 8]


@pytest.mark.parametrize(
    ("seconds", "tier", "expected"), [(5, None, 600), (30, "default", 1800), (5, "flex", 172_800)]
)
def test_a_long_clip_and_a_cheap_one_have_more_time(seconds, tier, expected):
    """Sixty times its length, ten minutes at least; flex as long as the vendor keeps trying."""
    assert expected == job_timeout_seconds(seconds, tier)
