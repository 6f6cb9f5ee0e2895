"""How long is waited, and when a job is given up for this run."""

import pytest

from tasks.providers.patience import (
    back_off_seconds,
    deadline_seconds,
    http_date,
    poll_wait_seconds,
    retry_after_seconds,
)

NOW = 1_795_000_000.0


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0, 2), (20, 2), (60, 3), (100, 5), (200, 10), (3600, 10)]
)
def test_the_wait_grows_with_what_has_passed(elapsed, expected):
    """A twentieth of it, between the least and the longest."""
    assert expected == poll_wait_seconds(elapsed, least=2, most=10)


def test_the_longest_wait_holds_also_where_it_is_under_the_least():
    """A user who asks for half a second gets it."""
    assert poll_wait_seconds(100, least=2, most=0.5) == 0.5


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
    assert expected == retry_after_seconds(value, NOW)


def test_retry_after_may_be_a_date():
    """As far as it is in the future."""
    at = http_date("Wed, 18 Nov 2026 08:00:10 GMT")

    assert retry_after_seconds("Wed, 18 Nov 2026 08:00:10 GMT", at - 10) == 10
    assert retry_after_seconds("Wed, 18 Nov 2026 08:00:10 GMT", at + 10) == 0


@pytest.mark.parametrize("value", [None, "", "yesterday", "Wed, 99 Nov 2026 08:00:10 GMT"])
def test_what_is_no_date_is_none(value):
    """A vendor's clock is told, or it is not."""
    assert http_date(value) is None


def test_back_off_doubles_and_is_bounded():
    """From half a second to eight."""
    assert [back_off_seconds(attempt) for attempt in (1, 2, 3, 4, 5, 9)] == [0.5, 1, 2, 4, 8, 8]


@pytest.mark.parametrize(
    ("seconds", "tier", "expected"), [(5, None, 600), (30, "default", 1800), (5, "flex", 172_800)]
)
def test_a_long_clip_and_a_cheap_one_have_more_time(seconds, tier, expected):
    """Sixty times its length, ten minutes at least; flex as long as the vendor keeps trying."""
    assert expected == deadline_seconds(seconds, tier)
