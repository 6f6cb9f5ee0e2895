"""Space that is taken on the disk before it is needed, and records outside of the store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.errors import StoreError
from tasks.store.rescue import (
    RescueRecord,
    find_rescue_folders,
    open_spare_file,
    read_rescue_record,
    remove_rescue_records,
    write_rescue_record,
)
from tests.support.full_disk import FullDisk

RECORD = RescueRecord("f" * 64, "2026-11-29T00:00:00.000+00:00", "cgt-1", "no space")


def test_spare_file_is_written_on_a_full_disk(full_disk: FullDisk) -> None:
    """Its space is real: what does not fit beside it fits into it."""
    path = full_disk.folder / "receipt.json"
    path.write_bytes(b"old")
    with open_spare_file(path, 8192) as spare:
        full_disk.fill()
        with pytest.raises(OSError, match="No space left"):
            path.with_name("other").write_bytes(b"x" * 8192)
        path.with_name("other").unlink()
        spare.commit(b"new" * 1000)

    assert path.read_bytes() == b"new" * 1000
    assert sorted(full_disk.list_files()) == ["receipt.json"]


def test_spare_file_of_full_disk_is_an_error(full_disk: FullDisk) -> None:
    """Before anything is sent, and without leaving a file behind."""
    full_disk.fill()
    path = full_disk.folder / "receipt.json"

    with pytest.raises(StoreError, match="nothing was sent"), open_spare_file(path, 8192):
        pass
    assert full_disk.list_files() == []


def test_spare_file_unused_is_removed(tmp_path: Path) -> None:
    """A request without a result that needs it leaves nothing behind."""
    with open_spare_file(tmp_path / "receipt.json", 100):
        assert [path.stat().st_size for path in tmp_path.iterdir()] == [100]

    assert list(tmp_path.iterdir()) == []


def test_rescue_record_is_read_once_it_is_written(tmp_path: Path) -> None:
    """From whichever folder has it, for that attempt only, until it is removed."""
    folders = (tmp_path / "missing" / "state", tmp_path)
    paths = write_rescue_record(RECORD, folders)
    attempt = (RECORD.key, RECORD.intended_at)
    paths[0].unlink()

    assert len(paths) == 2
    assert read_rescue_record(*attempt, folders) == RECORD
    assert read_rescue_record(RECORD.key, "2026-11-29T00:00:00.001+00:00", folders) is None
    remove_rescue_records(*attempt, folders)
    assert read_rescue_record(*attempt, folders) is None


def test_rescue_record_is_private(tmp_path: Path) -> None:
    """Only the user reads it, and no file that is there already is written to."""
    (path,) = write_rescue_record(RECORD, (tmp_path / "state",))

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert write_rescue_record(RECORD, (tmp_path / "state",)) == ()


def test_rescue_record_of_full_folder_is_skipped(full_disk: FullDisk, tmp_path: Path) -> None:
    """The other folder has it; the full one has no half of it."""
    full_disk.fill()
    paths = write_rescue_record(RECORD, (full_disk.folder, tmp_path))

    assert [path.parent for path in paths] == [tmp_path]
    assert full_disk.list_files() == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "damaged", "other-owner"])
def test_rescue_record_of_a_stranger_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Everybody can write to the temporary folder."""
    (path,) = write_rescue_record(RECORD, (tmp_path,))
    content = path.read_bytes()
    if kind == "other-owner":
        owner = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: owner)
    else:
        path.unlink()
    if kind == "link":
        path.with_name("elsewhere").write_bytes(content)
        path.symlink_to(path.with_name("elsewhere"))
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "damaged":
        path.write_bytes(content[:-9])

    assert read_rescue_record(RECORD.key, RECORD.intended_at, (tmp_path,)) is None


def test_rescue_folders_are_state_and_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home folder or a usable temporary folder the other one is left."""

    def fail() -> str:
        raise FileNotFoundError

    assert find_rescue_folders(tmp_path)[0] == tmp_path
    assert len(find_rescue_folders(None)) == 1
    monkeypatch.setattr("tempfile.gettempdir", fail)
    assert find_rescue_folders(tmp_path) == (tmp_path,)
