"""`shotchain pick`: return to an earlier take of a shot by restoring its values in the board."""

from __future__ import annotations

import argparse
import sys

from flows.cli.arguments import add_board, add_shot, prepare_board
from flows.cli.board_change import (
    BoardChange,
    change_board,
    change_document,
    find_shot_to_change,
    format_change,
    record_current_takes,
)
from flows.cli.output import print_output
from flows.cli.output.style import fit_width
from flows.run import Run, records_folder_of
from storyboards.yaml_editor import Edit
from tasks.errors import UsageError
from tasks.plan import ShotToRender
from tasks.store.board_identity import read_identified_record
from tasks.store.locked import describe_changes
from tasks.store.takes import RecordedTake, TakeHistory

EXAMPLES = """\
# return to take 1 of the shot `lamp`; its clip is kept, so it is free
shotchain pick film.yaml lamp 1
# see first which takes there are
shotchain takes film.yaml lamp
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pick`."""
    add_board(parser)
    add_shot(parser)
    take = "the number of the take, as `shotchain takes` lists it"
    parser.add_argument("take", metavar="TAKE", type=int, help=take)


def run_command(arguments: argparse.Namespace) -> int:
    """Change the board and return the exit code.

    Raises:
        UsageError: The shot or the take does not exist, or the shot is a file.
        ShotchainError: See `flows.run.prepare_run` and `change_board`.
    """
    run = prepare_board(arguments)
    shot = find_shot_to_change(run, arguments.shot)
    record_current_takes(run)
    recorded = _find_take(run, shot, arguments.take)
    remarks = []
    if not recorded.has_board_record:
        remarks.append("its prompt and seed are not on record: both stay unchanged")
    change = change_board(run, shot, _edits_to_restore(run, shot, recorded), remarks)
    change = change._replace(remarks=(*change.remarks, *_describe_differences(change, recorded)))
    print_output(
        lambda: change_document(change),
        lambda: format_change(change, arguments, fit_width(sys.stdout)),
        as_json=arguments.json,
    )
    return 0


def _find_take(run: Run, shot: ShotToRender, number: int) -> RecordedTake:
    """Return a take of a shot, read again because `record_current_takes` may have added it.

    Raises:
        UsageError: The store has no such take.
    """
    record = read_identified_record(run.store.root, run.identity)
    folder = records_folder_of(run.settings, shot.provider)
    takes = TakeHistory(run.store, record).list_takes(shot.id, folder)
    for recorded in takes:
        if recorded.take.number == number:
            return recorded
    numbers = ", ".join(str(recorded.take.number) for recorded in takes) or "none"
    msg = f"the store has no render of take {number} of {shot.id}; it has {numbers}"
    raise UsageError(msg)


def _edits_to_restore(run: Run, shot: ShotToRender, recorded: RecordedTake) -> list[Edit]:
    """Return the edits after which the board requests a take as it was requested then."""
    take, path = recorded.take, ("shots", shot.index)
    edits = []
    if shot.take != take.number:
        edits.append(Edit((*path, "take"), take.number))
    if recorded.has_board_record and run.plan.board_seed(shot) != take.seed:
        edits.append(Edit((*path, "seed"), take.seed))
    if recorded.has_board_record and shot.shot.prompt != take.prompt:
        edits.append(Edit((*path, "prompt"), take.prompt))
    return edits


def _describe_differences(change: BoardChange, recorded: RecordedTake) -> list[str]:
    """Return why the board still does not request a take as it was rendered; empty if it does."""
    run, take = change.after, recorded.take
    shot = find_shot_to_change(run, change.shot_id)
    if shot.key == take.key:
        return []
    differences = "; ".join(describe_changes(shot, recorded, run.plan))
    remarks = [f"this is not take {take.number} as it was rendered: {differences}"]
    if take.continues_key and take.continues_key != shot.continues_key:
        remarks += [
            f"it continued take {earlier.number} of {shot_id}"
            for shot_id, takes in run.board_record.takes.items()
            for earlier in takes
            if earlier.key == take.continues_key
        ][-1:]
    return remarks
