"""The command line: each command parses, calls one function and prints.

`check`, `plan`, `providers` and help start no Prefect and import nothing heavy; so does a `render`
where nothing is left to pay for.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flows.cli import retake, simulate, spend, takes
from flows.cli.arguments import (
    Commands,
    Parser,
    add_board,
    add_command,
    add_stale,
    open_plan,
    open_run,
    print_output,
    to_json,
)
from flows.cli.housekeeping import add_housekeeping
from flows.signals import INTERRUPTED
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.errors import UsageError
from tasks.settings import set_environment

BUG = 70

def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        # At the end of a process Python would look through every object for cycles once more.
        atexit.register(gc.freeze)
    as_json = "--json" in words
    # pydantic would read the metadata of every installed package to look for plugins.
    set_environment({"PYDANTIC_DISABLE_PLUGINS": "__all__"})
    try:
        arguments = build_parser().parse_args(words)
        run: Callable[[argparse.Namespace], int] = arguments.run
        return run(arguments)
    except ShotchainError as error:
        return fail(error, as_json=as_json)
    except KeyboardInterrupt:
        print("interrupted; what was paid for is kept, run again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has left, as `head` does: nothing more to say, also not at exit.
        sys.stdout = None
        return 0
    except Exception as error:
        return _fail_with_bug(error, as_json=as_json)


def build_parser() -> Parser:
    """Build the parser of the command line."""
    found = Parser(prog="shotchain", description="Film production as code.")
    commands = found.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _add_init(commands)
    _add_check(commands)
    _add_plan(commands)
    _add_render(commands)
    _add_providers(commands)
    takes.add(commands)
    retake.add(commands)
    spend.add(commands)
    simulate.add(commands)
    add_housekeeping(commands)
    return found


def _add_init(commands: Commands) -> None:
    command = add_command(commands, "init", "write a small starter board", _init)
    command.add_argument("file", metavar="FILE", type=Path)


def _add_check(commands: Commands) -> None:
    add_board(add_command(commands, "check", "say whether a board is clean", _check))


def _add_plan(commands: Commands) -> None:
    command = add_command(commands, "plan", "say what a run would render and cost", _plan)
    add_board(command)
    add_stale(command)


def _add_render(commands: Commands) -> None:
    command = add_command(commands, "render", "render a board's shots and join the film", _render)
    add_board(command)
    command.add_argument("--only", metavar="SHOT,…", help="these and what they continue; no film")
    command.add_argument("--until", metavar="SHOT", help="up to this one; no film")
    command.add_argument("--jobs", metavar="N", type=_count, help="shots at the same time")
    command.add_argument("--budget", metavar="MONEY", help="the most this run may cost: '3 USD'")
    add_stale(command)
    command.add_argument(
        "--resubmit", metavar="SHOT,…", help="pay again for shots whose job is unclear"
    )
    command.add_argument(
        "--partial", action="store_true", help="join the film without the shots that failed"
    )
    command.add_argument("--yes", action="store_true", help="agree to pay what the plan says")
    command.add_argument("--out", metavar="FILE", type=Path, help="where to put the film")


def _add_providers(commands: Commands) -> None:
    add_command(
        commands, "providers", "list providers, models and whether keys are set", _providers
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        msg = f"{text!r} is no number of at least 1"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _init(arguments: argparse.Namespace) -> int:
    from storyboards.template import build_template

    file: Path = arguments.file
    text = build_template(file.stem)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        msg = f"{file} exists; name a new file"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{file} can't be written: {error.strerror}; name another file"
        raise UsageError(msg) from error
    print_output(
        {"file": str(file.resolve())},
        f"{file} is written; next: shotchain render {file}",
        arguments,
    )
    return 0


def _check(arguments: argparse.Namespace) -> int:
    plan = open_plan(arguments)
    shots = len(plan.shots)
    document: dict[str, Any] = {}
    if arguments.json:
        from flows.cli.output.json import check_document

        document = check_document(plan)
    told = [f"note: {note}" for note in plan.warnings]
    told.append(
        f"{escape_control_chars(arguments.board)} is clean: {shots} shot{'s' if shots > 1 else ''}"
    )
    print_output(document, "\n".join(told), arguments)
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from flows.cli.output.json import plan_document
    from flows.cli.output.text import format_plan
    from flows.run import check_preconditions
    from tasks.store.staleness import StalePolicy

    production = open_run(arguments, stale=StalePolicy(arguments.stale))
    check_preconditions(production)
    if arguments.json:
        print_output(plan_document(production), "", arguments)
    else:
        print_output({}, format_plan(production), arguments)
    return 0


def _render(arguments: argparse.Namespace) -> int:
    from flows.cli.render import render
    from tasks.store.staleness import StalePolicy

    only = tuple(filter(None, (arguments.only or "").split(",")))
    if arguments.only is not None and not only:
        msg = "--only names no shot; give ids with commas between"
        raise UsageError(msg)
    production = open_run(
        arguments,
        only=only,
        until=arguments.until,
        jobs=arguments.jobs,
        budget=arguments.budget,
        agreed=arguments.yes,
        resubmit=tuple(filter(None, (arguments.resubmit or "").split(","))),
        partial=arguments.partial,
        stale=StalePolicy(arguments.stale),
        out=arguments.out,
    )
    return render(production, arguments.board, as_json=arguments.json)


def _providers(arguments: argparse.Namespace) -> int:
    from flows.cli.providers import list_providers
    from tasks.config.loader import load_config
    from tasks.settings import read_settings

    settings = read_settings()
    document, text = list_providers(settings, load_config(settings).providers)
    print_output(document, text, arguments)
    return 0


def fail(error: ShotchainError, *, as_json: bool) -> int:
    """Say why a command ends, and return its exit code."""
    print(f"shotchain: {error}" if not _many(error) else str(error), file=sys.stderr)
    if as_json:
        from flows.cli.output.json import error_document

        print(to_json(error_document(error)))
    return error.exit_code


def _many(error: ShotchainError) -> bool:
    return bool(getattr(error, "problems", ()))


def _fail_with_bug(error: Exception, *, as_json: bool) -> int:
    from flows.bug_report import write_bug_report

    log = write_bug_report(error)
    print(f"shotchain: this is a bug of shotchain; {log} tells more", file=sys.stderr)
    if as_json:
        told = {"kind": "bug", "message": f"this is a bug of shotchain; {log} tells more"}
        print(to_json({"error": told, "problems": []}))
    return BUG
