"""File locks between processes. The operating system releases the locks of a process that dies.

The locks are `flock`s on open files. The package filelock can't replace this module: it has no
shared locks, it can't lock a file that is already open, and where `flock` is missing it falls back
to marker files, which a killed process leaves locked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tasks.errors import StoreError
from tasks.own_files import build_file_error, open_file

LOCK_POLL_SECONDS = 0.02
"""`flock` can wait, but only without a way to interrupt it; so locks are polled."""


def try_lock(file: IO[bytes], *, shared: bool = False) -> bool:
    """Lock an open file for this process, and return False if another process holds the lock.

    Args:
        file: The open file; closing it releases the lock.
        shared: Allow other shared locks at the same time, but no exclusive lock.

    Raises:
        StoreError: The file system does not support locks.
    """
    # Missing on Windows, where `check` and `plan` work without a lock.
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Not False: callers would poll without end.
        msg = f"{file.name} can't be locked: {error.strerror}; use a store on another file system"
        raise StoreError(msg) from error
    return True


def wait_for_lock(file: IO[bytes], *, shared: bool = False) -> None:
    """Wait until this process holds the lock of an open file; see `try_lock`.

    Raises:
        StoreError: The file system does not support locks.
    """
    while not try_lock(file, shared=shared):
        time.sleep(LOCK_POLL_SECONDS)


async def wait_for_lock_async(file: IO[bytes], *, shared: bool = False) -> None:
    """Wait for a lock as `wait_for_lock` does, without blocking the event loop.

    Raises:
        StoreError: The file system does not support locks.
    """
    # `check` and `plan` import this module and never wait: they need no event loop.
    import asyncio

    while not try_lock(file, shared=shared):
        await asyncio.sleep(LOCK_POLL_SECONDS)


@contextmanager
def open_lock_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a lock file, creating it and its folder if needed. The lock is not taken.

    Raises:
        UnsafeStore: The file is not a regular file of our own.
        StoreError: The file can't be created or opened.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open_file(path, "ab"))
        except OSError as error:
            raise build_file_error(path, "opened", error) from error
        yield file
