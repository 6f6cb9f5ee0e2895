"""Atomic writes and JSON records."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.errors import StoreError, UnsafeStore
from tasks.store.atomic_files import read_record, staged_file, write_bytes, write_record


def test_staged_file_interrupted_keeps_old_content(tmp_path: Path) -> None:
    """An interrupted write changes nothing and leaves no temporary file."""
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def write_and_interrupt() -> None:
        with staged_file(path) as temp_path:
            temp_path.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_interrupt()

    assert path.read_bytes() == b"old"
    assert [child.name for child in tmp_path.iterdir()] == ["a.txt"]


def test_write_bytes_open_reader_sees_old_content(tmp_path: Path) -> None:
    """A new file takes the name; the old file is never written to."""
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")
    with path.open("rb") as reader:
        write_bytes(path, b"new text")

        assert reader.read() == b"old"
    assert path.read_bytes() == b"new text"


def test_write_bytes_full_disk_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed sync is reported, and the destination is not created."""

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match="No space left on device"):
        write_bytes(tmp_path / "a.txt", b"new")

    assert list(tmp_path.iterdir()) == []


def test_write_record_is_readable_json(tmp_path: Path) -> None:
    """Records are indented, keep non-ASCII letters, and are read back unchanged."""
    path = tmp_path / "deep" / "r.json"
    write_record(path, {"shot": "Überfahrt", "n": 1})

    assert "Überfahrt" in path.read_text()
    assert read_record(path) == {"shot": "Überfahrt", "n": 1}
    assert read_record(tmp_path / "none.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_read_record_damaged_is_an_error(tmp_path: Path, content: bytes) -> None:
    """If a damaged receipt counted as missing, its shot would be paid for twice."""
    path = tmp_path / "receipt.json"
    path.write_bytes(content)

    with pytest.raises(StoreError, match=r"receipt\.json is damaged"):
        read_record(path)


def test_read_record_pipe_does_not_block(tmp_path: Path) -> None:
    """A pipe in place of a record, as an archive may contain, is not opened."""
    path = tmp_path / "receipt.json"
    os.mkfifo(path)

    with pytest.raises(UnsafeStore, match="is a named pipe"):
        read_record(path)
