"""The parsers of the program and of its commands, and the layout of their help.

`mistakes` explains wrong command lines; it is imported only for them.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from flows.cli.output.style import paint, print_styled, terminal_width
from tasks.errors import UsageError

MIN_HELP_WIDTH = 20
MAX_HELP_WIDTH = 100
"""Longer lines are hard to read, however wide the terminal is."""

START_HERE = {
    "shotchain init film.yaml": "write a small board to start from",
    "shotchain plan film.yaml": "see what a run renders and costs",
    "shotchain render film.yaml": "render it and join the film",
}
"""The first three commands of a new user, for the program's help."""

_HEADING = re.compile(r"[a-z ]+:")
_MORE_HELP = "`shotchain help COMMAND` prints the options and examples of a command."


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps the help to the terminal, and leaves the lines of examples whole."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **{"width": help_width(), "max_help_position": 26, **options})

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = (_wrap_line(indent + line, width) for line in text.splitlines())
        return "\n".join(lines)


def help_width() -> int:
    """Return the columns of the terminal without the last one, within the bounds of the help."""
    return max(MIN_HELP_WIDTH, min(terminal_width(sys.stdout) - 1, MAX_HELP_WIDTH))


def _wrap_line(line: str, width: int) -> str:
    """Wrap a sentence or a comment; an indented line is to be copied and stays one line."""
    text = line.lstrip()
    margin = line[: len(line) - len(text)]
    if margin and not text.startswith("# "):
        return line
    following = f"{margin}# " if text.startswith("# ") else margin
    return _fill(line, width, subsequent_indent=following)


def _fill(text: str, width: int, *, initial_indent: str = "", subsequent_indent: str = "") -> str:
    # Only the help wraps lines: every command would pay for the import.
    import textwrap

    return textwrap.fill(
        text,
        width,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_long_words=False,
    )


def _paint_help_line(line: str) -> str:
    if line.startswith("usage: "):
        return paint("usage:", "bold") + line.removeprefix("usage:")
    if _HEADING.fullmatch(line):
        return paint(line, "bold")
    return paint(line, "dim") if line.startswith("  # ") else line


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of ending the process.

    Options can't be abbreviated: `--res` would be `--resubmit` today, which may pay twice, and
    another option tomorrow.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            formatter_class=HelpFormatter, allow_abbrev=False, add_help=False, **options
        )
        self.add_argument("-h", "--help", action="help", help="print this help and exit")
        self._positionals.title = "arguments"
        # `print_help` paints it; Python 3.14 would do so too, by rules of its own.
        self.color = False

    def print_help(self, file: Any = None) -> None:
        """Print the help, with its headings in bold where a terminal shows that."""
        lines = map(_paint_help_line, self.format_help().splitlines())
        print_styled("\n".join(lines), file or sys.stdout)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message of argparse in our words, and the remedy."""
        from flows.cli.mistakes import explain_error

        raise UsageError(explain_error(message, self.prog))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            from flows.cli.mistakes import explain_unknown_choice

            raise argparse.ArgumentError(action, explain_unknown_choice(value, action.choices))

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments.

        Raises:
            UsageError: The arguments are wrong. An unknown option is an error here already, because
                only this parser has the options that it may be confused with.
        """
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown and not unknown[0].startswith("-"):
            unknown = self._assign_late_argument(namespace, unknown)
        if unknown:
            from flows.cli.mistakes import explain_unknown_argument

            options = [name for action in self._actions for name in action.option_strings]
            raise UsageError(explain_unknown_argument(unknown, args or (), options, self.prog))
        return namespace, unknown

    def _assign_late_argument(self, namespace: argparse.Namespace, unknown: list[str]) -> list[str]:
        """Assign an argument after an option to an optional argument; return what is left.

        argparse gives up an optional argument at the first option: in `takes BOARD --json SHOT` the
        shot would be one argument too many.
        """
        for action in self._actions:
            is_optional = not action.option_strings and action.nargs == "?"
            if is_optional and getattr(namespace, action.dest, None) is None:
                action(self, namespace, unknown[0])
                return unknown[1:]
        return unknown


class CommandParser(Parser):
    """The parser of one command, empty until the command is used.

    Args:
        command: The name of the command.
        options: The arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, *, command: str, **options: Any) -> None:
        super().__init__(**options)
        self._command = command
        self._is_imported = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Import the command, then parse its arguments. See `Parser.parse_known_args`."""
        self.import_command()
        if args and any(argument.startswith("--budget") for argument in args):
            from flows.cli.mistakes import require_quoted_budget

            require_quoted_budget(args)
        return super().parse_known_args(args, namespace)

    def import_command(self) -> None:
        """Import the command's module and add its arguments, unless that was done."""
        if self._is_imported:
            return
        self._is_imported = True
        module = importlib.import_module(f"flows.cli.{self._command}")
        self.add_argument("--json", action="store_true", help="print one JSON document")
        self.set_defaults(run_command=module.run_command)
        module.add_arguments(self)
        examples = module.EXAMPLES.strip().replace("\n", "\n  ")
        self.epilog = f"examples:\n  {examples}\n\n{self.epilog or ''}".rstrip()


class ProgramParser(Parser):
    """The parser of the program, whose help shows the commands in groups.

    Args:
        groups: The commands and their help by the title of their group.
        options: The arguments of `argparse.ArgumentParser`.
    """

    def __init__(self, groups: Mapping[str, Mapping[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._groups = groups

    def format_help(self) -> str:
        """Return the help: where to start, and every command with its purpose."""
        options = {
            ", ".join(action.option_strings): action.help or ""
            for action in self._actions
            if action.option_strings
        }
        sections: dict[str, Mapping[str, str]] = {
            "start here": START_HERE,
            **self._groups,
            "options": options,
        }
        column = max(len(name) for commands in self._groups.values() for name in commands)
        blocks = [
            f"usage: {self.prog} COMMAND [...]",
            _wrap_line(self.description or "", help_width()),
            *(f"{title}:\n{_format_rows(rows, column)}" for title, rows in sections.items()),
            _wrap_line(_MORE_HELP, help_width()),
        ]
        return "\n\n".join(blocks) + "\n"


def _format_rows(rows: Mapping[str, str], column: int) -> str:
    """Return lines with a name and its wrapped explanation.

    Args:
        rows: Names and explanations.
        column: The width of the column of names, if no name is longer.
    """
    column = max(column, *map(len, rows))
    return "\n".join(
        _fill(
            text,
            help_width(),
            initial_indent=f"  {name:{column}}  ",
            subsequent_indent=" " * (column + 4),
        )
        for name, text in rows.items()
    )
