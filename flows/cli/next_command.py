"""The command lines that the user may type next, with the options of the present one."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence

from flows.report import Outcome, RunReport
from tasks.errors import BudgetExceeded, OutputModerated, QualityExceeded

_BOARD_OPTIONS = ("store",)
_PLAN_OPTIONS = ("provider", "trust", "stale", "was", "versions", "set")
_RENDER_OPTIONS = ("only", "until", "jobs", "partial", "out")
_OPTIONS_OF_COMMAND = {
    "plan": _PLAN_OPTIONS,
    "render": (*_PLAN_OPTIONS, *_RENDER_OPTIONS),
    "retake": ("provider", "trust"),
}
_DEFAULTS = {"stale": "keep"}


def list_next_commands(report: RunReport, arguments: argparse.Namespace) -> list[str]:
    """Return what the user may type after a run, each command with what it does.

    Args:
        report: The outcome of the run.
        arguments: The arguments of `render`.
    """
    outcomes = {result.outcome for result in report.results}
    if any(isinstance(error, BudgetExceeded) for error in report.errors):
        return [f"next: {build_command('plan', arguments)}"]
    if not report.errors and not report.missing:
        if report.film:
            return [f"next: {build_command('open', arguments)}"]
        # The run made no film because it was a part of the board.
        return [f"next: {build_command('render', arguments, without=('only', 'until'))}"]
    stopped = [
        result.shot.id
        for result in report.results
        if result.has_clip and isinstance(result.error, QualityExceeded)
    ]
    if stopped:
        return [
            f"next: {build_command('open', arguments, stopped[0])}",
            f"or, for another take: {build_command('retake', arguments, stopped[0])}",
        ]
    commands = [f"next: {build_command('render', arguments)}"]
    commands += [
        f"or, for another take: {build_command('retake', arguments, result.shot.id)}"
        for result in report.results
        if isinstance(result.error, OutputModerated)
    ][:1]
    if Outcome.UNCLEAR in outcomes:
        unclear = [r.shot.id for r in report.results if r.outcome is Outcome.UNCLEAR]
        command = build_command("render", arguments, "--resubmit", ",".join(unclear))
        commands.append(f"or, at the risk of paying twice: {command}")
    return commands


def build_command(
    command: str,
    arguments: argparse.Namespace,
    *options: str,
    also: Sequence[str] = (),
    without: Sequence[str] = (),
) -> str:
    """Return a command line for the board of `arguments`, quoted for a shell.

    Args:
        command: The name of the command, such as `render`.
        arguments: The arguments of the present command, whose options for the board are repeated.
        *options: Further options, and arguments after the board.
        also: Names of options of `arguments` that are repeated only in this command.
        without: Names of options that are not repeated in this command.
    """
    board = arguments.board if not arguments.board.startswith("-") else f"./{arguments.board}"
    names = (*_BOARD_OPTIONS, *_OPTIONS_OF_COMMAND.get(command, ()), *also)
    repeated = _repeat_options([name for name in names if name not in without], arguments)
    return shlex.join(("shotchain", command, board, *options, *repeated))


def _repeat_options(names: Sequence[str], arguments: argparse.Namespace) -> Iterator[str]:
    for name in names:
        value = getattr(arguments, name, None)
        if value is True:
            yield f"--{name}"
        elif isinstance(value, list):
            yield from (part for item in value for part in (f"--{name}", item))
        elif value not in (None, False, _DEFAULTS.get(name)):
            yield from (f"--{name}", str(value))
