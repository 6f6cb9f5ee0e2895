"""The dependencies that every step of a submission needs, and access to a shot's current attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tasks.budgets.limits import Reserve, reserve_unlimited
from tasks.errors import JobLost, ProviderError, StoreError, Unreachable
from tasks.plan import ShotToRender
from tasks.providers import Provider
from tasks.providers.client import Client
from tasks.store.layout import RecordStore, lock_key
from tasks.store.receipts import (
    ENDED_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)

OnProgress = Callable[[str, str, float | None], None]
"""Told a shot's id, what it does now, and how far it is from 0 to 1 where that is known."""


@dataclass(frozen=True)
class SubmissionContext:
    """What every step needs: where to write, whom to ask, whom to tell."""

    board_name: str
    """Under whose name a render is booked."""
    records_of: Callable[[ShotToRender], RecordStore]
    client_of: Callable[[Provider, Attempt | None], Client]
    """The client of a provider, where an attempt was sent; where settings say, if None is given."""
    on_progress: OnProgress = lambda shot, doing, progress: None
    resubmit: Mapping[str, str] = field(default_factory=dict)
    """Keys whose author wants another create, and when the doubtful one was intended."""
    reserve: Reserve = reserve_unlimited
    """Entered to write an intent; raises Unpayable where that could pass a budget."""


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
