"""Keep the id of an accepted job when the disk is full, a limit is reached or the store read-only.

Before a create request, space for the receipt is taken on the disk: a full disk can't lose the
response then. If the receipt can't be written all the same, a rescue record outside of the store
keeps the id for the next run. Submitting belongs in `tasks.submission`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from tasks.errors import StoreError
from tasks.own_files import open_folder
from tasks.store.atomic_files import commit_file, digest_bytes, lock_temp_file

SPARE_BYTES = 8192
"""More than a receipt grows by when a response is recorded: an id, times and an error message."""

_MAX_RECORD_BYTES = 65_536


class SpareFile:
    """A file beside its destination that occupies its space on disk already."""

    def __init__(self, path: Path, temp_path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._temp_path = temp_path
        self._file = file

    def commit(self, data: bytes) -> None:
        """Write the destination in the space of this file; for one use.

        Raises:
            OSError: The file can't be written.
        """
        self._file.seek(0)
        _write_all(self._file, data)
        self._file.truncate(len(data))
        commit_file(self._temp_path, self._path)


@contextmanager
def open_spare_file(path: Path, size_bytes: int) -> Iterator[SpareFile]:
    """Occupy space on disk for a later write of `path`; the space is freed at the end.

    Raises:
        StoreError: The disk is full, or the file can't be written for another reason.
    """
    name = f".{path.name}.spare.{os.getpid()}.{time.monotonic_ns()}.staging"
    temp_path = path.with_name(name)
    try:
        with open_folder(path.parent, create=True) as folder:
            # Unbuffered: a buffer that can't be written would raise again when the file is closed.
            file = folder.open(name, "xb", buffering=0)
    except OSError as error:
        raise _spare_error(path, error) from error
    with file:
        try:
            try:
                lock_temp_file(file)
                _write_all(file, bytes(size_bytes))
                os.fsync(file.fileno())
            except OSError as error:
                raise _spare_error(path, error) from error
            yield SpareFile(path, temp_path, file)
        finally:
            with suppress(OSError):
                temp_path.unlink(missing_ok=True)


def _write_all(file: IO[bytes], data: bytes) -> None:
    remaining = memoryview(data)
    while remaining:
        remaining = remaining[file.write(remaining) :]


def _spare_error(path: Path, error: OSError) -> StoreError:
    reason = error.strerror or error
    msg = f"{path} can't be written: {reason}; nothing was sent; free disk space, or use another "
    return StoreError(f"{msg}--store")


@dataclass(frozen=True)
class RescueRecord:
    """The job of an attempt whose receipt could not be written."""

    key: str
    intended_at: str
    """Identifies the attempt of the key."""
    job: str
    message: str
    """A description of the event, for people."""
    accepted_at: str | None = None
    """The time of the response by the vendor's clock; None if it is not known."""

    @property
    def file_name(self) -> str:
        """The name of its file: different for each attempt."""
        return rescue_file_name(self.key, self.intended_at)


def rescue_file_name(key: str, intended_at: str) -> str:
    """Return the name of the rescue record of an attempt."""
    return f"shotchain-job-{digest_bytes(f'{key} {intended_at}'.encode())[:24]}.json"


def find_rescue_folders(state_folder: Path | None) -> tuple[Path, ...]:
    """Return the folders for rescue records: the user's state folder, and the temporary folder."""
    folders = [state_folder] if state_folder else []
    # On a full disk no temporary folder may be usable.
    with suppress(OSError):
        folders.append(Path(tempfile.gettempdir()))
    return tuple(folders)


def write_rescue_record(record: RescueRecord, folders: Sequence[Path]) -> tuple[Path, ...]:
    """Write a rescue record to each folder that can be written to, and return its files."""
    data = (json.dumps(asdict(record), indent=1) + "\n").encode()
    return tuple(
        path for folder in folders if _write_private(path := folder / record.file_name, data)
    )


def _write_private(path: Path, data: bytes) -> bool:
    """Write a file that only the user can read; return False if that fails."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        file_descriptor = os.open(path, flags, 0o600)
    except OSError:
        return False
    try:
        with os.fdopen(file_descriptor, "wb", buffering=0) as file:
            _write_all(file, data)
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink()
        return False
    return True


def read_rescue_record(key: str, intended_at: str, folders: Sequence[Path]) -> RescueRecord | None:
    """Return the rescue record of an attempt, or None if there is none."""
    for folder in folders:
        data = _read_private(folder / rescue_file_name(key, intended_at))
        with suppress(ValueError, TypeError, RecursionError):
            record = RescueRecord(**json.loads(data))
            if (record.key, record.intended_at) == (key, intended_at):
                return replace(record, job=str(record.job))
    return None


def remove_rescue_records(key: str, intended_at: str, folders: Sequence[Path]) -> None:
    """Remove the rescue records of an attempt, after its receipt was written."""
    for folder in folders:
        with suppress(OSError):
            (folder / rescue_file_name(key, intended_at)).unlink()


def _read_private(path: Path) -> bytes:
    """Return the content of a file of this user; nothing of any other file.

    Everybody can write to the temporary folder.
    """
    try:
        file_descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if os.fstat(file_descriptor).st_uid == os.getuid():
                return os.read(file_descriptor, _MAX_RECORD_BYTES)
        finally:
            os.close(file_descriptor)
    except OSError:
        pass
    return b""
