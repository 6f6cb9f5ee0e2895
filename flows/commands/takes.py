"""`shotchain takes BOARD SHOT`: every take of a shot that the store has, with its frame and price.

Needs no plan, so that it answers also for a board that names a take which is not there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.arguments import Commands, add_command, add_store, say
from tasks.errors import UsageError

if TYPE_CHECKING:
    from storyboards.board import Board
    from tasks.records.takes import Render

COLUMNS = ("take", "provider", "state", "seed", "price", "date", "last frame")


def add(commands: Commands) -> None:
    """Add the command."""
    command = add_command(commands, "takes", "list the takes of a shot", _takes)
    command.add_argument("board", metavar="BOARD", help="the storyboard's YAML file")
    command.add_argument("shot", metavar="SHOT", help="the shot's id")
    add_store(command)


def _takes(arguments: argparse.Namespace) -> int:
    from storyboards.loading import load

    board = load(Path(arguments.board))
    present = present_take(board, arguments.shot)
    renders = _find(board, arguments.shot, arguments.store)
    document = {
        "board": board.name,
        "shot": arguments.shot,
        "take": present,
        "takes": [_told(one, present) for one in renders],
    }
    say(document, "" if arguments.json else _text(arguments.shot, renders, present), arguments)
    return 0


def present_take(board: Board, shot: str) -> int:
    """The take of a shot that the board asks for. Raises UsageError where it has no such shot."""
    takes = {one.id: one.take for one in board.storyboard.shots}
    if shot not in takes:
        msg = f"there is no shot {shot!r}; the board has {', '.join(takes)}"
        raise UsageError(msg)
    return takes[shot]


def _find(board: Board, shot: str, given: Path | None) -> list[Render]:
    """The takes of both shelves, by number; a sketch stands before what was paid."""
    from tasks.records.boards import read_board
    from tasks.records.takes import Memory
    from tasks.settings import find_store, read_settings
    from tasks.store import Store

    store = Store(find_store(read_settings(), given, board.file, working=Path.cwd()))
    memory = Memory(store, read_board(store.root, board.name, board.file))
    found = [*memory.find_renders(shot, "previz"), *memory.find_renders(shot, "shots")]
    return sorted(found, key=lambda one: one.take.number)


def state_of(render: Render) -> str:
    """What became of a take, in a word or two."""
    from tasks.receipts import AT_VENDOR, State

    attempt = render.attempt
    if attempt.state is State.KEPT:
        return "kept" if render.clip else "clip gone"
    if attempt.state in AT_VENDOR:
        return "in flight"
    return "unclear" if attempt.state in (State.INTENDED, State.UNCLEAR) else attempt.state.value


def _told(render: Render, present: int) -> dict[str, Any]:
    from tasks.money.bill import price_json

    take, attempt = render.take, render.attempt
    return {
        "take": take.number,
        "present": take.number == present,
        "state": state_of(render),
        "key": take.key,
        "provider": attempt.provider,
        "model": attempt.model,
        "seed": attempt.seed,
        "prompt": take.prompt,
        "price": price_json(_price(render)),
        "date": attempt.intended_at,
        "last_frame": str(render.last_frame) if render.last_frame else None,
        "clip": str(render.clip) if render.clip else None,
    }


def _price(render: Render) -> Any:
    attempt = render.attempt
    return attempt.price if attempt.price is not None else attempt.price_most


def _text(shot: str, renders: list[Render], present: int) -> str:
    from flows.report import aligned

    if not renders:
        return f"{shot} was not rendered yet"
    rows = [COLUMNS, *(_row(one, present) for one in renders)]
    lines = [line.rstrip() for line in aligned(rows)]
    if all(one.take.number != present for one in renders):
        lines.append(f"take {present}, the present one, is not rendered yet")
    return "\n".join(lines)


def _row(render: Render, present: int) -> tuple[str, ...]:
    from tasks.money.bill import show

    take, attempt = render.take, render.attempt
    return (
        f"{take.number} *" if take.number == present else str(take.number),
        attempt.provider,
        state_of(render),
        "-" if attempt.seed is None else str(attempt.seed),
        show(_price(render)),
        attempt.intended_at[:16].replace("T", " "),
        str(render.last_frame or "-"),
    )
