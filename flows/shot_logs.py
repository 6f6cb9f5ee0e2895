"""The attempts of a board's shots with their logs, as `log` prints them. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from storyboards.board import Board
from tasks.budgets.money import price_to_json
from tasks.errors import StoreError, unknown_shot_error
from tasks.store.board_identity import identify_board, read_identified_record
from tasks.store.board_records import BoardRecord, use_recorded_name
from tasks.store.layout import RecordStore, Store
from tasks.store.log_file import LogEntry, ShotLog, read_log
from tasks.store.receipts import Attempt, Receipt, read_receipt


class AttemptLog(NamedTuple):
    """One attempt to render a shot, with the entries of its log."""

    shot: str
    take: int | None
    key: str
    is_rehearsal: bool
    """True if its vendor is on this machine."""
    attempt: Attempt | None
    """None for entries before the first attempt of a key."""
    entries: tuple[LogEntry, ...]
    """Empty if the attempt was sent by a version without a log."""

    @property
    def began_at(self) -> datetime:
        """The time of its intent, or of its first entry."""
        if self.attempt is not None:
            return read_time(self.attempt.intended_at)
        return self.entries[0].time


class BoardLog(NamedTuple):
    """The attempts of a board in the order of time, and what could not be read."""

    board: str
    store: Store
    attempts: tuple[AttemptLog, ...]
    warnings: tuple[str, ...] = ()
    left_out: int = 0
    """The number of earlier attempts that are not in `attempts`."""


class _KeyLog(NamedTuple):
    """The receipt and the log of one key."""

    key: str
    is_rehearsal: bool
    receipt: Receipt
    log: ShotLog


def read_time(timestamp: str) -> datetime:
    """Return the time of a receipt; the epoch for a text that is not a time."""
    try:
        time = datetime.fromisoformat(timestamp)
    except ValueError:
        time = datetime.fromtimestamp(0, UTC)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def read_board_log(
    board: Board,
    root: Path,
    *,
    shot: str | None = None,
    take: int | None = None,
    last: int | None = None,
) -> BoardLog:
    """Return the attempts of a board that the store has.

    Args:
        board: The board, which may have problems.
        root: The folder of the store, which may not exist.
        shot: The id of a shot; all by default.
        take: The number of a take; all by default.
        last: The number of the newest attempts to return; all by default.

    Raises:
        UsageError: Neither the board nor the store has the shot.
        StoreError: The record of the board is damaged.
    """
    store, board = Store(root), use_recorded_name(root, board)
    record = read_identified_record(root, identify_board(root, board))
    warnings: list[str] = []
    attempts = sorted(
        (
            attempt
            for key_log in _read_keys(store, record, shot, warnings)
            for attempt in _split_attempts(key_log, record)
        ),
        key=lambda attempt: attempt.began_at,
    )
    known_ids = [each.id for each in board.storyboard.shots]
    if shot is not None and shot not in {*known_ids, *(attempt.shot for attempt in attempts)}:
        raise unknown_shot_error(shot, known_ids)
    chosen = [
        attempt
        for attempt in attempts
        if shot in (None, attempt.shot) and take in (None, attempt.take)
    ]
    left_out = 0 if last is None else max(len(chosen) - last, 0)
    return BoardLog(board.name, store, tuple(chosen[left_out:]), tuple(warnings), left_out)


def _read_keys(
    store: Store, record: BoardRecord, shot: str | None, warnings: list[str]
) -> Iterator[_KeyLog]:
    """Yield the keys that the board has sent or requested for a shot; None stands for all shots.

    A damaged receipt becomes a warning.
    """
    requested = {
        take.key
        for shot_id, takes in record.takes.items()
        if shot in (None, shot_id)
        for take in takes
    }
    for is_rehearsal in (False, True):
        records = store.records(loopback=is_rehearsal)
        for key in records.iter_keys():
            try:
                receipt = read_receipt(key, records.read(key))
            except StoreError as error:
                if key in requested:
                    warnings.append(str(error))
                receipt = Receipt(key)
            attempts = [each for each in receipt.attempts if shot in (None, each.shot)]
            if key in requested or any(map(record.owns, attempts)):
                yield _KeyLog(key, is_rehearsal, receipt, _read_log(records, key, warnings))


def _read_log(records: RecordStore, key: str, warnings: list[str]) -> ShotLog:
    try:
        log = read_log(records, key)
    except StoreError as error:
        warnings.append(str(error))
        return ShotLog()
    if log.damaged_count:
        warnings.append(f"{log.damaged_count} lines of the log of {key[:10]} are damaged")
    if log.unread_bytes:
        warnings.append(f"the last {log.unread_bytes} bytes of the log of {key[:10]} are left out")
    return log


def _split_attempts(key_log: _KeyLog, record: BoardRecord) -> Iterator[AttemptLog]:
    """Yield the attempts of a key, each with its entries."""
    entries: dict[object, list[LogEntry]] = {}
    for entry in key_log.log.entries:
        entries.setdefault(str(entry.document.get("attempt")), []).append(entry)
    for attempt in key_log.receipt.attempts:
        own = entries.pop(attempt.intended_at, [])
        if record.owns(attempt):
            yield _build_attempt(key_log, attempt, own)
    others = sorted((entry for group in entries.values() for entry in group), key=_entry_time)
    if others:
        yield _build_attempt(key_log, None, others)


def _build_attempt(
    key_log: _KeyLog, attempt: Attempt | None, entries: list[LogEntry]
) -> AttemptLog:
    document = entries[0].document if entries else {}
    shot, take = document.get("shot"), document.get("take")
    return AttemptLog(
        attempt.shot if attempt else str(shot),
        attempt.take if attempt else take if isinstance(take, int) else None,
        key_log.key,
        key_log.is_rehearsal,
        attempt,
        tuple(entries),
    )


def _entry_time(entry: LogEntry) -> datetime:
    return entry.time


def log_document(log: BoardLog) -> dict[str, Any]:
    """Return the document that `log --json` prints."""
    return {
        "board": log.board,
        "store": str(log.store.root),
        "attempts": [_attempt_document(attempt) for attempt in log.attempts],
        "left_out": log.left_out,
        "warnings": list(log.warnings),
    }


def _attempt_document(attempt_log: AttemptLog) -> dict[str, Any]:
    attempt = attempt_log.attempt
    return {
        "shot": attempt_log.shot,
        "take": attempt_log.take,
        "key": attempt_log.key,
        "rehearsal": attempt_log.is_rehearsal,
        "date": attempt.intended_at if attempt else None,
        "state": attempt.state.value if attempt else None,
        "provider": attempt.provider if attempt else None,
        "model": attempt.model if attempt else None,
        "job": attempt.job if attempt else None,
        "price": price_to_json(attempt.price if attempt else None),
        "max_price": price_to_json(attempt.max_price if attempt else None),
        "error": attempt.error if attempt else None,
        "entries": [dict(entry.document) for entry in attempt_log.entries],
    }
