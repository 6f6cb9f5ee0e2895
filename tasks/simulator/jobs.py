"""The vendor's jobs: how they age by the clock, and how they are kept on disk.

A job is one JSON file that is replaced as a whole, so a killed process leaves no half of one.
Its state is worked out from what is known (when it was made, when its picture was ready, what a
fault decided) each time somebody asks. Rendering is done elsewhere.

    queued ──> running ──> succeeded | failed | expired
       └────> cancelled
"""

from __future__ import annotations

import fcntl
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.simulator.clock import Clock
from tasks.simulator.commission import Commission, read_commission
from tasks.simulator.files import LIFETIME_SECONDS, write_whole

RECORD_SECONDS = 7 * 86_400
CANCELLED_SECONDS = 86_400
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_QUEUE_SHARE = 0.2
"""How much of a job's set time it waits in the queue."""


@dataclass(frozen=True)
class Fate:
    """What a fault or a magic word decided about a job."""

    error_code: str = ""
    error_message: str = ""
    expires: bool = False
    stalls: bool = False
    links_expired: bool = False
    jpeg_frame: bool = False
    newer_words: bool = False
    content_redirects: bool = False


@dataclass(frozen=True)
class Job:
    """One job's record."""

    id: str
    mount: str
    commission: Commission
    created_at: float
    due_seconds: float | None
    """How long it takes at least; None: as long as its picture needs."""
    fate: Fate = Fate()
    status: str = "queued"
    updated_at: float = 0.0
    """When the status changed last."""
    started_at: float | None = None
    rendered_at: float | None = None
    trouble: str = ""
    """Why rendering failed."""
    told_status: str = ""
    """The last status that its callback told."""

    @property
    def is_over(self) -> bool:
        """Whether the status will not change again."""
        return self.status not in {"queued", "running"}

    @property
    def needs_picture(self) -> bool:
        """Whether somebody has to render it still."""
        doomed = self.fate.error_code or self.fate.expires or self.fate.stalls or self.trouble
        return self.rendered_at is None and not doomed and not self.is_over

    @property
    def clip(self) -> str:
        """The name of the clip's file."""
        return f"{self.id}.{self.commission.output_format}"

    @property
    def last_frame(self) -> str:
        """The name of the last frame's file: always a PNG by name."""
        return f"{self.id}.png"

    def links_made_at(self) -> float:
        """Return the moment from which its links count their lifetime."""
        return self.updated_at - (LIFETIME_SECONDS if self.fate.links_expired else 0)

    def has_files(self, now: float) -> bool:
        """Tell whether its clip is still there: the vendors erase it after a day."""
        return self.status == "succeeded" and now < self.updated_at + LIFETIME_SECONDS


def settled(job: Job, now: float) -> Job:
    """Return the job as it stands at that moment."""
    if job.is_over:
        return job
    deadline = job.created_at + job.commission.expires_after_seconds
    status, at = _outcome(job)
    if status and at < deadline and now >= at:
        return replace(job, status=status, updated_at=at)
    if now >= deadline:
        return replace(job, status="expired", updated_at=deadline)
    started_at = _start(job, now)
    if started_at is None:
        return job
    return replace(job, status="running", updated_at=started_at)


def is_gone(job: Job, now: float) -> bool:
    """Tell whether the vendor has forgotten the job."""
    if job.status == "cancelled" and now >= job.updated_at + CANCELLED_SECONDS:
        return True
    return now >= job.created_at + RECORD_SECONDS


def _outcome(job: Job) -> tuple[str, float]:
    """Return how it will end and when, or an empty status where that is not known yet."""
    due = job.created_at + (job.due_seconds or 0.0)
    if job.fate.stalls:
        return "", 0.0
    if job.fate.error_code:
        return "failed", due
    if job.fate.expires:
        return "expired", due
    if job.rendered_at is None:
        return "", 0.0
    return ("failed" if job.trouble else "succeeded"), max(due, job.rendered_at)


def _start(job: Job, now: float) -> float | None:
    if job.due_seconds is None:
        return job.created_at if job.fate.stalls else job.started_at
    begins = job.created_at + job.due_seconds * _QUEUE_SHARE
    return begins if now >= begins else None


class Jobs:
    """The jobs under one root. Safe for threads, and for two processes at the same moment."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._folder = root / "jobs"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock_file = root / "lock"
        self._lock = threading.Lock()
        self._clock = clock

    def add(self, job: Job) -> None:
        """Write a new job down. Raises FileExistsError where the id is taken."""
        with self._locked():
            if self._path(job.id).exists():
                raise FileExistsError(job.id)
            self._write(job)

    def find(self, job_id: str, mount: str = "") -> Job | None:
        """Return the job as it stands now, or None where the vendor (or this mount) has none."""
        job = self.change(job_id, lambda job: job)
        return None if job is None or (mount and job.mount != mount) else job

    def all(self, mount: str = "") -> list[Job]:
        """Return the jobs that are still known, newest first."""
        now = self._clock.now()
        # Read without the lock: a record is replaced as a whole, and how it stands now is worked
        # out anew by whoever changes it.
        kept = [self._read(path.stem) for path in self._folder.glob("*.json")]
        ours = [job for job in kept if job is not None and mount in ("", job.mount)]
        jobs = [settled(job, now) for job in ours]
        jobs = [job for job in jobs if not is_gone(job, now)]
        return sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)

    def change(self, job_id: str, how: Callable[[Job], Job]) -> Job | None:
        """Settle the job, change it, write it down and return it; None where it is gone."""
        with self._locked():
            kept = self._read(job_id)
            if kept is None:
                return None
            now = self._clock.now()
            changed = settled(how(settled(kept, now)), now)
            if is_gone(changed, now):
                return None
            if changed != kept:
                self._write(changed)
            return changed

    def remove(self, job_id: str) -> None:
        """Forget the job."""
        with self._locked():
            self._path(job_id).unlink(missing_ok=True)

    def sweep(self) -> list[str]:
        """Remove every record that the vendor would have forgotten, and return their ids."""
        names = [path.stem for path in self._folder.glob("*.json")]
        gone = [name for name in names if self.find(name) is None]
        for job_id in gone:
            self.remove(job_id)
        return gone

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _read(self, job_id: str) -> Job | None:
        # Ids come from URLs: one that is no plain name must not become a path.
        if not _ID.fullmatch(job_id):
            return None
        try:
            told: dict[str, Any] = json.loads(self._path(job_id).read_bytes())
        except FileNotFoundError:
            return None
        try:
            commission, fate = read_commission(told["commission"]), Fate(**told["fate"])
            return Job(**{**told, "commission": commission, "fate": fate})
        except (TypeError, KeyError):
            # Written by another version: a previz is not worth a migration.
            return None

    def _write(self, job: Job) -> None:
        write_whole(self._path(job.id), json.dumps(asdict(job)).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock, self._lock_file.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
