"""Record what a vendor was asked about a shot and what it answered, beside the receipt.

A step of a submission, such as `submit` or `await_job`, collects its exchanges in memory. They are
written when the step ends, after its receipts, with the changes of the receipt in that step. So the
log comes after the receipt, and what a killed run did not write is only missing in the log. An
error while a log is written is dropped: a run never changes because of it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, ParamSpec, TypeVar

from storyboards.problems import ShotchainError
from tasks.plan import ShotToRender
from tasks.providers.exchanges import Exchange, current_observer, observe_exchanges
from tasks.store.layout import RecordStore
from tasks.store.log_file import append_entries
from tasks.store.receipts import Attempt, parse_timestamp, read_receipt
from tasks.submission.context import SubmissionContext
from tasks.submission.log_entries import (
    Redact,
    describe_error,
    describe_exchange,
    describe_repeats,
    describe_state,
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def logged(
    step: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Make a step record its exchanges. It has a shot and a context among its arguments."""

    @functools.wraps(step)
    async def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        values = (*args, *kwargs.values())
        shot = next(value for value in values if isinstance(value, ShotToRender))
        context = next(value for value in values if isinstance(value, SubmissionContext))
        records = context.records_of(shot)
        with log_exchanges(records, shot.key, shot=shot.id, take=shot.take, redact=context.redact):
            return await step(*args, **kwargs)

    return call


@contextmanager
def log_exchanges(
    records: RecordStore,
    key: str,
    *,
    shot: str = "",
    take: int = 0,
    redact: Redact = str,
) -> Iterator[None]:
    """Record the exchanges within this block and the changes of a receipt.

    Args:
        records: The records of the key.
        key: The key.
        shot: The id of the shot; by default that of the receipt.
        take: Its take; by default that of the receipt.
        redact: Removes the keys of the run from a text.
    """
    outer = current_observer()
    if isinstance(outer, StepLog) and outer.key == key:
        # A step within a step: the outer one writes both.
        yield
        return
    log = StepLog(records, key, shot=shot, take=take, redact=redact)
    with observe_exchanges(log):
        try:
            yield
        except BaseException as error:
            log.finish(error)
            raise
        log.finish(None)


class _Item(NamedTuple):
    """An exchange that is not written yet."""

    exchange: Exchange
    entry: dict[str, Any] | None
    """None for a create: between its response and its receipt nothing else is done."""
    is_of_new_attempt: bool
    """True for the create of this step and what follows it."""


class StepLog:
    """Collects the exchanges of one step, and writes them."""

    def __init__(
        self, records: RecordStore, key: str, *, shot: str, take: int, redact: Redact
    ) -> None:
        self.key = key
        self._records = records
        self._shot, self._take = shot, take
        self._redact = redact
        self._items: list[_Item] = []
        self._messages: set[str] = set()
        self._last_query: Exchange | None = None
        self._repeat_count = 0
        self._has_created = False
        self._is_finished = False
        self._before = self._read_attempts()

    def __call__(self, exchange: Exchange) -> None:
        """Collect an exchange; a query with the same answer as the one before is only counted."""
        if self._is_finished:
            return
        if exchange.error is not None:
            self._messages.add(str(exchange.error))
        last = self._last_query
        if last is not None and _is_same_answer(last, exchange):
            self._last_query = exchange
            self._repeat_count += 1
            return
        self._end_repeats()
        is_create, is_query = exchange.kind == "create", exchange.kind == "query"
        self._has_created = self._has_created or is_create
        self._collect(exchange, None if is_create else describe_exchange(exchange, self._redact))
        if is_query:
            self._last_query = exchange
            if exchange.result != "succeeded":
                # No receipt waits for it, and the job may take hours.
                attempts = self._read_attempts()
                self._write(self._take_entries(attempts), attempts)

    def finish(self, error: BaseException | None) -> None:
        """Write what is left, the changes of the receipt, and the error that ended the step."""
        if self._is_finished:
            return
        self._is_finished = True
        with suppress(Exception):
            self._end_repeats()
            attempts = self._read_attempts()
            entries = self._take_entries(attempts)
            entries += self._describe_changes(attempts)
            if entries or isinstance(error, ShotchainError):
                entries += self._describe_error(error, attempts)
            entries.sort(key=lambda entry: str(entry["time"]))
            self._write(entries, attempts)

    def _collect(self, exchange: Exchange, entry: dict[str, Any] | None) -> None:
        self._items.append(_Item(exchange, entry, self._has_created))

    def _end_repeats(self) -> None:
        last, count = self._last_query, self._repeat_count
        self._last_query, self._repeat_count = None, 0
        if last is not None and count:
            self._collect(last, describe_repeats(last, count, self._redact))

    def _take_entries(self, attempts: tuple[Attempt, ...]) -> list[dict[str, Any]]:
        """Return the entries that are not written yet, with their attempts, and forget them."""
        items, self._items = self._items, []
        entries = []
        for item in items:
            entry = item.entry or describe_exchange(item.exchange, self._redact)
            own = attempts if item.is_of_new_attempt else self._before
            entries.append({**entry, "attempt": own[-1].intended_at if own else None})
        return entries

    def _describe_changes(self, attempts: tuple[Attempt, ...]) -> list[dict[str, Any]]:
        """Return an entry for each attempt that has another state than at the beginning."""
        before = {attempt.intended_at: _summarize(attempt) for attempt in self._before}
        now, entries = time.time(), []
        for index, attempt in enumerate(attempts):
            if before.get(attempt.intended_at) == _summarize(attempt):
                continue
            # An earlier attempt ended before the next one was sent.
            later = attempts[index + 1 : index + 2]
            ended_at = parse_timestamp(later[0].intended_at) if later else now
            entry = describe_state(attempt, ended_at, self._redact)
            entries.append({**entry, "attempt": attempt.intended_at})
            self._messages.add(attempt.error or "")
        return entries

    def _describe_error(
        self, error: BaseException | None, attempts: tuple[Attempt, ...]
    ) -> list[dict[str, Any]]:
        """Return the entry of an error, unless an exchange or a receipt has its message."""
        if error is None or str(error) in self._messages:
            return []
        is_expected = isinstance(error, ShotchainError)
        kind = error.kind if isinstance(error, ShotchainError) else "interrupted"
        message = str(error) if is_expected else "the run was interrupted"
        if isinstance(error, Exception) and not is_expected:
            # The message of a bug may hold anything.
            kind, message = "bug", f"a bug: {type(error).__name__}"
        entry = describe_error(kind, message, time.time(), self._redact)
        return [{**entry, "attempt": attempts[-1].intended_at if attempts else None}]

    def _write(self, entries: list[dict[str, Any]], attempts: tuple[Attempt, ...]) -> None:
        last = attempts[-1] if attempts else None
        shot = self._shot or (last.shot if last else "")
        take = self._take or (last.take if last else None)
        lines = [
            {"time": entry["time"], "event": entry["event"], "shot": shot, "take": take, **entry}
            for entry in entries
        ]
        if lines:
            append_entries(self._records, self.key, lines)

    def _read_attempts(self) -> tuple[Attempt, ...]:
        with suppress(Exception):
            return read_receipt(self.key, self._records.read(self.key)).attempts
        return ()


def _is_same_answer(last: Exchange, exchange: Exchange) -> bool:
    """Return True if two queries of a job in a row had the same answer, apart from progress."""
    if exchange.kind != "query" or exchange.job != last.job:
        return False
    answers = [
        (query.result, str(query.error or ""), getattr(query.response, "status", None))
        for query in (last, exchange)
    ]
    return answers[0] == answers[1]


def _summarize(attempt: Attempt) -> tuple[object, ...]:
    """Return the parts of an attempt whose changes are recorded."""
    return (attempt.state, attempt.job, attempt.unclear_since, attempt.tokens, attempt.clip)
