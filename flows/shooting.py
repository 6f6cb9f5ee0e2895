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

from flows.noting import note_asked, note_there
from flows.production import SIMULATOR, Production, base_url
from flows.results import (
    Cut,
    Report,
    Result,
    find_film,
    partial_cut,
    pieces_of,
    whole_cut,
)
from tasks import films
from tasks.errors import (
    JobFailed,
    JobLost,
    NotConfigured,
    ProviderError,
    ShotchainError,
    Unclear,
    Unpayable,
)
from tasks.films import Film, Piece
from tasks.money.booking import booking
from tasks.plan import PlannedShot
from tasks.providers import Provider
from tasks.providers.addresses import is_loopback, redact
from tasks.providers.client import Client
from tasks.providers.contract import Done
from tasks.providers.dialects import DIALECTS
from tasks.providers.transfers import same_origin
from tasks.receipts import Attempt
from tasks.records.takes import read_last_frame
from tasks.sending import jobs
from tasks.sending.desk import Desk, Tell, find_attempt
from tasks.sending.leniency import deserves_another
from tasks.sending.packing import Frame
from tasks.sending.refusals import explain
from tasks.sending.submission import submit
from tasks.store import digest_bytes, staged

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
async def desk(production: Production, tell: Tell) -> AsyncIterator[Desk]:
    """What every step needs; its clients are closed at the end. For one event loop."""
    settings = production.settings
    clients: dict[tuple[str, str], Client] = {}

    async with AsyncExitStack() as stack:

        def client_of(provider: Provider, attempt: Attempt | None) -> Client:
            url = ours = base_url(settings, provider)
            # A simulator of our own is at another port in each run, and knows its jobs again.
            if attempt and not (provider.name == SIMULATOR and production.self_served):
                url = attempt.base_url
            if (provider.name, url) not in clients:
                key = settings.key(provider.key_variable)
                if key is None and provider.name != SIMULATOR:
                    msg = f"{provider.name} needs a key; set {provider.key_variable}"
                    raise NotConfigured(msg)
                client = Client(
                    provider,
                    DIALECTS[provider.dialect],
                    api_key=key or SecretStr(SIMULATOR),
                    base_url=url,
                    poll_seconds=settings.poll_seconds,
                )
                stack.push_async_callback(client.aclose)
                clients[provider.name, url] = client
            client = clients[provider.name, url]
            if attempt and url != ours:
                _check_known(client, attempt, ours)
            return client

        yield Desk(
            production.board.name,
            production.shelf,
            client_of,
            tell,
            resubmit=production.resubmit,
            booking=booking(production.account, production.store.ledger_lock),
        )


def _check_known(client: Client, attempt: Attempt, ours: str) -> None:
    """Raise NotConfigured where a receipt would have the key sent to an address it never was at.

    A store may have come with a stranger's board, its receipts and all.
    """
    url, provider = client.base_url, client.provider
    if any(same_origin(url, known) for known in (ours, provider.base_url)):
        return
    if attempt.seal and hmac.compare_digest(attempt.seal, client.seal()):
        return
    if not (is_loopback(url) and is_loopback(ours)):
        msg = (
            f"the receipt says that its job is at {redact(url)}, where {provider.name} is not; "
            f"if you sent it there, set {provider.base_url_variable} to fetch it"
        )
        raise NotConfigured(msg)


@dataclass
class _Run:
    """One run's moving parts: who waits for whom."""

    production: Production
    desk: Desk
    steps: Steps
    frames: dict[str, asyncio.Future[Frame]] = field(default_factory=dict)
    slots: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    every: asyncio.Semaphore | None = None

    @property
    def continued(self) -> set[str]:
        """The shots whose last frame this run needs."""
        return {one.continues for one in self.production.waiting if one.continues}


async def shoot(production: Production, steps: Steps, tell: Tell) -> Report:
    """Render what is waiting, chains side by side, and join the film where it is whole.

    A shot that fails takes with it what continues it, and nothing else.
    """
    # What this run keeps must not be cleaned away under it.
    with production.store.in_use():
        return await _shoot(production, steps, tell)


async def _shoot(production: Production, steps: Steps, tell: Tell) -> Report:
    await asyncio.to_thread(note_asked, production)
    async with desk(production, tell) as desk_:
        run = _Run(production, desk_, steps)
        if production.wish.jobs:
            run.every = asyncio.Semaphore(production.wish.jobs)
        loop = asyncio.get_running_loop()
        run.frames = {one.id: loop.create_future() for one in production.chosen}
        # Board order decides who goes first where there are fewer places than shots.
        shots = sorted(production.chosen, key=lambda one: one.index)
        results = await _gather([_shoot_one(run, shot) for shot in shots])
        report = Report(production, results)
        there = [one.shot for one in results if one.there]
        await asyncio.to_thread(note_there, production, there)
        if not production.whole or not there or (report.holes and not production.wish.partial):
            return report
        try:
            film = await steps.join(production.board.name, partial(make_film, report))
        except ShotchainError as error:
            return report._replace(error=error)
        return report._replace(film=film)


async def _gather(waiting: list[Awaitable[Result]]) -> tuple[Result, ...]:
    """Every result; an interrupt ends all of them before it goes on."""
    running = [asyncio.ensure_future(one) for one in waiting]
    try:
        return tuple(await asyncio.gather(*running))
    except BaseException:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


async def _shoot_one(run: _Run, shot: PlannedShot) -> Result:
    frame = run.frames[shot.id]
    try:
        result = await _outcome(run, shot)
    except Unclear as error:
        result = Result(shot, "unclear", _latest(run, shot), error)
    except ProviderError as error:
        result = Result(shot, "failed", _latest(run, shot), explain(shot, error))
    except Unpayable as error:
        # Not sent: nothing is wrong with it, and a higher budget renders it.
        result = Result(shot, "skipped", _latest(run, shot), error)
    except ShotchainError as error:
        result = Result(shot, "failed", _latest(run, shot), error)
    finally:
        if not frame.done():
            frame.cancel()
    run.desk.tell(shot.id, result.outcome, 1.0)
    return result


def _latest(run: _Run, shot: PlannedShot) -> Attempt | None:
    return None if shot.clip else find_attempt(shot, run.desk)


async def _outcome(run: _Run, shot: PlannedShot) -> Result:
    if run.production.survey[shot.id].state == "kept":
        return await _keep(run, shot)
    before = None
    if shot.continues:
        try:
            before = await asyncio.shield(run.frames[shot.continues])
        except asyncio.CancelledError:
            if not run.frames[shot.continues].cancelled():
                raise
            return Result(shot, "skipped")
    elif shot.pinned:
        data = await asyncio.to_thread(read_last_frame, shot.pinned)
        before = Frame(data, digest_bytes(data))
    try:
        return await _render(run, shot, before)
    except (JobLost, JobFailed) as error:
        if not _once_more(run, shot, error):
            raise
        return await _render(run, shot, before)


def _once_more(run: _Run, shot: PlannedShot, error: JobLost | JobFailed) -> bool:
    """Whether a shot is rendered again, once, at a price that the plan has counted."""
    if isinstance(error, JobLost):
        return run.production.survey[shot.id].renders_again
    return deserves_another(shot, error)


async def _keep(run: _Run, shot: PlannedShot) -> Result:
    await run.steps.keep(shot.id)
    if shot.id in run.continued:
        run.frames[shot.id].set_result(replace(await _kept_frame(run, shot), shot=shot))
    attempt = None if shot.clip else find_attempt(shot, run.desk)
    return Result(shot, "kept", attempt)


async def _kept_frame(run: _Run, shot: PlannedShot) -> Frame:
    if shot.clip is None:
        return await jobs.take_frame(shot, None, run.desk)
    from tasks.media.frames import last_frame

    data = await asyncio.to_thread(last_frame, shot.clip)
    return Frame(data, digest_bytes(data))


async def _render(run: _Run, shot: PlannedShot, before: Frame | None) -> Result:
    steps, desk_ = run.steps, run.desk
    standing = run.production.survey[shot.id]
    refetched = standing.attempt is not None
    send = partial(submit, shot, before, desk_, cascade=standing.cascades)

    async def render() -> tuple[Done | None, Frame]:
        done = await jobs.wait(shot, desk_)
        return done, await jobs.take_frame(shot, done, desk_)

    async with _place(run, shot):
        sent = await steps.submit(shot.id, send)
        done, frame = await steps.render(shot.id, render)
        if not run.frames[shot.id].done():
            run.frames[shot.id].set_result(replace(frame, shot=shot))
    attempt = await steps.collect(shot.id, partial(jobs.collect, shot, done, desk_))
    if shot.soft_anchor and before:
        attempt = await jobs.measure_seam(shot, before, desk_)
    was_kept = refetched and sent.clip is not None
    return Result(shot, "kept" if was_kept else "rendered", attempt)


@asynccontextmanager
async def _place(run: _Run, shot: PlannedShot) -> AsyncIterator[None]:
    """A place at the provider, and one of this run's own where the user bounds them."""
    assert shot.provider  # noqa: S101 - only a shot without one is a file, and that is kept
    row = shot.provider
    slots = run.slots.setdefault(row.name, asyncio.Semaphore(row.jobs_at_once))
    async with AsyncExitStack() as stack:
        if run.every:
            await stack.enter_async_context(run.every)
        await stack.enter_async_context(slots)
        yield


async def make_film(report: Report) -> Film:
    """The film in the store, joined where the store has not just this one."""
    production, holes = report.production, report.holes
    attempts = {one.shot.id: one.attempt for one in report.results if one.there}
    pieces = await asyncio.to_thread(pieces_of, production, attempts)
    cut = partial_cut(production, holes) if holes else whole_cut(production)
    kept = find_film(production, pieces, cut)
    return kept if kept else await asyncio.to_thread(_join, production, pieces, cut)


def _join(production: Production, pieces: list[Piece], cut: Cut) -> Film:
    from tasks.assembly import assemble

    board, store = production.board, production.store
    with staged(store.films / f"{cut.name}.mp4") as staging:
        frames = assemble(
            pieces,
            staging,
            title=cut.title,
            comment=films.marker(board.name, board.file),
            ffmpeg=production.settings.ffmpeg,
        )
    return films.keep(store, cut.name, films.identity_of(pieces, cut.title), frames)
