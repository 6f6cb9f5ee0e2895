"""Observe the exchanges with vendors, for a log: what was asked, and what was answered.

An observer is called after an exchange has ended, and decides nothing. No file is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from tasks.errors import ProviderError
from tasks.providers.types import ApiCall, ApiResponse, LostResponse

ExchangeKind = Literal["create", "upload", "query", "list", "cancel", "download"]


@dataclass(frozen=True)
class Exchange:
    """One call and its response, or the download of one file, as they were sent.

    They may hold signed URLs: `redact` has to be applied to everything that is kept.
    """

    kind: ExchangeKind
    provider: str
    url: str
    """Without user and query."""
    started_at: float
    """Unix seconds."""
    seconds: float
    redact: Callable[[str], str] = field(repr=False)
    """Removes the key and the secrets of URLs from a text."""
    call: ApiCall | None = field(default=None, repr=False)
    """None for the download of a URL."""
    response: ApiResponse | LostResponse | None = field(default=None, repr=False)
    """None for a download."""
    result: str = ""
    """The job that was created, the state of a job, or the number of listed jobs; empty after an
    error."""
    job: str = ""
    """The job that was asked for."""
    error: ProviderError | None = None
    """The meaning of the response if it is an error; its message is redacted."""
    requests: int = 1
    """The number of requests for the file of a download."""
    size_bytes: int | None = None
    """The size of a download."""
    sha256: str = ""
    """The digest of a complete download."""


Observer = Callable[[Exchange], None]

_OBSERVER: ContextVar[Observer | None] = ContextVar("exchange_observer", default=None)


def current_observer() -> Observer | None:
    """Return the observer of this context, or None."""
    return _OBSERVER.get()


@contextmanager
def observe_exchanges(observer: Observer) -> Iterator[None]:
    """Call `observer` with every exchange within this block, and in the tasks that begin in it."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def report_exchange(exchange: Exchange) -> None:
    """Call the observer of this context, if there is one; its errors change nothing."""
    observer = _OBSERVER.get()
    if observer is not None:
        with suppress(Exception):
            observer(exchange)
