"""`shotchain check`: report whether boards are valid. Offline."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.cli.arguments import add_plan_options, add_variables, prepare_board, read_variables
from flows.cli.output import format_json, print_output
from flows.cli.output.style import count_noun
from storyboards.loading import MAX_BYTES, load_partial, parse_partial
from storyboards.models import FromShot, Shot, VersionShot
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.config.loader import load_config
from tasks.errors import UsageError, severity
from tasks.plan import Plan
from tasks.planning.film_tools import require_film_tools
from tasks.planning.planner import make_plan
from tasks.settings import Settings, read_settings

if TYPE_CHECKING:
    from storyboards.board import Board

EXAMPLES = """\
# every problem at once, each with its line and remedy
shotchain check film.yaml
# many boards, against the limits of another provider
shotchain check film.yaml spots/autumn.yaml --provider modelark
# the text in an editor that is not saved yet
shotchain check - --stdin-name film.yaml
"""

STDIN = "-"
STDIN_NAME = "<stdin>"


class CheckedBoard(NamedTuple):
    """A board with its plan, or with the error that it ends with."""

    file: str
    """The file as the user named it."""
    result: Plan | ShotchainError

    @property
    def error(self) -> ShotchainError | None:
        """The error; None if the board is clean."""
        return self.result if isinstance(self.result, ShotchainError) else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    boards = "the YAML files of storyboards; - is standard input"
    parser.add_argument("boards", metavar="BOARD", nargs="+", help=boards)
    name = "the file that standard input will be: its name in messages, and where its files are"
    parser.add_argument("--stdin-name", metavar="FILE", help=name)
    add_plan_options(parser)
    add_variables(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Check the boards and return the exit code.

    Raises:
        UsageError: There is a name for standard input, which is not read.
        InvalidStoryboard: The only board has problems, all of them.
        ShotchainError: See `flows.run.prepare_run`; for an only board.
    """
    files = list(dict.fromkeys(arguments.boards))
    if arguments.stdin_name is not None and STDIN not in files:
        msg = "--stdin-name is for standard input. Write - as the board."
        raise UsageError(msg)
    if len(files) > 1:
        return _check_many(files, arguments)
    plan = _plan_board(files[0], arguments)
    print_output(lambda: _document(plan), lambda: _text(plan), as_json=arguments.json)
    return 0


def _check_many(files: Sequence[str], arguments: argparse.Namespace) -> int:
    """Check boards one after another, whatever is wrong with the others."""
    boards = [_check_board(file, arguments) for file in files]
    # Boards of one folder share the problems of its shotchain.toml.
    errors = {str(board.error): board.error for board in boards if board.error}
    worst = max(errors.values(), key=severity, default=None)
    if arguments.json:
        print(format_json(_document_of_many(boards, worst)))
    for board in boards:
        if not isinstance(board.result, ShotchainError) and not arguments.json:
            print(escape_control_chars(_text(board.result), keep="\n"), flush=True)
    for text in errors:
        print(text, file=sys.stderr)
    if worst is None:
        return 0
    count = sum(board.error is not None for board in boards)
    print(f"shotchain: {count} of {len(boards)} boards have problems", file=sys.stderr)
    return worst.exit_code


def _check_board(file: str, arguments: argparse.Namespace) -> CheckedBoard:
    try:
        return CheckedBoard(file, _plan_board(file, arguments))
    except ShotchainError as error:
        return CheckedBoard(file, error)


def _plan_board(file: str, arguments: argparse.Namespace) -> Plan:
    """Return the plan of a board; the store is read only for takes and locks."""
    board = _read_stdin(arguments.stdin_name) if file == STDIN else load_partial(Path(file))
    settings = read_settings()
    plan = _make_plan(board, settings, arguments)
    require_film_tools(plan, ffmpeg=settings.ffmpeg)
    return plan


def _make_plan(board: Board, settings: Settings, arguments: argparse.Namespace) -> Plan:
    shots = board.storyboard.shots
    in_versions = (
        each
        for version in board.storyboard.versions
        for each in version.shots or ()
        if isinstance(each, VersionShot)
    )
    if any(map(_needs_store, shots)) or any(map(_names_take, in_versions)):
        return prepare_board(arguments, board).plan
    config = load_config(settings, board.folder, display_name=board.shown_as, trust=arguments.trust)
    return make_plan(
        board,
        provider=arguments.provider,
        providers=config.providers,
        variables=read_variables(arguments),
    )


def _needs_store(shot: Shot) -> bool:
    """Return whether a shot names a recorded take, or must not be rendered again."""
    if shot.lock or (isinstance(shot.first_frame, FromShot) and shot.first_frame.take):
        return True
    return _names_take(shot)


def _names_take(shot: Shot | VersionShot) -> bool:
    return any(select.take for select in shot.use or ())


def _read_stdin(name: str | None) -> Board:
    """Read a board from standard input.

    Args:
        name: The file that it will be; None for a board that belongs to the working directory.
    """
    if sys.stdin.isatty():
        print("reading a board from the terminal; Ctrl-D ends it", file=sys.stderr)
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    folder = Path(name).parent if name else Path()
    return parse_partial(data, file=name or STDIN_NAME, folder=folder)


def _document(plan: Plan) -> dict[str, Any]:
    # See `prepare_board`: documents of a run need the modules of a run.
    from flows.documents import check_document

    return check_document(plan)


def _document_of_many(
    boards: Sequence[CheckedBoard], worst: ShotchainError | None
) -> dict[str, Any]:
    from flows.documents import error_document

    documents = [
        {"file": board.file, **error_document(board.result)}
        if isinstance(board.result, ShotchainError)
        else _document(board.result)
        for board in boards
    ]
    problems = [problem for document in documents for problem in document["problems"]]
    document = {"boards": documents, "problems": problems}
    return error_document(worst, document) if worst else document


def _text(plan: Plan) -> str:
    notes = [f"note: {note}" for note in plan.warnings]
    # A line break in the name of the file must not forge a line.
    name = escape_control_chars(plan.board.shown_as)
    counts = count_noun(len(plan.shots), "shot")
    if plan.versions:
        counts += f", {count_noun(len(plan.versions), 'version')}"
    return "\n".join([*notes, f"{name} is clean: {counts}"])
