"""Poll intervals, retry delays and job time-outs. Numbers only: no I/O and no clock."""

from __future__ import annotations

import math
from collections import deque
from email.utils import parsedate_to_datetime
from statistics import median

FLEX_POLL_SECONDS = 60.0
"""Offline inference takes hours; clients in the field ask once a minute."""

# Shares of the time that has passed. A job is expected to within a fiftieth of its length; one that
# ends at a quarter of the expected time is known a twelfth late, one that outlasts it a twentieth.
_MIN_SHARE = 0.02
_SHARE_PER_DOUBLING = 0.04
_MAX_EARLY_SHARE = 0.08
_MAX_LATE_SHARE = 0.05
_SAMPLE_COUNT = 5
_MAX_RETRY_AFTER_SECONDS = 60.0
_MAX_BACKOFF_SECONDS = 8.0


def poll_delay_seconds(
    elapsed_seconds: float,
    *,
    min_seconds: float,
    max_seconds: float,
    expected_seconds: float | None = None,
) -> float:
    """How long to wait before the next question: a share of what has passed, within bounds.

    The share is smallest around the moment when the job should be done, and grows with the
    distance from it, by halves and doublings; the bounds are the vendor's advice.
    """
    wait = elapsed_seconds * _poll_share(elapsed_seconds, expected_seconds)
    return max(min(wait, max_seconds), min(min_seconds, max_seconds))


def _poll_share(elapsed: float, expected: float | None) -> float:
    passed = elapsed / expected if expected else 0.0
    if passed <= 0:
        return _MAX_LATE_SHARE
    distance = math.log2(passed)
    most = _MAX_EARLY_SHARE if distance < 0 else _MAX_LATE_SHARE
    return min(max(abs(distance) * _SHARE_PER_DOUBLING, _MIN_SHARE), most)


class LatencyEstimate:
    """How long jobs take these days, beside what is usual: learned from the last that ended."""

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_SAMPLE_COUNT)

    def estimate(self, typical_seconds: float) -> float:
        """How long a job should take that usually takes so long."""
        return typical_seconds * (median(self._ratios) if self._ratios else 1.0)

    def record(self, seconds: float, typical_seconds: float) -> None:
        """Note how long such a job took."""
        if seconds > 0 and typical_seconds > 0:
            self._ratios.append(seconds / typical_seconds)


def job_timeout_seconds(duration_seconds: float, service_tier: str | None = None) -> float:
    """How long a job may take before this run gives it up; it is kept for the next one.

    Thirty-second clips have outrun ten minutes. Flex jobs live as long as the vendor lets them.
    """
    if service_tier == "flex":
        return 172_800.0
    return max(600.0, 60.0 * duration_seconds)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """A Retry-After header in seconds from `now` (Unix seconds), bounded; None where unreadable.

    It is a number of seconds or an HTTP date.
    """
    if not value:
        return None
    told = _parse_float(value.strip())
    if told is None:
        at = parse_http_date(value)
        told = None if at is None else at - now
    if told is None:
        return None
    return min(max(told, 0.0), _MAX_RETRY_AFTER_SECONDS)


def backoff_seconds(attempt: int) -> float:
    """How long to wait after the `attempt`th failure, from 1: a half second, doubled each time."""
    return min(0.5 * 2.0 ** (attempt - 1), _MAX_BACKOFF_SECONDS)


def parse_http_date(value: str | None) -> float | None:
    """Unix seconds of an HTTP date, or None."""
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
