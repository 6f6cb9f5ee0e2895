"""Temporary files that a killed process left behind, and helpers to measure and remove files."""

from __future__ import annotations

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
"""Between the name of a film's staging file and the rest of its folder of fitted clips."""

_MIN_AGE_SECONDS = 1.0
_TEMP_SUFFIXES = (".staging", ".part")
_SKIPPED_FOLDERS = ("prefect", "simulator")
"""Folders whose owners look after them."""


def find_abandoned_files(store: Store) -> tuple[Path, ...]:
    """Every half-written file or folder of the store, and beside the films it put elsewhere."""
    return tuple(path for path in _iter_temp_files(store) if is_abandoned(path))


def is_abandoned(path: Path) -> bool:
    """Whether nobody is writing a staging file, or the film that a folder's clips are for."""
    name, fitted, _ = path.name.partition(CONVERTED_FOLDER_INFIX)
    if fitted:
        film = path.with_name(name)
        return not film.exists() or is_abandoned(film)
    with suppress(OSError, StoreError), path.open("rb") as file:
        facts = os.fstat(file.fileno())
        # Between its making and its lock a file is empty; nothing is written without the lock.
        just_made = not facts.st_size and time.time() - facts.st_mtime < _MIN_AGE_SECONDS
        return not just_made and try_lock(file)
    return False


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 where it is gone."""
    files = path.rglob("*") if path.is_dir() else (path,)
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def format_bytes(size_bytes: int) -> str:
    """A size for a person."""
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def remove_path(path: Path) -> int:
    """Remove a file or folder and return the bytes that are free now; gone already is 0.

    Raises StoreError where the disk refuses.
    """
    freed = size_of(path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return 0
    except OSError as error:
        msg = f"{path} can't be removed: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error
    return freed


def _iter_temp_files(store: Store) -> Iterator[Path]:
    for folder, folders, files in os.walk(store.root):
        here = Path(folder)
        if here == store.root:
            folders[:] = [one for one in folders if one not in _SKIPPED_FOLDERS]
        fitted = [one for one in folders if one.startswith(".") and CONVERTED_FOLDER_INFIX in one]
        folders[:] = sorted(set(folders) - set(fitted))
        yield from (here / one for one in sorted(fitted))
        yield from (here / one for one in sorted(files) if is_temp_name(one))
    for film in read_exports(store):
        place = Path(film)
        if place.is_absolute() and not place.is_relative_to(store.root):
            yield from sorted(place.parent.glob(f".{_escape_glob(place.name)}.*.staging"))


def is_temp_name(name: str) -> bool:
    """Whether a file's name is one that only half-written files have."""
    return name.startswith(".") and name.endswith(_TEMP_SUFFIXES)


def _escape_glob(name: str) -> str:
    """A name in which nothing is a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
