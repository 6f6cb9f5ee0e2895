"""What a run leaves in the store's record of its board: what it asked for, and what is there.

The takes are noted before anything is sent, so that no kill loses what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.run import Run, records_folder_of
from tasks.plan import PlannedShot, ShotToRender
from tasks.store.board_records import Take, record_board, record_takes


def record_requested_takes(production: Run) -> None:
    """Note the take of every shot of this run. Raises StoreError."""
    takes = {
        one.id: take_of(production, one)
        for one in production.shots
        if isinstance(one, ShotToRender)
    }
    record_takes(production.store.root, production.board.name, takes)


def record_rendered_shots(production: Run, shots: Iterable[PlannedShot]) -> None:
    """Note which shots are rendered under which key, and what the board pins. Raises StoreError."""
    plan = production.plan
    if not production.store.root.is_dir():
        return
    record_board(
        production.store.root,
        production.board.name,
        production.board.file,
        rendered_keys={one.id: one.key for one in shots},
        shot_ids=[one.id for one in plan],
        pinned_keys={
            shot.pinned_take.take.key for shot in plan.shots_to_render if shot.pinned_take
        },
    )


def take_of(production: Run, shot: ShotToRender) -> Take:
    """The take that the board asks of a shot now."""
    return Take(
        shot.take,
        shot.key,
        records_folder_of(production.settings, shot.provider),
        seed=production.plan.board_seed(shot),
        prompt=shot.shot.prompt,
        continues_key=shot.continues_key,
    )
