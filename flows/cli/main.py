"""The program: find the command, run it, and map its errors to exit codes.

A command is a module of this package with the command's name. It has two functions:
`add_arguments(parser)`, and `run_command(arguments)`, which returns the exit code.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any, NoReturn

from flows.cli.output import format_json
from flows.signals import INTERRUPTED
from storyboards.problems import ShotchainError, did_you_mean
from tasks.errors import UsageError
from tasks.settings import set_environment

COMMANDS = {
    "init": "write a small starter board",
    "check": "report whether a board is valid",
    "plan": "show what a run would render and cost",
    "render": "render the shots of a board and join the film",
    "providers": "list providers, their models and whether their keys are set",
    "takes": "list the takes of a shot",
    "retake": "request a new take of a shot",
    "pick": "return to an earlier take of a shot",
    "spend": "show what was spent, estimate beside actual",
    "simulate": "serve the simulator for every provider",
    "verify": "read every file of the store and report damage",
    "clean": "remove files that are no longer needed from the store",
    "cancel": "cancel the jobs of a board that are still queued",
    "completion": "print the completion script of a shell",
}
"""Every command with its help.

The module of a command is imported when the command is used. Importing all of them takes three
times the CPU time of `check`, and seventeen times that of `--help`.
"""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with the message and the help to read."""
        msg = f"{message}; see `{self.prog} --help`"
        raise UsageError(msg)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse arguments.

        Raises:
            UsageError: The arguments are wrong. An unknown option is an error here already, because
                only this parser has the options that it may be confused with.
        """
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._reject(unknown[0].partition("=")[0])
        return namespace, unknown

    def _reject(self, argument: str) -> NoReturn:
        see = f"See `{self.prog} --help`."
        if not argument.startswith("-"):
            msg = f"there is one argument too many: {argument!r}. {see}"
            raise UsageError(msg)
        options = (name for action in self._actions for name in action.option_strings)
        msg = f"there is no option {argument!r}. {did_you_mean(argument, options, otherwise=see)}"
        raise UsageError(msg)


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


class _ShowVersion(argparse.Action):
    """Print the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"shotchain {version('shotchain')}")
        parser.exit()


def build_parser(*, with_arguments: bool = False) -> Parser:
    """Build the parser of the program.

    Args:
        with_arguments: Import all commands for their arguments, not only the command that is used.
    """
    parser = Parser(prog="shotchain", description="Film production as code.")
    version_help = "print the version and exit"
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help=version_help)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=CommandParser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, command=name)
        if with_arguments:
            command.import_command()
    return parser


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line.

    Returns:
        The arguments of the command, with its function as `run_command`.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: The help or the version was printed.
    """
    command = next((argument for argument in argv if not argument.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        remedy = did_you_mean(command, COMMANDS, otherwise="`shotchain --help` lists them.")
        msg = f"there is no command {command!r}. {remedy}"
        raise UsageError(msg)
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if command is None:
        parser.error("COMMAND is missing")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Args:
        argv: The arguments without the name of the program; None takes those of the process.
    """
    if argv is None:
        argv = sys.argv[1:]
        # The instant commands create objects and end: looking for cycles among them takes a tenth
        # of their time. `render` sets the usual thresholds again before it starts the flow.
        gc.set_threshold(1_000_000, *gc.get_threshold()[1:])
        # At the end of a process Python would search every object for cycles once more.
        atexit.register(gc.freeze)
    as_json = "--json" in argv
    _escape_unprintable()
    # pydantic would read the metadata of every installed package to look for plugins.
    set_environment({"PYDANTIC_DISABLE_PLUGINS": "__all__"})
    try:
        arguments = parse_arguments(argv)
        run_command: Callable[[argparse.Namespace], int] = arguments.run_command
        return run_command(arguments)
    except ShotchainError as error:
        return _report_error(error, as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted; what was paid for is kept, run again to continue", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe, as `head` does. Without a stdout Python does not flush it
        # at exit, which would fail again.
        sys.stdout = None
        return 0
    except Exception as error:
        return _report_bug(error, as_json=as_json)


def _escape_unprintable() -> None:
    """Let no letter of a board or path fail at a stream that can't encode it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report_error(error: ShotchainError, *, as_json: bool) -> int:
    # Problems begin with their file, as editors expect.
    has_problems = bool(getattr(error, "problems", ()))
    print(error if has_problems else f"shotchain: {error}", file=sys.stderr)
    if as_json:
        from flows.documents import error_document

        print(format_json(error_document(error)))
    return error.exit_code


def _report_bug(error: Exception, *, as_json: bool) -> int:
    from flows.bug_report import BUG_EXIT_CODE, InternalError, write_bug_report

    bug = InternalError(write_bug_report(error))
    print(f"shotchain: {bug}", file=sys.stderr)
    if as_json:
        from flows.documents import error_document

        print(format_json(error_document(bug)))
    return BUG_EXIT_CODE
