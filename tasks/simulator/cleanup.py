"""Removal of jobs and files of a simulator that is not running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from tasks.own_files import (
    check_folder,
    check_in_place,
    file_status,
    list_files,
    list_folders,
    open_folder,
    remove_file,
)
from tasks.simulator.file_names import (
    FILE_PATTERN,
    FILE_STAGING_PATTERN,
    INPUT_PATTERN,
    LOCK_PATTERN,
    RECORD_PATTERN,
    RECORD_STAGING_PATTERN,
)

_SERVED_LOCK = "served"
_JOBS, _LOCKS = "jobs", "locks"
_REMOVABLE = (
    (_JOBS, RECORD_PATTERN),
    (_JOBS, RECORD_STAGING_PATTERN),
    ("files", FILE_PATTERN),
    ("files", FILE_STAGING_PATTERN),
)
"""The files of our own making, by folder; other files are not ours to remove."""

_REMOVABLE_INPUTS = (("inputs", INPUT_PATTERN), (_LOCKS, LOCK_PATTERN))
_FOLDERS = (_JOBS, _LOCKS, "files", "inputs", "assets")


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

    Raises:
        UnsafeStore: The root is a link, or the lock file is not a regular file of our own.
        OSError: The file can't be opened.
    """
    with open_folder(root, create=True) as folder:
        file = folder.open(_SERVED_LOCK, "ab")
    # Missing on Windows, where `plan` imports this module.
    import fcntl

    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def check_root(root: Path) -> None:
    """Check that the folders of a root have regular files only, before anything is served.

    The threads of a simulator have no caller to report an error to.

    Raises:
        UnsafeStore: A folder or a file is a link, a special file or a hard link.
        StoreError: A folder can't be read.
    """
    for name in _FOLDERS:
        check_folder(root / name, LOCK_PATTERN)
    for name in (_SERVED_LOCK, "lock", "ledger.jsonl"):
        check_in_place(root / name)
    file_status(root / "secret")


def remove_jobs(
    root: Path, is_needed: Callable[[str], bool], *, dry_run: bool = False
) -> RemovedJobs | None:
    """Remove the jobs that are not needed, with their files.

    The request log is kept, as the only record of what was requested. A file whose name is not of
    our making is kept, and no link is followed.

    Args:
        root: The simulator's root.
        is_needed: Called with a job id.
        dry_run: Count only.

    Returns:
        The counts, or None if a simulator is served from this root.

    Raises:
        UnsafeStore: A folder is a link, or a file is not a regular file.
        StoreError: A file could not be removed.
        OSError: The root could not be read.
    """
    import fcntl

    if _JOBS not in list_folders(root):
        return RemovedJobs(0, 0, 0)
    with open_folder(root) as folder, folder.open(_SERVED_LOCK, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        jobs = [name.removesuffix(".json") for name in list_files(root / _JOBS, RECORD_PATTERN)]
        needed = {job for job in jobs if is_needed(job)}
        # A half-written file has a dot in front, so it belongs to no job.
        removable = [
            path
            for path in _files(root, with_inputs=not needed)
            if path.name.partition(".")[0] not in needed
        ]
        size = sum(status.st_size for path in removable if (status := file_status(path)))
        if not dry_run:
            for path in removable:
                remove_file(path)
        return RemovedJobs(len(jobs) - len(needed), len(needed), size)


def _files(root: Path, *, with_inputs: bool) -> Iterator[Path]:
    for folder, pattern in (*_REMOVABLE, *(_REMOVABLE_INPUTS if with_inputs else ())):
        yield from (root / folder / name for name in list_files(root / folder, pattern))
