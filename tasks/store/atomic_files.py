"""Write files atomically and durably, read JSON records, and compute digests.

A file is written next to its destination, synced, and renamed. Nothing here knows what a record means."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tasks.errors import StoreError
from tasks.store.locks import try_lock


def write_bytes(path: Path, data: bytes) -> None:
    """Put bytes at a place, whole or not at all, durable when this returns."""
    with staged_file(path) as staging, staging.open("wb") as file:
        file.write(data)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; renamed to it at the end, removed on failure.

    Its lock says that somebody is writing: see `leftovers`. Raises StoreError where the disk
    refuses.
    """
    staging = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.staging")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staging.open("xb") as file:
            lock_temp_file(file)
            yield staging
            commit_file(staging, path)
    except OSError as error:
        why = error.strerror or error
        msg = f"{path} can't be written: {why}; make room or give another --store"
        raise StoreError(msg) from error
    finally:
        staging.unlink(missing_ok=True)


def commit_file(temp_path: Path, path: Path) -> None:
    """Rename a written file to its place and make the rename durable."""
    with temp_path.open("rb") as file:
        os.fsync(file.fileno())
    temp_path.replace(path)
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


def lock_temp_file(file: IO[bytes]) -> None:
    """Say that a half-written file is being written; whoever dies lets go of it."""
    # Where nothing can be locked it is written all the same; only `clean` knows less.
    with suppress(StoreError):
        try_lock(file)
