"""How long to wait between two questions, and when to give a job up for this run. Pure numbers."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime

FLEX_POLL_SECONDS = 60.0
"""Offline inference takes hours; clients in the field ask once a minute."""

_SHARE_OF_ELAPSED = 0.05
_RETRY_AFTER_MOST_SECONDS = 60.0
_BACK_OFF_MOST_SECONDS = 8.0


def poll_wait_seconds(elapsed_seconds: float, *, least: float, most: float) -> float:
    """How long to wait before the next question: a share of what has passed, within bounds.

    So a job is seen done within a twentieth of its own length, and a long one is asked rarely.
    """
    return max(min(elapsed_seconds * _SHARE_OF_ELAPSED, most), min(least, most))


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
