"""Write files atomically and durably, read JSON records, and compute digests.

A file is written next to its destination, synced and renamed. The meaning of a record does not
belong here.
"""

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
    """Write a whole file or nothing; it is durable when this returns.

    Raises:
        StoreError: The file can't be written.
    """
    with staged_file(path) as temp_path, temp_path.open("wb") as file:
        file.write(data)


@contextmanager
def staged_file(path: Path) -> Iterator[Path]:
    """Yield a path next to `path` to write to; at the end it is renamed to `path`.

    After an exception the temporary file is removed and `path` is unchanged. The temporary file is
    locked meanwhile, so that `temp_files` does not take it for abandoned.

    Raises:
        StoreError: The file can't be written.
    """
    temp_path = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.staging")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temp_path.open("xb") as file:
            lock_temp_file(file)
            yield temp_path
            commit_file(temp_path, path)
    except OSError as error:
        reason = error.strerror or error
        msg = f"{path} can't be written: {reason}; free disk space, or use another --store"
        raise StoreError(msg) from error
    finally:
        temp_path.unlink(missing_ok=True)


def commit_file(temp_path: Path, path: Path) -> None:
    """Sync a written file, rename it to its destination, and make the rename durable.

    Raises:
        OSError: The file can't be synced or renamed.
    """
    with temp_path.open("rb") as file:
        os.fsync(file.fileno())
    temp_path.replace(path)
    # Some file systems can't open or sync a folder; the rename is atomic there too.
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def lock_temp_file(file: IO[bytes]) -> None:
    """Mark a temporary file as being written; a dead process no longer holds the lock."""
    # On a file system without locks the file is written too, and `clean` never removes it.
    with suppress(StoreError):
        try_lock(file)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a JSON record, whole or not at all, indented for people to read.

    Raises:
        StoreError: The file can't be written.
    """
    write_bytes(path, encode_record(record))


def encode_record(record: dict[str, Any]) -> bytes:
    """Return a JSON record as the content of its file."""
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a JSON record, or return None if the file does not exist.

    Raises:
        StoreError: The file can't be read or is not a JSON object.
    """
    try:
        # Without O_NONBLOCK a pipe in its place, as an archive may hold, would block without end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            record = json.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check the permissions of the store"
        raise StoreError(msg) from error
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        msg = f"the record {path} is damaged; restore it from a backup, or remove it to pay again"
        raise StoreError(msg)
    return record


def digest_bytes(data: bytes) -> str:
    """Return the sha256 of bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 of a file, in hex.

    Raises:
        OSError: The file can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
