"""Whose time it is: the machine's, or one that a test moves by hand."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Tells Unix seconds."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


class ManualClock:
    """A time that stands still until somebody moves it."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return Unix seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> float:
        """Move the time on and return it."""
        with self._lock:
            self._now += seconds
            return self._now
