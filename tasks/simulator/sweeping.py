"""Taking away what a simulator has made, while none is being served there."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

_SERVED = "served"
_JOBS, _INPUTS = "jobs", ("inputs", "locks")


class Swept(NamedTuple):
    """What went, or would go."""

    jobs: int
    kept: int
    bytes: int


def mark_served(root: Path) -> IO[bytes]:
    """A file whose lock says that a simulator is served there, beside others; a kill lets it go."""
    file = (root / _SERVED).open("ab")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def sweep(root: Path, is_needed: Callable[[str], bool], *, dry_run: bool = False) -> Swept | None:
    """Remove the jobs that are not needed, with their files; None where a simulator is served.

    The ledger stays: it is the only record of what was asked of it. OSError is the caller's.
    """
    if not (root / _JOBS).is_dir():
        return Swept(0, 0, 0)
    with (root / _SERVED).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        jobs = [path.stem for path in (root / _JOBS).glob("*.json")]
        needed = {job for job in jobs if is_needed(job)}
        paths = [path for path in _files(root, spare_inputs=bool(needed)) if not _of(path, needed)]
        freed = sum(path.stat().st_size for path in paths)
        if not dry_run:
            for path in paths:
                path.unlink()
        return Swept(len(jobs) - len(needed), len(needed), freed)


def _files(root: Path, *, spare_inputs: bool) -> Iterator[Path]:
    folders = (_JOBS, "files", *(() if spare_inputs else _INPUTS))
    for folder in folders:
        if (root / folder).is_dir():
            yield from sorted(path for path in (root / folder).iterdir() if path.is_file())


def _of(path: Path, jobs: set[str]) -> bool:
    """Whether a file belongs to one of these jobs; a half-written one belongs to none."""
    return path.name.partition(".")[0] in jobs
