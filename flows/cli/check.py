"""`shotchain check`: report whether a board is valid. Offline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from flows.cli.arguments import add_board, prepare_board
from flows.cli.output import print_output
from storyboards.loading import load_partial
from storyboards.models import FromShot
from storyboards.terminal_text import escape_control_chars
from tasks.config.loader import load_config
from tasks.plan import Plan
from tasks.planning.planner import make_plan
from tasks.settings import read_settings

EXAMPLES = """\
# every problem at once, each with its line and remedy
shotchain check film.yaml
# check against the limits of another provider
shotchain check film.yaml --provider modelark
# for programs
shotchain check film.yaml --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    add_board(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Check the board and return the exit code.

    Raises:
        InvalidStoryboard: The board has problems, all of them.
        ShotchainError: See `flows.run.prepare_run`.
    """
    plan = _plan_board(arguments)
    print_output(
        lambda: _document(plan), lambda: _text(plan, arguments.board), as_json=arguments.json
    )
    return 0


def _plan_board(arguments: argparse.Namespace) -> Plan:
    """Return the plan of the board; the store is read only for takes and locks."""
    board = load_partial(Path(arguments.board))
    for shot in board.storyboard.shots:
        if shot.lock or (isinstance(shot.first_frame, FromShot) and shot.first_frame.take):
            return prepare_board(arguments).plan
    config = load_config(
        read_settings(), board.folder, display_name=board.shown_as, trust=arguments.trust
    )
    return make_plan(board, provider=arguments.provider, providers=config.providers)


def _document(plan: Plan) -> dict[str, Any]:
    # See `prepare_board`: documents of a run need the modules of a run.
    from flows.documents import check_document

    return check_document(plan)


def _text(plan: Plan, board: str) -> str:
    count = len(plan.shots)
    notes = [f"note: {note}" for note in plan.warnings]
    # A line break in the name of the file must not forge a line.
    name = escape_control_chars(board)
    return "\n".join([*notes, f"{name} is clean: {count} shot{'s' if count > 1 else ''}"])
