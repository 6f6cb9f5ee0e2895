"""Encoded parts of films are kept by content, and never used without a check of their digest."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tasks.errors import MediaError, UnsafeStore
from tasks.store.edit_cache import EditCache, find_unused_edits, iter_cache
from tasks.store.layout import Store
from tasks.store.temp_files import find_abandoned_files
from tasks.store.verify import quarantine, verify_store

KEY = "a" * 64


class Encoder:
    """Counts how often it encodes."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, path: Path) -> None:
        self.calls += 1
        path.write_bytes(b"encoded")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A temporary folder."""
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_get_second_time_makes_nothing(store: Store, scratch: Path) -> None:
    """A key is made once, for later caches of the store too; another key or format is made."""
    encode = Encoder()
    first = EditCache(store, scratch).get(KEY, "h264", encode)
    again = EditCache(store, scratch).get(KEY, "h264", encode)
    EditCache(store, scratch).get(KEY, "mp4", encode)

    assert (first.is_new, again.is_new, first.path) == (True, False, again.path)
    assert again.path.read_bytes() == b"encoded"
    assert encode.calls == 2
    assert list(scratch.iterdir()) == []
    assert find_abandoned_files(store) == ()


@pytest.mark.parametrize("damage", [b"encodeX", b"enc", b""])
def test_get_damaged_entry_is_made_again(store: Store, scratch: Path, damage: bytes) -> None:
    """A file that does not fit the digest in its name is replaced."""
    encode = Encoder()
    EditCache(store, scratch).get(KEY, "h264", encode).path.write_bytes(damage)
    entry = EditCache(store, scratch).get(KEY, "h264", encode)

    assert entry.is_new
    assert entry.path.read_bytes() == b"encoded"
    assert encode.calls == 2


def test_get_failure_leaves_no_file(store: Store, scratch: Path) -> None:
    """If the content can't be made, neither an entry nor a temporary file stays."""

    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise MediaError

    with pytest.raises(MediaError):
        EditCache(store, scratch).get(KEY, "h264", fail)

    assert list(store.edits_folder.iterdir()) == []


def test_get_without_write_access_uses_scratch(
    store: Store, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that can't be written is read, and new entries are in the temporary folder."""
    encode = Encoder()
    EditCache(store, scratch).get(KEY, "h264", encode)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tasks.own_files.OwnFolder.open", refuse)
    cache = EditCache(store, scratch)
    other = cache.get("b" * 64, "h264", encode)

    assert other.path.parent == scratch
    assert other.path.read_bytes() == b"encoded"


def test_cache_link_is_unsafe(store: Store, scratch: Path, tmp_path: Path) -> None:
    """A folder that is a link, or an entry that is one, is a stranger's."""
    store.root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    store.edits_folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeStore):
        EditCache(store, scratch).get(KEY, "h264", Encoder())
    store.edits_folder.unlink()
    store.edits_folder.mkdir()
    (store.edits_folder / f"{KEY}.{KEY}.h264").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeStore):
        EditCache(store, scratch)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def make_old(path: Path, seconds: float) -> None:
    """Set the modification time of a file back."""
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_limit_size_removes_longest_unused(store: Store, scratch: Path) -> None:
    """The oldest entries go, and none that this film or another one uses now."""
    encode = Encoder()
    cache = EditCache(store, scratch)
    paths = [cache.get(f"{number:064x}", "h264", encode).path for number in range(5)]
    for number, path in enumerate(paths[:4]):
        make_old(path, 90_000 - number)
    EditCache(store, scratch).limit_size(14)
    assert [file.path for file in iter_cache(store)] == paths[3:]

    for path in paths[3:]:
        make_old(path, 90_000)
    cache.limit_size(0)
    assert [file.path for file in iter_cache(store)] == paths[3:]


def test_find_unused_edits_counts_from_last_use(store: Store, scratch: Path) -> None:
    """An entry that a film used again is not old."""
    encode = Encoder()
    path = EditCache(store, scratch).get(KEY, "h264", encode).path
    make_old(path, 8 * 86_400)
    assert find_unused_edits(store) == [path]

    EditCache(store, scratch).get(KEY, "h264", encode)
    assert find_unused_edits(store) == []


def test_verify_damaged_edit_is_made_again(store: Store, scratch: Path) -> None:
    """`verify` names a damaged entry, and in quarantine it is not used."""
    path = EditCache(store, scratch).get(KEY, "h264", Encoder()).path
    intact = verify_store(store)
    path.write_bytes(b"encodeX")
    (problem,) = verify_store(store).problems
    moved = quarantine(problem)

    assert (intact.problems, intact.unknown_files, intact.file_count) == ([], [], 1)
    assert "free of charge" in problem.remedy
    assert [file.path for file in verify_store(store).unknown_files] == [moved]
    assert EditCache(store, scratch).get(KEY, "h264", Encoder()).is_new
