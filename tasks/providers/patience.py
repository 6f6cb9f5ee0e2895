"""How long to wait between two questions, and when to give a job up for this run. Numbers only."""

from __future__ import annotations

import math
from collections import deque
from email.utils import parsedate_to_datetime
from statistics import median

FLEX_POLL_SECONDS = 60.0
"""Offline inference takes hours; clients in the field ask once a minute."""

# Shares of the time that has passed. A job is expected to within a fiftieth of its length; one that
# ends at a quarter of the expected time is known a twelfth late, one that outlasts it a twentieth.
_SHARE_LEAST = 0.02
_SHARE_PER_DOUBLING = 0.04
_SHARE_EARLY_MOST = 0.08
_SHARE_LATE_MOST = 0.05
_LEARNED_FROM = 5
_RETRY_AFTER_MOST_SECONDS = 60.0
_BACK_OFF_MOST_SECONDS = 8.0


def poll_wait_seconds(
    elapsed_seconds: float, *, least: float, most: float, expected_seconds: float | None = None
) -> float:
    """How long to wait before the next question: a share of what has passed, within bounds.

    The share is smallest around the moment when the job should be done, and grows with the
    distance from it, by halves and doublings; the bounds are the vendor's advice.
    """
    wait = elapsed_seconds * _share(elapsed_seconds, expected_seconds)
    return max(min(wait, most), min(least, most))


def _share(elapsed: float, expected: float | None) -> float:
    passed = elapsed / expected if expected else 0.0
    if passed <= 0:
        return _SHARE_LATE_MOST
    distance = math.log2(passed)
    most = _SHARE_EARLY_MOST if distance < 0 else _SHARE_LATE_MOST
    return min(max(abs(distance) * _SHARE_PER_DOUBLING, _SHARE_LEAST), most)


class Pace:
    """How long jobs take these days, beside what is usual: learned from the last that ended."""

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_LEARNED_FROM)

    def expect(self, usual_seconds: float) -> float:
        """How long a job should take that usually takes so long."""
        return usual_seconds * (median(self._ratios) if self._ratios else 1.0)

    def learn(self, seconds: float, usual_seconds: float) -> None:
        """Note how long such a job took."""
        if seconds > 0 and usual_seconds > 0:
            self._ratios.append(seconds / usual_seconds)


def deadline_seconds(clip_seconds: float, service_tier: str | None = None) -> float:
    """How long a job may take before this run gives it up; it is kept for the next one.

    Thirty-second clips have outrun ten minutes. Flex jobs live as long as the vendor lets them.
    """
    if service_tier == "flex":
        return 172_800.0
    return max(600.0, 60.0 * clip_seconds)


def retry_after_seconds(value: str | None, now: float) -> float | None:
    """A Retry-After header in seconds from `now` (Unix seconds), bounded; None where unreadable.

    It is a number of seconds or an HTTP date.
    """
    if not value:
        return None
    told = _number(value.strip())
    if told is None:
        at = http_date(value)
        told = None if at is None else at - now
    if told is None:
        return None
    return min(max(told, 0.0), _RETRY_AFTER_MOST_SECONDS)


def back_off_seconds(attempt: int) -> float:
    """How long to wait after the `attempt`th failure, from 1: a half second, doubled each time."""
    return min(0.5 * 2.0 ** (attempt - 1), _BACK_OFF_MOST_SECONDS)


def http_date(value: str | None) -> float | None:
    """Unix seconds of an HTTP date, or None."""
    try:
        return parsedate_to_datetime(value or "").timestamp()
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
