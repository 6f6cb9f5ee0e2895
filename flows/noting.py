"""What a run leaves in the store's record of its board: what it asked for, and what is there.

The takes are noted before anything is sent, so that no kill loses what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.production import Production, shelf_name_of
from tasks.plan import PlannedShot
from tasks.records.boards import Take, note_board, note_takes


def note_asked(production: Production) -> None:
    """Note the take of every shot of this run. Raises StoreError."""
    takes = {one.id: take_of(production, one) for one in production.chosen if one.provider}
    note_takes(production.store.root, production.board.name, takes)


def note_there(production: Production, shots: Iterable[PlannedShot]) -> None:
    """Note which shots are rendered under which key, and what the board pins. Raises StoreError."""
    plan = production.plan
    if not production.store.root.is_dir():
        return
    note_board(
        production.store.root,
        production.board.name,
        production.board.file,
        rendered={one.id: one.key for one in shots},
        shots=[one.id for one in plan],
        pins={one.pinned.take.key for one in plan if one.pinned},
    )


def take_of(production: Production, shot: PlannedShot) -> Take:
    """The take that the board asks of a shot now."""
    return Take(
        shot.take,
        shot.key,
        shelf_name_of(production.settings, shot),
        seed=production.plan.board_seed(shot),
        prompt=shot.shot.prompt,
        continues=shot.continues_key,
    )
