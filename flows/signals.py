"""SIGTERM ends a run as Ctrl-C does: every step is told, and what is kept is kept.

A thread waits for SIGTERM and hands it on as SIGINT. A handler would not do: Prefect puts its own
in place, which raises wherever the event loop happens to be.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

INTERRUPTED, TERMINATED = 130, 143
"""What a command ends with after Ctrl-C and after SIGTERM."""


@dataclass
class InterruptState:
    """How a run came to be interrupted."""

    is_terminated: bool = False
    """Whether it was SIGTERM, not Ctrl-C."""
    is_over: bool = False


@contextmanager
def forward_sigterm() -> Iterator[InterruptState]:
    """Let SIGTERM interrupt this block as SIGINT does, also where SIGINT came in ignored.

    Does nothing outside the main thread, which alone is interrupted. Children have SIGTERM
    blocked and have to let it in again.
    """
    ending = InterruptState()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    held = signal.getsignal(signal.SIGINT)
    if held is signal.SIG_IGN:
        # A shell that starts us in the background has SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    waiter = threading.Thread(target=_hand_on, args=(ending,), name="sigterm", daemon=True)
    waiter.start()
    try:
        yield ending
    finally:
        ending.is_over = True
        if waiter.is_alive() and waiter.ident:
            signal.pthread_kill(waiter.ident, signal.SIGTERM)
            waiter.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, held)


def _hand_on(ending: InterruptState) -> None:
    while not ending.is_over:
        signal.sigwait({signal.SIGTERM})
        if not ending.is_over:
            ending.is_terminated = True
            # To the main thread itself: a lock it waits at is not left for another thread's signal.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
