"""Submit a shot to its provider at most once, even after crashes and lost responses.

`submit` is the only function that creates a job. It does not loop: every retry enters it again and reads the receipt first."""

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
from tasks.store.layout import RecordStore, lock_key
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
"""How long an interrupt waits for a create that is on its way."""


async def submit(
    shot: ShotToRender,
    frame: LastFrame | None,
    context: SubmissionContext,
    *,
    reconcile_unclear: bool = True,
    replace_stale: bool = False,
) -> Attempt:
    """See to it that the vendor has a job for this shot, and never two.

    Returns the attempt that counts: an older one where the store has it; with `cascade` a kept one
    only where it started on this frame, else it is set aside for another. A create whose answer
    never came is looked for in the vendor's list, unless `patient` is False. Raises Unclear where
    one may have been charged; other ProviderErrors, and Unpayable, where surely nothing was.
    """
    if shot.draft:
        # Its picture was settled by the draft, whatever the shot before ends on now.
        frame = None
    shelf = context.records_of(shot)
    async with lock_key(shelf, shot.key):
        receipt = read_receipt(shot.key, shelf.read(shot.key))
        if receipt.current and receipt.current.state in UNCLEAR_STATES:
            receipt = await _resolve_unclear(
                shot, frame, context, receipt, reconcile_unclear=reconcile_unclear
            )
        latest = receipt.current
        if latest and latest.state not in ENDED_STATES:
            stale = frame is not None and latest.first_frame_sha256 != frame.sha256
            if not (replace_stale and stale and latest.state is AttemptState.KEPT):
                return latest
            receipt = await asyncio.to_thread(archive_attempt, shelf.folder_of(shot.key), receipt)
        try:
            return await _create(shot, frame, context, receipt)
        except SubmissionUnclear:
            receipt = read_receipt(shot.key, shelf.read(shot.key))
            receipt = await _resolve_unclear(
                shot, frame, context, receipt, reconcile_unclear=reconcile_unclear
            )
            return _require_existing_job(shot, receipt)


def _require_existing_job(shot: ShotToRender, receipt: Receipt) -> Attempt:
    latest = receipt.attempts[-1]
    if latest.state in ENDED_STATES:
        # Said as an error, so that the policy decides whether it is sent again.
        msg = f"the create of {shot.id} failed, and the vendor's list shows that no job was made"
        raise RequestNotSent(msg)
    return latest


async def _create(
    shot: ShotToRender, frame: LastFrame | None, context: SubmissionContext, receipt: Receipt
) -> Attempt:
    client = context.client_of(shot.provider, None)
    reject_black_frame(shot, frame)
    order = await complete_request(
        shot, _with_retry_seed(shot, receipt), frame, client=client, context=context
    )
    context.on_progress(shot.id, "submitting", None)
    receipt = receipt.begin_attempt(_new_attempt(shot, order, frame, context.board_name, client))
    shelf = context.records_of(shot)
    async with context.reserve(receipt, shelf):
        shelf.write(shot.key, receipt.to_record())
    sending = asyncio.ensure_future(_send(shot, order, receipt, client, context))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        # The POST is on its way: hear it out, or its job would be paid and not known.
        await asyncio.wait({sending}, timeout=INTERRUPT_GRACE_SECONDS)
        raise


async def _send(
    shot: ShotToRender,
    request: RenderRequest,
    receipt: Receipt,
    client: Client,
    context: SubmissionContext,
) -> Attempt:
    """The one POST, and what became of it, durable."""
    shelf = context.records_of(shot)
    try:
        created = await client.create(request)
    except SubmissionUnclear as error:
        receipt = receipt.update(AttemptState.UNCLEAR, request_ended_at=utc_now(), error=str(error))
        shelf.write(shot.key, receipt.to_record())
        raise
    except ProviderError as error:
        shelf.write(shot.key, receipt.update(AttemptState.CLOSED, error=str(error)).to_record())
        raise
    receipt = receipt.update(AttemptState.SUBMITTED, job=created.job, submitted_at=utc_now())
    shelf.write(shot.key, receipt.to_record())
    context.on_progress(shot.id, "sent", None)
    return receipt.attempts[-1]


def _with_retry_seed(shot: ShotToRender, receipt: Receipt) -> RenderRequest:
    """The order; after a job that failed with another seed, where the seed is ours to choose."""
    order = shot.request
    failed = sum(one.state is AttemptState.FAILED for one in receipt.attempts)
    if not failed or order.seed != derive_seed(shot.key):
        return order
    return order.with_seed(derive_seed(digest_bytes(f"{shot.key} {failed}".encode())))


async def _resolve_unclear(
    shot: ShotToRender,
    frame: LastFrame | None,
    context: SubmissionContext,
    receipt: Receipt,
    *,
    reconcile_unclear: bool,
) -> Receipt:
    """Clear a doubtful attempt up: adopted, closed, or given up by its author.

    Raises Unclear where it stays in doubt.
    """
    shelf, latest = context.records_of(shot), receipt.attempts[-1]
    client = context.client_of(shot.provider, latest)
    if latest.state is AttemptState.INTENDED:
        # Whoever holds the key's lock knows that nobody is sending.
        over = min(
            client.now(), parse_timestamp(latest.intended_at) + client.create_timeout_seconds
        )
        why = "the run that sent it ended before the answer"
        receipt = receipt.update(
            AttemptState.UNCLEAR, request_ended_at=format_timestamp(over), error=why
        )
        shelf.write(shot.key, receipt.to_record())
    why = ""
    if reconcile_unclear:
        context.on_progress(shot.id, "looking for its job in the vendor's list", None)
        doubt = _build_unclear_submission(shot, frame, shelf, receipt.attempts[-1])
        verdict = await reconcile(doubt, client)
        if verdict.job:
            facts = {"job": verdict.job, "proof": verdict.proof, "submitted_at": latest.intended_at}
            receipt = receipt.update(AttemptState.SUBMITTED, error=None, **facts)
            shelf.write(shot.key, receipt.to_record())
            return receipt
        if not verdict.may_exist:
            why = "the vendor's list shows that no job was made"
            receipt = receipt.update(AttemptState.CLOSED, error=why)
            shelf.write(shot.key, receipt.to_record())
            return receipt
        why = verdict.reason
    if context.resubmit.get(shot.key) != latest.intended_at:
        raise _unclear_error(shot, latest, why)
    receipt = receipt.update(AttemptState.ABANDONED)
    shelf.write(shot.key, receipt.to_record())
    return receipt


def _build_unclear_submission(
    shot: ShotToRender, frame: LastFrame | None, records: RecordStore, attempt: Attempt
) -> UnclearSubmission:
    picture = None
    if frame and frame.sha256 == attempt.first_frame_sha256 and not shot.continues_clip:
        picture = frame.data
    for given in shot.inputs:
        if given.role == "first_frame" and given.path:
            data = given.path.read_bytes()
            picture = data if digest_bytes(data) == given.identity else None
    return UnclearSubmission(shot, shot.request, attempt, picture, records)


def _unclear_error(shot: ShotToRender, attempt: Attempt, reason: str) -> SubmissionUnclear:
    looked = f" ({reason})" if reason else ""
    return SubmissionUnclear(
        f"{shot.id} was sent to {attempt.provider} at {attempt.intended_at[:19]}Z and the answer "
        f"is not known{looked}: it may be rendering, and {describe_price(attempt.max_price)} may be "
        f"charged; look in the vendor's console, and if no such job is there, render with "
        f"--resubmit {shot.id} to pay for another"
    )


def _new_attempt(
    shot: ShotToRender,
    request: RenderRequest,
    frame: LastFrame | None,
    board_name: str,
    client: Client,
) -> Attempt:
    row = shot.provider
    listed = prices.find_price_table(row, shot.family or "")
    return Attempt(
        state=AttemptState.INTENDED,
        board=board_name,
        shot=shot.id,
        take=shot.take,
        provider=row.name,
        model=request.model,
        base_url=client.base_url,
        request_sha256=digest_request(request),
        intended_at=utc_now(),
        max_price=shot.max_price,
        price_list_date=listed.as_of if listed else None,
        price_list_source=listed.source if listed else None,
        first_frame_sha256=frame.sha256 if frame else None,
        continues_key=shot.continues_key,
        seed=request.seed,
        base_url_hmac=client.sign_base_url(),
    )
