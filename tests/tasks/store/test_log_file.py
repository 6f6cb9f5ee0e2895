"""The log of a key is bounded, and a stranger's log is read within limits."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import UnsafeStore
from tasks.store import log_file
from tasks.store.layout import LOG_NAME, RecordStore
from tasks.store.log_file import append_entries, read_log

KEY = "a" * 64
TIME = "2026-11-29T07:51:47.994+00:00"


@pytest.fixture
def records(tmp_path: Path) -> RecordStore:
    """Records with the folder of one key."""
    records = RecordStore(tmp_path / "shots")
    records.folder_of(KEY).mkdir(parents=True)
    return records


def entry(event: str = "create", **values: Any) -> dict[str, Any]:
    """Return an entry."""
    return {"time": TIME, "event": event, **values}


def log_path(records: RecordStore) -> Path:
    """Return the file of the log."""
    return records.folder_of(KEY) / LOG_NAME


def test_entries_are_read_as_written(records: RecordStore) -> None:
    """Entries of several writes come back in order, with letters of every script."""
    append_entries(records, KEY, [entry(shot="灯台"), entry("state")])
    append_entries(records, KEY, [entry("download", text="a\nb\x1b[31m")])

    log = read_log(records, KEY)

    assert [read.event for read in log.entries] == ["create", "state", "download"]
    assert log.entries[0].document["shot"] == "灯台"
    assert log.entries[0].time == datetime(2026, 11, 29, 7, 51, 47, 994000, UTC)
    assert (log.damaged_count, log.unread_bytes) == (0, 0)
    assert log_path(records).stat().st_mode & 0o777 == 0o600


def test_missing_log_is_empty(records: RecordStore) -> None:
    """A key that was rendered by an earlier version has no log."""
    assert read_log(records, KEY).entries == ()


def test_torn_line_damages_no_other(records: RecordStore) -> None:
    """After a line that a full disk cut off, the next entry begins on a line of its own."""
    append_entries(records, KEY, [entry()])
    with log_path(records).open("ab") as file:
        file.write(b'{"time": "2026-11')
    append_entries(records, KEY, [entry("state")])

    log = read_log(records, KEY)

    assert [read.event for read in log.entries] == ["create", "state"]
    assert log.damaged_count == 1


def test_full_log_keeps_space_for_creates(
    records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queries use up three quarters at most; a full log ends with one entry for it."""
    monkeypatch.setattr(log_file, "MAX_MINOR_BYTES", 1500)
    monkeypatch.setattr(log_file, "MAX_LOG_BYTES", 2000)
    for _ in range(10):
        append_entries(records, KEY, [entry("query", text="x" * 300)])
    size_of_queries = log_path(records).stat().st_size
    for _ in range(10):
        append_entries(records, KEY, [entry("create", text="x" * 300)])

    events = [read.event for read in read_log(records, KEY).entries]

    assert size_of_queries <= 1500
    assert events == ["query"] * 4 + ["create"] + ["full"]
    assert log_path(records).stat().st_size <= 2000 + 100


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"time": 1, "event": "create"}',
        b'{"time": "yesterday", "event": "create"}',
        b'{"time": "2026-11-29T07:51:47", "event": "create"}',
        b'{"time": "2026-11-29T07:51:47+00:00", "event": ["create"]}',
        b'{"time": "2026-11-29T07:51:47+00:00"}',
        b'{"time": "2026-11-29T07:51:47+00:00", "event": "a", "x": NaN}',
        b'{"time": "2026-11-29T07:51:47+00:00", "event": "a", "x": 1e999}',
        b'{"time": "2026-11-29T07:51:47+00:00", "event": "a", "x": ' + b"9" * 5000 + b"}",
        b'{"time": "2026-11-29T07:51:47+00:00", "event": "' + b"a" * 200_000 + b'"}',
        b"\xff\xfe\x00",
    ],
)
def test_damaged_line_is_counted(records: RecordStore, line: bytes) -> None:
    """A line that is not an entry is left out, and the others are read."""
    log_path(records).write_bytes(line + b"\n" + json.dumps(entry()).encode() + b"\n")

    log = read_log(records, KEY)

    assert [read.event for read in log.entries] == ["create"]
    assert log.damaged_count == 1


def test_huge_log_is_not_read_to_its_end(records: RecordStore) -> None:
    """Of a file of 100 MB only the size of a log is read."""
    append_entries(records, KEY, [entry()])
    os.truncate(log_path(records), 100_000_000)

    log = read_log(records, KEY)

    assert len(log.entries) == 1
    assert log.unread_bytes > 98_000_000


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "hard link"])
def test_strangers_file_is_not_written(records: RecordStore, tmp_path: Path, kind: str) -> None:
    """Nothing is written through a link or to a file of another kind, and none is opened."""
    victim = tmp_path / "victim"
    victim.write_text("mine\n")
    path = log_path(records)
    match kind:
        case "link":
            path.symlink_to(victim)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case _:
            path.hardlink_to(victim)

    with pytest.raises(UnsafeStore):
        append_entries(records, KEY, [entry()])
    if kind != "hard link":
        with pytest.raises(UnsafeStore):
            read_log(records, KEY)

    assert victim.read_text() == "mine\n"
