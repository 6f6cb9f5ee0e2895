"""Removal of jobs and files of a simulator that is not running."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

_SERVED_LOCK = "served"
_JOBS = "jobs"
_INPUT_FOLDERS = ("inputs", "locks")


class RemovedJobs(NamedTuple):
    """The result of a clean-up, or of its dry run."""

    jobs: int
    """The number of removed jobs."""
    kept: int
    """The number of jobs that are still needed."""
    bytes: int
    """The size of the removed files."""


def lock_served(root: Path) -> IO[bytes]:
    """Return a file with a shared lock that marks `root` as served until it is closed.

    The kernel releases the lock of a killed process.
    """
    file = (root / _SERVED_LOCK).open("ab")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def remove_jobs(
    root: Path, is_needed: Callable[[str], bool], *, dry_run: bool = False
) -> RemovedJobs | None:
    """Remove the jobs that are not needed, with their files.

    The request log is kept, as the only record of what was requested.

    Args:
        root: The simulator's root.
        is_needed: Called with a job id.
        dry_run: Count only.

    Returns:
        The counts, or None if a simulator is served from this root.

    Raises:
        OSError: A file could not be read or removed.
    """
    if not (root / _JOBS).is_dir():
        return RemovedJobs(0, 0, 0)
    with (root / _SERVED_LOCK).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        jobs = [path.stem for path in (root / _JOBS).glob("*.json")]
        needed = {job for job in jobs if is_needed(job)}
        # A half-written file has a dot in front, so it belongs to no job.
        removable = [
            path
            for path in _files(root, with_inputs=not needed)
            if path.name.partition(".")[0] not in needed
        ]
        size = sum(path.stat().st_size for path in removable)
        if not dry_run:
            for path in removable:
                path.unlink()
        return RemovedJobs(len(jobs) - len(needed), len(needed), size)


def _files(root: Path, *, with_inputs: bool) -> Iterator[Path]:
    for folder in (_JOBS, "files", *(_INPUT_FOLDERS if with_inputs else ())):
        if (root / folder).is_dir():
            yield from sorted(path for path in (root / folder).iterdir() if path.is_file())
