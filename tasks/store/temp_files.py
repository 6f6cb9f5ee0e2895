"""Temporary files that a killed process left behind, and helpers to measure and remove files."""

from __future__ import annotations

import glob
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasks.errors import StoreError
from tasks.store.films import read_exports
from tasks.store.layout import Store
from tasks.store.locks import try_lock

CONVERTED_FOLDER_INFIX = ".fitted-"
"""In the name of a folder of converted clips: follows the name of the film's temporary file."""

_MIN_AGE_SECONDS = 1.0
_TEMP_SUFFIXES = (".staging", ".part")
_SKIPPED_FOLDERS = ("prefect", "simulator")
"""Folders that their owners clean up."""


def find_abandoned_files(store: Store) -> tuple[Path, ...]:
    """Return the temporary files and folders that no process is writing.

    Searches the store and the folders of the films that it exported.
    """
    return tuple(path for path in _iter_temp_files(store) if is_abandoned(path))


def is_abandoned(path: Path) -> bool:
    """Return True if no process is writing a temporary file, or the film of a temporary folder."""
    film_name, infix, _ = path.name.partition(CONVERTED_FOLDER_INFIX)
    if infix:
        film = path.with_name(film_name)
        return not film.exists() or is_abandoned(film)
    with suppress(OSError, StoreError), path.open("rb") as file:
        status = os.fstat(file.fileno())
        # A new file is empty until its writer holds the lock; nothing is written without it.
        is_new = not status.st_size and time.time() - status.st_mtime < _MIN_AGE_SECONDS
        return not is_new and try_lock(file)
    return False


def is_temp_name(name: str) -> bool:
    """Return True if only temporary files have such a name."""
    return name.startswith(".") and name.endswith(_TEMP_SUFFIXES)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder; 0 if it does not exist."""
    files = path.rglob("*") if path.is_dir() else (path,)
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def format_bytes(size_bytes: int) -> str:
    """Format a size for people."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def remove_path(path: Path) -> int:
    """Remove a file or folder and return the freed bytes; 0 if it does not exist.

    Raises:
        StoreError: The file can't be removed.
    """
    freed_bytes = size_of(path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        msg = f"{path} can't be removed: {error.strerror}; check the permissions of the store"
        raise StoreError(msg) from error
    return freed_bytes


def _iter_temp_files(store: Store) -> Iterator[Path]:
    for name, folder_names, file_names in os.walk(store.root):
        folder = Path(name)
        if folder == store.root:
            folder_names[:] = [name for name in folder_names if name not in _SKIPPED_FOLDERS]
        converted = [name for name in folder_names if _is_converted_folder(name)]
        folder_names[:] = sorted(set(folder_names) - set(converted))
        yield from (folder / name for name in sorted(converted))
        yield from (folder / name for name in sorted(file_names) if is_temp_name(name))
    for film in read_exports(store):
        path = Path(film)
        if path.is_absolute() and not path.is_relative_to(store.root):
            yield from sorted(path.parent.glob(f".{glob.escape(path.name)}.*.staging"))


def _is_converted_folder(name: str) -> bool:
    return name.startswith(".") and CONVERTED_FOLDER_INFIX in name
