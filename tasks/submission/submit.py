"""Submit a shot to its provider at most once, even after crashes and lost responses.

`submit` is the only function that creates a job. It does not loop: every retry enters it again and
reads the receipt first.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace

from tasks.budgets.money import describe_price
from tasks.errors import (
    JobFailed,
    JobNotFound,
    NotConfigured,
    ProviderError,
    RateLimited,
    Recovery,
    RequestNotSent,
    SubmissionUnclear,
    Unreachable,
)
from tasks.plan import ShotToRender
from tasks.planning.keys import derive_seed
from tasks.progress import ProgressState
from tasks.providers import prices
from tasks.providers.client import Client
from tasks.providers.types import RenderRequest
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import lock_key
from tasks.store.receipts import (
    ENDED_STATES,
    JOB_RETENTION_SECONDS,
    REVIVABLE_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    Receipt,
    format_timestamp,
    parse_timestamp,
    read_receipt,
    utc_now,
)
from tasks.store.rescue import read_rescue_record, remove_rescue_records
from tasks.store.staleness import archive_attempt
from tasks.submission.context import SubmissionContext
from tasks.submission.payload import LastFrame, complete_request, digest_request, reject_black_frame
from tasks.submission.reconcile import UnclearSubmission, reconcile
from tasks.submission.recorder import Recorder, adopt_job, open_recorder
from tasks.submission.shot_log import logged

INTERRUPT_GRACE_SECONDS = 30
"""The time that an interrupt waits for the response to a request that is being sent."""

MAX_SENT_PER_RUN = 2
"""After a rejection or a failure a run sends one more request automatically, no further one. A
request that was not sent or met a rate limit does not count: nothing looked at it."""


@logged
async def submit(
    shot: ShotToRender,
    frame: LastFrame | None,
    context: SubmissionContext,
    *,
    reconcile_unclear: bool = True,
    replace_stale: bool = False,
) -> Attempt:
    """Make sure that the vendor has exactly one job for a shot.

    Args:
        shot: The shot.
        frame: The frame that the shot starts on, if any. The final render of a draft ignores it.
        context: The context of the run.
        reconcile_unclear: Search the vendor's list for the job of an unanswered request.
        replace_stale: Send a new request if the clip is kept and started on another frame.

    Returns:
        The attempt that counts; an earlier one if the store has it.

    Raises:
        SubmissionUnclear: A request may have been accepted, and may be charged.
        ProviderError: Surely nothing was accepted.
        BudgetExceeded: A limit may be exceeded; nothing was sent.
        MediaError: A file, frame or draft can't be used; nothing was sent.
        StoreError: The receipt is damaged or can't be written.
    """
    if shot.draft:
        # The draft has decided the first frame.
        frame = None
    records = context.records_of(shot)
    async with lock_key(records, shot.key):
        receipt = read_receipt(shot.key, records.read(shot.key))
        if receipt.current and receipt.current.state in UNCLEAR_STATES:
            receipt = await _resolve_unclear(
                shot, frame, context, receipt, reconcile_unclear=reconcile_unclear
            )
        receipt = await _ask_ended_job(shot, context, receipt)
        attempt = receipt.current
        if attempt and await _is_given_up(shot, context, attempt):
            receipt = receipt.update(AttemptState.ABANDONED)
            records.write(shot.key, receipt.to_record())
        elif attempt and attempt.state not in ENDED_STATES:
            is_stale = frame is not None and attempt.first_frame_sha256 != frame.sha256
            if not (replace_stale and is_stale and attempt.state is AttemptState.KEPT):
                return attempt
            folder = records.folder_of(shot.key)
            receipt = await asyncio.to_thread(archive_attempt, folder, receipt)
        try:
            return await _create(shot, frame, context, receipt)
        except SubmissionUnclear:
            receipt = read_receipt(shot.key, records.read(shot.key))
            receipt = await _resolve_unclear(
                shot, frame, context, receipt, reconcile_unclear=reconcile_unclear
            )
            return receipt.attempts[-1]


async def _is_given_up(shot: ShotToRender, context: SubmissionContext, attempt: Attempt) -> bool:
    """Return True if the author gives up a job that the vendor does not know, now either."""
    if not attempt.unclear_since or attempt.state in ENDED_STATES:
        return False
    if context.resubmit.get(shot.key) != attempt.intended_at:
        return False
    try:
        await context.client_of(shot.provider, attempt).query(attempt.job or "")
    except ProviderError as error:
        return isinstance(error, JobNotFound) or error.is_final
    return False


async def _create(
    shot: ShotToRender, frame: LastFrame | None, context: SubmissionContext, receipt: Receipt
) -> Attempt:
    _require_unsent(shot, context, receipt)
    client = context.client_of(shot.provider, None)
    await client.sleep(context.resend_delays.pop(shot.key, 0.0))
    reject_black_frame(shot, frame)
    request = await complete_request(
        shot, _with_retry_seed(shot, receipt), frame, client=client, context=context
    )
    context.report(shot, ProgressState.SENDING)
    attempt = _new_attempt(shot, request, frame, context, client)
    receipt = receipt.begin_attempt(_with_unique_time(attempt, receipt))
    records = context.records_of(shot)
    with ExitStack() as stack:
        # Opened before the request is sent, so that nothing of it can fail afterwards.
        recorder = stack.enter_context(open_recorder(shot, receipt, context))
        async with context.reserve(receipt, records):
            records.write(shot.key, receipt.to_record())
        context.sent[shot.key] = context.sent.get(shot.key, 0) + 1
        sending = asyncio.ensure_future(
            _send(shot, request, client, context, recorder, stack.pop_all())
        )
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        # Without the response the job would be paid for and unknown.
        await asyncio.wait({sending}, timeout=INTERRUPT_GRACE_SECONDS)
        raise


def _with_unique_time(attempt: Attempt, receipt: Receipt) -> Attempt:
    """Return the attempt with an intent time that identifies it, also if the clock was set back."""
    times = {earlier.intended_at for earlier in receipt.attempts}
    while attempt.intended_at in times:
        next_time = parse_timestamp(attempt.intended_at) + 0.001
        attempt = replace(attempt, intended_at=format_timestamp(next_time))
    return attempt


def _require_unsent(shot: ShotToRender, context: SubmissionContext, receipt: Receipt) -> None:
    """Reject a further request of a shot that was sent again in this run already.

    Raises:
        JobFailed: One request and one after its rejection or failure were sent.
    """
    count = context.sent.get(shot.key, 0)
    if count < MAX_SENT_PER_RUN:
        return
    error = receipt.attempts[-1].error if receipt.attempts else None
    msg = f"{shot.id} was sent {count} times in this run ({error}); run again to send it once more"
    raise JobFailed(msg)


def _limit_retries(shot: ShotToRender, error: ProviderError, context: SubmissionContext) -> None:
    """Decide whether and when the retry settings may send a rejected request again."""
    if isinstance(error, (RequestNotSent, RateLimited)):
        # The retry settings wait longer each time; the vendor may ask for still more.
        context.sent[shot.key] -= 1
        context.resend_delays[shot.key] = error.retry_after_seconds or 0.0
    elif context.sent[shot.key] >= MAX_SENT_PER_RUN:
        error.recovery = Recovery.NONE


async def _send(
    shot: ShotToRender,
    request: RenderRequest,
    client: Client,
    context: SubmissionContext,
    recorder: Recorder,
    resources: ExitStack,
) -> Attempt:
    """Send the create request once, and record the result before returning it."""
    with resources:
        try:
            created = await client.create(request, shot_id=shot.id)
        except SubmissionUnclear as error:
            recorder.record_unclear(str(error))
            raise
        except ProviderError as error:
            _limit_retries(shot, error, context)
            recorder.record_rejection(str(error))
            raise
        attempt = await recorder.record_job(created.job, vendor_time=created.vendor_time)
    context.report(shot, ProgressState.QUEUED, attempt, since=attempt.sent_at)
    return attempt


def _with_retry_seed(shot: ShotToRender, receipt: Receipt) -> RenderRequest:
    """Return the request of a shot, with another derived seed after each failed job.

    A seed that the board sets is not changed.
    """
    failed_count = sum(attempt.state is AttemptState.FAILED for attempt in receipt.attempts)
    if not failed_count or shot.request.seed != derive_seed(shot.key):
        return shot.request
    return shot.request.with_seed(derive_seed(digest_bytes(f"{shot.key} {failed_count}".encode())))


async def _resolve_unclear(
    shot: ShotToRender,
    frame: LastFrame | None,
    context: SubmissionContext,
    receipt: Receipt,
    *,
    reconcile_unclear: bool,
) -> Receipt:
    """Adopt or abandon an unclear attempt. Nothing but the author's word allows another one.

    Raises:
        SubmissionUnclear: The attempt stays unclear, and the author did not give it up.
    """
    records, attempt = context.records_of(shot), receipt.attempts[-1]
    rescued = read_rescue_record(shot.key, attempt.intended_at, context.rescue_folders)
    if rescued:
        adopted = await adopt_job(records, receipt, rescued.job, accepted_at=rescued.accepted_at)
        if adopted:
            remove_rescue_records(shot.key, attempt.intended_at, context.rescue_folders)
            return adopted
    client = context.client_of(shot.provider, attempt)
    if attempt.state is AttemptState.INTENDED:
        # The caller holds the lock of the key, so no other process is sending.
        ended_at = min(
            client.now(), parse_timestamp(attempt.intended_at) + client.create_timeout_seconds
        )
        receipt = receipt.update(
            AttemptState.UNCLEAR,
            request_ended_at=format_timestamp(ended_at),
            error="the run that sent it ended before the response",
        )
        records.write(shot.key, receipt.to_record())
    reason = ""
    if reconcile_unclear:
        context.report(shot, ProgressState.LOOKING_FOR_JOB)
        submission = _build_unclear_submission(shot, frame, context, receipt.attempts[-1])
        result = await reconcile(submission, client)
        if result.job:
            created_at = result.created_at
            adopted = await adopt_job(
                records,
                receipt,
                result.job,
                proof=result.proof,
                accepted_at=None if created_at is None else format_timestamp(created_at),
            )
            if adopted:
                return adopted
        reason = result.reason
    if context.resubmit.get(shot.key) != attempt.intended_at:
        raise _unclear_error(shot, receipt.attempts[-1], reason)
    receipt = receipt.update(AttemptState.ABANDONED)
    records.write(shot.key, receipt.to_record())
    return receipt


async def _ask_ended_job(
    shot: ShotToRender, context: SubmissionContext, receipt: Receipt
) -> Receipt:
    """Ask once more for a job that failed or was cancelled, before another one is sent.

    A vendor that now reports it as running or done will charge it, so that it is the job that
    counts.

    Raises:
        ProviderError: The vendor can't be asked, so another request would not arrive either.
    """
    attempt = receipt.last_sent
    if attempt is None or not attempt.job or attempt.state not in REVIVABLE_STATES:
        return receipt
    if attempt.age_seconds > JOB_RETENTION_SECONDS:
        return receipt
    try:
        client = context.client_of(shot.provider, attempt)
        if client.has_signed(attempt.base_url, attempt.base_url_hmac):
            await client.query(attempt.job)
            return _revive(shot, context, receipt, attempt)
    except (NotConfigured, ProviderError) as error:
        # It failed in the vendor's own words before, and an unknown job does not contradict that.
        # But if the vendor does not answer now, it would not answer the next request either.
        is_open = isinstance(error, (Unreachable, RateLimited)) and not error.is_final
        if is_open and client.base_url == context.client_of(shot.provider, None).base_url:
            raise
    return receipt


def _revive(
    shot: ShotToRender, context: SubmissionContext, receipt: Receipt, attempt: Attempt
) -> Receipt:
    receipt = receipt.revive(attempt)
    context.records_of(shot).write(shot.key, receipt.to_record())
    return receipt


def _build_unclear_submission(
    shot: ShotToRender, frame: LastFrame | None, context: SubmissionContext, attempt: Attempt
) -> UnclearSubmission:
    first_frame = None
    if frame and frame.sha256 == attempt.first_frame_sha256 and not shot.continues_clip:
        first_frame = frame.data
    for source in shot.inputs:
        if source.role == "first_frame" and source.path:
            data = source.path.read_bytes()
            first_frame = data if digest_bytes(data) == source.identity else None
    return UnclearSubmission(shot, shot.request, attempt, first_frame, context.records_of(shot))


def _unclear_error(shot: ShotToRender, attempt: Attempt, reason: str) -> SubmissionUnclear:
    details = "; ".join(filter(None, (attempt.error, reason)))
    return SubmissionUnclear(
        f"{shot.id} was sent to {attempt.provider} at {attempt.intended_at[:19]}Z, and its job is "
        f"not known ({details}): it may be rendering, and {describe_price(attempt.max_price)} may "
        f"be charged; look in the vendor's console, and if it has no such job, render with "
        f"--resubmit {shot.id} to pay for another"
    )


def _new_attempt(
    shot: ShotToRender,
    request: RenderRequest,
    frame: LastFrame | None,
    context: SubmissionContext,
    client: Client,
) -> Attempt:
    price_table = prices.find_price_table(shot.provider, shot.family or "")
    return Attempt(
        state=AttemptState.INTENDED,
        board=context.board_name,
        board_id=context.board_id,
        shot=shot.id,
        take=shot.take,
        provider=shot.provider.record_name,
        model=request.model,
        base_url=client.base_url,
        request_sha256=digest_request(request),
        intended_at=utc_now(),
        max_price=shot.max_price,
        price_list_date=price_table.as_of if price_table else None,
        price_list_source=price_table.source if price_table else None,
        first_frame_sha256=frame.sha256 if frame else None,
        continues_key=shot.continues_key,
        continues_frame=shot.continues_frame,
        seed=request.seed,
        base_url_hmac=client.sign_base_url(),
    )
