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
from typing import IO, TYPE_CHECKING, Any, cast

from tasks.errors import StoreError
from tasks.own_files import (
    OWN_FILE_MODE,
    OWN_FOLDER_MODE,
    OwnFolder,
    build_file_error,
    open_file,
    open_folder,
    read_file,
)
from tasks.store.locks import try_lock

if TYPE_CHECKING:
    from io import BufferedReader


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; it is durable when this returns.

    Raises:
        StoreError: The file can't be written.
    """
    with staged_file(path) as temp_path, temp_path.open("wb") as file:
        file.write(data)


@contextmanager
def staged_file(
    path: Path,
    *,
    permissions: int = OWN_FILE_MODE,
    folder_permissions: int = OWN_FOLDER_MODE,
) -> Iterator[Path]:
    """Yield a path next to `path` to write to; at the end it is renamed to `path`.

    After an exception the temporary file is removed and `path` is unchanged. The temporary file is
    locked meanwhile, so that `temp_files` does not take it for abandoned.

    Args:
        path: The destination, in real folders. A link in its place is replaced, not followed.
        permissions: Permissions of the new file.
        folder_permissions: Permissions of new folders.

    Raises:
        UnsafeStore: A folder of the path is a link.
        StoreError: The file can't be written.
    """
    temp_name = f".{path.name}.{os.getpid()}.{time.monotonic_ns()}.staging"
    try:
        with open_folder(path.parent, create=True, permissions=folder_permissions) as folder:
            try:
                with folder.open(temp_name, "xb", permissions=permissions) as file:
                    lock_temp_file(file)
                    yield path.with_name(temp_name)
                    _commit(folder, temp_name, path.name)
            finally:
                folder.remove(temp_name)
    except OSError as error:
        reason = error.strerror or error
        msg = f"{path} can't be written: {reason}; free disk space, or use another --store"
        raise StoreError(msg) from error


def commit_file(temp_path: Path, path: Path) -> None:
    """Sync a written file, rename it to its destination, and make the rename durable.

    Raises:
        UnsafeStore: A folder of the path is a link.
        OSError: The file can't be synced or renamed.
    """
    with open_folder(path.parent) as folder:
        _commit(folder, temp_path.name, path.name)


def _commit(folder: OwnFolder, temp_name: str, name: str) -> None:
    with folder.open(temp_name, "rb") as file:
        os.fsync(file.fileno())
    folder.rename(temp_name, name)
    folder.sync()


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
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    # A path whose name is not valid UTF-8 has surrogates, which JSON can only have as escapes.
    return text.encode(errors="backslashreplace")


def read_record(path: Path) -> dict[str, Any] | None:
    """Read a JSON record, or return None if the file does not exist.

    Raises:
        UnsafeStore: The file is not a regular file of our own.
        StoreError: The file can't be read or is not a JSON object.
    """
    try:
        record = json.loads(read_file(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise build_file_error(path, "read", error) from error
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
    """Return the sha256 of a regular file in real folders, in hex.

    Raises:
        UnsafeStore: The path is not a regular file in real folders.
        OSError: The file can't be read.
    """
    with open_file(path, "rb") as file:
        return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
