"""One job taken back: only by an explicit command, and only while the vendor has it queued."""

from __future__ import annotations

from typing import Literal, NamedTuple

from storyboards.problems import ShotchainError
from tasks.errors import JobFailed, JobLost, ProviderError, Refused
from tasks.providers.client import Client
from tasks.providers.contract import Done
from tasks.receipts import Attempt, Receipt, State, read_receipt
from tasks.sending.desk import locked
from tasks.store import Shelf

Outcome = Literal["cancelled", "running", "done", "over", "refused", "unasked", "unclear", "none"]


class Cancelled(NamedTuple):
    """What became of the wish to take a job back."""

    outcome: Outcome
    message: str
    error: ShotchainError | None = None
    """Why the vendor could not be asked."""


async def cancel(key: str, shelf: Shelf, client: Client) -> Cancelled:
    """Take the job of a key back where it is queued now; its receipt says so then.

    Holds the key meanwhile: a run that waits for the job hears from the vendor that it is no more.
    """
    async with locked(shelf, key):
        receipt = read_receipt(key, shelf.read(key))
        told = standing(receipt.latest)
        if told or receipt.latest is None:
            return told or NOTHING
        if not client.provider.cancels or client.dialect.cancel(receipt.latest.job or "") is None:
            msg = f"{client.provider.name} takes no job back; {receipt.latest.job} goes on"
            return Cancelled("refused", msg)
        try:
            return await _take_back(receipt, receipt.latest.job or "", shelf, client)
        except (JobFailed, Refused) as error:
            return Cancelled("over", f"it is over: {error}")
        except JobLost as error:
            return Cancelled("over", f"the vendor has it no more: {error}")
        except ProviderError as error:
            return Cancelled("unasked", f"it could not be asked for: {error}", error)


async def _take_back(receipt: Receipt, job: str, shelf: Shelf, client: Client) -> Cancelled:
    refused: ProviderError | None = None
    try:
        if await client.cancel(job):
            error = "its author took it back while it was queued"
            shelf.write(receipt.key, receipt.amend(State.CANCELLED, error=error).to_record())
            return Cancelled("cancelled", f"job {job} was queued, is taken back and costs nothing")
    except ProviderError as error:
        # It may have begun between the question and the request, or only the answer was lost.
        refused = error
    status = await client.query(job)
    if isinstance(status, Done):
        return Cancelled("done", f"job {job} is done already; the next run fetches it")
    if refused and status.state == "queued":
        raise refused
    return Cancelled("running", f"job {job} is running already and goes on; it will be paid")


NOTHING = Cancelled("none", "nothing of it is at a vendor")


def standing(attempt: Attempt | None) -> Cancelled | None:
    """What is to say of an attempt without asking anybody; None where its job may be taken back."""
    if attempt is None:
        return NOTHING
    if attempt.state is State.SUBMITTED:
        return None
    if attempt.state is State.DONE:
        return Cancelled("done", f"job {attempt.job} is done already; the next run fetches it")
    if attempt.state in (State.INTENDED, State.UNCLEAR):
        msg = f"it was sent to {attempt.provider} at {attempt.intended_at[:19]}Z and never answered"
        return Cancelled("unclear", f"{msg}: whether there is a job, and which, is not known")
    return NOTHING
