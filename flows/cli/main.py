"""The program: find the command, run it, and map its errors to exit codes.

A command is a module of this package with the command's name. It has two functions:
`add_arguments(parser)`, and `run_command(arguments)`, which returns the exit code. Its `EXAMPLES`
end its help: two to four command lines, each below a comment.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from io import TextIOWrapper
from itertools import pairwise

from flows.cli.output import format_json
from flows.cli.parser import CommandParser, Parser, ProgramParser
from flows.signals import INTERRUPTED
from storyboards.problems import ShotchainError
from tasks.errors import UsageError
from tasks.settings import set_environment

COMMAND_GROUPS: dict[str, dict[str, str]] = {
    "make a film": {
        "init": "write a small starter board",
        "check": "report every problem of boards, with line and remedy",
        "plan": "show what a run would render and cost",
        "render": "render what is missing of a board and join the film",
        "cancel": "cancel the jobs of a board that are still queued",
    },
    "look": {
        "status": "show what stands where, since when, and what it cost",
        "log": "print what vendors were asked about shots and what they answered",
        "qc": "measure the clips: seams, drift, faults, and a plot per chain",
        "providers": "list providers, their models and whether their keys are set",
    },
    "takes": {
        "takes": "list the takes of every shot, or draw a contact sheet",
        "open": "show the film, a clip or the contact sheet",
        "retake": "request a new take of a shot",
        "pick": "return to an earlier take of a shot",
        "use": "choose the range of a take that the film shows",
    },
    "money": {
        "spend": "show what was spent, estimate beside actual",
    },
    "store": {
        "verify": "read every file of the store and report damage",
        "clean": "remove files that are no longer needed from the store",
    },
    "other": {
        "schema": "print the JSON Schema of boards, for editors",
        "simulate": "serve the simulator for every provider",
        "completion": "print the completion script of a shell",
    },
}
"""Every command with its help, in the groups of the program's help.

The module of a command is imported when the command is used. Importing all of them takes three
times the CPU time of `check`, and seventeen times that of `--help`.
"""

PROGRAM_OPTIONS = ("--help", "-h", "--version")

COMMANDS = {name: text for group in COMMAND_GROUPS.values() for name, text in group.items()}
"""Every command with its help."""


class _ShowVersion(argparse.Action):
    """Print the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"shotchain {version('shotchain')}")
        parser.exit()


def build_parser(command: str | None = None, *, with_arguments: bool = False) -> Parser:
    """Build the parser of the program.

    Args:
        command: The command that is used: only its parser is built. By default those of all.
        with_arguments: Import all commands for their arguments, not only the command that is used.
    """
    description = "Film production as code: a storyboard YAML becomes a film, shot after shot."
    parser = ProgramParser(COMMAND_GROUPS, prog="shotchain", description=description)
    version_help = "print the version and exit"
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help=version_help)
    # Without `prog` argparse would lay out a help to find the program's name.
    commands = parser.add_subparsers(
        metavar="COMMAND", parser_class=CommandParser, prog=parser.prog
    )
    for name in COMMANDS if command is None else [command]:
        text = COMMANDS[name]
        command_parser = commands.add_parser(name, help=text, description=text, command=name)
        if with_arguments:
            command_parser.import_command()
    return parser


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. Without arguments it is a request for the help.

    Returns:
        The arguments of the command, with its function as `run_command`.

    Raises:
        UsageError: The command line is wrong.
        SystemExit: The help or the version was printed.
    """
    if not argv or argv[0] == "help":
        topics = [word for word in argv[1:] if word != "help" and not word.startswith("-")]
        argv = [*topics[:1], "--help"]
    if argv[0] not in (*COMMANDS, *PROGRAM_OPTIONS):
        from flows.cli.mistakes import explain_command_line

        raise UsageError(explain_command_line(argv, COMMANDS, PROGRAM_OPTIONS))
    return build_parser(argv[0] if argv[0] in COMMANDS else None).parse_args(argv)


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
    _escape_unprintable()
    if not _has_json_log(argv):
        return _run(argv)
    from flows.cli.output.json_lines import JsonLines

    with redirect_stderr(JsonLines(sys.stderr)):
        return _run(argv)


def _has_json_log(argv: Sequence[str]) -> bool:
    """Return True if the log is JSON; errors in the command line are part of it."""
    return "--log-format=json" in argv or ("--log-format", "json") in pairwise(argv)


def _run(argv: Sequence[str]) -> int:
    as_json = "--json" in argv
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
