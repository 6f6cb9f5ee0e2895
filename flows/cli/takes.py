"""`shotchain takes`: list the takes of a shot that the store has, with last frame and price.

The board is not planned, so the command also works if the board names a take that does not exist.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.cli.arguments import add_board_file, add_shot, add_store, find_store_path
from flows.cli.output import print_output
from flows.cli.output.style import align_columns
from storyboards.board import Board
from storyboards.loading import load
from storyboards.models import Money
from tasks.budgets.money import format_price, price_to_json
from tasks.errors import unknown_shot_error
from tasks.store.board_identity import identify_board, read_identified_record
from tasks.store.board_records import use_recorded_name
from tasks.store.layout import Store
from tasks.store.receipts import AT_VENDOR_STATES, UNCLEAR_STATES, AttemptState
from tasks.store.takes import RecordedTake, TakeHistory

COLUMNS = ("take", "provider", "state", "seed", "price", "date", "last frame")

EXAMPLES = """\
# every take of the shot `lamp`, with seed, price and last frame
shotchain takes film.yaml lamp
# from a store elsewhere
shotchain takes film.yaml lamp --store /mnt/films/.shotchain
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `takes`."""
    add_board_file(parser)
    add_shot(parser)
    add_store(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """List the takes and return the exit code.

    Raises:
        InvalidStoryboard: The board has problems.
        UsageError: The board has no such shot.
        StoreError: A record is damaged.
    """
    board = load(Path(arguments.board))
    shot_id = arguments.shot
    current_take = find_current_take(board, shot_id)
    takes = _list_takes(Store(find_store_path(arguments, board.file)), board, shot_id)
    print_output(
        lambda: {
            "board": board.name,
            "shot": shot_id,
            "take": current_take,
            "takes": [_take_document(recorded, current_take) for recorded in takes],
        },
        lambda: _text(shot_id, takes, current_take),
        as_json=arguments.json,
    )
    return 0


def find_current_take(board: Board, shot_id: str) -> int:
    """Return the take of a shot that the board requests.

    Raises:
        UsageError: The board has no such shot.
    """
    takes = {shot.id: shot.take for shot in board.storyboard.shots}
    if shot_id not in takes:
        raise unknown_shot_error(shot_id, takes)
    return takes[shot_id]


def _list_takes(store: Store, board: Board, shot_id: str) -> list[RecordedTake]:
    """Return all takes by number; a take over loopback stands before a paid take of that number."""
    identity = identify_board(store.root, use_recorded_name(store.root, board))
    history = TakeHistory(store, read_identified_record(store.root, identity))
    takes = [*history.list_takes(shot_id, "previz"), *history.list_takes(shot_id, "shots")]
    return sorted(takes, key=lambda recorded: recorded.take.number)


def describe_state(recorded: RecordedTake) -> str:
    """Return the state of a take in one or two words."""
    state = recorded.attempt.state
    if state is AttemptState.KEPT:
        return "kept" if recorded.clip_path else "clip gone"
    if state in AT_VENDOR_STATES:
        return "in flight"
    return "unclear" if state in UNCLEAR_STATES else state.value


def _take_document(recorded: RecordedTake, current_take: int) -> dict[str, Any]:
    take, attempt = recorded.take, recorded.attempt
    return {
        "take": take.number,
        "present": take.number == current_take,
        "state": describe_state(recorded),
        "key": take.key,
        "provider": attempt.provider,
        "model": attempt.model,
        "seed": attempt.seed,
        "prompt": take.prompt,
        "price": price_to_json(_price(recorded)),
        "date": attempt.intended_at,
        "last_frame": str(recorded.last_frame_path) if recorded.last_frame_path else None,
        "clip": str(recorded.clip_path) if recorded.clip_path else None,
    }


def _price(recorded: RecordedTake) -> Money | None:
    attempt = recorded.attempt
    return attempt.price if attempt.price is not None else attempt.max_price


def _text(shot_id: str, takes: Sequence[RecordedTake], current_take: int) -> str:
    if not takes:
        return f"{shot_id} is not rendered yet"
    table = [COLUMNS, *(_format_take(recorded, current_take) for recorded in takes)]
    lines = [line.rstrip() for line in align_columns(table)]
    if all(recorded.take.number != current_take for recorded in takes):
        lines.append(f"take {current_take}, the current one, is not rendered yet")
    return "\n".join(lines)


def _format_take(recorded: RecordedTake, current_take: int) -> tuple[str, ...]:
    number, attempt = recorded.take.number, recorded.attempt
    return (
        f"{number} *" if number == current_take else str(number),
        attempt.provider,
        describe_state(recorded),
        "-" if attempt.seed is None else str(attempt.seed),
        format_price(_price(recorded)),
        attempt.intended_at[:16].replace("T", " "),
        str(recorded.last_frame_path or "-"),
    )
