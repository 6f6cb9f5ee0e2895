"""The command line that the user may type next, with the options of the present one."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence

_BOARD_OPTIONS = ("provider", "store", "trust")
_RENDER_OPTIONS = ("only", "until", "jobs", "stale", "was", "partial", "out")
_DEFAULTS = {"stale": "keep"}


def build_command(
    command: str, arguments: argparse.Namespace, *options: str, also: Sequence[str] = ()
) -> str:
    """Return a command line for the board of `arguments`, quoted for a shell.

    Args:
        command: The name of the command, such as `render`.
        arguments: The arguments of the present command, whose options for the board are repeated.
        *options: Further options, and arguments after the board.
        also: Names of options of `arguments` that are repeated only in this command.
    """
    board = arguments.board if not arguments.board.startswith("-") else f"./{arguments.board}"
    names = (*_BOARD_OPTIONS, *(_RENDER_OPTIONS if command == "render" else ()), *also)
    repeated = _repeat_options(names, arguments)
    return shlex.join(("shotchain", command, board, *options, *repeated))


def _repeat_options(names: Sequence[str], arguments: argparse.Namespace) -> Iterator[str]:
    for name in names:
        value = getattr(arguments, name, None)
        if value is True:
            yield f"--{name}"
        elif value not in (None, False, _DEFAULTS.get(name)):
            yield from (f"--{name}", str(value))
