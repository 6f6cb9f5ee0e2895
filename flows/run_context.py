"""Everything a run opens while it renders: the simulator, clients, places at a provider, frames.

Also the caller of the flow in this process. `render` decides what is rendered, and in what order.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from flows.bug_report import report_alert, report_bugs
from flows.report import RunReport
from flows.run import SIMULATOR, Run, provider_url
from tasks.budgets.limits import make_reserve
from tasks.errors import JobFailed, JobLost, NotConfigured, QualityExceeded
from tasks.plan import PlannedShot, ShotToRender
from tasks.progress import OnProgress, Progress, ProgressState, ignore_progress
from tasks.providers import Provider, missing_key_error
from tasks.providers.client import Client
from tasks.providers.dialects import DIALECTS
from tasks.providers.url_policy import is_loopback_url, is_same_origin, redact_url
from tasks.redaction import redact_secrets
from tasks.store.history import record_requested_takes
from tasks.store.receipts import Attempt
from tasks.store.rescue import find_rescue_folders
from tasks.store.status import ShotState
from tasks.submission.context import (
    SubmissionContext,
    find_current_attempt,
    use_context,
)
from tasks.submission.retry_rules import should_retry

if TYPE_CHECKING:
    # `cancel` uses this module without `prefect_server`, which prepares the import of Prefect.
    from tasks.shots import StoredClip, StoredFrame

T = TypeVar("T")


@dataclass
class Caller:
    """The program that runs the flow in its own process, such as the command line.

    It sees progress and the report, and decides nothing.
    """

    working_folder: Path
    """Folder that relative paths start from; the process itself may be in another one."""
    on_progress: OnProgress = ignore_progress
    has_begun: bool = False
    """True if Prefect has called the flow: before that, nothing was sent to any vendor."""
    report: RunReport | None = None
    """Set by the flow when all shots have ended."""


_CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller | None:
    """Return who called the flow in this process, or None on a worker."""
    return _CALLER.get()


@contextmanager
def called_by(caller: Caller) -> Iterator[None]:
    """Make `caller` the caller of flows that start within this block."""
    token = _CALLER.set(caller)
    try:
        yield
    finally:
        _CALLER.reset(token)


@contextmanager
def serve_simulator(run: Run) -> Iterator[Run]:
    """Serve the simulator during a run that needs it; yield the run with its address."""
    if not run.needs_simulator:
        yield run
        return
    # Starlette and uvicorn take 0.2 s to import, and paid runs need neither.
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    settings = run.settings
    folder, job_seconds = run.store.simulator_folder, settings.simulator_job_seconds
    with serve(folder, job_seconds=job_seconds) as root:
        address = {"SHOTCHAIN_SIMULATOR_BASE_URL": root + MOUNTS[SIMULATOR]}
        settings = replace(settings, variables={**settings.variables, **address})
        yield replace(run, settings=settings, serves_simulator=True)


@dataclass
class RunContext:
    """A run while it renders: who waits for whom, and what is there so far."""

    run: Run
    submission: SubmissionContext
    slots: Slots
    frames: StartFrames
    clips: dict[str, StoredClip] = field(default_factory=dict)
    """Clips that are in the store, by shot id."""
    stops: dict[str, QualityExceeded] = field(default_factory=dict)
    """Why nothing that continues a shot is rendered, by the id of the shot."""

    def is_kept(self, shot: PlannedShot) -> bool:
        """Return True if the store has the clip and the run does not replace it."""
        return self.run.status[shot.id].state == ShotState.KEPT

    def is_continued(self, shot: PlannedShot) -> bool:
        """Return True if a shot of this run starts from the last frame of `shot`."""
        return any(
            pending.continues == shot.id and pending.continues_frame is None
            for pending in self.run.pending
        )

    def out_points(self, shot: PlannedShot) -> tuple[int, ...]:
        """Return the frames of a shot, not its last, that shots of this run start from.

        Of a new clip also those that kept shots start from, so that stale seams are found.
        """
        if not self.is_kept(shot):
            return self.run.plan.out_points(shot.id)
        frames = {
            pending.continues_frame
            for pending in self.run.pending
            if pending.continues == shot.id and pending.continues_frame is not None
        }
        return tuple(sorted(frames))

    def may_stop(self, shot: PlannedShot) -> bool:
        """Return True if shots that continue a shot wait until its clip is measured."""
        limits = self.run.board.storyboard.qc
        is_continued = any(pending.continues == shot.id for pending in self.run.pending)
        return limits is not None and limits.stop and is_continued

    def is_stopped(self, shot: ShotToRender) -> bool:
        """Return True if a shot is not sent, because the shot that it continues ends the chain.

        A job that a vendor may have is looked after all the same: it may be charged.
        """
        is_sent = self.run.status[shot.id].state in (ShotState.IN_FLIGHT, ShotState.UNCLEAR)
        if is_sent and shot.key not in self.run.resubmitted:
            return False
        return shot.continues in self.stops

    def attempt_of(self, shot: PlannedShot) -> Attempt | None:
        """Return the current attempt of a shot, or None if it was never sent."""
        if not isinstance(shot, ShotToRender):
            return None
        if not shot.is_needed:
            return self.run.status[shot.id].attempt
        return find_current_attempt(shot, self.submission)

    def may_render_again(self, shot: ShotToRender, error: JobLost | JobFailed) -> bool:
        """Return True if a shot is rendered once more, at a price that the plan has counted."""
        if shot.shot.lock or (shot.continues or "") in self.stops:
            return False
        if isinstance(error, JobLost):
            return self.run.status[shot.id].may_render_again
        return should_retry(shot, error)


@asynccontextmanager
async def open_run(run: Run, on_progress: OnProgress) -> AsyncIterator[RunContext]:
    """Open what the tasks of a run need; its clients are closed at the end. For one event loop."""
    # Nothing that this run keeps may be cleaned away meanwhile.
    with run.store.shared_lock():
        # Before anything is sent, so that no kill loses what was asked for.
        board_id = await asyncio.to_thread(run.record_identity)
        await asyncio.to_thread(
            record_requested_takes, run.store.root, run.plan, run.shots, folder_of=run.folder_of
        )
        async with Clients(run) as clients:
            submission = SubmissionContext(
                board_name=run.board.name,
                board_id=board_id,
                plan=run.plan,
                store=run.store,
                records_of=run.records_of,
                client_of=clients.get,
                on_progress=on_progress,
                resubmit=run.resubmitted,
                reserve=make_reserve(run.budget_guard, run.store.ledger_lock_path),
                replaceable=frozenset(
                    shot.id for shot in run.shots if run.status[shot.id].is_cascaded
                ),
                ffmpeg=run.settings.ffmpeg,
                redact=partial(redact_secrets, secrets=run.settings.secrets()),
                report_bugs=partial(report_bugs, run.settings.secrets()),
                rescue_folders=find_rescue_folders(run.settings.state_path),
                alert=report_alert,
            )
            with use_context(submission):
                yield RunContext(
                    run, submission, Slots(run.options.jobs, on_progress), StartFrames()
                )


async def gather_all(coroutines: Iterable[Coroutine[Any, Any, T]]) -> tuple[T, ...]:
    """Run coroutines together and return their results; an interrupt ends all of them first."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return tuple(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


class Clients:
    """The clients of a run, one for each provider and base URL."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._clients: dict[tuple[str, str], Client] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Clients:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    def get(self, provider: Provider, attempt: Attempt | None) -> Client:
        """Return the client for a new request, or for the job of an earlier attempt.

        Args:
            provider: The provider.
            attempt: The attempt whose job is asked for at the address it was sent to; None for a
                new request.

        Raises:
            NotConfigured: The key is missing, or a receipt names an unknown address.
        """
        url = configured = provider_url(self._run.settings, provider)
        # A simulator of our own has another port in each run, and still has its jobs.
        if attempt and not (provider.name == SIMULATOR and self._run.serves_simulator):
            url = attempt.base_url
        client = self._clients.get((provider.name, url)) or self._open(provider, url)
        if attempt and url != configured:
            _check_known_address(client, attempt, configured)
        return client

    def _open(self, provider: Provider, url: str) -> Client:
        settings = self._run.settings
        key = settings.api_key(provider.key_variable)
        if key is None and provider.name != SIMULATOR:
            raise missing_key_error(provider)
        client = Client(
            provider,
            DIALECTS[provider.dialect],
            api_key=key or SecretStr(SIMULATOR),
            base_url=url,
            poll_max_seconds=settings.poll_seconds,
        )
        self._stack.push_async_callback(client.aclose)
        self._clients[provider.name, url] = client
        return client


def _check_known_address(client: Client, attempt: Attempt, configured: str) -> None:
    """Reject an address in a receipt that the key was never sent to.

    A store may come with a stranger's board, receipts included.

    Raises:
        NotConfigured: The address is neither the provider's, nor the configured one, nor sealed
            with this account's key.
    """
    url, provider = client.base_url, client.provider
    if any(is_same_origin(url, known) for known in (configured, provider.base_url)):
        return
    seal = attempt.base_url_hmac
    if seal and hmac.compare_digest(seal, client.sign_base_url()):
        return
    if not (is_loopback_url(url) and is_loopback_url(configured)):
        msg = (
            f"the receipt of {attempt.shot} names {redact_url(url)}, which is not an address of "
            f"{provider.name}; if you sent the job there, set {provider.base_url_variable}"
        )
        raise NotConfigured(msg)


class Slots:
    """Limits how many shots render at once: per provider, and in the whole run.

    Args:
        max_shots: The limit of the run; None if it has none.
        on_progress: Called for a shot that has to wait.
    """

    def __init__(self, max_shots: int | None, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._run_slots = asyncio.Semaphore(max_shots) if max_shots else None
        self._provider_slots: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def hold(self, shot: ShotToRender) -> AsyncIterator[None]:
        """Wait for a free place at the shot's provider and keep it within this block."""
        provider = shot.provider
        slots = self._provider_slots.setdefault(
            provider.name, asyncio.Semaphore(provider.max_concurrent_jobs)
        )
        needed = [self._run_slots, slots] if self._run_slots else [slots]
        if any(semaphore.locked() for semaphore in needed):
            state = ProgressState.WAITING_FOR_SLOT
            self._on_progress(Progress(shot.id, state, provider=provider.name))
        async with AsyncExitStack() as stack:
            for semaphore in needed:
                await stack.enter_async_context(semaphore)
            yield


@dataclass
class StartFrames:
    """The frames of a run's shots that other shots start from: the last, or one at an out point."""

    _frames: dict[tuple[str, int | None], StoredFrame | None] = field(default_factory=dict)
    _published: dict[tuple[str, int | None], asyncio.Event] = field(default_factory=dict)

    def publish(
        self, shot_id: str, frame: StoredFrame | None, *, number: int | None = None
    ) -> None:
        """Hand on a frame of a shot, or None if there is none; the first call counts."""
        self._frames.setdefault((shot_id, number), frame)
        self._event(shot_id, number).set()

    def is_published(self, shot_id: str, number: int | None) -> bool:
        """Return True if a frame of a shot is there, or will never be."""
        return self._event(shot_id, number).is_set()

    async def wait_for(self, shot_id: str, number: int | None) -> StoredFrame | None:
        """Wait for a frame of a shot; None if that shot failed or was skipped."""
        await self._event(shot_id, number).wait()
        return self._frames[shot_id, number]

    def _event(self, shot_id: str, number: int | None) -> asyncio.Event:
        return self._published.setdefault((shot_id, number), asyncio.Event())
