"""The shared state of a running simulator: clock, jobs, files, faults, request log, threads."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tasks.simulator.callbacks import Callbacks
from tasks.simulator.cleanup import check_root, lock_served
from tasks.simulator.clock import Clock, SystemClock
from tasks.simulator.faults import Faults
from tasks.simulator.file_store import FileStore
from tasks.simulator.footage.pool import RenderPool
from tasks.simulator.jobs import JobStore
from tasks.simulator.request_log import RequestLog
from tasks.simulator.validation.input_media import AssetLibrary

CALLBACK_SECONDS = 5.0
"""The time that the vendors wait for the acknowledgement of a callback."""


@dataclass(frozen=True)
class SimulatorState:
    """The parts that all requests share, opened by `open_state` and ended by `close`."""

    clock: Clock
    jobs: JobStore
    files: FileStore
    assets: AssetLibrary
    render_pool: RenderPool
    faults: Faults
    log: RequestLog
    callbacks: Callbacks
    job_seconds: float | None
    """The minimum duration of a job; None if it only takes as long as the rendering."""
    served_lock: IO[bytes] = field(repr=False)
    """Held while the simulator is served."""
    closing: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """Stop all threads. The next simulator on the same root continues unfinished jobs."""
        self.closing.set()
        self.callbacks.close()
        self.render_pool.close()
        self.served_lock.close()


def open_state(
    root: Path,
    *,
    clock: Clock | None = None,
    faults: Faults | None = None,
    job_seconds: float | None = None,
    callback_seconds: float = CALLBACK_SECONDS,
) -> SimulatorState:
    """Open a root, which need not exist: remove expired records and resume unfinished jobs.

    Raises:
        UnsafeStore: The root, perhaps a stranger's, has links or special files.
        StoreError: The root can't be read or written.
    """
    served_lock = lock_served(root)
    try:
        check_root(root)
        clock, faults = clock or SystemClock(), faults or Faults()
        jobs, files, log = JobStore(root, clock), FileStore(root), RequestLog(root)
        for job_id in jobs.remove_expired():
            files.remove(job_id)
        files.remove_expired()
        render_pool = RenderPool(root, jobs, files, clock)
        for job in reversed(jobs.all()):
            render_pool.submit(job)
        return SimulatorState(
            clock=clock,
            jobs=jobs,
            files=files,
            assets=AssetLibrary(root, files),
            render_pool=render_pool,
            faults=faults,
            log=log,
            callbacks=Callbacks(jobs, faults, log, clock, timeout_seconds=callback_seconds),
            job_seconds=job_seconds,
            served_lock=served_lock,
        )
    except BaseException:
        served_lock.close()
        raise
