"""Submit a shot to its provider at most once, even after crashes and lost responses.

`submit` is the only function that creates a job. It does not loop: every retry enters it again and
reads the receipt first.
"""

from __future__ import annotations

import asyncio

from tasks.budgets.money import describe_price
from tasks.errors import ProviderError, RequestNotSent, SubmissionUnclear
from tasks.plan import ShotToRender
from tasks.planning.keys import derive_seed
from tasks.providers import prices
from tasks.providers.client import Client
from tasks.providers.types import RenderRequest
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import lock_key
from tasks.store.receipts import (
    ENDED_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    Receipt,
    format_timestamp,
    parse_timestamp,
    read_receipt,
    utc_now,
)
from tasks.store.staleness import archive_attempt
from tasks.submission.context import SubmissionContext
from tasks.submission.payload import LastFrame, complete_request, digest_request, reject_black_frame
from tasks.submission.reconcile import UnclearSubmission, reconcile

INTERRUPT_GRACE_SECONDS = 30
"""The time that an interrupt waits for the response to a request that is being sent."""


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
        attempt = receipt.current
        if attempt and attempt.state not in ENDED_STATES:
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
            return _require_existing_job(shot, receipt)


def _require_existing_job(shot: ShotToRender, receipt: Receipt) -> Attempt:
    attempt = receipt.attempts[-1]
    if attempt.state in ENDED_STATES:
        # An error, so that the retry settings decide whether another request is sent.
        msg = f"the request for {shot.id} failed, and the vendor's list shows that no job exists"
        raise RequestNotSent(msg)
    return attempt


async def _create(
    shot: ShotToRender, frame: LastFrame | None, context: SubmissionContext, receipt: Receipt
) -> Attempt:
    client = context.client_of(shot.provider, None)
    reject_black_frame(shot, frame)
    request = await complete_request(
        shot, _with_retry_seed(shot, receipt), frame, client=client, context=context
    )
    context.on_progress(shot.id, "submitting", None)
    receipt = receipt.begin_attempt(_new_attempt(shot, request, frame, context.board_name, client))
    records = context.records_of(shot)
    async with context.reserve(receipt, records):
        records.write(shot.key, receipt.to_record())
    sending = asyncio.ensure_future(_send(shot, request, receipt, client, context))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        # Without the response the job would be paid for and unknown.
        await asyncio.wait({sending}, timeout=INTERRUPT_GRACE_SECONDS)
        raise


async def _send(
    shot: ShotToRender,
    request: RenderRequest,
    receipt: Receipt,
    client: Client,
    context: SubmissionContext,
) -> Attempt:
    """Send the create request once, and record the result before returning it."""
    records = context.records_of(shot)
    try:
        created = await client.create(request)
    except SubmissionUnclear as error:
        receipt = receipt.update(AttemptState.UNCLEAR, request_ended_at=utc_now(), error=str(error))
        records.write(shot.key, receipt.to_record())
        raise
    except ProviderError as error:
        receipt = receipt.update(AttemptState.CLOSED, error=str(error))
        records.write(shot.key, receipt.to_record())
        raise
    receipt = receipt.update(AttemptState.SUBMITTED, job=created.job, submitted_at=utc_now())
    records.write(shot.key, receipt.to_record())
    context.on_progress(shot.id, "sent", None)
    return receipt.attempts[-1]


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
    """Adopt, close or abandon an unclear attempt.

    Raises:
        SubmissionUnclear: The attempt stays unclear, and the author did not give it up.
    """
    records, attempt = context.records_of(shot), receipt.attempts[-1]
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
        context.on_progress(shot.id, "looking for its job in the vendor's list", None)
        submission = _build_unclear_submission(shot, frame, context, receipt.attempts[-1])
        result = await reconcile(submission, client)
        if result.job:
            receipt = receipt.update(
                AttemptState.SUBMITTED,
                error=None,
                job=result.job,
                proof=result.proof,
                submitted_at=attempt.intended_at,
            )
            records.write(shot.key, receipt.to_record())
            return receipt
        if not result.may_exist:
            error = "the vendor's list shows that no job exists"
            receipt = receipt.update(AttemptState.CLOSED, error=error)
            records.write(shot.key, receipt.to_record())
            return receipt
        reason = result.reason
    if context.resubmit.get(shot.key) != attempt.intended_at:
        raise _unclear_error(shot, attempt, reason)
    receipt = receipt.update(AttemptState.ABANDONED)
    records.write(shot.key, receipt.to_record())
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
    detail = f" ({reason})" if reason else ""
    return SubmissionUnclear(
        f"{shot.id} was sent to {attempt.provider} at {attempt.intended_at[:19]}Z without a known "
        f"response{detail}: it may be rendering, and {describe_price(attempt.max_price)} may be "
        f"charged; look in the vendor's console, and if it has no such job, render with "
        f"--resubmit {shot.id} to pay for another"
    )


def _new_attempt(
    shot: ShotToRender,
    request: RenderRequest,
    frame: LastFrame | None,
    board_name: str,
    client: Client,
) -> Attempt:
    price_table = prices.find_price_table(shot.provider, shot.family or "")
    return Attempt(
        state=AttemptState.INTENDED,
        board=board_name,
        shot=shot.id,
        take=shot.take,
        provider=shot.provider.name,
        model=request.model,
        base_url=client.base_url,
        request_sha256=digest_request(request),
        intended_at=utc_now(),
        max_price=shot.max_price,
        price_list_date=price_table.as_of if price_table else None,
        price_list_source=price_table.source if price_table else None,
        first_frame_sha256=frame.sha256 if frame else None,
        continues_key=shot.continues_key,
        seed=request.seed,
        base_url_hmac=client.sign_base_url(),
    )
