"""Everything one running simulator shares, under one root: clock, jobs, files, faults, ledger."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tasks.simulator.assets import Assets
from tasks.simulator.callbacks import Callbacks
from tasks.simulator.clock import Clock, SystemClock
from tasks.simulator.desk import Desk, Mount
from tasks.simulator.faults import Faults
from tasks.simulator.files import Files
from tasks.simulator.footage.pool import RenderPool
from tasks.simulator.jobs import Jobs
from tasks.simulator.ledger import Ledger
from tasks.simulator.sweeping import mark_served

CALLBACK_SECONDS = 5.0
"""How long the vendors wait for a callback to be acknowledged."""


@dataclass(frozen=True)
class House:
    """The parts, made by `open_house` and closed with `close`."""

    root: Path
    clock: Clock
    jobs: Jobs
    files: Files
    assets: Assets
    renderers: RenderPool
    faults: Faults
    ledger: Ledger
    callbacks: Callbacks
    job_seconds: float | None
    mark: IO[bytes] = field(repr=False)
    """Open and locked as long as this is served."""
    closing: threading.Event = field(default_factory=threading.Event)

    def desk(self, mount: Mount) -> Desk:
        """Return the counter of one mount."""
        return Desk(
            mount=mount,
            jobs=self.jobs,
            files=self.files,
            assets=self.assets,
            renderers=self.renderers,
            faults=self.faults,
            callbacks=self.callbacks,
            clock=self.clock,
            job_seconds=self.job_seconds,
        )

    def close(self) -> None:
        """Stop rendering; the next house on the same root goes on where this one stopped."""
        self.closing.set()
        self.callbacks.close()
        self.renderers.close()
        self.mark.close()


def open_house(
    root: Path,
    *,
    clock: Clock | None = None,
    faults: Faults | None = None,
    job_seconds: float | None = None,
    callback_seconds: float = CALLBACK_SECONDS,
) -> House:
    """Open a root, new or old: forget what is past its lifetime and go on with the rest."""
    root.mkdir(parents=True, exist_ok=True)
    mark = mark_served(root)
    try:
        return _furnish(
            root,
            mark,
            clock or SystemClock(),
            faults or Faults(),
            job_seconds=job_seconds,
            callback_seconds=callback_seconds,
        )
    except BaseException:
        mark.close()
        raise


def _furnish(
    root: Path,
    mark: IO[bytes],
    clock: Clock,
    faults: Faults,
    *,
    job_seconds: float | None,
    callback_seconds: float,
) -> House:
    jobs, files = Jobs(root, clock), Files(root)
    for job_id in jobs.sweep():
        files.remove(job_id)
    files.sweep()
    renderers = RenderPool(root, jobs, files, clock)
    ledger = Ledger(root)
    for job in reversed(jobs.all()):
        renderers.submit(job)
    return House(
        root=root,
        clock=clock,
        jobs=jobs,
        files=files,
        assets=Assets(root, files),
        renderers=renderers,
        faults=faults,
        ledger=ledger,
        callbacks=Callbacks(jobs, faults, ledger, clock, patience_seconds=callback_seconds),
        job_seconds=job_seconds,
        mark=mark,
    )
