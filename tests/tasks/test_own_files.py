"""Real folders and regular files only, with and without the functions of `openat`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import own_files
from tasks.errors import StoreError, UnsafeStore
from tasks.own_files import (
    check_tree,
    file_status,
    list_files,
    list_folders,
    open_file,
    open_folder,
    read_file,
    remove_file,
)

NAMES = re.compile(r"own-\d+")


@pytest.fixture(params=["openat", "without /proc", "without openat"])
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test as on Linux, as on macOS, and as on Windows."""
    if request.param == "without /proc":
        monkeypatch.setattr(own_files, "_is_at", lambda *_: False)
    if request.param == "without openat":
        monkeypatch.setattr(own_files, "_HAS_OPENAT", False)


@pytest.mark.usefixtures("platform")
def test_open_file_writes_and_reads(tmp_path: Path) -> None:
    """A new file is private, in new private folders."""
    path = tmp_path / "a" / "b" / "own-1"
    with open_file(path, "xb") as file:
        file.write(b"first")
    with open_file(path, "ab") as file:
        file.write(b" second")
    assert read_file(path) == b"first second"
    with open_file(path, "wb") as file:
        file.write(b"third")

    assert read_file(path) == b"third"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert file_status(path).st_size == 5
    assert remove_file(path) == 5
    assert remove_file(path) == 0
    assert file_status(path) is None


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("level", ["a", "a/b"])
@pytest.mark.parametrize(
    "use",
    [
        lambda path: read_file(path / "own-1"),
        lambda path: file_status(path / "own-1"),
        lambda path: remove_file(path / "own-1"),
        lambda path: list_files(path, NAMES),
        list_folders,
        lambda path: open_folder(path, create=True).__enter__(),
        lambda path: open_file(path / "own-2", "xb").__enter__(),
        lambda path: open_file(path / "own-1", "wb").__enter__(),
    ],
    ids=["read", "status", "remove", "files", "folders", "create", "new", "write"],
)
def test_link_at_any_level_is_not_followed(
    tmp_path: Path, level: str, use: Callable[[Path], object]
) -> None:
    """A link in place of any folder of the path is named in the error."""
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    for folder in (outside, outside / "b"):
        (folder / "own-1").write_text("mine")
    link = tmp_path / "store" / level
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)

    with pytest.raises(UnsafeStore, match=re.escape(f"{link} is a symbolic link")):
        use(tmp_path / "store" / "a" / "b")

    assert sorted(path.name for path in outside.rglob("*")) == ["b", "own-1", "own-1"]
    assert (outside / "b" / "own-1").read_text() == "mine"


@pytest.mark.usefixtures("platform")
def test_missing_folder_below_link_is_refused(tmp_path: Path) -> None:
    """A folder that is missing behind a link would be created there by the next program."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "prefect").symlink_to(tmp_path / "outside")

    with pytest.raises(UnsafeStore, match="prefect is a symbolic link"):
        check_tree(tmp_path / "prefect" / "3.9")
    check_tree(tmp_path / "missing" / "3.9")


@pytest.mark.usefixtures("platform")
@pytest.mark.parametrize("name", ["..", ".", "a/b", ""])
def test_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    """Names come from records, and lead to nothing outside of the folder."""
    with open_folder(tmp_path) as folder, pytest.raises(UnsafeStore):
        folder.open(name, "ab")
    with pytest.raises((UnsafeStore, FileNotFoundError)):
        read_file(tmp_path / "x" / ".." / ".." / "y")


@pytest.mark.usefixtures("platform")
def test_list_files_skips_names_of_others(tmp_path: Path) -> None:
    """Only names of our own making are listed; a link with such a name is an error."""
    (tmp_path / "own-1").touch()
    (tmp_path / "other").symlink_to("/")

    assert list_files(tmp_path, NAMES) == ["own-1"]
    assert list_files(tmp_path / "missing", NAMES) == []
    (tmp_path / "own-2").symlink_to("own-1")
    with pytest.raises(UnsafeStore, match="own-2 is a symbolic link"):
        list_files(tmp_path, NAMES)


def test_file_replaced_after_its_check_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open file is examined once more, because its name may have been replaced meanwhile."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "own-1").hardlink_to(tmp_path / "mine")
    os.mkfifo(tmp_path / "own-2")
    (tmp_path / "own-3").symlink_to("mine")
    monkeypatch.setattr(own_files.OwnFolder, "file_status", lambda *_: None)

    for name in ("own-1", "own-2", "own-3"):
        with pytest.raises((UnsafeStore, OSError)), open_file(tmp_path / name, "wb"):
            pass
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe"])
def test_check_tree_examines_every_level(tmp_path: Path, kind: str) -> None:
    """A folder for another program, such as Prefect, has no link at any depth."""
    (tmp_path / "mine").write_text("mine")
    home = tmp_path / "home"
    path = home / "storage" / "deep" / "x"
    path.parent.mkdir(parents=True)
    (path.parent / "file").touch()
    check_tree(home)
    check_tree(tmp_path / "missing")
    if kind == "link":
        path.symlink_to(tmp_path)
    elif kind == "hard link":
        path.hardlink_to(tmp_path / "mine")
    else:
        os.mkfifo(path)

    with pytest.raises(UnsafeStore, match=re.escape(str(path))):
        check_tree(home)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder_is_a_store_error(tmp_path: Path) -> None:
    """Missing rights are reported with the path and what to do."""
    folder = tmp_path / "a"
    folder.mkdir(mode=0o000)

    with pytest.raises(StoreError, match="check the permissions"):
        list_files(folder, NAMES)


def test_name_that_is_too_long_is_a_store_error(tmp_path: Path) -> None:
    """A name from a record that no file system accepts is one sentence."""
    with pytest.raises(StoreError, match="can't be read"):
        file_status(tmp_path / ("x" * 5000))
