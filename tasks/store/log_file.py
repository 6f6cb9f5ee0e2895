"""The log of a key: a file of JSON lines beside its receipt, for people. Bounded in size.

It contains what a vendor was asked and what it answered. Nothing is decided by it: the receipt
counts, and a run goes on without the log. The entries are built in `submission.log_entries`. A log
in a store from a stranger is read within limits, and its lines are not trusted.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

from tasks.own_files import build_file_error, open_file
from tasks.store.layout import LOG_NAME, RecordStore

MAX_LOG_BYTES = 1_000_000
"""The size from which nothing is added."""

MAX_MINOR_BYTES = 750_000
"""The size from which only creates and changes of state are added: a vendor that answers something
else to each query must not use up the space for what costs money."""

MAX_ENTRY_BYTES = 200_000
"""The longest line that is read; the entries that are written are shorter."""

MINOR_EVENTS = frozenset({"query", "repeated", "list", "upload"})

FULL_EVENT = "full"
"""The last entry of a log that has reached its limit."""

_FULL_LINE_END = b'"event": "full"}\n'


class LogEntry(NamedTuple):
    """One line of a log."""

    time: datetime
    """With a time zone."""
    event: str
    """The kind of the entry, such as `create`, `query` or `state`."""
    document: Mapping[str, Any]
    """The whole entry. Its values may be anything that JSON has."""


class ShotLog(NamedTuple):
    """The log of one key as it was read."""

    entries: tuple[LogEntry, ...] = ()
    damaged_count: int = 0
    """Lines that are not entries."""
    unread_bytes: int = 0
    """Bytes beyond the size that a log of ours may have."""


def append_entries(records: RecordStore, key: str, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add entries to the log of a key, in one write, as far as there is space.

    They are not synced: a log that is lost in a power failure costs nothing.

    Raises:
        UnsafeStore: The log is not a regular file of our own.
        OSError: It can't be written.
        ValueError: An entry can't be written as JSON.
    """
    with open_file(records.folder_of(key) / LOG_NAME, "ab", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        end = _read_end(file, size)
        if end.endswith(_FULL_LINE_END):
            return
        # A full disk or a kill may have cut off the last line.
        data = b"" if not end or end.endswith(b"\n") else b"\n"
        for entry in entries:
            is_minor = entry["event"] in MINOR_EVENTS
            line = _encode(entry)
            if size + len(data) + len(line) <= (MAX_MINOR_BYTES if is_minor else MAX_LOG_BYTES):
                data += line
            elif not is_minor:
                # Nothing is added after that, not even a shorter entry: a gap would mislead.
                data += _encode({"time": entry["time"], "event": FULL_EVENT})
                break
        if data.strip():
            file.write(data)


def _read_end(file: IO[bytes], size: int) -> bytes:
    start = max(size - len(_FULL_LINE_END), 0)
    return os.pread(file.fileno(), size - start, start)


def _encode(entry: Mapping[str, Any]) -> bytes:
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")


def read_log(records: RecordStore, key: str) -> ShotLog:
    """Read the log of a key; it is empty if there is none.

    Raises:
        UnsafeStore: The log is not a regular file in real folders.
        StoreError: It can't be read.
    """
    path = records.folder_of(key) / LOG_NAME
    try:
        return _read_lines(path)
    except FileNotFoundError:
        return ShotLog()
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def _read_lines(path: Path) -> ShotLog:
    # Two runs may have added their entries at the same time.
    max_bytes = MAX_LOG_BYTES + 4 * MAX_ENTRY_BYTES
    with open_file(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(max_bytes)
    lines = [line for line in data.split(b"\n") if line.strip()]
    entries = [entry for line in lines if (entry := _parse_line(line))]
    return ShotLog(tuple(entries), len(lines) - len(entries), max(size - len(data), 0))


def _parse_line(line: bytes) -> LogEntry | None:
    """Return the entry in a line; None if it is not one."""
    if len(line) > MAX_ENTRY_BYTES:
        return None
    try:
        document = json.loads(line, parse_constant=_reject_constant, parse_float=_parse_float)
        time = datetime.fromisoformat(document["time"])
        event = document["event"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(event, str) or time.tzinfo is None:
        return None
    return LogEntry(time, event, document)


def _reject_constant(name: str) -> float:
    raise ValueError(name)


def _parse_float(text: str) -> float:
    """Return a number; the infinity of `1e999` is not one, and JSON can't have it."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(text)
    return number
