"""The files of a contact sheet: a PNG per page, in the user's folder.

A page has a marker with a digest of what the sheet shows. By it a current sheet is found, and only
a file that has a marker is ever replaced.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import StoreError, UnsafeStore, UsageError
from tasks.own_files import describe_kind, open_folder
from tasks.store.atomic_files import staged_file

if TYPE_CHECKING:
    # Takes long to import, and a current sheet is not drawn.
    from PIL import Image

_MARKER = "shotchain contact sheet"
_MARKER_PATTERN = re.compile(rb"shotchain contact sheet\0([0-9a-f]{64}) page (\d+)( last)?")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MARKER_SEARCH_BYTES = 4096
_MAX_PAGES = 1000
_REMEDY = "name another file after --sheet"
_FILE_MODE, _FOLDER_MODE = 0o666, 0o777
"""A sheet is for other people, as the film is: the user's umask decides who reads it."""


def _page_path(path: Path, number: int) -> Path:
    """Return the file of a page; `path` is that of the first."""
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def find_current_pages(path: Path, digest: str, *, remedy: str = _REMEDY) -> list[Path]:
    """Return the pages of a sheet on disk; empty unless it is complete and shows what it should.

    Args:
        path: The file of the first page.
        digest: The digest of what the sheet shows.
        remedy: What the user can do about another file in its place.

    Raises:
        UsageError: There is another file.
    """
    pages = []
    for number in range(1, _MAX_PAGES + 1):
        marker = _read_marker(_page_path(path, number), remedy)
        if marker is None or (marker[1].decode(), int(marker[2])) != (digest, number):
            return []
        pages.append(_page_path(path, number))
        if marker[3]:
            return pages
    return []


def check_replaceable(path: Path, *, remedy: str = _REMEDY) -> None:
    """Check that a path is free, or that its file is a contact sheet or a plot.

    Args:
        path: The path.
        remedy: What the user can do about another file.

    Raises:
        UsageError: It is another file, a link, or can't be read.
    """
    _read_marker(path, remedy)


def write_pages(
    images: Iterator[Image.Image], path: Path, digest: str, *, remedy: str = _REMEDY
) -> list[Path]:
    """Write the pages of a sheet as they are drawn, and return their files.

    Further pages of an earlier sheet are removed.

    Args:
        images: The pages.
        path: The file of the first page; `-2` and so on is added for the others.
        digest: The digest of what the sheet shows.
        remedy: What the user can do about another file in its place.

    Raises:
        UsageError: A file that is not a contact sheet would be replaced, or can't be written.
    """
    pages = []
    for number, (image, is_last) in enumerate(_with_last(images), start=1):
        page = _page_path(path, number)
        check_replaceable(page, remedy=remedy)
        _write_page(page, image, remedy, f"{digest} page {number}{' last' if is_last else ''}")
        pages.append(page)
    _remove_further_pages(path, len(pages) + 1)
    return pages


def _with_last(images: Iterator[Image.Image]) -> Iterator[tuple[Image.Image, bool]]:
    """Yield each image, and True for the last."""
    previous = next(images)
    for image in images:
        yield previous, False
        previous = image
    yield previous, True


def _read_marker(path: Path, remedy: str) -> re.Match[bytes] | None:
    """Return the marker of a page; None if there is no file.

    Raises:
        UsageError: There is another file than a page of a contact sheet, or a link.
    """
    try:
        with open_folder(path.parent) as folder:
            status = folder.status(path.name)
            if status is None:
                return None
            if not stat.S_ISREG(status.st_mode):
                msg = f"{path} is {describe_kind(status.st_mode)}; {remedy}"
                raise UsageError(msg)
            with folder.open(path.name, "rb") as file:
                beginning = file.read(_MARKER_SEARCH_BYTES)
    except FileNotFoundError:
        return None
    except UnsafeStore as error:
        msg = f"a folder of {path} is a link or not a folder; {remedy}"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; {remedy}"
        raise UsageError(msg) from error
    marker = _MARKER_PATTERN.search(beginning)
    if not beginning.startswith(_PNG_SIGNATURE) or marker is None:
        msg = f"{path} is not a contact sheet; {remedy}, or move it away"
        raise UsageError(msg)
    return marker


def _write_page(path: Path, image: Image.Image, remedy: str, marker: str) -> None:
    """Write a page as PNG, with the marker by which it is recognised.

    Raises:
        UsageError: The file can't be written.
    """
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_MARKER, marker)
    try:
        with staged_file(
            path, permissions=_FILE_MODE, folder_permissions=_FOLDER_MODE
        ) as temp_path:
            image.save(temp_path, "PNG", pnginfo=info, compress_level=4, dpi=(200, 200))
    except UnsafeStore:
        raise
    except StoreError as error:
        reason = getattr(error.__cause__, "strerror", None) or "the folder can't be used"
        msg = f"{path} can't be written: {reason}; {remedy}"
        raise UsageError(msg) from error


def _remove_further_pages(path: Path, number: int) -> None:
    """Remove pages of an earlier sheet that had more of them."""
    for further in range(number, _MAX_PAGES + 1):
        page = _page_path(path, further)
        try:
            if _read_marker(page, _REMEDY) is None:
                return
        except UsageError:
            return
        with open_folder(page.parent) as folder:
            folder.remove(page.name)
