"""The record that a run leaves in the store of its board: requested takes and rendered shots."""

from __future__ import annotations

from collections.abc import Iterable

from flows.run import Run, records_folder_of
from tasks.plan import PlannedShot, ShotToRender
from tasks.store.board_records import Take, record_board, record_takes


def record_requested_takes(run: Run) -> None:
    """Record the take of every shot of a run.

    Called before anything is sent, so that no kill loses what was asked for.

    Raises:
        StoreError: The record cannot be written.
    """
    takes = {
        shot.id: requested_take(run, shot) for shot in run.shots if isinstance(shot, ShotToRender)
    }
    record_takes(run.store.root, run.board.name, takes)


def record_rendered_shots(run: Run, shots: Iterable[PlannedShot]) -> None:
    """Record under which key shots are rendered, and the takes that the board starts from.

    Raises:
        StoreError: The record cannot be written.
    """
    if not run.store.root.is_dir():
        return
    record_board(
        run.store.root,
        run.board.name,
        run.board.file,
        rendered_keys={shot.id: shot.key for shot in shots},
        shot_ids=[shot.id for shot in run.plan],
        pinned_keys={
            shot.pinned_take.take.key
            for shot in run.plan
            if isinstance(shot, ShotToRender) and shot.pinned_take
        },
    )


def requested_take(run: Run, shot: ShotToRender) -> Take:
    """Return the take that the board asks of a shot now."""
    return Take(
        shot.take,
        shot.key,
        records_folder_of(run.settings, shot.provider),
        seed=run.plan.board_seed(shot),
        prompt=shot.shot.prompt,
        continues_key=shot.continues_key,
    )
