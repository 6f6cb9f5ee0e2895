"""How a vendor comes to have a job for a shot: once, whatever happens on the way.

`submit` is the only way to a create, and it has no loop: whoever wants to try again, a policy of
Prefect's or the next run, enters through it and meets the receipt.
"""

from __future__ import annotations

import asyncio

from tasks.errors import NotSent, ProviderError, Unclear
from tasks.money.bill import say
from tasks.plan import PlannedShot
from tasks.planning.keys import derived_seed
from tasks.providers import prices
from tasks.providers.client import Client
from tasks.providers.contract import Order
from tasks.receipts import (
    DOUBTFUL,
    OVER,
    Attempt,
    Receipt,
    State,
    moment,
    now,
    read_receipt,
    timestamp,
)
from tasks.records.seams import set_aside
from tasks.sending.adoption import Doubt, clear_up
from tasks.sending.delivery import deliver
from tasks.sending.desk import Desk, locked, order_of, row_of
from tasks.sending.packing import Frame, digest_order, refuse_black
from tasks.store import Shelf, digest_bytes

HEAR_OUT_SECONDS = 30
"""How long an interrupt waits for a create that is on its way."""


async def submit(
    shot: PlannedShot,
    frame: Frame | None,
    desk: Desk,
    *,
    patient: bool = True,
    cascade: bool = False,
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
    shelf = desk.shelf_of(shot)
    async with locked(shelf, shot.key):
        receipt = read_receipt(shot.key, shelf.read(shot.key))
        if receipt.latest and receipt.latest.state in DOUBTFUL:
            receipt = await _settle(shot, frame, desk, receipt, patient=patient)
        latest = receipt.latest
        if latest and latest.state not in OVER:
            stale = frame is not None and latest.started_from != frame.sha256
            if not (cascade and stale and latest.state is State.KEPT):
                return latest
            receipt = await asyncio.to_thread(set_aside, shelf.home(shot.key), receipt)
        try:
            return await _create(shot, frame, desk, receipt)
        except Unclear:
            receipt = read_receipt(shot.key, shelf.read(shot.key))
            receipt = await _settle(shot, frame, desk, receipt, patient=patient)
            return _adopted(shot, receipt)


def _adopted(shot: PlannedShot, receipt: Receipt) -> Attempt:
    latest = receipt.attempts[-1]
    if latest.state in OVER:
        # Said as an error, so that the policy decides whether it is sent again.
        msg = f"the create of {shot.id} failed, and the vendor's list shows that no job was made"
        raise NotSent(msg)
    return latest


async def _create(shot: PlannedShot, frame: Frame | None, desk: Desk, receipt: Receipt) -> Attempt:
    client = desk.client_of(row_of(shot), None)
    refuse_black(shot, frame)
    order = await deliver(shot, _seeded(shot, receipt), frame, client=client, desk=desk)
    desk.tell(shot.id, "submitting", None)
    receipt = receipt.intend(_intent(shot, order, frame, desk.board, client))
    shelf = desk.shelf_of(shot)
    async with desk.booking(receipt, shelf):
        shelf.write(shot.key, receipt.to_record())
    sending = asyncio.ensure_future(_send(shot, order, receipt, client, desk))
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        # The POST is on its way: hear it out, or its job would be paid and not known.
        await asyncio.wait({sending}, timeout=HEAR_OUT_SECONDS)
        raise


async def _send(
    shot: PlannedShot, order: Order, receipt: Receipt, client: Client, desk: Desk
) -> Attempt:
    """The one POST, and what became of it, durable."""
    shelf = desk.shelf_of(shot)
    try:
        created = await client.create(order)
    except Unclear as error:
        receipt = receipt.amend(State.UNCLEAR, doubted_at=now(), error=str(error))
        shelf.write(shot.key, receipt.to_record())
        raise
    except ProviderError as error:
        shelf.write(shot.key, receipt.amend(State.CLOSED, error=str(error)).to_record())
        raise
    receipt = receipt.amend(State.SUBMITTED, job=created.job, submitted_at=now())
    shelf.write(shot.key, receipt.to_record())
    desk.tell(shot.id, "sent", None)
    return receipt.attempts[-1]


def _seeded(shot: PlannedShot, receipt: Receipt) -> Order:
    """The order; after a job that failed with another seed, where the seed is ours to choose."""
    order = order_of(shot)
    failed = sum(one.state is State.FAILED for one in receipt.attempts)
    if not failed or order.seed != derived_seed(shot.key):
        return order
    return order.with_seed(derived_seed(digest_bytes(f"{shot.key} {failed}".encode())))


async def _settle(
    shot: PlannedShot, frame: Frame | None, desk: Desk, receipt: Receipt, *, patient: bool
) -> Receipt:
    """Clear a doubtful attempt up: adopted, closed, or given up by its author.

    Raises Unclear where it stays in doubt.
    """
    shelf, latest = desk.shelf_of(shot), receipt.attempts[-1]
    client = desk.client_of(row_of(shot), latest)
    if latest.state is State.INTENDED:
        # Whoever holds the key's lock knows that nobody is sending.
        over = min(client.now(), timestamp(latest.intended_at) + client.create_limit_seconds)
        why = "the run that sent it ended before the answer"
        receipt = receipt.amend(State.UNCLEAR, doubted_at=moment(over), error=why)
        shelf.write(shot.key, receipt.to_record())
    why = ""
    if patient:
        desk.tell(shot.id, "looking for its job in the vendor's list", None)
        doubt = _doubt(shot, frame, shelf, receipt.attempts[-1])
        verdict = await clear_up(doubt, client)
        if verdict.job:
            facts = {"job": verdict.job, "proof": verdict.proof, "submitted_at": latest.intended_at}
            receipt = receipt.amend(State.SUBMITTED, error=None, **facts)
            shelf.write(shot.key, receipt.to_record())
            return receipt
        if not verdict.made:
            why = "the vendor's list shows that no job was made"
            receipt = receipt.amend(State.CLOSED, error=why)
            shelf.write(shot.key, receipt.to_record())
            return receipt
        why = verdict.why
    if desk.resubmit.get(shot.key) != latest.intended_at:
        raise _unclear(shot, latest, why)
    receipt = receipt.amend(State.ABANDONED)
    shelf.write(shot.key, receipt.to_record())
    return receipt


def _doubt(shot: PlannedShot, frame: Frame | None, shelf: Shelf, attempt: Attempt) -> Doubt:
    picture = None
    if frame and frame.sha256 == attempt.started_from and not shot.by_clip:
        picture = frame.data
    for given in shot.inputs:
        if given.role == "first_frame" and given.path:
            data = given.path.read_bytes()
            picture = data if digest_bytes(data) == given.identity else None
    return Doubt(shot, order_of(shot), attempt, picture, shelf)


def _unclear(shot: PlannedShot, attempt: Attempt, why: str) -> Unclear:
    looked = f" ({why})" if why else ""
    return Unclear(
        f"{shot.id} was sent to {attempt.provider} at {attempt.intended_at[:19]}Z and the answer "
        f"is not known{looked}: it may be rendering, and {say(attempt.price_most)} may be "
        f"charged; look in the vendor's console, and if no such job is there, render with "
        f"--resubmit {shot.id} to pay for another"
    )


def _intent(
    shot: PlannedShot, order: Order, frame: Frame | None, board: str, client: Client
) -> Attempt:
    row = row_of(shot)
    listed = prices.find_table(row, shot.family or "")
    return Attempt(
        state=State.INTENDED,
        board=board,
        shot=shot.id,
        take=shot.take,
        provider=row.name,
        model=order.model,
        base_url=client.base_url,
        order=digest_order(order),
        intended_at=now(),
        price_most=shot.price,
        price_dated=listed.dated if listed else None,
        price_source=listed.source if listed else None,
        started_from=frame.sha256 if frame else None,
        continues=shot.continues_key,
        seed=order.seed,
        seal=client.seal(),
    )
