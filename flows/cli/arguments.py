"""Parts that several commands share: arguments, the board or store they name, a question."""

from __future__ import annotations

import argparse
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storyboards.loading import BOARD_SUFFIXES, load_partial
from storyboards.terminal_text import escape_control_chars
from tasks.errors import UsageError
from tasks.settings import find_store, read_settings

if TYPE_CHECKING:
    from flows.run import Run
    from storyboards.board import Board
    from tasks.store.layout import Store


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the store."""
    store = "the folder of clips and receipts; by default the nearest .shotchain"
    parser.add_argument("--store", metavar="S", type=Path, help=store)


def add_board_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the board."""
    parser.add_argument("board", metavar="BOARD", help="the YAML file of the storyboard")


def add_board(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names the board, and the options of every command that plans it."""
    add_board_file(parser)
    add_plan_options(parser)


def add_plan_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command that plans a board."""
    parser.add_argument(
        "--provider", metavar="P", help="replaces the provider of the board and of every shot"
    )
    trust = "let shotchain.toml beside BOARD define providers and prices"
    parser.add_argument("--trust", action="store_true", help=trust)
    add_store(parser)


class _StoreShot(argparse.Action):
    """Stores the id of a shot, unless the board and the shot are swapped."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        del parser, option_string
        if values and values.endswith(BOARD_SUFFIXES):
            from flows.cli.mistakes import require_board_first

            require_board_first(namespace.board, values)
        setattr(namespace, self.dest, values)


def add_shot(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add the argument that names a shot, after the argument that names the board.

    Args:
        parser: The parser of the command.
        options: Arguments of `add_argument` that replace those of a required shot.
    """
    options = {"help": "the id of the shot", "type": _normalise_id, **options}
    parser.add_argument("shot", metavar="SHOT", action=_StoreShot, **options)


def _normalise_id(shot_id: str) -> str:
    """Return an id in the form in which those of boards are compared; a terminal may type NFD."""
    return unicodedata.normalize("NFC", shot_id)


def add_stale(parser: argparse.ArgumentParser) -> None:
    """Add the option for kept shots whose first frame no longer is the last frame before them."""
    parser.add_argument(
        "--stale",
        choices=["keep", "cascade", "refuse"],
        default="keep",
        help="stale shots, which start on a frame that is gone: keep them (the default), render "
        "them again, or stop",
    )


def add_was(parser: argparse.ArgumentParser) -> None:
    """Add the option that decides if a board is a renamed one."""
    was = "the name that the board had before it was renamed; none if it is another board"
    parser.add_argument("--was", metavar="NAME", help=was)


def add_versions(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects versions of the board."""
    versions = "make only these versions beside the film; none for the film alone"
    parser.add_argument("--versions", metavar="NAME,…", help=versions)


def add_variables(parser: argparse.ArgumentParser) -> None:
    """Add the option that replaces values of the board's variables."""
    value = "the value of a variable in place of that of the board; may be repeated"
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", type=_check_variable, help=value
    )


def _check_variable(text: str) -> str:
    name, equals, value = text.partition("=")
    if not name.strip() or not equals or not value.strip():
        msg = f"{text!r} is not a variable and its value, such as lang=de"
        raise argparse.ArgumentTypeError(msg)
    return text


def read_variables(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the values of variables that the user gives.

    Raises:
        UsageError: A variable has two values.
    """
    values: dict[str, str] = {}
    for text in getattr(arguments, "set", None) or ():
        name, _, value = text.partition("=")
        if values.setdefault(name.strip(), value) != value:
            msg = f"--set gives {name.strip()} two values; keep one of them"
            raise UsageError(msg)
    return values


def read_version_names(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the names of the versions that the user selects; None if all are made.

    Raises:
        UsageError: The option names no version.
    """
    text = getattr(arguments, "versions", None)
    if text is None:
        return None
    if text.strip() == "none":
        return ()
    names = tuple(filter(None, map(str.strip, text.split(","))))
    if not names:
        msg = "--versions names no version; give names with commas between them, or none"
        raise UsageError(msg)
    return names


def find_store_path(arguments: argparse.Namespace, board: Path | None = None) -> Path:
    """Return the folder of the store, which may not exist.

    Args:
        arguments: The arguments of a command with `add_store`.
        board: The board whose store is meant, if the command has one.
    """
    return find_store(read_settings(), arguments.store, board, working_folder=Path.cwd())


def open_store(arguments: argparse.Namespace, board: Path | None = None) -> Store:
    """Return the store of a command that needs an existing one. See `find_store_path`.

    Raises:
        UsageError: The store does not exist.
    """
    # `check` needs no store, and its modules take 5 ms of 250.
    from tasks.store.layout import Store

    store = Store(find_store_path(arguments, board))
    if not store.root.is_dir():
        msg = f"there is no store at {store.root}; name the store with --store"
        raise UsageError(msg)
    return store


def prepare_board(arguments: argparse.Namespace, board: Board | None = None, **options: Any) -> Run:
    """Plan the board of a command and compare it with its store. Offline; writes nothing.

    Args:
        arguments: The arguments of a command with `add_plan_options`.
        board: The board; by default it is read from the argument `board`.
        options: Further fields of `RunOptions`.

    Raises:
        ShotchainError: See `flows.run.prepare_run`.
    """
    # `check`, `providers` and `simulate` need no run, whose modules take a tenth of their time.
    from flows.run import RunOptions, prepare_run

    # The plan reports the problems of such a board together with its own.
    board = board or load_partial(Path(arguments.board))
    run_options = RunOptions(
        provider=arguments.provider,
        store=arguments.store,
        trust=arguments.trust,
        versions=read_version_names(arguments),
        variables=read_variables(arguments),
        **options,
    )
    return prepare_run(board, run_options, read_settings(), working_folder=Path.cwd())


def ask_yes_no(question: str, *, before: str = "") -> bool:
    """Ask the user a question in the terminal and return True for a yes.

    Without a terminal nothing is printed and the answer is False.

    Args:
        question: The question, with its question mark.
        before: Text to print before the question.
    """
    return ask(f"{question} [y/N]", before=before) in ("y", "yes")


def is_interactive() -> bool:
    """Return True if a question can be asked in a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, *, before: str = "") -> str:
    """Return the answer that is typed in the terminal, in lower case; empty without a terminal."""
    if not is_interactive():
        return ""
    if before:
        print(escape_control_chars(before, keep="\n"), file=sys.stderr)
    print(f"{escape_control_chars(question)} ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except UnicodeDecodeError:
        return ""
    return answer.strip().lower()
