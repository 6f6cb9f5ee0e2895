"""`shotchain takes BOARD SHOT`: every take of a shot that the store has, with its frame and price.

Needs no plan, so that it answers also for a board that names a take which is not there.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.cli.arguments import Commands, add_command, add_store, print_output
from tasks.errors import unknown_shot_error

if TYPE_CHECKING:
    from storyboards.board import Board
    from tasks.store.takes import RecordedTake

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
    present = current_take(board, arguments.shot)
    renders = _find(board, arguments.shot, arguments.store)
    document = {
        "board": board.name,
        "shot": arguments.shot,
        "take": present,
        "takes": [_told(one, present) for one in renders],
    }
    print_output(
        document, "" if arguments.json else _text(arguments.shot, renders, present), arguments
    )
    return 0


def current_take(board: Board, shot: str) -> int:
    """The take of a shot that the board asks for. Raises UsageError where it has no such shot."""
    takes = {one.id: one.take for one in board.storyboard.shots}
    if shot not in takes:
        raise unknown_shot_error(shot, takes)
    return takes[shot]


def _find(board: Board, shot: str, given: Path | None) -> list[RecordedTake]:
    """The takes of both shelves, by number; a sketch stands before what was paid."""
    from tasks.settings import find_store, read_settings
    from tasks.store.board_records import read_board_record
    from tasks.store.layout import Store
    from tasks.store.takes import TakeHistory

    store = Store(find_store(read_settings(), given, board.file, working_folder=Path.cwd()))
    memory = TakeHistory(store, read_board_record(store.root, board.name, board.file))
    found = [*memory.list_takes(shot, "previz"), *memory.list_takes(shot, "shots")]
    return sorted(found, key=lambda one: one.take.number)


def take_state(render: RecordedTake) -> str:
    """What became of a take, in a word or two."""
    from tasks.store.receipts import AT_VENDOR_STATES, AttemptState

    attempt = render.attempt
    if attempt.state is AttemptState.KEPT:
        return "kept" if render.clip_path else "clip gone"
    if attempt.state in AT_VENDOR_STATES:
        return "in flight"
    return (
        "unclear"
        if attempt.state in (AttemptState.INTENDED, AttemptState.UNCLEAR)
        else attempt.state.value
    )


def _told(render: RecordedTake, present: int) -> dict[str, Any]:
    from tasks.budgets.money import price_to_json

    take, attempt = render.take, render.attempt
    return {
        "take": take.number,
        "present": take.number == present,
        "state": take_state(render),
        "key": take.key,
        "provider": attempt.provider,
        "model": attempt.model,
        "seed": attempt.seed,
        "prompt": take.prompt,
        "price": price_to_json(_price(render)),
        "date": attempt.intended_at,
        "last_frame": str(render.last_frame_path) if render.last_frame_path else None,
        "clip": str(render.clip_path) if render.clip_path else None,
    }


def _price(render: RecordedTake) -> Any:
    attempt = render.attempt
    return attempt.price if attempt.price is not None else attempt.max_price


def _text(shot: str, renders: list[RecordedTake], present: int) -> str:
    from flows.cli.output.text import align_columns

    if not renders:
        return f"{shot} was not rendered yet"
    rows = [COLUMNS, *(_row(one, present) for one in renders)]
    lines = [line.rstrip() for line in align_columns(rows)]
    if all(one.take.number != present for one in renders):
        lines.append(f"take {present}, the present one, is not rendered yet")
    return "\n".join(lines)


def _row(render: RecordedTake, present: int) -> tuple[str, ...]:
    from tasks.budgets.money import format_price

    take, attempt = render.take, render.attempt
    return (
        f"{take.number} *" if take.number == present else str(take.number),
        attempt.provider,
        take_state(render),
        "-" if attempt.seed is None else str(attempt.seed),
        format_price(_price(render)),
        attempt.intended_at[:16].replace("T", " "),
        str(render.last_frame_path or "-"),
    )
