"""File locks between processes. The operating system releases the lock of a process that dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tasks.errors import StoreError

LOCK_POLL_SECONDS = 0.05


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


@contextmanager
def open_lock_file(path: Path) -> Iterator[IO[bytes]]:
    """A lock file, made where it is missing. Raises StoreError where that can't be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        msg = f"{path} can't be opened: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error
    with file:
        yield file
