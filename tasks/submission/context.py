"""What every step of a submission needs, how a Prefect task finds it, and a shot's current attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from tasks.budgets.limits import Reserve, reserve_unlimited
from tasks.errors import JobLost, ProviderError, StoreError, Unreachable
from tasks.plan import Plan, ShotToRender
from tasks.providers import Provider
from tasks.providers.client import Client
from tasks.providers.types import JobResult
from tasks.store.layout import RecordStore, Store, lock_key
from tasks.store.receipts import (
    ENDED_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)

OnProgress = Callable[[str, str, float | None], None]
"""Called with a shot's id, its present activity and the fraction that is done, None if unknown."""


@dataclass(frozen=True)
class SubmissionContext:
    """The dependencies of every step: where to write, which client to use, whom to notify."""

    board_name: str
    """The name that attempts are booked under."""
    plan: Plan
    store: Store
    records_of: Callable[[ShotToRender], RecordStore]
    client_of: Callable[[Provider, Attempt | None], Client]
    """Returns the client for the job of an attempt, or for a new request if that is None."""
    on_progress: OnProgress = lambda shot, activity, fraction: None
    resubmit: Mapping[str, str] = field(default_factory=dict)
    """Keys that the author wants to send again, and when their unclear attempt was recorded."""
    reserve: Reserve = reserve_unlimited
    """Entered to record an attempt; raises BudgetExceeded if it could exceed a budget."""
    replaceable: frozenset[str] = frozenset()
    """Ids of kept shots that are rendered again if they start from another frame now."""
    ffmpeg: str | None = None
    """Path of the ffmpeg program, or None to search for it."""
    results: dict[str, JobResult | None] = field(default_factory=dict)
    """What the vendor reported of finished jobs, by shot id: signed URLs, so only in memory."""
    frame_urls: dict[str, tuple[str, str]] = field(default_factory=dict)
    """The vendor's URL of a last frame and the base URL it is good at, by the frame's digest."""

    def shot(self, shot_id: str) -> ShotToRender:
        """Return a shot of the plan that is rendered.

        Raises:
            TypeError: The shot is an existing clip.
        """
        shot = self.plan.shot(shot_id)
        if isinstance(shot, ShotToRender):
            return shot
        msg = f"{shot_id} is a file and is not rendered"
        raise TypeError(msg)

    def relative_path(self, shot: ShotToRender, name: str) -> str:
        """Return the path of a shot's file, relative to the store."""
        path = self.records_of(shot).folder_of(shot.key) / name
        return path.relative_to(self.store.root).as_posix()


_CONTEXT: ContextVar[SubmissionContext] = ContextVar("submission_context")


def current_context() -> SubmissionContext:
    """Return the context of the run that this task belongs to.

    Raises:
        LookupError: There is no run.
    """
    return _CONTEXT.get()


@contextmanager
def use_context(context: SubmissionContext) -> Iterator[None]:
    """Make `context` the current one for tasks that start within this block."""
    token = _CONTEXT.set(context)
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def find_current_attempt(shot: ShotToRender, context: SubmissionContext) -> Attempt | None:
    """The attempt of a shot that counts, where the store has one."""
    return read_receipt(shot.key, context.records_of(shot).read(shot.key)).current


def require_current_attempt(shot: ShotToRender, context: SubmissionContext) -> Attempt:
    """The attempt of a shot that counts. Raises StoreError where its receipt is gone."""
    attempt = find_current_attempt(shot, context)
    if attempt is None:
        raise missing_receipt_error(shot)
    return attempt


def missing_receipt_error(shot: ShotToRender) -> StoreError:
    """Not a lost job: the vendor may have it, and another create would be a second bill."""
    msg = f"the receipt of {shot.id} is gone from the store; put it back, or look at the vendor's"
    return StoreError(f"{msg} list of jobs before rendering again")


async def record_failure(
    shot: ShotToRender, context: SubmissionContext, attempt: Attempt, error: ProviderError
) -> None:
    state = AttemptState.LOST if isinstance(error, JobLost) else AttemptState.FAILED
    await update_attempt(shot, context, attempt.job, state, error=str(error))


async def update_attempt(
    shot: ShotToRender,
    context: SubmissionContext,
    job: str | None,
    state: AttemptState | None,
    **facts: object,
) -> Attempt:
    """Note facts of a job; another process may have noted them already.

    Raises Unreachable where it is not the job of the latest attempt any more.
    """
    shelf = context.records_of(shot)
    async with lock_key(shelf, shot.key):
        receipt = read_receipt(shot.key, shelf.read(shot.key))
        latest = receipt.current
        if latest is None:
            raise missing_receipt_error(shot)
        if job != latest.job:
            # Another process gave that job up and sent a new one: what we know is of the old one.
            msg = f"{shot.id} was sent again by another run meanwhile; run once more"
            raise Unreachable(msg)
        known = latest.state if state is None or latest.state in ENDED_STATES else state
        if state is AttemptState.DONE and latest.state is AttemptState.KEPT:
            known = AttemptState.KEPT
        receipt = receipt.update(known, **facts)
        shelf.write(shot.key, receipt.to_record())
        return receipt.current or latest
