"""What the larger commands do once their words are read: render, providers, simulate."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from flows import told
from flows.agreement import check_agreed
from flows.interrupts import interruptible
from flows.production import Production, check_ready, served
from flows.report import display, render_text
from flows.results import Report, Result, find_film, pieces_of, put, whole_cut
from storyboards.errors import RenderingError
from tasks.providers import PROVIDERS
from tasks.settings import Settings

INTERRUPTED, TERMINATED = 130, 143


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
    if not production.whole:
        return Report(production, results)
    attempts = {one.shot.id: one.attempt for one in results}
    film = find_film(production, pieces_of(production, attempts), whole_cut(production))
    return Report(production, results, film) if film else None


def _run(production: Production, board: str, *, wanted: bool) -> Report:
    from flows.engine import engine
    from flows.opening import head_start
    from flows.running import Run

    with served(production) as opened, display(opened, sys.stderr, wanted=wanted) as shown:
        shown.say_engine("Prefect is starting")
        with engine(opened.settings, opened.store) as wait_for_server:
            with head_start(opened, shown.tell):
                from flows.render import run_open

                wait_for_server()
            shown.say_engine("")
            return run_open(Run(opened, shown.tell), str(Path(board).resolve()), parameters(opened))


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
    }
    return {name: word for name, word in asked.items() if word is not None}


def _finish(report: Report, *, as_json: bool) -> int:
    errors = [one.error for one in report.results if one.error]
    film = None
    try:
        placed = put(report)
        film = str(placed) if placed else None
    except RenderingError as error:
        errors.append(error)
    if report.error:
        errors.append(report.error)
    document = told.render_document(report, film)
    worst = max(errors, key=_gravity, default=None)
    code = _code(worst)
    if as_json:
        if code > 1 and worst:
            document = told.error_document(worst, document)
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        print(render_text(report, film))
    for words in dict.fromkeys(_sentence(report, one) for one in errors):
        print(f"shotchain: {words}", file=sys.stderr)
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
    return error.exit_code if isinstance(error, RenderingError) else 70


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


def list_providers(settings: Settings) -> tuple[dict[str, Any], str]:
    """Every provider: dialect, models, limits, whether its key is set, never the key."""
    rows, lines = [], []
    for row in PROVIDERS.values():
        key = settings.key(row.key_variable) is not None
        needs = row.name != "simulator"
        models = {name: _model_row(row, name) for name in row.models}
        base = settings.base_url(row.name, row.base_url)
        rows.append(
            {
                "name": row.name,
                "dialect": row.dialect,
                "base_url": _plain(base),
                "key_variable": row.key_variable if needs else None,
                "key_set": key or not needs,
                "jobs_at_once": row.jobs_at_once,
                "currency": row.currency or None,
                "models": models,
            }
        )
        said = (
            "needs no key" if not needs else f"{row.key_variable} is {'set' if key else 'not set'}"
        )
        lines.append(f"{row.name}  ({row.dialect}; {said})")
        for name, model in models.items():
            seconds = "-".join(str(one) for one in model["seconds"])
            sizes = " ".join(model["resolutions"])
            lines.append(
                f"  {name.ljust(22)} {seconds.rjust(5)} s  {sizes.ljust(22)} {model['ids'][0]}"
            )
    return {"providers": rows}, "\n".join(lines)


def _model_row(row: Any, name: str) -> dict[str, Any]:
    family = row.family(name)
    return {
        "ids": list(row.models[name]),
        "seconds": list(family.seconds),
        "resolutions": list(family.resolutions),
        "first_frame": family.first_frame,
        "last_frame": family.last_frame,
        "reference_images": family.reference_images,
        "audio": family.audio,
        "seed": family.seed,
    }


def _plain(url: str) -> str:
    from tasks.providers.addresses import redact

    return redact(url)


def simulate(settings: Settings, store: Path, *, port: int, as_json: bool) -> int:
    """Serve the simulator until it is stopped."""
    from tasks.settings import variable
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    with (
        interruptible() as state,
        serve(store / "simulator", port=port, job_seconds=settings.simulator_job_seconds) as root,
    ):
        words = {variable(name, "BASE_URL"): root + path for name, path in MOUNTS.items()}
        words |= {variable(name, "API_KEY"): "simulated" for name in MOUNTS}
        if as_json:
            print(json.dumps({"ready": root, "export": words}), flush=True)
        else:
            print(f"READY {root}", flush=True)
            for name, word in sorted(words.items()):
                print(f"export {name}={word}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return TERMINATED if state.terminated else 0
    return 0
