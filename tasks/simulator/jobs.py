"""The vendor's jobs: their status over time, and their records on disk.

A job is a JSON file that is replaced as a whole, so a killed process leaves no half-written one.
Its status is computed whenever it is read, from the recorded facts: when it was created, when its
clip was ready, and what faults apply. Rendering is done by `footage.pool`.

    queued ──> running ──> succeeded | failed | expired
       └────> cancelled
"""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tasks.own_files import (
    file_status,
    list_files,
    open_file,
    open_folder,
    read_file,
    remove_file,
)
from tasks.simulator.clock import Clock
from tasks.simulator.file_names import JOB_ID, RECORD_PATTERN, is_file_name, is_input_name
from tasks.simulator.file_store import LIFETIME_SECONDS, write_atomically
from tasks.simulator.job_request import JobRequest, is_placeholder, read_job_request

_RECORD_SECONDS = 7 * 86_400
_CANCELLED_SECONDS = 86_400
_QUEUE_SHARE = 0.2
"""The share of a job's duration that it spends in the queue."""
_RECORD_NAMES: Mapping[str, str] = {
    "request": "commission",
    "min_seconds": "due_seconds",
    "scenario": "fate",
    "render_error": "trouble",
    "notified_status": "told_status",
}
"""Attributes whose key in the record differs; records of earlier versions have these keys."""


@dataclass(frozen=True)
class Scenario:
    """The course that faults or prompt directives set for a job."""

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
    """The record of one job."""

    id: str
    mount: str
    request: JobRequest
    created_at: float
    min_seconds: float | None
    """The minimum duration; None if it only takes as long as the rendering."""
    scenario: Scenario = Scenario()
    status: str = "queued"
    updated_at: float = 0.0
    """The time of the last status change."""
    started_at: float | None = None
    rendered_at: float | None = None
    render_error: str = ""
    notified_status: str = ""
    """The status in the last callback."""

    @property
    def is_final(self) -> bool:
        """True if the status does not change any more."""
        return self.status not in {"queued", "running"}

    @property
    def needs_rendering(self) -> bool:
        """True if the clip is still to be rendered."""
        scenario = self.scenario
        never = scenario.error_code or scenario.expires or scenario.stalls or self.render_error
        return self.rendered_at is None and not never and not self.is_final

    @property
    def clip_name(self) -> str:
        """The name of the clip's file."""
        return f"{self.id}.{self.request.output_format}"

    @property
    def last_frame_name(self) -> str:
        """The name of the last frame's file, which always ends in .png."""
        return f"{self.id}.png"

    @property
    def links_signed_at(self) -> float:
        """The date in the job's links."""
        return self.updated_at - (LIFETIME_SECONDS if self.scenario.links_expired else 0)

    def has_files(self, now: float) -> bool:
        """Return True if the clip still exists: vendors erase it after a day."""
        return self.status == "succeeded" and now < self.updated_at + LIFETIME_SECONDS


class JobStore:
    """The jobs under one root. Safe for threads and for several processes."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._folder = root / "jobs"
        with open_folder(self._folder, create=True):
            pass
        self._lock_path = root / "lock"
        self._lock = threading.Lock()
        self._clock = clock

    def add(self, job: Job) -> None:
        """Write a new job.

        Raises:
            FileExistsError: The id is taken.
        """
        with self._locked():
            if file_status(self._path(job.id)) is not None:
                raise FileExistsError(job.id)
            self._write(job)

    def find(self, job_id: str, mount: str = "") -> Job | None:
        """Return the job with its current status, or None if the mount does not have it.

        An empty `mount` matches every mount.
        """
        job = self.update(job_id, lambda job: job)
        return None if job is None or (mount and job.mount != mount) else job

    def all(self, mount: str = "") -> list[Job]:
        """Return the jobs that have not expired at the vendor, newest first."""
        now = self._clock.now()
        # Read without the lock: a record is replaced as a whole, and every reader computes the
        # current status.
        records = [self._read(job_id) for job_id in self._list_ids()]
        jobs = [
            _at_time(job, now) for job in records if job is not None and mount in ("", job.mount)
        ]
        known = [job for job in jobs if not _is_forgotten(job, now)]
        return sorted(known, key=lambda job: (job.created_at, job.id), reverse=True)

    def update(self, job_id: str, change: Callable[[Job], Job]) -> Job | None:
        """Change a job, starting from its current status.

        Returns:
            The changed job, or None if the vendor does not have it.
        """
        with self._locked():
            stored = self._read(job_id)
            if stored is None:
                return None
            now = self._clock.now()
            changed = _at_time(change(_at_time(stored, now)), now)
            if _is_forgotten(changed, now):
                return None
            if changed != stored:
                self._write(changed)
            return changed

    def remove(self, job_id: str) -> None:
        """Remove the job's record."""
        with self._locked():
            remove_file(self._path(job_id))

    def remove_expired(self) -> list[str]:
        """Remove the records that the vendor would no longer have, and return their ids."""
        expired = [job_id for job_id in self._list_ids() if self.find(job_id) is None]
        for job_id in expired:
            self.remove(job_id)
        return expired

    def _list_ids(self) -> list[str]:
        return [name.removesuffix(".json") for name in list_files(self._folder, RECORD_PATTERN)]

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.json"

    def _read(self, job_id: str) -> Job | None:
        # Ids come from URLs: only a plain name may become a path.
        if not JOB_ID.fullmatch(job_id):
            return None
        try:
            data = read_file(self._path(job_id))
        except FileNotFoundError:
            return None
        try:
            record: dict[str, Any] = json.loads(data)
            fields = {name: record.pop(key) for name, key in _RECORD_NAMES.items() if key in record}
            fields["request"] = read_job_request(fields["request"])
            fields["scenario"] = Scenario(**fields["scenario"])
            job = Job(**record, **fields)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
            # Written by another version. A simulated job is not worth a migration.
            return None
        return job if _has_safe_names(job, job_id) else None

    def _write(self, job: Job) -> None:
        record = {_RECORD_NAMES.get(name, name): value for name, value in asdict(job).items()}
        write_atomically(self._path(job.id), json.dumps(record).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock, open_file(self._lock_path, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _has_safe_names(job: Job, job_id: str) -> bool:
    """Return False if a record, perhaps a stranger's, would lead to a file elsewhere."""
    sources = [medium.source for medium in job.request.media]
    return (
        job.id == job_id
        and is_file_name(job.clip_name)
        and all(is_input_name(source) or is_placeholder(source) for source in sources)
    )


def _at_time(job: Job, now: float) -> Job:
    """Return the job with its status at `now`."""
    if job.is_final:
        return job
    deadline = job.created_at + job.request.expires_after_seconds
    status, ended_at = _outcome(job)
    if status and ended_at < deadline and now >= ended_at:
        return replace(job, status=status, updated_at=ended_at)
    if now >= deadline:
        return replace(job, status="expired", updated_at=deadline)
    started_at = _start(job, now)
    if started_at is None:
        return job
    return replace(job, status="running", updated_at=started_at)


def _is_forgotten(job: Job, now: float) -> bool:
    """Return True if the vendor has removed the job."""
    if job.status == "cancelled" and now >= job.updated_at + _CANCELLED_SECONDS:
        return True
    return now >= job.created_at + _RECORD_SECONDS


def _outcome(job: Job) -> tuple[str, float]:
    """Return the final status and its time; an empty status if it is not known yet."""
    earliest = job.created_at + (job.min_seconds or 0.0)
    if job.scenario.stalls:
        return "", 0.0
    if job.scenario.error_code:
        return "failed", earliest
    if job.scenario.expires:
        return "expired", earliest
    if job.rendered_at is None:
        return "", 0.0
    return ("failed" if job.render_error else "succeeded"), max(earliest, job.rendered_at)


def _start(job: Job, now: float) -> float | None:
    """Return the time at which the job left the queue, or None if it is still queued."""
    if job.min_seconds is None:
        return job.created_at if job.scenario.stalls else job.started_at
    starts_at = job.created_at + job.min_seconds * _QUEUE_SHARE
    return starts_at if now >= starts_at else None
