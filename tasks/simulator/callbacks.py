"""Tells whoever asked for it how a job stands: a POST of the task object on every change.

As BytePlus documents it (`callback_url` on the create page): a receiver that does not acknowledge
a finished or failed job within five seconds is told up to three times more. Nothing leaves this
machine: an address that is not loopback is not called, and no name is looked up.
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
from tasks.simulator.faults import Faults, Seen
from tasks.simulator.jobs import Job, Jobs
from tasks.simulator.ledger import Entry, Ledger

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 0.05
_SENDERS = 4
_TOLD_AGAIN = 3
_TIMES: Mapping[str, int] = {"callback_none": 0, "callback_twice": 2}
"""How often a callback is sent under a fault."""
_REPEATED = frozenset({"succeeded", "failed"})
Describe = Callable[[Job], Mapping[str, Any]]
"""Puts a job into its vendor's words."""


@dataclass(frozen=True)
class Address:
    """Where a callback goes on this machine."""

    host: str
    port: int
    target: str


@dataclass
class _Watch:
    job_id: str
    address: Address
    describe: Describe
    sending: Future[None] | None = None
    is_owed: bool = False
    """Whether a change was claimed and is not told yet."""

    @property
    def is_free(self) -> bool:
        return self.sending is None or self.sending.done()


class Callbacks:
    """Watches the jobs that want to be told of, and tells; each job's changes in their order."""

    def __init__(
        self, jobs: Jobs, faults: Faults, ledger: Ledger, clock: Clock, *, patience_seconds: float
    ) -> None:
        self._jobs = jobs
        self._faults = faults
        self._ledger = ledger
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watched: dict[str, _Watch] = {}
        self._thread: threading.Thread | None = None
        self._connections: set[HTTPConnection] = set()
        self._pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="simulator-callback")

    def watch(self, job: Job, describe: Describe) -> None:
        """Tell of every change of this job from now on, where its address is on this machine."""
        address = loopback_address(job.commission.callback_url)
        with self._lock:
            if address is None or self._closing.is_set():
                return
            self._watched[job.id] = _Watch(job.id, address, describe)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="simulator-callbacks")
                self._thread.start()

    def close(self) -> None:
        """Stop at once; what is not told yet is told by whoever opens the root next."""
        with self._lock:
            self._closing.set()
            thread = self._thread
            for connection in self._connections:
                _break(connection)
        if thread is not None:
            thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for watch in self._watched.values():
            if watch.is_owed:
                self._jobs.change(watch.job_id, lambda job: replace(job, told_status=""))

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            with self._lock:
                if not self._watched:
                    self._thread = None
                    return
                free = [watch for watch in self._watched.values() if watch.is_free]
            for watch in free:
                self._look(watch)

    def _look(self, watch: _Watch) -> None:
        job, is_new = self._claim(watch.job_id)
        if job is None or (job.is_over and not is_new):
            with self._lock:
                self._watched.pop(watch.job_id, None)
        elif is_new and job.status != "cancelled":
            watch.is_owed = True
            watch.sending = self._pool.submit(self._tell, watch, job)

    def _claim(self, job_id: str) -> tuple[Job | None, bool]:
        """Return the job, and whether its state is still to be told: by one process, once."""
        claimed = False

        def claim(job: Job) -> Job:
            nonlocal claimed
            claimed = job.status != job.told_status
            return replace(job, told_status=job.status)

        return self._jobs.change(job_id, claim), claimed

    def _tell(self, watch: _Watch, job: Job) -> None:
        seen = Seen(job.mount, "callback", f"{job.status}\n{job.commission.prompt}")
        fault = self._faults.strike("callback", seen)
        kind = fault.kind.name if fault else ""
        if kind == "callback_none":
            self._write_down(watch, job, 0, (kind,))
        try:
            body = json.dumps(watch.describe(job)).encode()
        except Exception:
            # A bug here must be seen, and must not end the telling of the other jobs.
            _LOG.exception("telling of %s failed", job.id)
            return
        for _ in range(_TIMES.get(kind, 1)):
            self._insist(watch, job, body, (kind,) if kind else ())
        watch.is_owed = self._closing.is_set()

    def _insist(self, watch: _Watch, job: Job, body: bytes, faults: tuple[str, ...]) -> None:
        for _ in range(1 + (_TOLD_AGAIN if job.status in _REPEATED else 0)):
            began = time.monotonic()
            status = self._post(watch.address, body)
            if self._closing.is_set():
                return
            self._write_down(watch, job, status, faults)
            if 200 <= status < 300:
                return
            self._closing.wait(self._patience_seconds - (time.monotonic() - began))

    def _post(self, address: Address, body: bytes) -> int:
        """Return the status of the receiver's answer, 0 where there was none."""
        connection = HTTPConnection(address.host, address.port, timeout=self._patience_seconds)
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

    def _write_down(self, watch: _Watch, job: Job, status: int, faults: tuple[str, ...]) -> None:
        self._ledger.add(
            Entry(
                at=self._clock.now(),
                mount=job.mount,
                operation="callback",
                method="POST",
                path=watch.address.target.partition("?")[0],
                status=status,
                job=job.id,
                faults=faults,
                note=job.status,
            )
        )


def loopback_address(url: str) -> Address | None:
    """Return where a URL leads on this machine, or None for any other one; plain HTTP only."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        if host == "localhost" or host.endswith(".localhost"):
            host = "127.0.0.1"
        is_ours = ipaddress.ip_address(host).is_loopback
    except ValueError:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(host, port, target) if is_ours and parts.scheme == "http" else None


def _break(connection: HTTPConnection) -> None:
    raw: socket.socket | None = connection.sock
    if raw is not None:
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
