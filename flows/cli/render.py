"""`shotchain render`: render what is missing of a board and join its film."""

from __future__ import annotations

import argparse
import gc
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.cli.arguments import (
    add_board,
    add_stale,
    add_variables,
    add_versions,
    add_was,
    ask,
    prepare_board,
)
from flows.cli.next_command import build_command, list_next_commands
from flows.cli.output import LogOptions, format_json
from flows.cli.output.style import fit_width, print_styled
from flows.cli.output.text import format_report
from flows.consent import check_consent, is_agreed
from flows.documents import error_document, report_document
from flows.report import RunReport, export, export_versions, join_kept, record_kept, report_kept
from flows.run import Run, check_ready, open_store
from flows.signals import INTERRUPTED, TERMINATED, forward_sigterm
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.errors import StoreError, UsageError, severity
from tasks.store.board_identity import NOT_RENAMED
from tasks.store.staleness import StalePolicy

EXAMPLES = """\
# render what is missing and join films/film.mp4; again to resume
shotchain render film.yaml
# at a vendor, for at most this price; nothing above it is sent
shotchain render film.yaml --provider modelark --budget "3 USD"
# only these shots and what they continue, one at a time
shotchain render film.yaml --only dawn,stairs --jobs 1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `render`."""
    add_board(parser)
    only = "render these shots and the shots that they continue; no film"
    parser.add_argument("--only", metavar="SHOT,…", help=only)
    until = "render up to this shot, in the order of the board; no film"
    parser.add_argument("--until", metavar="SHOT", help=until)
    jobs = "how many shots render at the same time; by default what the provider allows"
    parser.add_argument("--jobs", metavar="N", type=_parse_count, help=jobs)
    budget = "agree to pay at most this, such as '3 USD'"
    parser.add_argument("--budget", metavar="MONEY", help=budget)
    add_stale(parser)
    add_was(parser)
    resubmit = "send shots again whose job is unclear, at the risk of paying twice"
    parser.add_argument("--resubmit", metavar="SHOT,…", help=resubmit)
    partial = "join the film without the shots that failed"
    parser.add_argument("--partial", action="store_true", help=partial)
    yes = "agree to pay the price of the plan"
    parser.add_argument("--yes", action="store_true", help=yes)
    dry_run = "only show the plan of this run; nothing is sent and nothing is written"
    parser.add_argument("--dry-run", action="store_true", help=dry_run)
    out = "the file of the film; films/NAME.mp4 by default"
    parser.add_argument("--out", metavar="FILE", type=Path, help=out)
    add_versions(parser)
    add_variables(parser)
    _add_log_options(parser)


def _add_log_options(parser: argparse.ArgumentParser) -> None:
    amount = parser.add_mutually_exclusive_group()
    quiet = "print only errors and the end"
    amount.add_argument("-q", "--quiet", action="store_true", help=quiet)
    verbose = "print requests to vendors and the log of Prefect too"
    amount.add_argument("-v", "--verbose", action="store_true", help=verbose)
    log_format = "what is printed on stderr: text, or a JSON object per line"
    parser.add_argument("--log-format", choices=["text", "json"], default="text", help=log_format)


def _parse_count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        msg = f"{text!r} is not a number of at least 1"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _split_ids(text: str | None) -> tuple[str, ...]:
    return tuple(filter(None, (text or "").split(",")))


def run_command(arguments: argparse.Namespace) -> int:
    """Render the board and return the exit code.

    Raises:
        UsageError: `--only` is empty.
        ShotchainError: The run cannot begin: see `flows.run.prepare_run`, `check_ready` and
            `check_consent`.
    """
    only = _split_ids(arguments.only)
    if arguments.only is not None and not only:
        msg = "--only names no shot; give ids with commas between them"
        raise UsageError(msg)
    options: dict[str, Any] = {
        "only": only,
        "until": arguments.until,
        "jobs": arguments.jobs,
        "budget": arguments.budget,
        "yes": arguments.yes,
        "resubmit": _split_ids(arguments.resubmit),
        "partial": arguments.partial,
        "stale": StalePolicy(arguments.stale),
        "out": arguments.out,
        "was": arguments.was,
    }
    run = prepare_board(arguments, **options)
    if arguments.dry_run:
        # A run does not need the text of a plan.
        from flows.cli.plan import show_plan

        return show_plan(run, arguments)
    if not arguments.json and (was := _ask_former_name(run)):
        run = prepare_board(arguments, **{**options, "was": was})
    return render(run, arguments)


def _ask_former_name(run: Run) -> str | None:
    """Ask which board was renamed to this one; return None if the user does not decide."""
    for candidate in run.identity.candidates:
        answer = ask(f"Is {run.board.shown_as} the board {candidate.name}, renamed? [y/n]")
        if answer in ("y", "yes"):
            return candidate.name
        if answer not in ("n", "no"):
            return None
    return NOT_RENAMED if run.identity.candidates else None


def render(run: Run, arguments: argparse.Namespace) -> int:
    """Render what is missing of a board and join its film; return the exit code.

    Prefect is started only if a shot has to be rendered.

    Args:
        run: The run.
        arguments: The arguments of the command.

    Raises:
        ShotchainError: The run cannot begin, or was not agreed to.
    """
    log = LogOptions(arguments.quiet, arguments.verbose, arguments.log_format == "json")
    for note in run.identity_notes:
        print(f"warning: {escape_control_chars(note)}", file=sys.stderr)
    check_ready(run, on_check=_ignore_check if log.is_quiet else _print_check)
    report = report_kept(run)
    if report:
        # Every clip is in the store and paid: a read-only store must not fail the run.
        with suppress(StoreError):
            record_kept(run)
        return _finish(_add_quality_warnings(report), arguments)
    _ask_to_pay(run, arguments)
    open_store(run)
    # A run may take hours: collect garbage as Python does by default, see `main`.
    gc.set_threshold(700, 10, 10)
    with forward_sigterm() as interrupt:
        try:
            report = _render(run, log) if run.pending else _add_quality_warnings(join_kept(run))
        except KeyboardInterrupt:
            command = build_command("render", arguments)
            sentence = f"stopped; what was paid for is kept, run again to continue: {command}"
            print(escape_control_chars(sentence), file=sys.stderr)
            return TERMINATED if interrupt.is_terminated else INTERRUPTED
    return _finish(report, arguments)


def _add_quality_warnings(report: RunReport) -> RunReport:
    """Return the report of a run without a render, with what exceeds a limit of its board."""
    if report.run.board.storyboard.qc is None:
        return report
    # Boards without limits do not need it.
    from flows.quality import add_quality_warnings

    return add_quality_warnings(report)


def _ignore_check(_file: str) -> None:
    pass


def _print_check(file: str) -> None:
    print(f"checking {escape_control_chars(file)}", file=sys.stderr)


def _ask_to_pay(run: Run, arguments: argparse.Namespace) -> None:
    """Print what a run that costs money would do, and ask once unless the user has agreed.

    Raises:
        BudgetExceeded: A budget forbids the run, or the user did not agree.
        UsageError: See `check_consent`.
    """
    if run.max_cost.is_free or arguments.json:
        check_consent(run)
        return
    # Runs that are free or kept do not need it.
    from flows.cli.output.agreement import ask_to_pay, print_summary

    check_consent(run, ask=lambda run: ask_to_pay(run, arguments))
    if is_agreed(run) and not arguments.quiet:
        print_summary(run)


def _render(run: Run, log: LogOptions) -> RunReport:
    """Run the flow in this process, on the user's Prefect server or on one of its own."""
    # A run that finds every shot kept is not here: it needs neither a display nor a server.
    from flows.cli.output.display import open_display
    from flows.local_server import prefect_server

    working_folder = Path.cwd()
    log_level = "INFO" if log.is_verbose else "CRITICAL"
    with open_display(run, sys.stderr, log) as display:
        display.show_phase("starting Prefect")
        with prefect_server(run.settings, run.store, log_level=log_level) as wait_for_server:
            # Imports Prefect, which reads its settings then: `prefect_server` has just set them.
            wait_for_server()
            from flows.render import run_flow
            from flows.run_context import Caller

            display.show_phase("")
            caller = Caller(working_folder, display.update)
            file = run.board.file or Path(run.board.shown_as)
            try:
                run_flow(file.resolve(), flow_parameters(run), caller)
            except ShotchainError:
                # The first error of the run; the report has all of them, if there is one.
                if caller.report is None:
                    raise
            display.show_phase("ending Prefect")
    if caller.report is None:
        msg = "the flow ended without a report"
        raise AssertionError(msg)
    # A server that ends with the run has no pages.
    run_url = caller.report.run_url if run.settings.prefect_api_url else ""
    return caller.report._replace(run_url=run_url)


def flow_parameters(run: Run) -> dict[str, Any]:
    """Return the parameters of the flow run, as Prefect shows them."""
    options = run.options
    parameters = {
        "provider": options.provider,
        "budget": options.budget,
        "store": str(run.store.root),
        "out": str(options.out) if options.out else None,
        "only": list(options.only) or None,
        "until": options.until,
        "jobs": options.jobs,
        "resubmit": list(options.resubmit) or None,
        "partial": options.partial or None,
        "trust": options.trust or None,
        "was": options.was,
        "stale": options.stale.value,
        "versions": None if options.versions is None else list(options.versions),
        "set": dict(options.variables) or None,
        # The user has agreed, by an answer or by an option.
        "yes": True,
        "plan_digest": run.digest(),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _finish(report: RunReport, arguments: argparse.Namespace) -> int:
    """Export the film, print the report, and return the exit code.

    Each error is printed once: in the report on stdout, or on stderr beside a document.
    """
    film = None
    try:
        film = export(report)
        report = export_versions(report, film)
    except ShotchainError as error:
        report = report._replace(error=error)
    errors = report.errors
    worst = max(errors, key=severity, default=None)
    exit_code = worst.exit_code if worst else int(bool(report.missing))
    if arguments.json:
        document = report_document(report, film)
        print(format_json(error_document(worst, document) if worst and exit_code > 1 else document))
        for sentence in dict.fromkeys(_name_shot(report, error) for error in errors):
            print(f"shotchain: {escape_control_chars(sentence)}", file=sys.stderr)
    else:
        text = format_report(
            report,
            film,
            width=fit_width(sys.stdout),
            next_commands=list_next_commands(report, arguments),
        )
        print_styled(text, sys.stdout)
    for warning in report.warnings:
        print(f"warning: {escape_control_chars(warning)}", file=sys.stderr)
    return exit_code


def _name_shot(report: RunReport, error: ShotchainError) -> str:
    """Return the sentence of an error with the shot's id, unless it has it or several share it."""
    message = str(error)
    ids = [result.shot.id for result in report.results if str(result.error) == message]
    if len(ids) != 1 or message.startswith((f"{ids[0]} ", f"{ids[0]}:")):
        return message
    return f"{ids[0]}: {message}"
