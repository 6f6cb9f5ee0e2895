"""A small disk that a test fills, and a store whose writes fail from a chosen one on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

FILLER = "filler"


@dataclass
class FullDisk:
    """A file system of 256 kB."""

    folder: Path

    def fill(self) -> None:
        """Write a file until no byte is left."""
        filler = os.open(self.folder / FILLER, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        try:
            with suppress(OSError):
                while os.write(filler, bytes(512)):
                    pass
        finally:
            os.close(filler)

    def free(self) -> None:
        """Remove what `fill` wrote."""
        (self.folder / FILLER).unlink()

    def list_files(self) -> list[str]:
        """Return the names of all files but the filler."""
        return [path.name for path in self.folder.rglob("*") if path.name != FILLER]


@contextmanager
def mount_disk(folder: Path) -> Iterator[FullDisk | None]:
    """Mount a small disk within this block; None if this user can't mount."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        is_mounted = not subprocess.run(command, capture_output=True, check=False).returncode
    except FileNotFoundError:
        is_mounted = False
    try:
        yield FullDisk(folder) if is_mounted else None
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


class FailingWrites:
    """Makes every write below a folder fail, from the given one on.

    Args:
        folder: The folder.
        first_failure: The number of the first operation that fails, from 0, after `start`.
        error_number: The error of `errno` that it fails with.
    """

    def __init__(self, folder: Path, first_failure: int, error_number: int = errno.ENOSPC) -> None:
        self._folder = folder
        self._first_failure = first_failure
        self._error_number = error_number
        self._is_started = False
        self.count = 0
        """The operations since `start`."""

    def start(self) -> None:
        """Begin to count."""
        self._is_started = True

    def stop(self) -> None:
        """Let every operation succeed again."""
        self._is_started = False

    def _check(self, path: object) -> None:
        if not self._is_started or not Path(os.fsdecode(str(path))).is_relative_to(self._folder):
            return
        self.count += 1
        if self.count > self._first_failure:
            raise OSError(self._error_number, os.strerror(self._error_number), str(path))

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Replace the functions of the operating system within this block."""
        fsync, replace, open_file = os.fsync, os.replace, os.open

        def checked_replace(path: Any, *args: Any, src_dir_fd: int, **kwargs: Any) -> Any:
            self._check(Path(f"/proc/self/fd/{src_dir_fd}").readlink() / path)
            return replace(path, *args, src_dir_fd=src_dir_fd, **kwargs)

        def checked_fsync(file: int) -> None:
            self._check(Path(f"/proc/self/fd/{file}").readlink())
            fsync(file)

        def checked_open(
            path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
        ) -> int:
            if flags & os.O_CREAT:
                folder = Path() if dir_fd is None else Path(f"/proc/self/fd/{dir_fd}").readlink()
                self._check(folder / path)
            return open_file(path, flags, mode, dir_fd=dir_fd)

        with (
            mock.patch("os.fsync", checked_fsync),
            mock.patch("os.replace", checked_replace),
            mock.patch("os.open", checked_open),
        ):
            yield
