"""The dependencies and shared values of every step of a submission.

A Prefect task receives small values, such as a shot id, and gets everything else from
`current_context()`. Values with signed URLs stay in the context, because Prefect stores and shows
the arguments and results of tasks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.budgets.limits import Reserve, reserve_unlimited
from tasks.errors import StoreError, Unreachable
from tasks.plan import Plan, ShotToRender
from tasks.progress import (
    OnProgress,
    Progress,
    ProgressState,
    describe_reason,
    ignore_progress,
)
from tasks.providers import Provider
from tasks.providers.client import Client
from tasks.providers.types import JobResult, Retry
from tasks.store.layout import RecordStore, Store, lock_key
from tasks.store.receipts import (
    ENDED_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)

_LATE_STATES: Mapping[AttemptState, frozenset[AttemptState]] = {
    AttemptState.DONE: frozenset({AttemptState.FAILED}),
    AttemptState.KEPT: frozenset({AttemptState.FAILED, AttemptState.DONE}),
}
"""States that an attempt which has got further does not take."""


def print_alert(message: str) -> None:
    """Print a sentence to stderr."""
    print(message, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class SubmissionContext:
    """The dependencies of a run's submissions, and the values that its steps share."""

    board_name: str
    """The name that attempts are booked under."""
    plan: Plan
    store: Store
    records_of: Callable[[ShotToRender], RecordStore]
    client_of: Callable[[Provider, Attempt | None], Client]
    """Returns the client for the base URL of an attempt; None stands for a new request."""
    board_id: str | None = None
    """The id of the board in the store."""
    on_progress: OnProgress = ignore_progress
    resubmit: Mapping[str, str] = field(default_factory=dict)
    """`intended_at` of the unclear attempts that the author gives up for another, by key."""
    reserve: Reserve = reserve_unlimited
    """Entered to write an intent; raises BudgetExceeded if a limit may be exceeded."""
    replaceable: frozenset[str] = frozenset()
    """Ids of kept shots that are rendered again if they start on another frame now."""
    redact: Callable[[str], str] = str
    """Removes the keys of the run from a text, for the logs of shots."""
    report_bugs: Callable[[], AbstractContextManager[None]] = nullcontext
    """Entered by each task: replaces unexpected errors, whose messages may hold a key."""
    ffmpeg: str | None = None
    """The path of ffmpeg; None searches for it."""
    rescue_folders: tuple[Path, ...] = ()
    """Folders outside of the store, for the ids of jobs whose receipts can't be written."""
    alert: Callable[[str], None] = print_alert
    """Called with a sentence that the user must see, whatever becomes of the run."""
    sent: dict[str, int] = field(default_factory=dict, repr=False)
    """The number of requests of each key that may have reached the vendor in this run."""
    resend_delays: dict[str, float] = field(default_factory=dict, repr=False)
    """The seconds to wait before a key that was rate limited is sent again."""
    results: dict[str, JobResult | None] = field(default_factory=dict, repr=False)
    """The results of finished jobs by shot id. They have signed URLs, so only in memory."""
    frame_urls: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """The vendor's URL of a last frame and the base URL that it is valid at, by digest."""

    def shot(self, shot_id: str) -> ShotToRender:
        """Return a shot of the plan that is rendered.

        Raises:
            UsageError: The plan has no such shot.
            TypeError: The shot is an existing clip.
        """
        shot = self.plan.shot(shot_id)
        if isinstance(shot, ShotToRender):
            return shot
        msg = f"{shot_id} is a file and is not rendered"
        raise TypeError(msg)

    def report(
        self,
        shot: ShotToRender,
        state: ProgressState,
        attempt: Attempt | None = None,
        **values: Any,
    ) -> None:
        """Report the progress of a shot.

        Args:
            shot: The shot.
            state: Its step.
            attempt: The attempt whose job and price are reported, if there is one.
            values: Further fields of `Progress`.
        """
        if attempt:
            values = {"job": attempt.job, "price": attempt.booked_price, **values}
        self.on_progress(Progress(shot.id, state, provider=shot.provider.name, **values))

    def relative_path(self, shot: ShotToRender, name: str) -> str:
        """Return the path of a file of a shot, relative to the store."""
        path = self.records_of(shot).folder_of(shot.key) / name
        return path.relative_to(self.store.root).as_posix()


def report_retry(
    context: SubmissionContext, shot: ShotToRender, retry: Retry, attempt: Attempt
) -> None:
    """Report that a query or a download is repeated, as progress of its shot."""
    context.report(
        shot,
        ProgressState.RETRYING,
        attempt,
        retry=retry.number,
        max_retries=retry.max_retries,
        delay_seconds=retry.delay_seconds,
        detail=describe_reason(retry.error),
        message=str(retry.error),
    )


_context: ContextVar[SubmissionContext] = ContextVar("submission_context")


def current_context() -> SubmissionContext:
    """Return the context of the run.

    Raises:
        LookupError: The caller is not inside `use_context`; this is a bug.
    """
    try:
        return _context.get()
    except LookupError:
        msg = "there is no submission context; call this inside `use_context`"
        raise LookupError(msg) from None


@contextmanager
def use_context(context: SubmissionContext) -> Iterator[None]:
    """Make a context the current one within this block, and in the tasks that begin in it."""
    token = _context.set(context)
    try:
        yield
    finally:
        _context.reset(token)


def find_current_attempt(shot: ShotToRender, context: SubmissionContext) -> Attempt | None:
    """Return the attempt of a shot that counts, or None if there is none.

    Raises:
        StoreError: The receipt is damaged.
    """
    return read_receipt(shot.key, context.records_of(shot).read(shot.key)).current


def require_current_attempt(shot: ShotToRender, context: SubmissionContext) -> Attempt:
    """Return the attempt of a shot that counts.

    Raises:
        StoreError: The receipt is missing or damaged.
    """
    attempt = find_current_attempt(shot, context)
    if attempt is None:
        raise _missing_receipt_error(shot)
    return attempt


def _missing_receipt_error(shot: ShotToRender) -> StoreError:
    # Not JobLost: the vendor may have the job, and another request would be charged again.
    msg = f"the receipt of {shot.id} is missing from the store; restore it from a backup, or check "
    return StoreError(msg + "the vendor's list of jobs before rendering again")


async def update_attempt(
    shot: ShotToRender,
    context: SubmissionContext,
    job: str | None,
    state: AttemptState | None,
    **changes: object,
) -> Attempt:
    """Record changes of the current attempt.

    Another process may have recorded them already, so that an ended attempt keeps its state, and a
    kept one does not become done again. A job that was done does not become failed: it may have
    been charged.

    Args:
        shot: The shot.
        context: The context of the run.
        job: The job that the changes belong to.
        state: The new state; None keeps the state.
        changes: Further fields of `Attempt`.

    Returns:
        The attempt as written.

    Raises:
        Unreachable: The current attempt has another job: another run sent the shot again.
        StoreError: The receipt is missing or can't be written.
    """
    records = context.records_of(shot)
    async with lock_key(records, shot.key):
        receipt = read_receipt(shot.key, records.read(shot.key))
        attempt = receipt.current
        if attempt is None:
            raise _missing_receipt_error(shot)
        if job != attempt.job:
            msg = f"{shot.id} was sent again by another run meanwhile; run once more"
            raise Unreachable(msg)
        new_state = attempt.state if state is None or attempt.state in ENDED_STATES else state
        late_states = _LATE_STATES.get(attempt.state, frozenset())
        if state in late_states:
            new_state = attempt.state
        receipt = receipt.update(new_state, **changes)
        try:
            records.write(shot.key, receipt.to_record())
        except StoreError as error:
            msg = f"{error}; job {job} of {shot.id} is kept, and the next run continues it"
            raise StoreError(msg) from error
        return receipt.current or attempt
