"""Wrong command lines: one sentence for each, with the command that was probably meant.

Imported only after a mistake, so that a correct command line does not pay for it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from storyboards.loading import BOARD_SUFFIXES
from storyboards.problems import did_you_mean
from tasks.errors import UsageError

_OTHER_NAMES = {
    **dict.fromkeys(("run", "build", "make", "film", "resume", "apply", "start"), "render"),
    **dict.fromkeys(("validate", "lint", "verify-board", "test"), "check"),
    **dict.fromkeys(("new", "create", "template"), "init"),
    **dict.fromkeys(("price", "cost", "estimate", "dry-run", "preview", "diff"), "plan"),
    **dict.fromkeys(("models", "keys", "vendors"), "providers"),
    **dict.fromkeys(("serve", "simulator", "mock"), "simulate"),
    **dict.fromkeys(("costs", "bill", "budget"), "spend"),
    **dict.fromkeys(("redo", "rerender", "retry"), "retake"),
    **dict.fromkeys(("undo", "revert"), "pick"),
    **dict.fromkeys(("gc", "prune", "remove"), "clean"),
    **dict.fromkeys(("stop", "abort"), "cancel"),
    "completions": "completion",
    "version": "--version",
}
"""Names that other programs have for our commands."""

_BOARD_KEYS = frozenset(
    {"model", "ratio", "resolution", "seconds", "seed", "audio", "style", "title", "take"}
)
"""Values that have a key in the board, and may be looked for among the options."""

_TYPOGRAPHIC_DASHES = "–—"


def explain_command_line(
    argv: Sequence[str], commands: Collection[str], options: Collection[str]
) -> str:
    """Return the sentence for a command line that does not begin with a command.

    Args:
        argv: The arguments without the name of the program, at least one.
        commands: The names of all commands.
        options: The options of the program.
    """
    if not argv[0].startswith("-"):
        return _explain_unknown_command(argv, argv[0], commands)
    index = next((index for index, word in enumerate(argv) if word in commands), 0)
    if index:
        line = _format_line("shotchain", *argv[index:], *argv[:index])
        return f"options follow the command. Did you mean {line}?"
    command = next((word for word in argv if not word.startswith("-")), None)
    if command is not None:
        return _explain_unknown_command(argv, command, commands)
    if argv[0] == "--json":
        return "COMMAND is missing. `shotchain --help` lists the commands."
    return explain_unknown_argument(argv[0], options, "shotchain")


def _explain_unknown_command(argv: Sequence[str], command: str, commands: Collection[str]) -> str:
    if is_like_board(command):
        line = _format_line("shotchain render", *argv)
        return f"there is no command {command!r}. Did you mean {line}?"
    meant = _OTHER_NAMES.get(command.lower())
    remedy = (
        f"Did you mean {meant}?"
        if meant
        else did_you_mean(command, [*commands, "help"], otherwise="`shotchain --help` lists them.")
    )
    return f"there is no command {command!r}. {remedy}"


def is_like_board(word: str) -> bool:
    """Return whether a word of the command line is probably the file of a board."""
    return word.lower().endswith(BOARD_SUFFIXES)


def explain_unknown_argument(argument: str, options: Iterable[str], prog: str) -> str:
    """Return the sentence for an argument that a command does not have.

    Args:
        argument: The argument as typed.
        options: The options of the command.
        prog: The program with its command.
    """
    see, options = f"See `{prog} --help`.", list(options)
    name = argument.partition("=")[0]
    if name[0] in _TYPOGRAPHIC_DASHES:
        plain = "--" + name.lstrip(_TYPOGRAPHIC_DASHES + "-")
        return f"{name!r} begins with a typographic dash. Write {plain}."
    if name.startswith("-"):
        key = name.lstrip("-")
        if key in _BOARD_KEYS:
            return f"there is no option {name!r}. Write `{key}: ...` into the board."
        return f"there is no option {name!r}. {did_you_mean(name, options, otherwise=see)}"
    if "--only" in options and not is_like_board(argument):
        see = f"To render one shot, write --only {shlex.quote(argument)}."
    return f"there is one argument too many: {argument!r}. {see}"


def require_quoted_budget(arguments: Sequence[str]) -> None:
    """Check that an amount with its currency is one argument.

    Raises:
        UsageError: `--budget` is followed by a number and a currency.
    """
    following = arguments[arguments.index("--budget") + 1 :][:2]
    amount, currency = [*following, "", ""][:2]
    if re.fullmatch(r"\d+(?:[.,]\d+)?", amount) and re.fullmatch("[A-Za-z]{3}", currency):
        msg = f'the amount and its currency are one argument. Write --budget "{amount} {currency}".'
        raise UsageError(msg)


def require_board_first(board: str, shot: str) -> None:
    """Check that the arguments BOARD and SHOT were not swapped.

    Args:
        board: The argument that should be the board.
        shot: The argument that should be the id of a shot.

    Raises:
        UsageError: They are swapped.
    """
    if is_like_board(shot) and not is_like_board(board) and not Path(board).exists():
        msg = f"the board comes before the shot. Write `{shlex.join((shot, board))}`."
        raise UsageError(msg)


def _format_line(prog: str, *arguments: str) -> str:
    return f"`{prog} {shlex.join(arguments)}`"
