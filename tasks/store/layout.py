"""The folders and file names of a store, and access to its receipts by key.

Loopback renders (`previz/`) are kept apart from vendor renders (`shots/`), so that no preview is
delivered as a film. The meaning of a record is defined in `receipts`.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tasks.errors import StoreError
from tasks.own_files import (
    check_folder,
    check_in_place,
    file_status,
    list_files,
    list_folders,
    open_file,
    open_folder,
)
from tasks.store.atomic_files import read_record, write_bytes, write_record
from tasks.store.locks import open_lock_file, try_lock, wait_for_lock, wait_for_lock_async
from tasks.store.receipts import StoredFile

CLIP_FILE_PATTERN = re.compile(
    r"clip(-\d+)?\.mp4|last_frame(-\d+)?\.(png|jpg|webp)|frame-\d+-[0-9a-f]{8}\.png"
)
"""The names of the clips, the last frames and the frames at out points of a key."""

_REMOVABLE_PATTERN = re.compile(rf"({CLIP_FILE_PATTERN.pattern})(\.damaged(-\d+)?)?")
"""These names, and those that `verify --repair` gives to damaged files."""

README_TEXT = """This folder belongs to shotchain. It holds renders that were paid for.

shots/     clips, last frames, receipts and logs of vendors, by key
previz/    clips, last frames, receipts and logs of local providers, by key
films/     joined films
edits/     parts of films that were encoded; may be deleted
checked/   results of decoding your own clips; may be deleted
measured/  measures of the clips; may be deleted
sheets/    plots of chains; may be deleted
simulator/ jobs of the local simulator
prefect/   database and log of the local Prefect server; may be deleted
"""

_LOCK_PATTERN = re.compile(r"lock|.*\.lock", re.DOTALL)
_IN_PLACE_PATTERN = re.compile(rf"{_LOCK_PATTERN.pattern}|log\.jsonl", re.DOTALL)

_NEW_FILES = {"README": README_TEXT.encode(), ".gitignore": b"*\n"}

RECEIPT_NAME = "receipt.json"
LOG_NAME = "log.jsonl"
KEY_LOCK_NAME = "lock"
USAGE_LOCK_NAME = "in-use"

FileFingerprint = tuple[int, int, int]
"""Modification time, inode and size: they differ after a file was replaced."""


@dataclass(frozen=True)
class RecordStore:
    """The receipts and clips of one kind of provider: vendors, or providers on loopback."""

    folder: Path

    def folder_of(self, key: str) -> Path:
        """Return the folder of a key; it may not exist."""
        return self.folder / key

    def read(self, key: str) -> dict[str, Any] | None:
        """Read the record of a key, or return None if it has none.

        Raises:
            StoreError: The record can't be read or is damaged.
        """
        return read_record(self.folder.joinpath(key, RECEIPT_NAME))

    def write(self, key: str, record: dict[str, Any]) -> None:
        """Replace the record of a key; it is durable when this returns.

        Raises:
            StoreError: The record can't be written.
        """
        write_record(self.folder_of(key) / RECEIPT_NAME, record)

    def fingerprint(self, key: str) -> FileFingerprint | None:
        """Return a value that changes whenever the record of a key does; None without a record.

        Raises:
            StoreError: The folder can't be read.
        """
        try:
            # A str: to build the Path objects of a thousand keys takes longer than the lstat calls.
            status = os.lstat(f"{self.folder}/{key}/{RECEIPT_NAME}")
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"{self.folder} can't be read: {error.strerror}; check its permissions"
            raise StoreError(msg) from error
        return status.st_mtime_ns, status.st_ino, status.st_size

    def iter_keys(self) -> Iterator[str]:
        """Yield every key that has a folder, sorted.

        Raises:
            UnsafeStore: The folder or the folder of a key is a link.
            StoreError: The folder can't be read.
        """
        yield from list_folders(self.folder)

    @contextmanager
    def lock_file(self, key: str, name: str = KEY_LOCK_NAME) -> Iterator[IO[bytes]]:
        """Open a lock file of a key, for `locks.try_lock`.

        Raises:
            UnsafeStore: The file is not a regular file of our own.
            StoreError: The file can't be opened.
        """
        with open_lock_file(self.folder_of(key) / name) as file:
            yield file

    def check_files(self, key: str) -> None:
        """Check the locks of all records and the folder of a key. See `own_files.check_folder`.

        Raises:
            UnsafeStore: The folder or an entry is not a regular file of our own.
            StoreError: The folder can't be read.
        """
        for name in list_files(self.folder, _LOCK_PATTERN):
            check_in_place(self.folder / name)
        check_folder(self.folder_of(key), _IN_PLACE_PATTERN)

    def clip_files(self, key: str) -> list[Path]:
        """Return the clips and last frames of a key, those in quarantine included.

        Raises:
            UnsafeStore: A file has one of these names and is not a regular file.
            StoreError: The folder can't be read.
        """
        folder = self.folder_of(key)
        return [folder / name for name in list_files(folder, _REMOVABLE_PATTERN)]


@dataclass(frozen=True)
class Store:
    """The folder of one store."""

    root: Path

    def records(self, *, loopback: bool) -> RecordStore:
        """Return the records of providers on loopback, or those of vendors."""
        return self._previz if loopback else self._shots

    @cached_property
    def _previz(self) -> RecordStore:
        return RecordStore(self.root / "previz")

    @cached_property
    def _shots(self) -> RecordStore:
        return RecordStore(self.root / "shots")

    @property
    def films_folder(self) -> Path:
        """The folder of the joined films."""
        return self.root / "films"

    @property
    def edits_folder(self) -> Path:
        """The folder of what was encoded for films, see `edit_cache`."""
        return self.root / "edits"

    @property
    def checked_folder(self) -> Path:
        """The folder of the results for the user's own clips, see `checked_clips`."""
        return self.root / "checked"

    @property
    def measured_folder(self) -> Path:
        """The folder of the measures of clips, see `measured_clips`."""
        return self.root / "measured"

    @property
    def sheets_folder(self) -> Path:
        """The folder of the plots of chains."""
        return self.root / "sheets"

    @property
    def ledger_lock_path(self) -> Path:
        """The lock file of every process that adds to the ledger under a budget."""
        return self.root / "ledger.lock"

    @property
    def simulator_folder(self) -> Path:
        """The folder of the simulator's jobs."""
        return self.root / "simulator"

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """Keep `clean` from removing anything during a run.

        Waits for a `clean` that is removing files.

        Raises:
            StoreError: The store can't be locked.
        """
        with open_lock_file(self.root / USAGE_LOCK_NAME) as file:
            wait_for_lock(file, shared=True)
            yield

    @contextmanager
    def exclusive_lock(self) -> Iterator[bool]:
        """Yield True if no run uses the store; then no run begins within this block.

        Raises:
            StoreError: The store can't be locked.
        """
        with open_lock_file(self.root / USAGE_LOCK_NAME) as file:
            yield try_lock(file)

    def is_in_use(self) -> bool | None:
        """Return whether a run or a `clean` uses the store now; None if that can't be found out.

        Creates no file.
        """
        try:
            with open_file(self.root / USAGE_LOCK_NAME, "rb") as file:
                return not try_lock(file)
        except FileNotFoundError:
            return False
        except (OSError, StoreError):
            return None

    def check_locks(self) -> None:
        """Check that the locks of the store are regular files of our own or are missing.

        Raises:
            UnsafeStore: One of them is a link, a special file or a hard link.
            StoreError: The store can't be read.
        """
        for path in (self.root / USAGE_LOCK_NAME, self.ledger_lock_path):
            check_in_place(path)

    def initialize(self) -> None:
        """Create the folder with a README and a `.gitignore`.

        Raises:
            UnsafeStore: The folder is a link or not a folder.
            StoreError: The folder can't be created.
        """
        try:
            self.root.parent.mkdir(parents=True, exist_ok=True)
            with open_folder(self.root, create=True) as folder:
                new_files = [name for name in _NEW_FILES if folder.status(name) is None]
        except OSError as error:
            msg = f"the store {self.root} can't be created: {error.strerror}; use another --store"
            raise StoreError(msg) from error
        for name in new_files:
            write_bytes(self.root / name, _NEW_FILES[name])


def is_stored(folder: Path, stored_file: StoredFile | None) -> bool:
    """Return True if a recorded file is on disk with its recorded size.

    Raises:
        UnsafeStore: A link or a special file is in its place.
        StoreError: The folder can't be read.
    """
    if stored_file is None:
        return False
    status = file_status(folder / stored_file.name)
    return status is not None and status.st_size == stored_file.size_bytes


@asynccontextmanager
async def lock_key(
    records: RecordStore, key: str, name: str = KEY_LOCK_NAME
) -> AsyncIterator[None]:
    """Hold a lock of a key: one task of one process at a time, without blocking the event loop.

    Raises:
        StoreError: The lock file can't be opened or locked.
    """
    with records.lock_file(key, name) as file:
        await wait_for_lock_async(file)
        yield
