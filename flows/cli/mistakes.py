"""Wrong command lines: one sentence for each, with the command that was probably meant.

Imported only after a mistake, so that a correct command line does not pay for it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from storyboards.loading import BOARD_SUFFIXES, list_boards
from storyboards.problems import MAX_CANDIDATES, join_or
from tasks.errors import UsageError

_OTHER_COMMANDS = {
    **dict.fromkeys(("run", "build", "make", "generate", "resume", "apply", "start"), "render"),
    **dict.fromkeys(("validate", "lint", "test"), "check"),
    **dict.fromkeys(("new", "create", "template", "example"), "init"),
    **dict.fromkeys(("price", "cost", "estimate", "dry-run", "preview", "diff"), "plan"),
    **dict.fromkeys(("models", "keys", "vendors"), "providers"),
    **dict.fromkeys(("serve", "simulator", "mock"), "simulate"),
    **dict.fromkeys(("costs", "bill", "budget"), "spend"),
    **dict.fromkeys(("redo", "rerender", "retry"), "retake"),
    **dict.fromkeys(("undo", "revert"), "pick"),
    **dict.fromkeys(("gc", "prune", "remove"), "clean"),
    **dict.fromkeys(("stop", "abort"), "cancel"),
    **dict.fromkeys(("show", "view", "play"), "open"),
    **dict.fromkeys(("history", "logs", "events"), "log"),
    **dict.fromkeys(("state", "ps", "progress"), "status"),
    "version": "--version",
}
"""Words that other programs have for our commands."""

_OTHER_OPTIONS = {
    **dict.fromkeys(("-v", "-V", "--ver"), "--version"),
    **dict.fromkeys(("-y", "--assume-yes", "--auto-approve"), "--yes"),
    **dict.fromkeys(("-o", "--film", "--file"), "--out"),
    **dict.fromkeys(("-j", "--parallel", "--concurrency", "--workers"), "--jobs"),
    **dict.fromkeys(("-p", "--vendor"), "--provider"),
    **dict.fromkeys(("-s", "--shot", "--shots"), "--only"),
    **dict.fromkeys(("-n", "--simulate"), "--dry-run"),
    **dict.fromkeys(("-t", "--type"), "--template"),
    **dict.fromkeys(("--max-price", "--limit", "--max-cost"), "--budget"),
}
"""Options that other programs have for ours; offered if the command has ours."""

_BOARD_KEYS = frozenset(
    {"model", "ratio", "resolution", "seconds", "seed", "audio", "style", "title", "take"}
)
"""Values that have a key in the board, and may be looked for among the options."""

_TYPOGRAPHIC_DASHES = "–—"
_MIN_SIMILARITY = 0.8
_MIN_SIMILARITY_SAME_LETTER = 0.75
"""Of names that begin with the same letter: `chk` is `check`."""
_REQUIRED = "the following arguments are required: "


def explain_command_line(
    argv: Sequence[str], commands: Collection[str], options: Collection[str]
) -> str:
    """Return the sentence for a command line that does not begin with a command.

    Args:
        argv: The arguments without the name of the program, at least one.
        commands: The names of all commands.
        options: The options of the program.
    """
    command = next((word for word in argv if word in commands), None)
    if command:
        rest = [word for word in argv if word not in (command, "--")]
        line = f"`shotchain {command} {shlex.join(rest)}`"
        return f"the command comes first. Did you mean {line}?"
    typed = [word for word in argv if word != "--json"]
    if not typed:
        return "COMMAND is missing. `shotchain --help` lists the commands."
    if typed[0].startswith(("-", *_TYPOGRAPHIC_DASHES)):
        return explain_unknown_argument(typed[:1], argv, options, "shotchain")
    return f"there is no command {typed[0]!r}. {_suggest_command(typed, commands)}"


def _suggest_command(typed: Sequence[str], commands: Collection[str]) -> str:
    board = typed[0]
    if not is_like_board(board):
        board = next((name for name in _add_suffixes(board) if Path(name).is_file()), "")
    if board:
        return f"Did you mean `shotchain render {shlex.join([board, *typed[1:]])}`?"
    meant = _OTHER_COMMANDS.get(typed[0].lower(), "")
    is_ours = meant in commands or meant == "--version"
    names = [meant] if is_ours else find_typos(typed[0], [*commands, "help"])
    return f"Did you mean {join_or(names)}?" if names else "`shotchain --help` lists them."


def _add_suffixes(name: str) -> Iterable[str]:
    return (name + suffix for suffix in BOARD_SUFFIXES)


def is_like_board(word: str) -> bool:
    """Return whether a word of the command line is probably the file of a board."""
    return word.lower().endswith(BOARD_SUFFIXES)


def explain_unknown_argument(
    unknown: Sequence[str], argv: Sequence[str], options: Collection[str], prog: str
) -> str:
    """Return the sentence for arguments that a command does not have.

    Args:
        unknown: The arguments as typed, at least one.
        argv: All arguments of the command.
        options: The options of the command.
        prog: The program with its command.
    """
    argument = unknown[0]
    name = argument.partition("=")[0]
    if name.startswith(tuple(_TYPOGRAPHIC_DASHES)):
        plain = "--" + name.lstrip(_TYPOGRAPHIC_DASHES + "-")
        return f"{name!r} begins with a typographic dash. Write {plain}."
    if name.startswith("-"):
        return f"there is no option {name!r}. {_suggest_option(name, options, prog)}"
    remedy = f"See `{prog} --help`."
    if "--only" in argv and not is_like_board(argument):
        ids = [argv[argv.index("--only") + 1].rstrip(","), *unknown]
        remedy = f"Several shots are one argument: --only {','.join(ids)}."
    elif "--only" in options and argument and not is_like_board(argument):
        remedy = f"To render one shot, write --only {shlex.quote(argument)}."
    return f"there is one argument too many: {argument!r}. {remedy}"


def _suggest_option(name: str, options: Collection[str], prog: str) -> str:
    key = name.lstrip("-")
    if key in _BOARD_KEYS:
        return f"Write `{key}: ...` into the board."
    meant = _OTHER_OPTIONS.get(name, "")
    names = [meant] if meant in options else find_typos(name, options)
    return f"Did you mean {join_or(names)}?" if names else f"See `{prog} --help`."


def find_typos(word: str, known: Iterable[str]) -> list[str]:
    """Return at most three known commands or options that a word may be a slip for.

    The names are short and some have consequences: `--strict` must not be answered with `--trust`.
    So more has to be equal than in names that authors make up.
    """
    wanted = word.lstrip("-").lower()
    scores = {name: _score_typo(wanted, name.lstrip("-")) for name in known}
    names = sorted((name for name in scores if scores[name]), key=lambda name: -scores[name])
    return names[:MAX_CANDIDATES]


def _score_typo(wanted: str, name: str) -> float:
    """Return how similar a word is to a name, from 0 for not at all to 2 for its beginning."""
    if len(wanted) > 1 and len(name) > 1 and (name.startswith(wanted) or wanted.startswith(name)):
        return 2.0
    score = SequenceMatcher(None, wanted, name).ratio()
    is_near = score >= (_MIN_SIMILARITY_SAME_LETTER if wanted[:1] == name[:1] else _MIN_SIMILARITY)
    return score if is_near else 0.0


def explain_unknown_choice(value: str, choices: Iterable[str]) -> str:
    """Return the message for a value that is not one of a few."""
    names = find_typos(value, choices)
    remedy = f"Did you mean {join_or(names)}?" if names else f"Choose {join_or(list(choices))}."
    return f"{value!r} is not a choice. {remedy}"


def explain_error(message: str, prog: str) -> str:
    """Return the sentence for an error of argparse.

    Args:
        message: Its message.
        prog: The program with its command.
    """
    see = f"See `{prog} --help`."
    if message.startswith(_REQUIRED):
        return _explain_missing(message.removeprefix(_REQUIRED).split(", "), prog)
    message = re.sub("^argument ", "", message)
    if message.endswith(("?", ".")):
        return message
    message = re.sub(": expected one argument$", " needs a value", message)
    message = re.sub("invalid int value: (.*)", r"\1 is not a whole number", message)
    return f"{message}. {see}"


def _explain_missing(names: Sequence[str], prog: str) -> str:
    boards = list_boards(Path())[:MAX_CANDIDATES] if names[0] == "BOARD" else []
    remedy = f"See `{prog} --help`."
    if boards:
        remedy = f"Boards in this folder: {', '.join(boards)}."
    if names == ["BOARD"] and len(boards) == 1:
        remedy = f"Did you mean `{prog} {shlex.quote(boards[0])}`?"
    verb = "is" if len(names) == 1 else "are"
    return f"{' and '.join(names)} {verb} missing. {remedy}"


def require_quoted_budget(arguments: Sequence[str]) -> None:
    """Check that an amount with its currency is one argument.

    Raises:
        UsageError: `--budget` is followed by a number and a currency.
    """
    split = [part for argument in arguments for part in argument.split("=", 1)]
    amount, currency = [*split[split.index("--budget") + 1 :], "", ""][:2]
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
