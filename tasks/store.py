"""Where clips, frames and receipts live, by key: the truth about what is rendered.

A file is complete only as a fact on disk: it is written beside its place, synced, and renamed.
What came over loopback stands on a shelf of its own, so that no previz is delivered for a film.
What a record means is told in `receipts`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from tasks.errors import StoreError

README = """This folder belongs to shotchain. It holds what was paid for.

shots/     clips, last frames and receipts of vendors, by key
previz/    the same, of what was rendered on this machine
films/     the joined films
simulator/ the local vendor's jobs
prefect/   the local scheduler's records; may be deleted
"""


Stamp = tuple[int, int, int]
"""What tells a file from the one that stood in its place before."""
LOCK = "lock"

IN_USE = "in-use"

LOCK_POLL_SECONDS = 0.05

RECEIPT = "receipt.json"


@dataclass(frozen=True)
class Shelf:
    """The records of one kind of vendor: those on this machine, or those out there."""

    folder: Path

    def home(self, key: str) -> Path:
        """The folder of one key."""
        return self.folder / key

    def read(self, key: str) -> dict[str, Any] | None:
        """The record of a key, or None. Raises StoreError where it is damaged."""
        return read_record(self.folder.joinpath(key, RECEIPT))

    def write(self, key: str, record: dict[str, Any]) -> None:
        """Replace the record of a key, durable when this returns."""
        write_record(self.home(key) / RECEIPT, record)

    def stamp(self, key: str) -> Stamp | None:
        """What changes whenever the record of a key does; None where there is none."""
        try:
            # As text: the paths of a thousand keys take longer to make than to look at.
            found = os.lstat(f"{self.folder}/{key}/{RECEIPT}")
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
    def lock_file(self, key: str, name: str = LOCK) -> Iterator[IO[bytes]]:
        """The file that stands for a key, open, for `try_lock`: whoever dies lets go of it."""
        with opened_lock(self.home(key) / name) as file:
            yield file


@dataclass(frozen=True)
class Store:
    """One store's folder and the shelves in it."""

    root: Path

    def shelf(self, *, loopback: bool) -> Shelf:
        """The shelf of vendors on this machine, or of those out there."""
        return self._previz if loopback else self._shots

    @cached_property
    def _previz(self) -> Shelf:
        return Shelf(self.root / "previz")

    @cached_property
    def _shots(self) -> Shelf:
        return Shelf(self.root / "shots")

    @property
    def films(self) -> Path:
        """Where the joined films are."""
        return self.root / "films"

    @property
    def ledger_lock(self) -> Path:
        """The file to lock by whoever adds to the ledger under a budget."""
        return self.root / "ledger.lock"

    @property
    def simulator(self) -> Path:
        """Where the local vendor keeps its jobs."""
        return self.root / "simulator"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Say for the length of a run that what is kept here is needed; whoever dies lets go.

        Waits, for a moment, for a `clean` that is removing.
        """
        with opened_lock(self.root / IN_USE) as file:
            while not try_lock(file, shared=True):
                time.sleep(LOCK_POLL_SECONDS)
            yield

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no run needs what is kept here; none begins within this block then."""
        with opened_lock(self.root / IN_USE) as file:
            yield try_lock(file)

    def open(self) -> None:
        """Make the folder and say whose it is. Raises StoreError where that can't be done."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            note = self.root / "README"
            if not note.exists():
                write_bytes(note, README.encode())
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                write_bytes(ignore, b"*\n")
        except OSError as error:
            msg = f"the store {self.root} can't be made: {error.strerror}; give another by --store"
            raise StoreError(msg) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Put bytes at a place, whole or not at all, durable when this returns."""
    with staged(path) as staging, staging.open("wb") as file:
        file.write(data)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; renamed to it at the end, removed on failure.

    Its lock says that somebody is writing: see `leftovers`. Raises StoreError where the disk
    refuses.
    """
    staging = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.staging")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staging.open("xb") as file:
            claim(file)
            yield staging
            settle(staging, path)
    except OSError as error:
        why = error.strerror or error
        msg = f"{path} can't be written: {why}; make room or give another --store"
        raise StoreError(msg) from error
    finally:
        staging.unlink(missing_ok=True)


def settle(staging: Path, path: Path) -> None:
    """Rename a written file to its place and make the rename durable."""
    with staging.open("rb") as file:
        os.fsync(file.fileno())
    staging.replace(path)
    # Not every file system lets a folder be opened; the rename is atomic there all the same.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Put a JSON record at a place, whole or not at all, readable by a person."""
    write_bytes(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())


def read_record(path: Path) -> dict[str, Any] | None:
    """The JSON record at a place, or None where there is none. Raises StoreError if damaged."""
    try:
        # A pipe in its place, as an archive may hold one, would be waited for without end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            record = json.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"the record {path} can't be read: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        msg = f"the record {path} is damaged; put it back from a backup, or remove it to pay again"
        raise StoreError(msg)
    return record


def digest_bytes(data: bytes) -> str:
    """The sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The sha256 of a file, in hex. OSError is the caller's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Take an open lock file for this process, or say that another has it.

    `shared` lets others take it that way too. Raises StoreError where nothing can be locked there.
    """
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # To wait for that would be to wait for ever.
        msg = f"{file.name} can't be locked: {error.strerror}; put the store where files can be"
        raise StoreError(msg) from error
    return True


def claim(file: IO[bytes]) -> None:
    """Say that a half-written file is being written; whoever dies lets go of it."""
    # Where nothing can be locked it is written all the same; only `clean` knows less.
    with suppress(StoreError):
        try_lock(file)


@contextmanager
def opened_lock(path: Path) -> Iterator[IO[bytes]]:
    """A lock file, made where it is missing. Raises StoreError where that can't be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        msg = f"{path} can't be opened: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error
    with file:
        yield file
