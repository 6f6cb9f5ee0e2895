"""Callbacks: a POST of the task object to `callback_url` on every status change.

As BytePlus documents it (`callback_url` on the create page): if the receiver does not acknowledge
a succeeded or failed job within five seconds, the callback is repeated up to three times. Nothing
leaves this machine: an address that is not loopback is not called, and no name is looked up.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from tasks.simulator.clock import Clock
from tasks.simulator.faults import Faults, FaultTarget
from tasks.simulator.jobs import Job, JobStore
from tasks.simulator.request_log import LoggedRequest, RequestLog

_LOG = logging.getLogger(__name__)
_CHECK_SECONDS = 0.05
_SENDERS = 4
_REPEATS = 3
_REPEATED_STATUSES = frozenset({"succeeded", "failed"})
_SENDS_BY_FAULT: Mapping[str, int] = {"callback_none": 0, "callback_twice": 2}
FormatJob = Callable[[Job], Mapping[str, Any]]
"""Returns a job in its vendor's format."""


@dataclass(frozen=True)
class LoopbackAddress:
    """The address of a receiver on this machine."""

    host: str
    port: int
    target: str
    """Path and query."""


@dataclass
class _WatchedJob:
    job_id: str
    address: LoopbackAddress
    format_job: FormatJob
    sending: Future[None] | None = None
    is_claimed: bool = False
    """True while a status change is recorded as sent although it is not acknowledged yet."""

    @property
    def is_idle(self) -> bool:
        return self.sending is None or self.sending.done()


class Callbacks:
    """Watches jobs and sends their status changes, in order for each job."""

    def __init__(
        self,
        jobs: JobStore,
        faults: Faults,
        log: RequestLog,
        clock: Clock,
        *,
        timeout_seconds: float,
    ) -> None:
        self._jobs = jobs
        self._faults = faults
        self._log = log
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watched: dict[str, _WatchedJob] = {}
        self._thread: threading.Thread | None = None
        self._connections: set[HTTPConnection] = set()
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="simulator-callback")

    def watch(self, job: Job, format_job: FormatJob) -> None:
        """Send the job's status changes from now on, if its callback_url is on this machine."""
        address = parse_loopback_url(job.request.callback_url)
        with self._lock:
            if address is None or self._closing.is_set():
                return
            self._watched[job.id] = _WatchedJob(job.id, address, format_job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="simulator-callbacks")
                self._thread.start()

    def close(self) -> None:
        """Stop at once. The next simulator on the same root sends what is not acknowledged."""
        with self._lock:
            self._closing.set()
            thread = self._thread
            for connection in self._connections:
                _shut_down(connection)
        if thread is not None:
            thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for watched in self._watched.values():
            if watched.is_claimed:
                self._jobs.update(watched.job_id, lambda job: replace(job, notified_status=""))

    def _run(self) -> None:
        while not self._closing.wait(_CHECK_SECONDS):
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                idle = [watched for watched in self._watched.values() if watched.is_idle]
            for watched in idle:
                self._check(watched)

    def _check(self, watched: _WatchedJob) -> None:
        job, is_new = self._claim_status(watched.job_id)
        if job is None or (job.is_final and not is_new):
            with self._lock:
                self._watched.pop(watched.job_id, None)
        elif is_new and job.status != "cancelled":
            watched.is_claimed = True
            watched.sending = self._pool.submit(self._notify, watched, job)

    def _claim_status(self, job_id: str) -> tuple[Job | None, bool]:
        """Record the current status as sent, and return the job and whether it was new.

        Of several processes on one root, only one claims a status.
        """
        is_new = False

        def claim(job: Job) -> Job:
            nonlocal is_new
            is_new = job.status != job.notified_status
            return replace(job, notified_status=job.status)

        return self._jobs.update(job_id, claim), is_new

    def _notify(self, watched: _WatchedJob, job: Job) -> None:
        target = FaultTarget(job.mount, "callback", f"{job.status}\n{job.request.prompt}")
        fault = self._faults.take("callback", target)
        kind = fault.kind.name if fault else ""
        faults = (kind,) if kind else ()
        sends = _SENDS_BY_FAULT.get(kind, 1)
        if not sends:
            self._add_to_log(watched, job, 0, faults)
        try:
            body = json.dumps(watched.format_job(job)).encode()
        except Exception:
            # Log a bug here: it must not stop the callbacks of other jobs.
            _LOG.exception("the callback of %s failed", job.id)
            return
        for _ in range(sends):
            self._send(watched, job, body, faults)
        watched.is_claimed = self._closing.is_set()

    def _send(self, watched: _WatchedJob, job: Job, body: bytes, faults: tuple[str, ...]) -> None:
        """Send a callback, and repeat it until it is acknowledged."""
        for _ in range(1 + (_REPEATS if job.status in _REPEATED_STATUSES else 0)):
            start = time.monotonic()
            status = self._post(watched.address, body)
            if self._closing.is_set():
                return
            self._add_to_log(watched, job, status, faults)
            if 200 <= status < 300:
                return
            self._closing.wait(self._timeout_seconds - (time.monotonic() - start))

    def _post(self, address: LoopbackAddress, body: bytes) -> int:
        """Return the status of the receiver's response, or 0 if there is none."""
        connection = HTTPConnection(address.host, address.port, timeout=self._timeout_seconds)
        with self._lock:
            if self._closing.is_set():
                return 0
            self._connections.add(connection)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", address.target, body, headers)
            return connection.getresponse().status
        except (OSError, HTTPException, ValueError):
            return 0
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _add_to_log(
        self, watched: _WatchedJob, job: Job, status: int, faults: tuple[str, ...]
    ) -> None:
        self._log.add(
            LoggedRequest(
                at=self._clock.now(),
                mount=job.mount,
                operation="callback",
                method="POST",
                path=watched.address.target.partition("?")[0],
                status=status,
                job=job.id,
                faults=faults,
                note=job.status,
            )
        )


def parse_loopback_url(url: str) -> LoopbackAddress | None:
    """Return the address of a plain HTTP URL on this machine, or None for any other URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return LoopbackAddress(host, port, target) if is_loopback and parts.scheme == "http" else None


def _shut_down(connection: HTTPConnection) -> None:
    raw: socket.socket | None = connection.sock
    if raw is not None:
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
