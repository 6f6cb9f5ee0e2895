"""What the commands of the command line share: their words, the board they open, what they say."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from storyboards.terminal_text import escape_control_chars
from tasks.errors import UsageError

if TYPE_CHECKING:
    from flows.run import Run
    from tasks.plan import Plan

Commands = Any
"""argparse does not name the type of its subparsers."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of leaving."""
        msg = f"{message}; see `{self.prog} --help`"
        raise UsageError(msg)


def add_command(
    commands: Commands, name: str, tells: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    """Add a command that `run` does; it returns the exit code."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=tells, description=tells)
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.set_defaults(run=run)
    return command


def add_store(command: argparse.ArgumentParser) -> None:
    """Give a command the word that names the store."""
    command.add_argument("--store", metavar="S", type=Path, help="where clips and receipts live")


def add_board(command: argparse.ArgumentParser) -> None:
    """Give a command a board, and the words that go with one."""
    command.add_argument("board", metavar="BOARD", help="the storyboard's YAML file")
    command.add_argument("--provider", metavar="P", help="replaces the board's and every shot's")
    command.add_argument(
        "--trust", action="store_true", help="let shotchain.toml beside BOARD name providers"
    )
    add_store(command)


def add_stale(command: argparse.ArgumentParser) -> None:
    """Give a command the word for kept shots that start on a frame that is gone."""
    command.add_argument(
        "--stale",
        choices=["keep", "cascade", "refuse"],
        default="keep",
        help="kept shots on a frame that is gone: leave them, render them again, or stop",
    )


def find_store_path(arguments: argparse.Namespace, board: Path | None = None) -> Path:
    """The store of a command that is given no board, or just a file's name; it may not be there."""
    from tasks.settings import find_store, read_settings

    return find_store(read_settings(), arguments.store, board, working_folder=Path.cwd())


def open_plan(arguments: argparse.Namespace) -> Plan:
    """The board of a command, planned; only takes and locks need a look into the store."""
    from storyboards.loading import load_partial
    from storyboards.models import FromShot
    from tasks.config.loader import load_config
    from tasks.planning.planner import make_plan
    from tasks.settings import read_settings

    board = load_partial(Path(arguments.board))
    for shot in board.storyboard.shots:
        if shot.lock or (isinstance(shot.first_frame, FromShot) and shot.first_frame.take):
            return open_run(arguments).plan
    configuration = load_config(
        read_settings(), board.folder, display_name=board.shown_as, trust=arguments.trust
    )
    return make_plan(board, provider=arguments.provider, providers=configuration.providers)


def open_run(arguments: argparse.Namespace, **wishes: Any) -> Run:
    """The board of a command, planned and held against its store."""
    from flows.run import RunOptions, prepare_run
    from storyboards.loading import load_partial
    from tasks.settings import read_settings

    board = load_partial(Path(arguments.board))
    wish = RunOptions(
        provider=arguments.provider, store=arguments.store, trust=arguments.trust, **wishes
    )
    return prepare_run(board, wish, read_settings(), working_folder=Path.cwd())


def print_output(document: dict[str, Any], text: str, arguments: argparse.Namespace) -> None:
    """Print what a command has to say, as a document where that is asked for."""
    print(to_json(document) if arguments.json else escape_control_chars(text, keep="\n"))


def to_json(document: dict[str, Any]) -> str:
    """A document as it is printed: in letters, but for those of file names that are no UTF-8."""
    text = json.dumps(document, ensure_ascii=False, indent=1)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
