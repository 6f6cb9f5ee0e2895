"""Poll intervals, retry delays and job time-outs. Numbers only: no I/O and no clock."""

from __future__ import annotations

import math
from collections import deque
from email.utils import parsedate_to_datetime
from statistics import median

END_CONFIRMATION_SECONDS = 5.0
"""The time after which a job that ended without a clip is queried once more."""

MAX_UNKNOWN_SECONDS = 180.0
"""The longest wait for a job whose state the vendor does not document."""

FILE_LIFETIME_SECONDS = 25 * 3600.0
"""Vendors keep files for 24 hours after the end of the job; an hour allows for their clocks."""

FLEX_POLL_SECONDS = 60.0
"""Offline inference takes hours; existing clients query it once a minute."""

# Shares of the elapsed time. The poll interval is smallest, 1/50 of the elapsed time, when the job
# is expected to end. A job that ends at a quarter of the expected time is detected within 1/12 of
# its duration, a job that takes longer than expected within 1/20.
_MIN_SHARE = 0.02
_SHARE_PER_DOUBLING = 0.04
_MAX_EARLY_SHARE = 0.08
_MAX_LATE_SHARE = 0.05
_SAMPLE_COUNT = 5
_MAX_RETRY_AFTER_SECONDS = 60.0
_MAX_BACKOFF_SECONDS = 8.0
_MIN_JOB_TIMEOUT_SECONDS = 600.0
_FLEX_TIMEOUT_SECONDS = 172_800.0


def poll_delay_seconds(
    elapsed_seconds: float,
    *,
    min_seconds: float,
    max_seconds: float,
    expected_seconds: float | None = None,
) -> float:
    """Return the delay before the next query: a share of the elapsed time, within bounds.

    The share is smallest at the expected end of the job and grows with the distance from it, per
    halving and doubling.

    Args:
        elapsed_seconds: Time since the job was created.
        min_seconds: The vendor's shortest recommended interval.
        max_seconds: The vendor's longest recommended interval, or the user's; it wins if it is
            below `min_seconds`.
        expected_seconds: The expected duration of the job; None if it is not known.
    """
    delay = elapsed_seconds * _poll_share(elapsed_seconds, expected_seconds)
    return max(min(delay, max_seconds), min(min_seconds, max_seconds))


def _poll_share(elapsed: float, expected: float | None) -> float:
    ratio = elapsed / expected if expected else 0.0
    if ratio <= 0:
        return _MAX_LATE_SHARE
    doublings = math.log2(ratio)
    max_share = _MAX_EARLY_SHARE if doublings < 0 else _MAX_LATE_SHARE
    return min(max(abs(doublings) * _SHARE_PER_DOUBLING, _MIN_SHARE), max_share)


class LatencyEstimate:
    """Estimates job durations: the typical duration, scaled by the last few jobs."""

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_SAMPLE_COUNT)

    def estimate(self, typical_seconds: float) -> float:
        """Return the expected duration of a job that usually takes `typical_seconds`."""
        return typical_seconds * (median(self._ratios) if self._ratios else 1.0)

    def record(self, seconds: float, typical_seconds: float) -> None:
        """Record the duration of a job that usually takes `typical_seconds`; ignore 0."""
        if seconds > 0 and typical_seconds > 0:
            self._ratios.append(seconds / typical_seconds)


def job_timeout_seconds(duration_seconds: float, service_tier: str | None = None) -> float:
    """Return how long a run waits for a job before it leaves it to the next run.

    Thirty-second clips have taken more than ten minutes. A flex job may take as long as the vendor
    keeps it.

    Args:
        duration_seconds: Duration of the clip.
        service_tier: The request's service tier.
    """
    if service_tier == "flex":
        return _FLEX_TIMEOUT_SECONDS
    return max(_MIN_JOB_TIMEOUT_SECONDS, 60.0 * duration_seconds)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return a Retry-After header as seconds from `now`, between 0 and 60.

    Args:
        value: The header: a number of seconds or an HTTP date.
        now: Unix seconds.

    Returns:
        None if the header is missing or not valid.
    """
    if not value:
        return None
    seconds = _parse_float(value.strip())
    if seconds is None:
        at = parse_http_date(value)
        seconds = None if at is None else at - now
    if seconds is None:
        return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def retry_delay_seconds(attempt: int, requested_seconds: float | None) -> float:
    """Return the delay after the `attempt`th failure, from 1.

    Args:
        attempt: The number of failures so far.
        requested_seconds: The vendor's Retry-After; None if it sent none.
    """
    return backoff_seconds(attempt) if requested_seconds is None else requested_seconds


def backoff_seconds(attempt: int) -> float:
    """Return the delay after the `attempt`th failure, from 1: half a second, doubled each time."""
    return min(0.5 * 2.0 ** (attempt - 1), _MAX_BACKOFF_SECONDS)


def parse_http_date(value: str | None) -> float | None:
    """Return an HTTP date as Unix seconds, or None if it is missing or not valid."""
    try:
        return parsedate_to_datetime(value or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _parse_float(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
