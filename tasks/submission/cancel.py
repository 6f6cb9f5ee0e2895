"""Cancel one job, only on explicit request and only while the provider still has it queued."""

from __future__ import annotations

from typing import Literal, NamedTuple

from storyboards.problems import ShotchainError
from tasks.errors import InputModerated, JobFailed, JobLost, ProviderError
from tasks.providers.client import Client
from tasks.providers.types import JobResult
from tasks.store.layout import RecordStore, lock_key
from tasks.store.receipts import Attempt, AttemptState, Receipt, read_receipt

CancelOutcome = Literal[
    "cancelled", "running", "done", "over", "refused", "unasked", "unclear", "none"
]


class CancelResult(NamedTuple):
    """What became of the wish to take a job back."""

    outcome: CancelOutcome
    message: str
    error: ShotchainError | None = None
    """Why the vendor could not be asked."""


async def cancel(key: str, records: RecordStore, client: Client) -> CancelResult:
    """Take the job of a key back where it is queued now; its receipt says so then.

    Holds the key meanwhile: a run that waits for the job hears from the vendor that it is no more.
    """
    async with lock_key(records, key):
        receipt = read_receipt(key, records.read(key))
        told = known_outcome(receipt.current)
        if told or receipt.current is None:
            return told or NO_JOB
        if (
            not client.provider.supports_cancel
            or client.dialect.build_cancel(receipt.current.job or "") is None
        ):
            msg = f"{client.provider.name} takes no job back; {receipt.current.job} goes on"
            return CancelResult("refused", msg)
        try:
            return await _cancel_job(receipt, receipt.current.job or "", records, client)
        except (JobFailed, InputModerated) as error:
            return CancelResult("over", f"it is over: {error}")
        except JobLost as error:
            return CancelResult("over", f"the vendor has it no more: {error}")
        except ProviderError as error:
            return CancelResult("unasked", f"it could not be asked for: {error}", error)


async def _cancel_job(
    receipt: Receipt, job: str, records: RecordStore, client: Client
) -> CancelResult:
    refused: ProviderError | None = None
    try:
        if await client.cancel(job):
            error = "its author took it back while it was queued"
            records.write(
                receipt.key, receipt.update(AttemptState.CANCELLED, error=error).to_record()
            )
            return CancelResult(
                "cancelled", f"job {job} was queued, is taken back and costs nothing"
            )
    except ProviderError as error:
        # It may have begun between the question and the request, or only the answer was lost.
        refused = error
    status = await client.query(job)
    if isinstance(status, JobResult):
        return CancelResult("done", f"job {job} is done already; the next run fetches it")
    if refused and status.state == "queued":
        raise refused
    return CancelResult("running", f"job {job} is running already and goes on; it will be paid")


NO_JOB = CancelResult("none", "nothing of it is at a vendor")


def known_outcome(attempt: Attempt | None) -> CancelResult | None:
    """What is to say of an attempt without asking anybody; None where its job may be taken back."""
    if attempt is None:
        return NO_JOB
    if attempt.state is AttemptState.SUBMITTED:
        return None
    if attempt.state is AttemptState.DONE:
        return CancelResult("done", f"job {attempt.job} is done already; the next run fetches it")
    if attempt.state in (AttemptState.INTENDED, AttemptState.UNCLEAR):
        msg = f"it was sent to {attempt.provider} at {attempt.intended_at[:19]}Z and never answered"
        return CancelResult("unclear", f"{msg}: whether there is a job, and which, is not known")
    return NO_JOB
