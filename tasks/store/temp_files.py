"""Temporary files that a killed process left behind, and helpers to measure and remove files.

Only names of our own making, in the folders that we write them to, are found and removed.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasks.errors import StoreError
from tasks.own_files import (
    build_file_error,
    file_status,
    list_files,
    list_folders,
    open_file,
    open_folder,
    remove_file,
)
from tasks.store.board_records import BOARDS_FOLDER
from tasks.store.layout import Store
from tasks.store.locks import try_lock

CONVERTED_FOLDER_INFIX = ".fitted-"
"""In the name of a folder of converted clips: follows the name of the film's temporary file."""

_MIN_AGE_SECONDS = 1.0
_TEMP_PATTERN = re.compile(r"\..+\.\d+\.\d+\.staging|\..+\.[0-9a-f]{12}\.part")
_CONVERTED_FOLDER_PATTERN = re.compile(r"(\..+\.\d+\.\d+\.staging)\.fitted-[a-z0-9_]{8}")
_CONVERTED_FILE_PATTERN = re.compile(
    r"\d+\.mp4|[0-9a-f]{64}\.(h264|hevc|mp4)|(clips|voice|music)\.wav|trial\.m4a|sound\.mp4"
)


def find_abandoned_files(store: Store) -> tuple[Path, ...]:
    """Return the temporary files and folders in a store that no process is writing.

    Raises:
        UnsafeStore: A folder of the store is a link, or a temporary file is not a regular file.
        StoreError: A folder can't be read.
    """
    return tuple(path for path in _iter_temp_files(store) if is_abandoned(path))


def is_abandoned(path: Path) -> bool:
    """Return True if no process is writing a temporary file, or the film of a temporary folder."""
    match = _CONVERTED_FOLDER_PATTERN.fullmatch(path.name)
    if match:
        film = path.with_name(match[1])
        return file_status(film) is None or is_abandoned(film)
    with suppress(OSError, StoreError), open_file(path, "rb") as file:
        status = os.fstat(file.fileno())
        # A new file is empty until its writer holds the lock; nothing is written without it.
        is_new = not status.st_size and time.time() - status.st_mtime < _MIN_AGE_SECONDS
        return not is_new and try_lock(file)
    return False


def is_temp_name(name: str) -> bool:
    """Return True if only temporary files have such a name."""
    return _TEMP_PATTERN.fullmatch(name) is not None


def remove_abandoned_copies(path: Path) -> None:
    """Remove the temporary files of killed processes that exported a film to `path`.

    Raises:
        UnsafeStore: The folder of the path is a link, or a temporary file is not a regular file.
        StoreError: A file can't be removed.
    """
    pattern = re.compile(rf"\.{re.escape(path.name)}\.\d+\.\d+\.staging")
    for name in list_files(path.parent, pattern):
        if is_abandoned(path.with_name(name)):
            remove_file(path.with_name(name))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 if it does not exist.

    A link counts with its own size.
    """
    total = 0
    with suppress(OSError):
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode):
            return status.st_size
        for folder, _, names in os.walk(path):
            total += sum(Path(folder, name).lstat().st_size for name in names)
    return total


def format_bytes(size_bytes: int) -> str:
    """Format a size for people."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def remove_path(path: Path) -> int:
    """Remove a file or a folder of converted clips; return the freed bytes, 0 without a file.

    Raises:
        UnsafeStore: The path is neither a regular file nor a real folder.
        StoreError: The file can't be removed, or the folder has files that are not ours.
    """
    if not _CONVERTED_FOLDER_PATTERN.fullmatch(path.name):
        return remove_file(path)
    names = list_files(path, _CONVERTED_FILE_PATTERN)
    freed_bytes = sum(remove_file(path / name) for name in names)
    try:
        with open_folder(path.parent) as folder:
            folder.remove_folder(path.name)
    except FileNotFoundError:
        return freed_bytes
    except OSError as error:
        raise build_file_error(path, "removed", error) from error
    return freed_bytes


def _iter_temp_files(store: Store) -> Iterator[Path]:
    folders = [
        store.measured_folder,
        store.sheets_folder,
        store.root,
        store.root / BOARDS_FOLDER,
        store.films_folder,
        store.edits_folder,
    ]
    for loopback in (False, True):
        records = store.records(loopback=loopback)
        folders += [records.folder_of(key) for key in records.iter_keys()]
    for folder in folders:
        yield from (folder / name for name in list_files(folder, _TEMP_PATTERN))
    for name in list_folders(store.films_folder):
        if _CONVERTED_FOLDER_PATTERN.fullmatch(name):
            yield store.films_folder / name
