"""`shotchain completion`: print the completion script of a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab

from flows.cli.main import build_parser
from flows.cli.output import format_json
from storyboards.problems import join_or

SHELLS = ("bash", "zsh", "fish")

FILES = ("board", "boards", "file", "out", "stdin_name")
FOLDERS = ("store",)
"""Names of arguments whose values are files, and folders."""

EXAMPLES = """\
# save the script where the shell looks for completions
shotchain completion bash > ~/.local/share/bash-completion/completions/shotchain
# with ~/.zfunc in fpath
shotchain completion zsh > ~/.zfunc/_shotchain
# fish
shotchain completion fish > ~/.config/fish/completions/shotchain.fish
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=join_or(SHELLS))


def run_command(arguments: argparse.Namespace) -> int:
    """Print the script and return the exit code."""
    script = format_completion(arguments.shell)
    print(format_json({"shell": arguments.shell, "script": script}) if arguments.json else script)
    return 0


def format_completion(shell: str) -> str:
    """Return the script that completes commands, options and paths in a shell of `SHELLS`."""
    parser = build_parser(with_arguments=True)
    for action in _iter_actions(parser):
        # shtab reads the attribute `complete`.
        if action.dest in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.dest in FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _iter_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of its commands."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _iter_actions(command)
