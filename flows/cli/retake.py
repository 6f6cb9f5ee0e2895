"""`shotchain retake`: request a new take of a shot by raising `take` in the board."""

from __future__ import annotations

import argparse
import sys

from flows.cli.arguments import add_board, add_shot, prepare_board
from flows.cli.board_change import (
    change_board,
    change_document,
    find_shot_to_change,
    format_change,
    record_current_takes,
)
from flows.cli.output import print_output
from flows.cli.output.style import fit_width
from flows.run import Run
from storyboards.models import FromShot
from storyboards.yaml_editor import Edit
from tasks.errors import UsageError
from tasks.plan import ShotToRender
from tasks.store.takes import TakeHistory

EXAMPLES = """\
# the next render makes another take of `lamp` and of what continues it
shotchain retake film.yaml lamp
# with a seed of your own
shotchain retake film.yaml lamp --seed 7
# what continues `lamp` keeps starting on the old take
shotchain retake film.yaml lamp --keep-rest
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `retake`."""
    add_board(parser)
    add_shot(parser)
    parser.add_argument("--seed", metavar="N", type=int, help="the seed of the new take")
    following = parser.add_mutually_exclusive_group()
    cascade = "render the shots that continue it again (the default)"
    following.add_argument("--cascade", action="store_true", help=cascade)
    keep_rest = "keep the shots that continue it on the old take"
    following.add_argument("--keep-rest", action="store_true", help=keep_rest)


def run_command(arguments: argparse.Namespace) -> int:
    """Change the board and return the exit code.

    Raises:
        UsageError: The shot does not exist or is a file, or the rest cannot be kept.
        ShotchainError: See `flows.run.prepare_run` and `change_board`.
    """
    run = prepare_board(arguments)
    shot = find_shot_to_change(run, arguments.shot)
    record_current_takes(run)
    edits = [Edit(("shots", shot.index, "take"), _highest_take(run, shot) + 1)]
    remarks = []
    seed = run.plan.board_seed(shot)
    if arguments.seed is not None:
        edits.append(Edit(("shots", shot.index, "seed"), arguments.seed))
    elif seed is not None:
        remarks.append(f"seed {seed} stays unchanged; --seed N sets another seed")
    if arguments.keep_rest:
        edits += _pin_current_take(run, shot)
    change = change_board(run, shot, edits, remarks)
    print_output(
        lambda: change_document(change),
        lambda: format_change(change, arguments, fit_width(sys.stdout)),
        as_json=arguments.json,
    )
    return 0


def _highest_take(run: Run, shot: ShotToRender) -> int:
    """Return the highest take of a shot that the board or the store has; the next is new."""
    history = TakeHistory(run.store, run.board_record)
    ids = [shot.id, *history.list_variants(shot.id)]
    recorded = (take.number for each in ids for take in run.board_record.takes.get(each, ()))
    rendered = (take.take.number for each in ids for take in history.list_takes(each, None))
    return max((shot.take, *recorded, *rendered))


def _pin_current_take(run: Run, shot: ShotToRender) -> list[Edit]:
    """Return the edits that keep the shots that continue a shot on its current take."""
    edits = []
    for following in run.plan.shots_to_render:
        if following.continues != shot.id:
            continue
        if following.shot.continues:
            msg = (
                f"{following.id} continues the clip of {shot.id}, not its last frame, and can't be "
                f"kept on take {shot.take}; retake without --keep-rest"
            )
            raise UsageError(msg)
        path = ("shots", following.index, "first_frame")
        if isinstance(following.shot.first_frame, FromShot):
            edits.append(Edit((*path, "take"), shot.take))
        else:
            edits.append(Edit(path, {"shot": shot.id, "take": shot.take}))
    return edits
