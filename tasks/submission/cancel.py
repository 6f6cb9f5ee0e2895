"""Cancel one job, only on explicit request and only while the vendor still has it queued."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from storyboards.problems import ShotchainError
from tasks.errors import (
    InputModerated,
    JobCancelled,
    JobFailed,
    JobLost,
    ProviderError,
    SubmissionUnclear,
)
from tasks.providers.client import Client
from tasks.providers.types import JobPending, JobResult
from tasks.store.layout import RecordStore, lock_key
from tasks.store.receipts import UNCLEAR_STATES, Attempt, AttemptState, read_receipt
from tasks.submission.shot_log import log_exchanges


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
    """It is unknown whether there is a job, or whether it is cancelled."""
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

    The job counts as cancelled, and so as free, only if the vendor reports that. Any other job goes
    on, and the next run downloads its clip.

    The lock of the key is held meanwhile; a run that waits for the job gets the vendor's answer.

    Raises:
        StoreError: The receipt is damaged or can't be written.
    """
    with log_exchanges(records, key):
        return await _cancel(key, records, client)


async def _cancel(key: str, records: RecordStore, client: Client) -> CancelResult:
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
            return _describe_state(job, await client.cancel(job))
        except JobCancelled:
            reason = "the author cancelled it while it was queued"
            receipt = receipt.update(AttemptState.CANCELLED, error=reason)
            records.write(receipt.key, receipt.to_record())
            msg = f"job {job} was queued, is cancelled and costs nothing"
            return CancelResult(CancelOutcome.CANCELLED, msg)
        except (JobFailed, InputModerated) as error:
            return CancelResult(CancelOutcome.ENDED, f"it has ended: {error}")
        except JobLost as error:
            return CancelResult(CancelOutcome.ENDED, f"the vendor no longer has it: {error}")
        except SubmissionUnclear as error:
            # On Ark a cancelled job stays known for a day, and deleting a finished one removes it.
            msg = f"it is not known whether job {job} was cancelled, so its price stays booked"
            return CancelResult(CancelOutcome.UNCLEAR, f"{msg}: {error}")
        except ProviderError as error:
            return CancelResult(
                CancelOutcome.NOT_SENT, f"it could not be cancelled: {error}", error
            )


def _describe_state(job: str, status: JobPending | JobResult) -> CancelResult:
    if isinstance(status, JobResult):
        return _done_result(job)
    if status.state == "queued":
        msg = f"the vendor accepted the cancel of job {job} and still reports it as queued; "
        return CancelResult(CancelOutcome.UNCLEAR, msg + "its price stays booked: cancel again")
    msg = f"job {job} is running already and goes on; it will be charged, and the next run "
    return CancelResult(CancelOutcome.RUNNING, f"{msg}downloads its clip")


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
