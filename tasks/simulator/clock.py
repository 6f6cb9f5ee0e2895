"""The simulator's time: the system clock, or a clock that tests advance."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class SystemClock:
    """The system's time."""

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()


class ManualClock:
    """A clock that moves only when `advance` is called. Thread-safe."""

    def __init__(self, start: float) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return Unix seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> float:
        """Move the time forward and return the new time."""
        with self._lock:
            self._now += seconds
            return self._now
