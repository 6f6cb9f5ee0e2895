"""SIGTERM as an interrupt: a run that gets it ends like after Ctrl-C, and keeps what is paid.

A thread waits for SIGTERM and sends SIGINT to the main thread. A signal handler would not work:
Prefect replaces it by its own, which raises at any place of the event loop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes of a command after Ctrl-C and after SIGTERM."""


@dataclass
class InterruptState:
    """The state of a block that `forward_sigterm` guards."""

    is_terminated: bool = False
    """True if the interrupt was SIGTERM, False for Ctrl-C."""
    has_ended: bool = False
    """True if the block has ended."""


@contextmanager
def forward_sigterm() -> Iterator[InterruptState]:
    """Let SIGTERM interrupt this block like SIGINT, which works even if it came in ignored.

    Does nothing outside the main thread, the only one that is interrupted. Child processes inherit
    a blocked SIGTERM and must unblock it.
    """
    state = InterruptState()
    if threading.current_thread() is not threading.main_thread():
        yield state
        return
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN:
        # A shell starts background processes with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    waiter = threading.Thread(target=_forward, args=(state,), name="sigterm", daemon=True)
    waiter.start()
    try:
        yield state
    finally:
        state.has_ended = True
        if waiter.is_alive() and waiter.ident:
            signal.pthread_kill(waiter.ident, signal.SIGTERM)
            waiter.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)
        signal.signal(signal.SIGINT, handler)


def _forward(state: InterruptState) -> None:
    while not state.has_ended:
        signal.sigwait({signal.SIGTERM})
        if not state.has_ended:
            state.is_terminated = True
            # To the main thread: a signal to the process may reach another thread, which does not
            # wake a main thread that waits for a lock.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
