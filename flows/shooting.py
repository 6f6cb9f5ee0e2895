"""The run itself: chains side by side, each shot as soon as the frame before it is there, the film.

Knows the order of things and nothing of how each is done. Prefect is not needed here: `render`
hands in its tasks as the steps, a test or a crash harness the bare ones.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

from pydantic import SecretStr

from flows.noting import record_rendered_shots, record_requested_takes
from flows.report import (
    FilmTitle,
    RunReport,
    ShotResult,
    find_joined_film,
    full_title,
    list_clips,
    partial_title,
)
from flows.run import SIMULATOR, Run, provider_url
from tasks.budgets.limits import make_reserve
from tasks.errors import (
    BudgetExceeded,
    JobFailed,
    JobLost,
    NotConfigured,
    ProviderError,
    ShotchainError,
    SubmissionUnclear,
)
from tasks.plan import ExistingClip, PlannedShot, ShotToRender
from tasks.providers import Provider
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import JobResult
from tasks.providers.url_policy import is_loopback_url, is_same_origin, redact_url
from tasks.store import films
from tasks.store.atomic_files import digest_bytes, staged_file
from tasks.store.films import FilmClip, StoredFilm
from tasks.store.receipts import Attempt
from tasks.store.status import ShotState
from tasks.store.takes import read_last_frame
from tasks.submission import download
from tasks.submission.await_job import await_job
from tasks.submission.context import (
    LastFrame,
    OnProgress,
    SubmissionContext,
    find_current_attempt,
)
from tasks.submission.moderation import explain_moderation
from tasks.submission.retry_rules import should_retry
from tasks.submission.submit import submit

T = TypeVar("T")
Step = Callable[[], Awaitable[T]]


class Steps(Protocol):
    """How the steps of a shot are run: bare, or as Prefect's tasks."""

    async def submit(self, shot: str, step: Step[T]) -> T:
        """See to it that the vendor has a job."""
        ...

    async def render(self, shot: str, step: Step[T]) -> T:
        """Wait for the vendor, and take the last frame."""
        ...

    async def collect(self, shot: str, step: Step[T]) -> T:
        """Bring the clip home."""
        ...

    async def keep(self, shot: str) -> None:
        """Show a shot that is kept."""
        ...

    async def join(self, film: str, step: Step[T]) -> T:
        """Join the film."""
        ...


class BareSteps:
    """The steps as they are."""

    async def submit(self, shot: str, step: Step[T]) -> T:
        """Run it."""
        return await step()

    render = submit
    collect = submit
    join = submit

    async def keep(self, shot: str) -> None:
        """Nothing is to do."""


@asynccontextmanager
async def desk(production: Run, tell: OnProgress) -> AsyncIterator[SubmissionContext]:
    """What every step needs; its clients are closed at the end. For one event loop."""
    settings = production.settings
    clients: dict[tuple[str, str], Client] = {}

    async with AsyncExitStack() as stack:

        def client_of(provider: Provider, attempt: Attempt | None) -> Client:
            url = ours = provider_url(settings, provider)
            # A simulator of our own is at another port in each run, and knows its jobs again.
            if attempt and not (provider.name == SIMULATOR and production.serves_simulator):
                url = attempt.base_url
            if (provider.name, url) not in clients:
                key = settings.api_key(provider.key_variable)
                if key is None and provider.name != SIMULATOR:
                    msg = f"{provider.name} needs a key; set {provider.key_variable}"
                    raise NotConfigured(msg)
                client = Client(
                    provider,
                    DIALECTS[provider.dialect],
                    api_key=key or SecretStr(SIMULATOR),
                    base_url=url,
                    poll_max_seconds=settings.poll_seconds,
                )
                stack.push_async_callback(client.aclose)
                clients[provider.name, url] = client
            client = clients[provider.name, url]
            if attempt and url != ours:
                _check_known(client, attempt, ours)
            return client

        yield SubmissionContext(
            production.board.name,
            production.records_of,
            client_of,
            tell,
            resubmit=production.resubmitted,
            reserve=make_reserve(production.budget_guard, production.store.ledger_lock_path),
        )


def _check_known(client: Client, attempt: Attempt, ours: str) -> None:
    """Raise NotConfigured where a receipt would have the key sent to an address it never was at.

    A store may have come with a stranger's board, its receipts and all.
    """
    url, provider = client.base_url, client.provider
    if any(is_same_origin(url, known) for known in (ours, provider.base_url)):
        return
    if attempt.base_url_hmac and hmac.compare_digest(attempt.base_url_hmac, client.sign_base_url()):
        return
    if not (is_loopback_url(url) and is_loopback_url(ours)):
        msg = (
            f"the receipt says that its job is at {redact_url(url)}, where {provider.name} is not; "
            f"if you sent it there, set {provider.base_url_variable} to fetch it"
        )
        raise NotConfigured(msg)


@dataclass
class _Run:
    """One run's moving parts: who waits for whom."""

    production: Run
    desk: SubmissionContext
    steps: Steps
    frames: dict[str, asyncio.Future[LastFrame]] = field(default_factory=dict)
    slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    every: asyncio.Semaphore | None = None

    @property
    def continued(self) -> set[str]:
        """The shots whose last frame this run needs."""
        return {one.continues for one in self.production.pending if one.continues}


async def shoot(production: Run, steps: Steps, tell: OnProgress) -> RunReport:
    """Render what is waiting, chains side by side, and join the film where it is whole.

    A shot that fails takes with it what continues it, and nothing else.
    """
    # What this run keeps must not be cleaned away under it.
    with production.store.shared_lock():
        return await _shoot(production, steps, tell)


async def _shoot(production: Run, steps: Steps, tell: OnProgress) -> RunReport:
    await asyncio.to_thread(record_requested_takes, production)
    async with desk(production, tell) as desk_:
        run = _Run(production, desk_, steps)
        if production.options.jobs:
            run.every = asyncio.Semaphore(production.options.jobs)
        loop = asyncio.get_running_loop()
        run.frames = {one.id: loop.create_future() for one in production.shots}
        # Board order decides who goes first where there are fewer places than shots.
        shots = sorted(production.shots, key=lambda one: one.index)
        results = await _gather([_shoot_one(run, shot) for shot in shots])
        report = RunReport(production, results)
        there = [one.shot for one in results if one.has_clip]
        await asyncio.to_thread(record_rendered_shots, production, there)
        if (
            not production.makes_film
            or not there
            or (report.missing and not production.options.partial)
        ):
            return report
        try:
            film = await steps.join(production.board.name, partial(make_film, report))
        except ShotchainError as error:
            return report._replace(error=error)
        return report._replace(film=film)


async def _gather(waiting: list[Awaitable[ShotResult]]) -> tuple[ShotResult, ...]:
    """Every result; an interrupt ends all of them before it goes on."""
    running = [asyncio.ensure_future(one) for one in waiting]
    try:
        return tuple(await asyncio.gather(*running))
    except BaseException:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


async def _shoot_one(run: _Run, shot: PlannedShot) -> ShotResult:
    frame = run.frames[shot.id]
    try:
        result = await _outcome(run, shot)
    except SubmissionUnclear as error:
        result = ShotResult(shot, "unclear", _latest(run, shot), error)
    except ProviderError as error:
        explained = explain_moderation(shot, error) if isinstance(shot, ShotToRender) else error
        result = ShotResult(shot, "failed", _latest(run, shot), explained)
    except BudgetExceeded as error:
        # Not sent: nothing is wrong with it, and a higher budget renders it.
        result = ShotResult(shot, "skipped", _latest(run, shot), error)
    except ShotchainError as error:
        result = ShotResult(shot, "failed", _latest(run, shot), error)
    finally:
        if not frame.done():
            frame.cancel()
    run.desk.on_progress(shot.id, result.outcome, 1.0)
    return result


def _latest(run: _Run, shot: PlannedShot) -> Attempt | None:
    return None if isinstance(shot, ExistingClip) else find_current_attempt(shot, run.desk)


async def _outcome(run: _Run, shot: PlannedShot) -> ShotResult:
    is_kept = run.production.status[shot.id].state is ShotState.KEPT
    if isinstance(shot, ExistingClip) or is_kept:
        return await _keep(run, shot)
    before = None
    if shot.continues:
        try:
            before = await asyncio.shield(run.frames[shot.continues])
        except asyncio.CancelledError:
            if not run.frames[shot.continues].cancelled():
                raise
            return ShotResult(shot, "skipped")
    elif shot.pinned_take:
        data = await asyncio.to_thread(read_last_frame, shot.pinned_take)
        before = LastFrame(data, digest_bytes(data))
    try:
        return await _render(run, shot, before)
    except (JobLost, JobFailed) as error:
        if not _once_more(run, shot, error):
            raise
        return await _render(run, shot, before)


def _once_more(run: _Run, shot: ShotToRender, error: JobLost | JobFailed) -> bool:
    """Whether a shot is rendered again, once, at a price that the plan has counted."""
    if isinstance(error, JobLost):
        return run.production.status[shot.id].may_render_again
    return should_retry(shot, error)


async def _keep(run: _Run, shot: PlannedShot) -> ShotResult:
    await run.steps.keep(shot.id)
    if shot.id in run.continued:
        run.frames[shot.id].set_result(replace(await _kept_frame(run, shot), shot=shot))
    return ShotResult(shot, "kept", _latest(run, shot))


async def _kept_frame(run: _Run, shot: PlannedShot) -> LastFrame:
    if isinstance(shot, ShotToRender):
        return await download.fetch_last_frame(shot, None, run.desk)
    from tasks.media.frames import last_frame

    data = await asyncio.to_thread(last_frame, shot.clip_path)
    return LastFrame(data, digest_bytes(data))


async def _render(run: _Run, shot: ShotToRender, before: LastFrame | None) -> ShotResult:
    steps, desk_ = run.steps, run.desk
    standing = run.production.status[shot.id]
    refetched = standing.attempt is not None
    send = partial(submit, shot, before, desk_, replace_stale=standing.is_cascaded)

    async def render() -> tuple[JobResult | None, LastFrame]:
        done = await await_job(shot, desk_)
        return done, await download.fetch_last_frame(shot, done, desk_)

    async with _place(run, shot):
        sent = await steps.submit(shot.id, send)
        done, frame = await steps.render(shot.id, render)
        if not run.frames[shot.id].done():
            run.frames[shot.id].set_result(replace(frame, shot=shot))
    attempt = await steps.collect(shot.id, partial(download.fetch_clip, shot, done, desk_))
    if shot.has_soft_anchor and before:
        attempt = await download.measure_seam(shot, before, desk_)
    was_kept = refetched and sent.clip is not None
    return ShotResult(shot, "kept" if was_kept else "rendered", attempt)


@asynccontextmanager
async def _place(run: _Run, shot: ShotToRender) -> AsyncIterator[None]:
    """A place at the provider, and one of this run's own where the user bounds them."""
    row = shot.provider
    slots = run.slots.setdefault(row.name, asyncio.Semaphore(row.max_concurrent_jobs))
    async with AsyncExitStack() as stack:
        if run.every:
            await stack.enter_async_context(run.every)
        await stack.enter_async_context(slots)
        yield


async def make_film(report: RunReport) -> StoredFilm:
    """The film in the store, joined where the store has not just this one."""
    production, holes = report.run, report.missing
    attempts = {one.shot.id: one.attempt for one in report.results if one.has_clip}
    pieces = await asyncio.to_thread(list_clips, production, attempts)
    cut = partial_title(production, holes) if holes else full_title(production)
    kept = find_joined_film(production, pieces, cut)
    return kept if kept else await asyncio.to_thread(_join, production, pieces, cut)


def _join(production: Run, pieces: list[FilmClip], cut: FilmTitle) -> StoredFilm:
    from tasks.assembly import assemble

    board, store = production.board, production.store
    with staged_file(store.films_folder / f"{cut.name}.mp4") as staging:
        frames = assemble(
            pieces,
            staging,
            title=cut.title,
            comment=films.film_marker(board.name, board.file),
            ffmpeg=production.settings.ffmpeg,
        )
    return films.record_film(
        store, cut.name, films.compute_film_identity(pieces, cut.title), frames
    )
