"""What `render` does once its words are read."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows import told
from flows.agreement import check_agreed
from flows.arguments import to_json
from flows.interrupts import INTERRUPTED, TERMINATED, interruptible
from flows.noting import note_asked, note_there
from flows.production import Production, check_ready, served
from flows.report import display, render_text
from flows.results import Report, Result, find_film, pieces_of, put, whole_cut
from storyboards.problems import ShotchainError
from storyboards.terminal_text import escape_control_chars
from tasks.errors import StoreError


def render(production: Production, board: str, *, as_json: bool) -> int:
    """Render what is left of a board and join its film; returns the exit code.

    Prefect is started only where something is left to do.
    """
    check_ready(production)
    report = finish_kept(production)
    if report is None:
        check_agreed(production, ask=None if as_json else _ask)
        production.store.open()
        with interruptible() as state:
            try:
                report = _run(production, board, wanted=not as_json)
            except KeyboardInterrupt:
                print("stopped; what was paid for is kept, run again to go on", file=sys.stderr)
                return TERMINATED if state.terminated else INTERRUPTED
    return _finish(report, as_json=as_json)


def finish_kept(production: Production) -> Report | None:
    """The report of a run with nothing to do, without starting anything; else None."""
    if production.waiting:
        return None
    results = tuple(
        Result(one, "kept", production.survey[one.id].attempt)
        for one in production.plan
        if one in production.chosen
    )
    film = None
    if production.whole:
        attempts = {one.shot.id: one.attempt for one in results}
        film = find_film(production, pieces_of(production, attempts), whole_cut(production))
        if film is None:
            return None
    # All is there and paid: a store that can't be written is no reason to fail.
    with suppress(StoreError):
        note_asked(production)
        note_there(production, production.chosen)
    return Report(production, results, film)


def _run(production: Production, board: str, *, wanted: bool) -> Report:
    from flows.engine import engine
    from flows.opening import head_start
    from flows.running import Run

    file = str(Path(board).resolve())
    with served(production) as opened, display(opened, sys.stderr, wanted=wanted) as shown:
        shown.say_engine("Prefect is starting")
        with engine(opened.settings, opened.store) as wait_for_server:
            with head_start(opened, shown.tell):
                from flows.render import run_open

                wait_for_server()
            shown.say_engine("")
            return run_open(Run(opened, shown.tell), file, parameters(opened))


def parameters(production: Production) -> dict[str, Any]:
    """What the flow run is seen to be asked for."""
    wish = production.wish
    asked = {
        "provider": wish.provider,
        "budget": wish.budget,
        "only": list(wish.only) or None,
        "until": wish.until,
        "jobs": wish.jobs,
        "resubmit": list(wish.resubmit) or None,
        "partial": wish.partial or None,
        "trust": wish.trust or None,
        "stale": wish.stale if wish.stale != "keep" else None,
    }
    return {name: word for name, word in asked.items() if word is not None}


def _finish(report: Report, *, as_json: bool) -> int:
    errors = [one.error for one in report.results if one.error]
    film = None
    try:
        placed = put(report)
        film = str(placed) if placed else None
    except ShotchainError as error:
        errors.append(error)
    if report.error:
        errors.append(report.error)
    document = told.render_document(report, film)
    worst = max(errors, key=_gravity, default=None)
    code = _code(worst)
    if as_json:
        if code > 1 and worst:
            document = told.error_document(worst, document)
        print(to_json(document))
    else:
        print(escape_control_chars(render_text(report, film), keep="\n"))
    for words in report.warnings:
        print(f"warning: {escape_control_chars(words)}", file=sys.stderr)
    for words in dict.fromkeys(_sentence(report, one) for one in errors):
        print(f"shotchain: {escape_control_chars(words)}", file=sys.stderr)
    if report.holes:
        code = code or 1
    return code


def _sentence(report: Report, error: Exception) -> str:
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
