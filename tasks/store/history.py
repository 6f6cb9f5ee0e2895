"""Record what a run requests of its board, before it sends anything, and what it rendered.

Takes are recorded before anything is sent, so that a killed run loses no request. The format of a
board record belongs to `board_records`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.plan import Plan, PlannedShot, ShotToRender
from tasks.providers import Provider
from tasks.store.board_records import RecordsFolder, Take, record_board, record_takes

FolderOf = Callable[[Provider], RecordsFolder]
"""Returns the folder of a provider's records: loopback providers are kept apart."""


def requested_take(shot: ShotToRender, plan: Plan, folder: RecordsFolder) -> Take:
    """Return the take that the board requests of a shot now."""
    return Take(
        shot.take,
        shot.key,
        folder,
        seed=plan.board_seed(shot),
        prompt=shot.shot.prompt,
        continues_key=shot.continues_key,
        continues_frame=shot.continues_frame,
    )


def record_requested_takes(
    root: Path, plan: Plan, shots: Iterable[PlannedShot], *, folder_of: FolderOf
) -> None:
    """Record the take that the board requests of each shot; existing clips have none.

    Args:
        root: The folder of the store.
        plan: The plan of the board.
        shots: The shots of this run.
        folder_of: Returns the folder of a provider's records.

    Raises:
        StoreError: The record is damaged or can't be written.
    """
    takes = {
        shot.id: requested_take(shot, plan, folder_of(shot.provider))
        for shot in shots
        if isinstance(shot, ShotToRender) and shot.is_needed
    }
    record_takes(root, plan.board.name, takes)


def record_rendered_shots(root: Path, plan: Plan, shots: Iterable[PlannedShot]) -> None:
    """Record the keys of the shots that have a clip now, and the keys that the board pins.

    Args:
        root: The folder of the store. If it does not exist, nothing is recorded.
        plan: The plan of the board.
        shots: The shots that have a clip.

    Raises:
        StoreError: The record is damaged or can't be written.
    """
    if not root.is_dir():
        return
    record_board(
        root,
        plan.board.name,
        plan.board.file,
        rendered_keys={
            shot.id: shot.key
            for shot in shots
            if not isinstance(shot, ShotToRender) or shot.is_needed
        },
        # With variables of the user, the film shows variants in place of the board's own shots.
        shot_ids=dict.fromkeys(
            [*(shot.shot.id for shot in plan), *(shot.id for shot in plan.all_shots)]
        ),
        pinned_keys=plan.recorded_keys,
    )
