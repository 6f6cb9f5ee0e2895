"""`shotchain render`: render what is left of a board and join its film."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.cli.arguments import to_json
from flows.cli.output.text import format_report, live_display
from flows.consent import check_consent
from flows.documents import error_document, report_document
from flows.history import record_rendered_shots, record_requested_takes
from flows.report import RunReport, export, report_kept
from flows.run import Run, check_ready
from flows.signals import INTERRUPTED, TERMINATED, forward_sigterm
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.errors import StoreError


def render(run: Run, *, as_json: bool) -> int:
    """Render what is left of a board and join its film; return the exit code.

    Prefect is started only if something is left to do.
    """
    check_ready(run)
    report = report_kept(run)
    if report:
        # Everything is there and paid: a read-only store is no reason to fail.
        with suppress(StoreError):
            record_requested_takes(run)
            record_rendered_shots(run, run.shots)
        return _finish(report, as_json=as_json)
    check_consent(run, ask=None if as_json else _ask)
    run.store.initialize()
    with forward_sigterm() as interrupt:
        try:
            report = _render(run, with_display=not as_json)
        except KeyboardInterrupt:
            print("stopped; what was paid for is kept, run again to go on", file=sys.stderr)
            return TERMINATED if interrupt.is_terminated else INTERRUPTED
    return _finish(report, as_json=as_json)


def _render(run: Run, *, with_display: bool) -> RunReport:
    """Run the flow in this process, on the user's Prefect server or on one of its own."""
    from flows.local_server import prefect_server

    working_folder = Path.cwd()
    with live_display(run, sys.stderr, wanted=with_display) as display:
        display.show_engine("Prefect is starting")
        with prefect_server(run.settings, run.store) as wait_for_server:
            # Prefect takes 2 s to import, and commands that render nothing need none of it.
            from flows.render import run_flow
            from flows.run_context import Caller

            wait_for_server()
            display.show_engine("")
            caller = Caller(working_folder, display.update)
            file = run.board.file or Path(run.board.shown_as)
            with suppress(ShotchainError):
                # The first error of the run; the report has all of them.
                run_flow(file.resolve(), flow_parameters(run), caller)
    if caller.report is None:
        msg = "the flow ended without a report"
        raise AssertionError(msg)
    return caller.report


def flow_parameters(run: Run) -> dict[str, Any]:
    """Return the parameters of the flow run: what was asked for, as Prefect shows it."""
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
        "stale": options.stale.value,
        # The user was asked, or has answered by an option.
        "yes": True,
        "plan_digest": run.digest(),
    }
    return {name: value for name, value in parameters.items() if value is not None}


def _finish(report: RunReport, *, as_json: bool) -> int:
    errors = [one.error for one in report.results if one.error]
    film = None
    try:
        film = export(report)
    except ShotchainError as error:
        errors.append(error)
    if report.error:
        errors.append(report.error)
    document = report_document(report, film)
    worst = max(errors, key=_gravity, default=None)
    code = _code(worst)
    if as_json:
        if code > 1 and worst:
            document = error_document(worst, document)
        print(to_json(document))
    else:
        print(escape_control_chars(format_report(report, str(film) if film else None), keep="\n"))
    for words in report.warnings:
        print(f"warning: {escape_control_chars(words)}", file=sys.stderr)
    for words in dict.fromkeys(_sentence(report, one) for one in errors):
        print(f"shotchain: {escape_control_chars(words)}", file=sys.stderr)
    if report.missing:
        code = code or 1
    return code


def _sentence(report: RunReport, error: Exception) -> str:
    """An error in one sentence that names its shot, where several shots do not share it."""
    shots = [one.shot.id for one in report.results if str(one.error) == str(error)]
    named = len(shots) != 1 or str(error).startswith((f"{shots[0]} ", f"{shots[0]}:"))
    return str(error) if named else f"{shots[0]}: {error}"


def _code(error: Exception | None) -> int:
    if error is None:
        return 0
    return error.exit_code if isinstance(error, ShotchainError) else 70


def _gravity(error: Exception) -> int:
    """The first of 70, 3, 4, 1 counts."""
    order = [1, 2, 4, 3, 70]
    return order.index(_code(error))


def _ask(bill: str) -> bool:
    """Ask a person for a yes; without a terminal nobody is there to give it."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"This run may cost {bill}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
