"""Pages of a contact sheet: found if they are current, and nothing else is ever replaced."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tasks.errors import UsageError
from tasks.store.sheet_files import find_current_pages, write_pages

DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64


def write(path: Path, count: int, digest: str = DIGEST) -> list[str]:
    """Write a sheet of so many pages and return the names of its files."""
    images = (Image.new("RGB", (4, 4)) for _ in range(count))
    return [page.name for page in write_pages(images, path, digest)]


def test_current_pages_are_found(tmp_path: Path) -> None:
    """All pages with the digest of what the sheet shows, up to the last."""
    path = tmp_path / "films" / "a.takes.png"
    names = write(path, 3)

    assert names == ["a.takes.png", "a.takes-2.png", "a.takes-3.png"]
    assert [page.name for page in find_current_pages(path, DIGEST)] == names
    assert find_current_pages(path, OTHER_DIGEST) == []
    assert find_current_pages(tmp_path / "none.png", DIGEST) == []


def test_interrupted_sheet_is_not_current(tmp_path: Path) -> None:
    """A page of an older sheet, or a missing one, lets it be drawn again."""
    path = tmp_path / "a.png"
    write(path, 3)
    (tmp_path / "a-3.png").unlink()
    assert find_current_pages(path, DIGEST) == []
    write(path, 2, OTHER_DIGEST)
    Image.open(path).close()
    write(tmp_path / "b.png", 1)
    (tmp_path / "b.png").rename(path)

    assert find_current_pages(path, OTHER_DIGEST) == []
    assert find_current_pages(path, DIGEST) == [path]


def test_shorter_sheet_removes_further_pages(tmp_path: Path) -> None:
    """Pages of the earlier sheet go; the user's file of such a name stays."""
    path = tmp_path / "a.png"
    write(path, 4)
    Image.new("RGB", (4, 4)).save(tmp_path / "a-4.png")
    write(path, 1)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["a-4.png", "a.png"]


@pytest.mark.parametrize("kind", ["picture", "text", "link", "folder", "dangling link"])
@pytest.mark.parametrize("name", ["a.png", "a-2.png"])
def test_other_file_is_not_replaced(tmp_path: Path, kind: str, name: str) -> None:
    """A picture of the user, a file of another kind, and a link, also to a sheet."""
    folder, mine = tmp_path / "out", tmp_path / "mine.png"
    folder.mkdir()
    place = folder / name
    if kind == "picture":
        Image.new("RGB", (4, 4)).save(place)
    elif kind == "text":
        place.write_text("shotchain contact sheet\0" + DIGEST + " page 1 last")
    elif kind == "folder":
        place.mkdir()
    else:
        if kind == "link":
            write(mine, 1)
        place.symlink_to(mine)
    before = os.lstat(place).st_mtime_ns, os.lstat(place).st_ino

    kinds = {"picture": "not a contact sheet", "text": "not a contact sheet", "folder": "a folder"}
    with pytest.raises(UsageError, match=rf"{name} is {kinds.get(kind, 'a symbolic link')}"):
        write(folder / "a.png", 2)
    assert (os.lstat(place).st_mtime_ns, os.lstat(place).st_ino) == before


def test_linked_folder_is_not_written_to(tmp_path: Path) -> None:
    """A cloned repository may have `films` as a link."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "films").symlink_to("mine")

    with pytest.raises(UsageError, match="a link or not a folder"):
        write(tmp_path / "films" / "a.png", 1)
    assert list((tmp_path / "mine").iterdir()) == []


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    """The remedy is another file, not another store."""
    (tmp_path / "films").write_text("")

    with pytest.raises(UsageError, match="another file after --sheet"):
        write(tmp_path / "films" / "a.png", 1)
