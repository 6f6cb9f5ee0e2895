"""The flow: render the shots of a storyboard in order and join the film.

One path for the command line, a Prefect server and a schedule: the flow prepares its run from its
parameters. Prefect schedules, shows and retries; the store is the truth. No class is defined here,
because Prefect loads this file under another module name as well.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from prefect import State, flow, get_run_logger
from prefect.blocks.system import Secret
from prefect.events.worker import EventsWorker
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from flows.bug_report import report_bugs
from flows.consent import check_consent
from flows.documents import report_document
from flows.quality import add_quality_warnings, find_stop
from flows.report import (
    Outcome,
    RunReport,
    ShotResult,
    VersionResult,
    describe_outcome,
    export,
    export_versions,
    failed_result,
    film_title,
    name_version,
)
from flows.run import SIMULATOR, Run, RunOptions, check_ready, open_store, prepare_run
from flows.run_context import (
    Caller,
    RunContext,
    called_by,
    current_caller,
    gather_all,
    open_run,
    serve_simulator,
)
from flows.server_check import describe_error
from storyboards import Storyboard
from storyboards.board import Board
from storyboards.loading import load_partial
from storyboards.problems import ShotchainError
from storyboards.terminal_text import shorten
from tasks.errors import (
    JobFailed,
    JobLost,
    NotConfigured,
    QualityExceeded,
    UsageError,
)
from tasks.film import join_film
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender
from tasks.progress import (
    OnProgress,
    Progress,
    ProgressState,
    describe_line,
    is_same_step,
    local_now,
)
from tasks.providers.url_policy import redact_url
from tasks.retries import log_expected_errors_in_one_line
from tasks.settings import read_settings
from tasks.shots import (
    StoredFrame,
    await_frame,
    decode_frame,
    download_clip,
    keep_shot,
    measure_clip,
    submit_shot,
)
from tasks.store.films import StoredFilm, film_marker
from tasks.store.history import record_rendered_shots
from tasks.store.staleness import StalePolicy

ROOT = Path(__file__).resolve().parents[1]


def _name_run() -> str:
    board = flow_run.parameters.get("board", "")
    name = Path(board).stem if isinstance(board, str) else _inline_name(board)
    only = flow_run.parameters.get("only") or []
    return shorten(" ".join([name, *only]))


def _inline_name(board: Any) -> str:
    values = board if isinstance(board, dict) else vars(board)
    return str(values.get("name") or values.get("title") or "storyboard")


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
    was: str | None = None,
    versions: list[str] | None = None,
    set: dict[str, str] | None = None,
    plan_digest: str | None = None,
) -> dict[str, Any]:
    """Render a storyboard's shots, each from the last frame of the one before, and join the films.

    Args:
        board: The storyboard's file, absolute or relative to the repository; or the storyboard.
        provider: Replaces the provider of the board and of every shot.
        budget: Maximum price of this run, such as `3 USD`.
        store: Folder that keeps clips, frames and receipts.
        out: File to put the film at; a deployment run leaves it in the store by default.
        only: Render these shots and what they continue; no film is made.
        until: Render up to this shot, in the order of the board; no film is made.
        jobs: How many shots render at the same time.
        resubmit: Send these unclear shots again, at the risk of a second charge.
        partial: Join the film without the shots that failed.
        stale: How to treat kept shots that start from a frame that is gone.
        yes: Agree to pay the price of the plan.
        trust: Let a `shotchain.toml` beside the board define providers and prices.
        was: The name that the board had before it was renamed, or `none`.
        versions: Make only these versions beside the film; all of the board by default.
        set: Values of variables, which replace those of the board.
        plan_digest: Digest of the plan that was agreed to; the run ends if its plan differs.

    Returns:
        The document that `shotchain render --json` prints.

    Raises:
        ShotchainError: The first error of the run; what was rendered is kept.
    """
    options = RunOptions(
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
        was=was,
        versions=None if versions is None else tuple(versions),
        variables=set or {},
    )
    caller = current_caller() or Caller(Path.cwd())
    caller.has_begun = True
    settings = read_settings(working_folder=caller.working_folder)
    log_expected_errors_in_one_line()
    with report_bugs(settings.secrets()):
        run = prepare_run(
            _open_board(board), options, settings, working_folder=caller.working_folder
        )
        run = await _with_stored_keys(run)
    with report_bugs(run.settings.secrets()):
        check_ready(run)
        check_consent(run)
        if plan_digest not in (None, run.digest()):
            msg = f"{run.board.name} was changed after its plan was shown: run again"
            raise UsageError(msg)
        open_store(run)
        with serve_simulator(run) as run:
            report = await render_run(run, _log_progress(caller.on_progress))
            report = caller.report = report._replace(run_url=_find_run_url())
        film = export(report)
        report = caller.report = export_versions(report, film)
        for warning in (*run.identity_notes, *report.warnings):
            get_run_logger().warning("%s", warning)
        for error in report.errors:
            raise error
        return report_document(report, film)


def _find_run_url() -> str:
    """Return the page of this flow run in Prefect's UI; empty without a UI or an engine."""
    run_id = flow_run.id
    return redact_url(url_for("flow-run", run_id) or "") if run_id else ""


async def render_run(run: Run, on_progress: OnProgress) -> RunReport:
    """Render the shots of a run, chains in parallel, and join the film if it is complete.

    A shot that fails ends the shots that continue it as skipped, and no others.
    """
    async with open_run(run, on_progress) as context:
        # The film of the board goes first if there are fewer slots than shots, in its order.
        order = {shot.id: index for index, shot in enumerate(run.plan.all_shots)}
        shots = sorted(run.shots, key=lambda shot: order[shot.id])
        results = await gather_all(_render_shot(context, shot) for shot in shots)
        report = await asyncio.to_thread(add_quality_warnings, RunReport(run, results))
        rendered = [result.shot for result in results if result.has_clip]
        await asyncio.to_thread(record_rendered_shots, run.store.root, run.plan, rendered)
        return await _join_all(context, report) if run.makes_film else report


async def _join_all(context: RunContext, report: RunReport) -> RunReport:
    """Join the film and the versions of a run; the failure of a film does not stop the others."""
    run = context.run
    try:
        report = report._replace(film=await _join(context, report, run.plan))
    except ShotchainError as error:
        report = report._replace(error=error)
    for version in run.versions:
        result = VersionResult(version, report.holes_of(version.plan))
        try:
            film = await _join(context, report, version.plan, version.name)
            result = result._replace(film=film)
        except ShotchainError as error:
            result = result._replace(error=name_version(error, version))
        report = report._replace(versions=(*report.versions, result))
    return report


async def _render_shot(context: RunContext, shot: PlannedShot) -> ShotResult:
    """Return the outcome of one shot, expected errors included."""
    try:
        result = await _continue_chain(context, shot)
    except ShotchainError as error:
        result = failed_result(shot, context.attempt_of(shot), error)
    finally:
        # Shots that continue this one must not wait for a frame that will never come.
        for number in (None, *context.out_points(shot)):
            context.frames.publish(shot.id, None, number=number)
    context.submission.on_progress(describe_outcome(result))
    return result


async def _continue_chain(context: RunContext, shot: PlannedShot) -> ShotResult:
    """Render a shot from a frame of the one it continues, or keep what the store has."""
    if isinstance(shot, ShotToRender) and not shot.is_needed:
        return ShotResult(shot, Outcome.KEPT, context.attempt_of(shot))
    if isinstance(shot, ExistingClip) or context.is_kept(shot):
        state = await keep_shot(
            shot.id, shot.key, shot.take, is_continued=context.is_continued(shot)
        )
        # Prefect returns the state that the task returned, with the result in it.
        kept = await state.aresult() if isinstance(state, State) else state
        context.clips[shot.id] = kept.clip
        await _hand_on(context, shot, kept.frame)
        return ShotResult(shot, Outcome.KEPT, context.attempt_of(shot), context.stops.get(shot.id))
    previous = None
    if shot.continues:
        number = shot.continues_frame
        if not context.frames.is_published(shot.continues, number):
            state = ProgressState.WAITING_FOR_SHOT
            context.submission.report(shot, state, detail=shot.continues)
        previous = await context.frames.wait_for(shot.continues, number)
        if previous is None:
            return ShotResult(shot, Outcome.SKIPPED)
        if context.is_stopped(shot):
            msg = f"{shot.id} was not sent: it continues {shot.continues}, which is beyond a limit"
            return ShotResult(shot, Outcome.SKIPPED, None, QualityExceeded(msg))
    try:
        return await _submit_and_download(context, shot, previous)
    except (JobLost, JobFailed) as error:
        if not context.may_render_again(shot, error):
            raise
        return await _submit_and_download(context, shot, previous)


async def _submit_and_download(
    context: RunContext, shot: ShotToRender, previous: StoredFrame | None
) -> ShotResult:
    """The chain itself: submit, await the last frame, hand it on, download the clip.

    If the board has limits that stop, the frame is handed on after the clip is measured.
    """
    async with context.slots.hold(shot):
        job = await submit_shot(shot.id, shot.key, shot.take, previous)
        frame = await await_frame(job)
        if not context.may_stop(shot):
            context.frames.publish(shot.id, frame)
    context.clips[shot.id] = await download_clip(job, previous)
    await _hand_on(context, shot, frame)
    was_paid_before = job.is_downloaded and context.run.status[shot.id].attempt is not None
    outcome = Outcome.KEPT if was_paid_before else Outcome.RENDERED
    return ShotResult(shot, outcome, context.attempt_of(shot), context.stops.get(shot.id))


async def _hand_on(context: RunContext, shot: PlannedShot, frame: StoredFrame | None) -> None:
    """Hand on the frames of a clip, and measure it: first if it may end its chain."""
    may_stop = context.may_stop(shot)
    if may_stop and (stop := await _examine(context, shot)):
        context.stops[shot.id] = stop
    context.frames.publish(shot.id, frame)
    await _decode_out_points(context, shot)
    if not may_stop and context.run.board.storyboard.qc:
        # Values beyond a limit are warnings at the end of the run.
        await _examine(context, shot)


async def _examine(context: RunContext, shot: PlannedShot) -> QualityExceeded | None:
    """Measure the clip of a shot, and return why nothing should continue it, if so."""
    path = [shot_id for shot_id in context.run.plan.path_to(shot.id) if shot_id in context.clips]
    results = tuple(
        ShotResult(step, Outcome.KEPT, context.attempt_of(step))
        for step in map(context.run.plan.shot, path)
    )
    try:
        await measure_clip(context.clips[shot.id], context.clips.get(shot.continues or ""))
        return await asyncio.to_thread(find_stop, RunReport(context.run, results), shot.id)
    except ShotchainError as error:
        # The clip is kept and paid, so the shot itself has not failed.
        return QualityExceeded(str(error))


async def _decode_out_points(context: RunContext, shot: PlannedShot) -> None:
    """Hand on the frames at out points that shots start from; these need the whole clip."""
    for number in context.out_points(shot):
        frame = await decode_frame(context.clips[shot.id], number)
        context.frames.publish(shot.id, frame, number=number)


async def _join(
    context: RunContext, report: RunReport, plan: Plan, version: str | None = None
) -> StoredFilm | None:
    """Join the clips of a film in its order, unless some are missing and the user does not agree.

    Args:
        context: The run.
        report: The outcome of its shots.
        plan: The plan of the board, or of one of its versions.
        version: The name of the version.
    """
    run, holes = context.run, report.holes_of(plan)
    clips = [context.clips[shot.id] for shot in plan if shot.id in context.clips]
    shows_takes = any(not shot.shows_own_clip for shot in plan)
    if (not clips and not shows_takes) or (holes and not run.options.partial):
        return None
    title = film_title(plan, holes)
    marker = film_marker(plan.board.name, run.board.file)
    joining = f"{len(clips)} {'clip' if len(clips) == 1 else 'clips'}"
    detail = f"{joining} to {version}" if version else joining
    context.submission.on_progress(Progress(None, ProgressState.JOINING, detail))
    film = await join_film(title.name, title.title, marker, clips, version)
    path = run.store.root / film.file
    return StoredFilm(
        path, film.frames, film.is_new, film.conversions, sound=film.sound, rate=film.rate
    )


async def _with_stored_keys(run: Run) -> Run:
    """Return the run with the keys of Prefect's Secret blocks, if the environment has none."""
    settings = run.settings
    for provider in run.providers:
        if provider.name != SIMULATOR and settings.api_key(provider.key_variable) is None:
            # ValueError is a block that does not exist. A server that cannot be asked is another
            # matter, and ends the run.
            with suppress(ValueError):
                block: Any = await Secret.aload(f"shotchain-{provider.name}-api-key")
                settings = settings.with_api_key(provider.key_variable, str(block.get()))
    return replace(run, settings=settings)


def _open_board(board: str | Storyboard) -> Board:
    if isinstance(board, Storyboard):
        return Board.of(board)
    path = Path(board)
    if not path.is_absolute() and not path.exists():
        path = ROOT / path
    return load_partial(path, shown_as=board)


def _log_progress(on_progress: OnProgress) -> OnProgress:
    """Return a function that writes each step to the log of the flow run, once, and reports it."""
    last: dict[str | None, Progress] = {}
    # The log of the flow run, also for what a task reports.
    logger = get_run_logger()

    def log(progress: Progress) -> None:
        if not is_same_step(progress, last.get(progress.shot)):
            line = describe_line(progress, now=local_now())
            logger.info("%s: %s", progress.shot or "film", line, extra={"is_progress": True})
        last[progress.shot] = progress
        on_progress(progress)

    return log


def _is_not_progress(record: logging.LogRecord) -> bool:
    return not getattr(record, "is_progress", False)


def run_flow(board: Path, parameters: dict[str, Any], caller: Caller) -> None:
    """Run the flow in this process and send Prefect's last events before its server ends.

    Raises:
        NotConfigured: Prefect can't begin the run; nothing was sent to any vendor.
        ShotchainError: The first error of the run; `caller.report` has them all.
        KeyboardInterrupt: The run was interrupted.
    """
    # The caller shows the progress itself; the log on the server has it as well.
    handlers = logging.getLogger().handlers
    for handler in handlers:
        handler.addFilter(_is_not_progress)
    try:
        with called_by(caller):
            asyncio.run(render_storyboard(str(board), **parameters))
    except Exception as error:
        if caller.has_begun:
            raise
        msg = f"Prefect can't begin the run ({describe_error(error)}); check its settings"
        raise NotConfigured(msg) from error
    finally:
        for handler in handlers:
            handler.removeFilter(_is_not_progress)
        with suppress(Exception):
            EventsWorker.drain_all(timeout=5)
