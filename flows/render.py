"""The flow: a storyboard becomes a film, on Prefect. From the command line, a server or a schedule.

Prefect schedules, shows and retries; the store is the truth. No class is defined here, for Prefect
loads this file under another name as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from prefect import flow, get_run_logger
from prefect.blocks.system import Secret
from prefect.runtime import flow_run

from flows.bug_report import report_bugs
from flows.cli.output import json
from flows.consent import check_consent
from flows.report import RunReport, export
from flows.run import Run, RunOptions, check_ready, prepare_run, serve_simulator
from flows.running import RUN, OpenRun
from flows.shooting import shoot
from flows.steps import PrefectSteps
from storyboards import Storyboard, load
from storyboards.board import Board
from storyboards.terminal_text import shorten
from tasks.settings import read_settings
from tasks.store.staleness import StalePolicy

ROOT = Path(__file__).resolve().parents[1]


def _name_run() -> str:
    board = flow_run.parameters.get("board", "")
    stem = Path(board).stem if isinstance(board, str) else _name_of(board)
    only = flow_run.parameters.get("only") or []
    return shorten(" ".join([stem, *only]))


def _name_of(board: Any) -> str:
    said = board if isinstance(board, dict) else vars(board)
    return str(said.get("name") or said.get("title") or "storyboard")


@flow(name="render-storyboard", flow_run_name=_name_run, retries=0, persist_result=False)
async def render_storyboard(
    board: str | Storyboard,
    provider: str | None = None,
    budget: str | None = None,
    store: str | None = None,
    out: str | None = None,
    *,
    only: list[str] | None = None,
    until: str | None = None,
    jobs: int | None = None,
    resubmit: list[str] | None = None,
    partial: bool = False,
    stale: Literal["keep", "cascade", "refuse"] = "keep",
    yes: bool = False,
    trust: bool = False,
) -> dict[str, Any]:
    """Render a storyboard's shots, each from the last frame of the one before, and join the film.

    Args:
        board: The storyboard's file, absolute or relative to the repository; or the storyboard.
        provider: Replaces the board's and every shot's provider.
        budget: The most this run may cost, such as `3 USD`.
        store: The folder that keeps clips, frames and receipts.
        out: Where to put the film; a deployment leaves it in the store.
        only: Render these shots and what they continue; no film.
        until: Render up to this shot, in the order of the board; no film.
        resubmit: Pay again for these shots, whose job is unclear.
        partial: Join the film without the shots that failed.
        jobs: How many shots render at the same time.
        stale: What to do about kept shots that start on a frame that is gone.
        yes: Agree to pay what the plan says.
        trust: Let a `shotchain.toml` beside the board name providers and prices.
    """
    open_run = RUN.get()
    if open_run:
        secrets = open_run.production.settings.secrets()
        with report_bugs(secrets):
            report = await shoot(open_run.production, PrefectSteps(secrets), open_run.tell)
            open_run.reports.append(report)
            return json.render_document(report, _put(report))
    wish = RunOptions(
        provider=provider,
        only=tuple(only or ()),
        until=until,
        jobs=jobs,
        store=Path(store) if store else None,
        out=Path(out) if out else None,
        budget=budget,
        yes=yes,
        resubmit=tuple(resubmit or ()),
        partial=partial,
        stale=StalePolicy(stale),
        trust=trust,
    )
    settings = read_settings()
    with report_bugs(settings.secrets()):
        production = prepare_run(_open_board(board), wish, settings, working=Path.cwd())
        production = await _with_stored_keys(production)
        return await _render(production)


async def _render(production: Run) -> dict[str, Any]:
    """The whole run of a production that nobody opened before."""
    secrets = production.settings.secrets()
    with report_bugs(secrets):
        check_ready(production)
        check_consent(production)
        production.store.create()
        with serve_simulator(production) as production:
            report = await shoot(production, PrefectSteps(secrets), _log())
        film = _put(report)
        for words in report.warnings:
            get_run_logger().warning("%s", words)
        _raise_failure(report)
        return json.render_document(report, film)


async def _with_stored_keys(production: Run) -> Run:
    """The production with the keys that Prefect keeps, where the environment has none."""
    settings = production.settings
    for provider in production.paid_providers:
        if settings.api_key(provider.key_variable) is None:
            # Only a block that is not there; a server that can't be asked is another matter.
            with suppress(ValueError):
                block: Any = await Secret.aload(f"shotchain-{provider.name}-api-key")
                settings = settings.with_api_key(provider.key_variable, str(block.get()))
    return replace(production, settings=settings)


def _open_board(board: str | Storyboard) -> Board:
    if isinstance(board, Storyboard):
        return Board.of(board)
    path = Path(board)
    if not path.is_absolute() and not path.exists():
        path = ROOT / path
    return load(path, shown_as=board)


def _put(report: RunReport) -> str | None:
    placed = export(report)
    return str(placed) if placed else None


def _log() -> Callable[[str, str, float | None], None]:
    """Tell a run's log what a producer would want to read: each step of a shot once."""
    logger = get_run_logger()
    last: dict[str, str] = {}

    def tell(shot: str, doing: str, progress: float | None) -> None:
        if last.get(shot) != doing:
            last[shot] = doing
            logger.info("%s: %s", shot, doing)

    return tell


def _raise_failure(report: RunReport) -> None:
    """A run with a shot or a film missing is a failed run; what was rendered is kept."""
    for error in (*(one.error for one in report.results), report.error):
        if error:
            raise error


def run_open(run: OpenRun, board: str, parameters: dict[str, Any]) -> RunReport:
    """Run the flow in this process for a production that is open already.

    Raises KeyboardInterrupt, and whatever a bug raises.
    """
    token = RUN.set(run)
    try:
        asyncio.run(render_storyboard(board, **parameters))
    finally:
        RUN.reset(token)
        _drain()
    return run.reports[-1]


def _drain() -> None:
    """Let Prefect tell its server the last events before that server ends."""
    from prefect.events.worker import EventsWorker

    with suppress(Exception):
        EventsWorker.drain_all(timeout=5)
