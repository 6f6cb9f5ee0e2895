"""What `render` does once its words are read."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.cli.arguments import to_json
from flows.cli.output import json
from flows.cli.output.text import format_report, live_display
from flows.consent import check_consent
from flows.noting import record_rendered_shots, record_requested_takes
from flows.report import RunReport, ShotResult, export, find_joined_film, full_title, list_clips
from flows.run import Run, check_ready, serve_simulator
from flows.signals import INTERRUPTED, TERMINATED, forward_sigterm
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.errors import StoreError
from tasks.store.staleness import StalePolicy


def render(production: Run, board: str, *, as_json: bool) -> int:
    """Render what is left of a board and join its film; returns the exit code.

    Prefect is started only where something is left to do.
    """
    check_ready(production)
    report = report_kept(production)
    if report is None:
        check_consent(production, ask=None if as_json else _ask)
        production.store.create()
        with forward_sigterm() as state:
            try:
                report = _run(production, board, wanted=not as_json)
            except KeyboardInterrupt:
                print("stopped; what was paid for is kept, run again to go on", file=sys.stderr)
                return TERMINATED if state.is_terminated else INTERRUPTED
    return _finish(report, as_json=as_json)


def report_kept(production: Run) -> RunReport | None:
    """The report of a run with nothing to do, without starting anything; else None."""
    if production.pending:
        return None
    results = tuple(
        ShotResult(one, "kept", production.status[one.id].attempt)
        for one in production.plan
        if one in production.shots
    )
    film = None
    if production.makes_film:
        attempts = {one.shot.id: one.attempt for one in results}
        film = find_joined_film(
            production, list_clips(production, attempts), full_title(production)
        )
        if film is None:
            return None
    # All is there and paid: a store that can't be written is no reason to fail.
    with suppress(StoreError):
        record_requested_takes(production)
        record_rendered_shots(production, production.shots)
    return RunReport(production, results, film)


def _run(production: Run, board: str, *, wanted: bool) -> RunReport:
    from flows.local_server import prefect_server
    from flows.opening import head_start
    from flows.running import OpenRun

    file = str(Path(board).resolve())
    with (
        serve_simulator(production) as opened,
        live_display(opened, sys.stderr, wanted=wanted) as shown,
    ):
        shown.say_engine("Prefect is starting")
        with prefect_server(opened.settings, opened.store) as wait_for_server:
            with head_start(opened, shown.tell):
                from flows.render import run_open

                wait_for_server()
            shown.say_engine("")
            return run_open(OpenRun(opened, shown.tell), file, parameters(opened))


def parameters(production: Run) -> dict[str, Any]:
    """What the flow run is seen to be asked for."""
    wish = production.options
    asked = {
        "provider": wish.provider,
        "budget": wish.budget,
        "only": list(wish.only) or None,
        "until": wish.until,
        "jobs": wish.jobs,
        "resubmit": list(wish.resubmit) or None,
        "partial": wish.partial or None,
        "trust": wish.trust or None,
        "stale": wish.stale.value if wish.stale is not StalePolicy.KEEP else None,
    }
    return {name: word for name, word in asked.items() if word is not None}


def _finish(report: RunReport, *, as_json: bool) -> int:
    errors = [one.error for one in report.results if one.error]
    film = None
    try:
        placed = export(report)
        film = str(placed) if placed else None
    except ShotchainError as error:
        errors.append(error)
    if report.error:
        errors.append(report.error)
    document = json.render_document(report, film)
    worst = max(errors, key=_gravity, default=None)
    code = _code(worst)
    if as_json:
        if code > 1 and worst:
            document = json.error_document(worst, document)
        print(to_json(document))
    else:
        print(escape_control_chars(format_report(report, film), keep="\n"))
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
