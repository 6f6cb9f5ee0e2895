"""Cancel one job, only on explicit request and only while the vendor still has it queued."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from storyboards.problems import ShotchainError
from tasks.errors import InputModerated, JobFailed, JobLost, ProviderError
from tasks.providers.client import Client
from tasks.providers.types import JobResult
from tasks.store.layout import RecordStore, lock_key
from tasks.store.receipts import UNCLEAR_STATES, Attempt, AttemptState, Receipt, read_receipt


class CancelOutcome(StrEnum):
    """The result of a request to cancel; `cancel --json` prints the values."""

    CANCELLED = "cancelled"
    RUNNING = "running"
    """The job has begun and will be charged."""
    DONE = "done"
    ENDED = "over"
    """The job ended without a clip."""
    UNSUPPORTED = "refused"
    """The provider does not cancel jobs."""
    NOT_SENT = "unasked"
    """The request could not be sent or was not answered."""
    UNCLEAR = "unclear"
    """It is unknown whether there is a job."""
    NO_JOB = "none"


class CancelResult(NamedTuple):
    """The result of a request to cancel one job."""

    outcome: CancelOutcome
    message: str
    error: ShotchainError | None = None
    """The reason for NOT_SENT."""


NO_JOB = CancelResult(CancelOutcome.NO_JOB, "no vendor has a job of it")


async def cancel(key: str, records: RecordStore, client: Client) -> CancelResult:
    """Cancel the job of a key if it is queued, and record that in its receipt.

    The lock of the key is held meanwhile; a run that waits for the job gets the vendor's answer.

    Raises:
        StoreError: The receipt is damaged or can't be written.
    """
    async with lock_key(records, key):
        receipt = read_receipt(key, records.read(key))
        known = known_outcome(receipt.current)
        if known or receipt.current is None:
            return known or NO_JOB
        job, provider = receipt.current.job or "", client.provider
        if not provider.supports_cancel or client.dialect.build_cancel(job) is None:
            msg = f"{provider.name} does not cancel jobs; {job} goes on"
            return CancelResult(CancelOutcome.UNSUPPORTED, msg)
        try:
            return await _cancel_job(receipt, job, records, client)
        except (JobFailed, InputModerated) as error:
            return CancelResult(CancelOutcome.ENDED, f"it has ended: {error}")
        except JobLost as error:
            return CancelResult(CancelOutcome.ENDED, f"the vendor no longer has it: {error}")
        except ProviderError as error:
            return CancelResult(
                CancelOutcome.NOT_SENT, f"it could not be cancelled: {error}", error
            )


async def _cancel_job(
    receipt: Receipt, job: str, records: RecordStore, client: Client
) -> CancelResult:
    failure: ProviderError | None = None
    try:
        if await client.cancel(job):
            reason = "the author cancelled it while it was queued"
            receipt = receipt.update(AttemptState.CANCELLED, error=reason)
            records.write(receipt.key, receipt.to_record())
            msg = f"job {job} was queued, is cancelled and costs nothing"
            return CancelResult(CancelOutcome.CANCELLED, msg)
    except ProviderError as error:
        # The job may have begun between query and request, or only the response was lost.
        failure = error
    status = await client.query(job)
    if isinstance(status, JobResult):
        return _done_result(job)
    if failure and status.state == "queued":
        raise failure
    msg = f"job {job} is running already and goes on; it will be charged"
    return CancelResult(CancelOutcome.RUNNING, msg)


def known_outcome(attempt: Attempt | None) -> CancelResult | None:
    """Return the outcome that the receipt decides; None if the job may be cancelled."""
    if attempt is None:
        return NO_JOB
    if attempt.state is AttemptState.SUBMITTED:
        return None
    if attempt.state is AttemptState.DONE:
        return _done_result(attempt.job)
    if attempt.state in UNCLEAR_STATES:
        msg = (
            f"it was sent to {attempt.provider} at {attempt.intended_at[:19]}Z without a response: "
            "it is not known whether there is a job"
        )
        return CancelResult(CancelOutcome.UNCLEAR, msg)
    return NO_JOB


def _done_result(job: str | None) -> CancelResult:
    msg = f"job {job} is done already; the next run downloads it"
    return CancelResult(CancelOutcome.DONE, msg)
