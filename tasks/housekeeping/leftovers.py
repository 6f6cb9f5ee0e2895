"""Files that a killed process left half written: which they are, and that nobody writes them now.

Whoever writes one holds its lock, on this machine or in another container; a kill lets go of it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tasks.errors import StoreError
from tasks.films import placed
from tasks.store import Store, try_lock

FITTED = ".fitted-"
"""Between the name of a film's staging file and the rest of its folder of fitted clips."""

_JUST_MADE_SECONDS = 1.0
_ENDINGS = (".staging", ".part")
_ELSEWHERE = ("prefect", "simulator")
"""Folders whose owners look after them."""


def find_leftovers(store: Store) -> tuple[Path, ...]:
    """Every half-written file or folder of the store, and beside the films it put elsewhere."""
    return tuple(path for path in _half_written(store) if is_left(path))


def is_left(path: Path) -> bool:
    """Whether nobody is writing a staging file, or the film that a folder's clips are for."""
    name, fitted, _ = path.name.partition(FITTED)
    if fitted:
        film = path.with_name(name)
        return not film.exists() or is_left(film)
    with suppress(OSError, StoreError), path.open("rb") as file:
        facts = os.fstat(file.fileno())
        # Between its making and its lock a file is empty; nothing is written without the lock.
        just_made = not facts.st_size and time.time() - facts.st_mtime < _JUST_MADE_SECONDS
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


def show_bytes(size: int) -> str:
    """A size for a person."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size} bytes"


def remove(path: Path) -> int:
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


def _half_written(store: Store) -> Iterator[Path]:
    for folder, folders, files in os.walk(store.root):
        here = Path(folder)
        if here == store.root:
            folders[:] = [one for one in folders if one not in _ELSEWHERE]
        fitted = [one for one in folders if one.startswith(".") and FITTED in one]
        folders[:] = sorted(set(folders) - set(fitted))
        yield from (here / one for one in sorted(fitted))
        yield from (here / one for one in sorted(files) if is_staging(one))
    for film in placed(store):
        place = Path(film)
        if place.is_absolute() and not place.is_relative_to(store.root):
            yield from sorted(place.parent.glob(f".{_quoted(place.name)}.*.staging"))


def is_staging(name: str) -> bool:
    """Whether a file's name is one that only half-written files have."""
    return name.startswith(".") and name.endswith(_ENDINGS)


def _quoted(name: str) -> str:
    """A name in which nothing is a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
