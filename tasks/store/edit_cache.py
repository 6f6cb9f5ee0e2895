"""Encoded parts of films, by content: spans of a film, and clips converted to its form.

A film is joined from it without encoding anything twice. Nothing here is needed to keep a clip
that was paid for: an entry that is lost or damaged is made again, and `clean` removes old ones.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tasks.errors import StoreError
from tasks.own_files import list_files, open_folder, remove_file
from tasks.store.atomic_files import digest_file, lock_temp_file
from tasks.store.layout import Store

MAX_CACHE_BYTES = 4_000_000_000
"""When there is more, the entries that were not used for the longest time are removed."""

UNUSED_SECONDS = 7 * 86_400
"""After this time without use `clean` removes an entry."""

_IN_USE_SECONDS = 3600
"""A film that another process joins may read an entry that was used more recently."""

_ENTRY_PATTERN = re.compile(r"([0-9a-f]{64})\.([0-9a-f]{64})\.(h264|hevc|mp4)")
"""Key, sha256 of the content, and format: so each file shows whether it is intact."""


class CacheEntry(NamedTuple):
    """A file that was encoded for a film."""

    path: Path
    is_new: bool
    """True if it was encoded now."""


class CacheFile(NamedTuple):
    """A file in the folder of the cache."""

    path: Path
    size_bytes: int
    age_seconds: float
    """Time since it was made or used."""

    @property
    def sha256(self) -> str:
        """The digest of its content when it was written."""
        return self.path.name.split(".")[1]


class EditCache:
    """Returns encoded files by key, and makes those that are missing. May be used in threads."""

    def __init__(self, store: Store, scratch: Path) -> None:
        """Open the cache of a store.

        Args:
            store: The store.
            scratch: A temporary folder for new files if the cache can't be written.

        Raises:
            UnsafeStore: The folder of the cache is not a real folder with regular files.
            StoreError: It can't be read.
        """
        self._folder = store.edits_folder
        self._scratch = scratch
        self._entries: dict[str, Path] = {}
        for file in iter_cache(store):
            key, _, suffix = file.path.name.split(".")
            self._entries[f"{key}.{suffix}"] = file.path
        self._used: set[Path] = set()

    def get(self, key: str, suffix: str, make: Callable[[Path], None]) -> CacheEntry:
        """Return the entry of a key, made now if the cache has none that is intact.

        Args:
            key: A sha256 of everything that the content depends on, in hex.
            suffix: The format, `h264`, `hevc` or `mp4`.
            make: Writes the content to an existing empty file.

        Raises:
            UnsafeStore: The entry is not a regular file in real folders.
            StoreError: There is no space for a new entry.
        """
        entry = self._find(f"{key}.{suffix}") or self._make(key, suffix, make)
        if entry is not None:
            return entry
        path = self._scratch / f"{key}.{suffix}"
        path.touch()
        make(path)
        return CacheEntry(path, is_new=True)

    def limit_size(self, max_bytes: int = MAX_CACHE_BYTES) -> None:
        """Remove the entries that were not used for the longest time, if there are too many.

        Without effect if the cache can't be written.
        """
        files = sorted(_iter_files(self._folder), key=lambda file: -file.age_seconds)
        excess = sum(file.size_bytes for file in files) - max_bytes
        for file in files:
            if excess <= 0 or file.age_seconds < _IN_USE_SECONDS:
                return
            if file.path not in self._used:
                with suppress(StoreError):
                    excess -= remove_file(file.path)

    def _find(self, name: str) -> CacheEntry | None:
        path = self._entries.get(name)
        if path is None:
            return None
        is_intact = False
        with suppress(OSError):
            is_intact = _is_intact(path)
        if not is_intact:
            with suppress(StoreError):
                remove_file(path)
            return None
        with suppress(OSError):
            os.utime(path)
        self._used.add(path)
        return CacheEntry(path, is_new=False)

    def _make(self, key: str, suffix: str, make: Callable[[Path], None]) -> CacheEntry | None:
        """Make an entry; return None if the cache can't be written."""
        with _staged(self._folder, key) as temp_path:
            if temp_path is None:
                return None
            make(temp_path)
            path = self._folder / f"{key}.{digest_file(temp_path)}.{suffix}"
            with open_folder(self._folder) as folder:
                # Not synced: a file that a power failure cuts off no longer fits its name.
                folder.rename(temp_path.name, path.name)
        self._entries[f"{key}.{suffix}"] = path
        self._used.add(path)
        return CacheEntry(path, is_new=True)


def iter_cache(store: Store) -> Iterator[CacheFile]:
    """Yield the entries of the cache, in the order of their names.

    Raises:
        UnsafeStore: The folder of the cache is not a real folder with regular files.
        StoreError: It can't be read.
    """
    yield from _iter_files(store.edits_folder)


def find_unused_edits(store: Store, *, min_age_seconds: float = UNUSED_SECONDS) -> list[Path]:
    """Return the entries that no film has used for some time.

    Raises:
        UnsafeStore: The folder of the cache is not a real folder with regular files.
        StoreError: It can't be read.
    """
    return [file.path for file in iter_cache(store) if file.age_seconds > min_age_seconds]


def _is_intact(path: Path) -> bool:
    return digest_file(path) == path.name.split(".")[1]


def _iter_files(path: Path) -> Iterator[CacheFile]:
    now = time.time()
    names = list_files(path, _ENTRY_PATTERN)
    if not names:
        return
    with open_folder(path) as folder:
        for name in names:
            if status := folder.file_status(name):
                yield CacheFile(path / name, status.st_size, now - status.st_mtime)


@contextmanager
def _staged(path: Path, key: str) -> Iterator[Path | None]:
    """Yield an empty file to write to, which is removed unless it was renamed.

    Yields None if the folder can't be written.
    """
    name = f".{key}.{os.getpid()}.{time.monotonic_ns()}.staging"
    try:
        with open_folder(path, create=True) as folder:
            file = folder.open(name, "xb")
    except OSError:
        yield None
        return
    with file, open_folder(path) as folder:
        lock_temp_file(file)
        try:
            yield path / name
        finally:
            folder.remove(name)
