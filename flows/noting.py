"""The functions of `tasks.store.history` for a Run, until their callers use them directly."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from flows.run import Run, records_folder_of
from tasks.plan import PlannedShot, ShotToRender
from tasks.store import history
from tasks.store.board_records import Take


def record_requested_takes(run: Run) -> None:
    """Record the take of every shot of this run."""
    folder_of = partial(records_folder_of, run.settings)
    history.record_requested_takes(run.store.root, run.plan, run.shots, folder_of=folder_of)


def record_rendered_shots(run: Run, shots: Iterable[PlannedShot]) -> None:
    """Record the keys of the shots that have a clip now, and the keys that the board pins."""
    history.record_rendered_shots(run.store.root, run.plan, shots)


def take_of(run: Run, shot: ShotToRender) -> Take:
    """Return the take that the board requests of a shot now."""
    folder = records_folder_of(run.settings, shot.provider)
    return history.requested_take(shot, run.plan, folder)
