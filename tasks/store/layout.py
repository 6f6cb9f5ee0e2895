"""The folders and file names of a store, and access to the records of one kind of provider.

Renders from loopback providers are kept apart (`previz/`) from vendor renders (`shots/`), so that no preview is delivered as a film. The meaning of a record is defined in `receipts`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tasks.errors import StoreError
from tasks.store.atomic_files import read_record, write_bytes, write_record
from tasks.store.locks import LOCK_POLL_SECONDS, open_lock_file, try_lock
from tasks.store.receipts import (
    StoredFile,
)

README_TEXT = """This folder belongs to shotchain. It holds what was paid for.

shots/     clips, last frames and receipts of vendors, by key
previz/    the same, of what was rendered on this machine
films/     the joined films
simulator/ the local vendor's jobs
prefect/   the local scheduler's records; may be deleted
"""


FileFingerprint = tuple[int, int, int]
"""What tells a file from the one that stood in its place before."""
KEY_LOCK_NAME = "lock"

USAGE_LOCK_NAME = "in-use"


RECEIPT_NAME = "receipt.json"


@dataclass(frozen=True)
class RecordStore:
    """The records of one kind of vendor: those on this machine, or those out there."""

    folder: Path

    def folder_of(self, key: str) -> Path:
        """The folder of one key."""
        return self.folder / key

    def read(self, key: str) -> dict[str, Any] | None:
        """The record of a key, or None. Raises StoreError where it is damaged."""
        return read_record(self.folder.joinpath(key, RECEIPT_NAME))

    def write(self, key: str, record: dict[str, Any]) -> None:
        """Replace the record of a key, durable when this returns."""
        write_record(self.folder_of(key) / RECEIPT_NAME, record)

    def fingerprint(self, key: str) -> FileFingerprint | None:
        """What changes whenever the record of a key does; None where there is none."""
        try:
            # As text: the paths of a thousand keys take longer to make than to look at.
            found = os.lstat(f"{self.folder}/{key}/{RECEIPT_NAME}")
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"the records in {self.folder} can't be read: {error.strerror}; check its rights"
            raise StoreError(msg) from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def keys(self) -> Iterator[str]:
        """Every key that has a folder here."""
        if self.folder.is_dir():
            yield from sorted(entry.name for entry in os.scandir(self.folder) if entry.is_dir())

    @contextmanager
    def lock_file(self, key: str, name: str = KEY_LOCK_NAME) -> Iterator[IO[bytes]]:
        """The file that stands for a key, open, for `try_lock`: whoever dies lets go of it."""
        with open_lock_file(self.folder_of(key) / name) as file:
            yield file


@dataclass(frozen=True)
class Store:
    """One store's folder and the shelves in it."""

    root: Path

    def records(self, *, loopback: bool) -> RecordStore:
        """The shelf of vendors on this machine, or of those out there."""
        return self._previz if loopback else self._shots

    @cached_property
    def _previz(self) -> RecordStore:
        return RecordStore(self.root / "previz")

    @cached_property
    def _shots(self) -> RecordStore:
        return RecordStore(self.root / "shots")

    @property
    def films_folder(self) -> Path:
        """Where the joined films are."""
        return self.root / "films"

    @property
    def ledger_lock_path(self) -> Path:
        """The file to lock by whoever adds to the ledger under a budget."""
        return self.root / "ledger.lock"

    @property
    def simulator_folder(self) -> Path:
        """Where the local vendor keeps its jobs."""
        return self.root / "simulator"

    @contextmanager
    def shared_lock(self) -> Iterator[None]:
        """Say for the length of a run that what is kept here is needed; whoever dies lets go.

        Waits, for a moment, for a `clean` that is removing.
        """
        with open_lock_file(self.root / USAGE_LOCK_NAME) as file:
            while not try_lock(file, shared=True):
                time.sleep(LOCK_POLL_SECONDS)
            yield

    @contextmanager
    def exclusive_lock(self) -> Iterator[bool]:
        """Whether no run needs what is kept here; none begins within this block then."""
        with open_lock_file(self.root / USAGE_LOCK_NAME) as file:
            yield try_lock(file)

    def initialize(self) -> None:
        """Make the folder and say whose it is. Raises StoreError where that can't be done."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            note = self.root / "README"
            if not note.exists():
                write_bytes(note, README_TEXT.encode())
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, b"*\n")
        except OSError as error:
            msg = f"the store {self.root} can't be made: {error.strerror}; give another by --store"
            raise StoreError(msg) from error


def is_stored(folder: Path, stored_file: StoredFile | None) -> bool:
    """Whether a kept file is on disk with the size that was recorded."""
    if stored_file is None:
        return False
    try:
        return (folder / stored_file.name).stat().st_size == stored_file.size_bytes
    except OSError:
        return False


@asynccontextmanager
async def lock_key(
    records: RecordStore, key: str, name: str = KEY_LOCK_NAME
) -> AsyncIterator[None]:
    """Hold a key: one process, one place in it, without stopping the others."""
    with records.lock_file(key, name) as file:
        while not try_lock(file):
            await asyncio.sleep(LOCK_POLL_SECONDS)
        yield
