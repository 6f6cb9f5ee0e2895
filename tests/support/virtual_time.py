"""An event loop with virtual time: waiting takes no time, and threads run at once.

With it, hours of polling and retrying take milliseconds, and two runs that wait for each other do
so in the same order each time. Processes and sockets do not work in it.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualSelector(selectors.SelectSelector):
    """A selector that advances a clock instead of waiting."""

    def __init__(self, now: float) -> None:
        super().__init__()
        self.now = now

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return nothing, and pass the time of the next timer."""
        if timeout is None:
            msg = "every coroutine waits, and no timer is set: nothing will happen any more"
            raise AssertionError(msg)
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock is that of a `VirtualSelector`."""

    def __init__(self, now: float) -> None:
        self._virtual_selector = VirtualSelector(now)
        super().__init__(self._virtual_selector)
        # Large times are rounded: a timer must not be missed by less than that.
        self._clock_resolution = 1e-3
        # Killed runs leave tasks with errors that are never retrieved.
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual_selector.now

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Call a function at once, so that the order of events is always the same."""
        del executor
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run_virtually(coroutine: Coroutine[Any, Any, T], now: float) -> tuple[T, float]:
    """Run a coroutine from a virtual time on.

    Returns:
        The result, and the virtual time at the end.
    """
    loop = VirtualLoop(now)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(coroutine)
        return result, loop.time()
