"""Decide what a vendor's answer about a job proves, and record it.

A job may be charged as soon as the vendor has accepted it, and a job that counts as ended is
rendered and paid again. So absence proves nothing: not a 404, not a missing URL, and no answer
to another account's key. A job is lost only when the vendor's own clock shows that its
documented time is over. Queries and retries belong in `client`.
"""

from __future__ import annotations

from tasks.budgets.money import describe_price
from tasks.errors import (
    AccountError,
    JobLost,
    JobNotFound,
    KeyChanged,
    ProviderError,
)
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.polling import FILE_LIFETIME_SECONDS
from tasks.providers.types import JobResult
from tasks.store.receipts import (
    JOB_RETENTION_SECONDS,
    Attempt,
    AttemptState,
    format_timestamp,
    parse_timestamp,
    utc_now,
)
from tasks.submission.context import SubmissionContext, update_attempt

MAX_CREATION_DIFFERENCE_SECONDS = 600.0
"""The longest time between a job's creation and the response to its create, by the vendor."""

_ABSENCE_STATUSES = (401, 403, 404, 410)


async def settle_job_error(
    shot: ShotToRender,
    context: SubmissionContext,
    client: Client,
    attempt: Attempt,
    error: ProviderError,
) -> ProviderError:
    """Record what an error about a job proves, and return the error to raise.

    Args:
        shot: The shot.
        context: The context of the run.
        client: The client that was used.
        attempt: The attempt that has the job.
        error: The error of a query of the job.

    Returns:
        KeyChanged if the job was submitted with another key; JobLost if the vendor's documented
        time is over; JobNotFound if the job is unclear now; else the same error.

    Raises:
        Unreachable: Another run has sent the shot again meanwhile.
        StoreError: The receipt is missing or can't be written.
    """
    is_absent = isinstance(error, (JobLost, JobNotFound))
    is_denied = isinstance(error, AccountError) or error.status in _ABSENCE_STATUSES
    if (is_absent or is_denied or error.is_final) and not is_same_key(client, attempt):
        return _key_changed_error(shot, client, attempt)
    if isinstance(error, JobNotFound):
        # Vendors keep jobs for seven days.
        is_over = _vendor_age(client, attempt, error.vendor_time) > JOB_RETENTION_SECONDS
        if is_over:
            return await record_loss(shot, context, attempt, "the job")
        return await _record_unclear(shot, context, attempt, str(error))
    if isinstance(error, JobLost):
        is_over = _vendor_age(client, attempt, error.vendor_time) > FILE_LIFETIME_SECONDS
        if is_over:
            return await record_loss(shot, context, attempt, "the clip")
        return await _record_unclear(shot, context, attempt, "it names no clip")
    if error.is_final:
        failed = await update_attempt(
            shot, context, attempt.job, AttemptState.FAILED, error=str(error)
        )
        if failed.state in (AttemptState.DONE, AttemptState.KEPT):
            # It may have been charged when it was done.
            return await _record_unclear(shot, context, attempt, str(error))
    return error


async def record_loss(
    shot: ShotToRender, context: SubmissionContext, attempt: Attempt, missing: str
) -> JobLost:
    """Record that the vendor no longer has a job or its clip, and return the error for it.

    Raises:
        Unreachable: Another run has sent the shot again meanwhile.
        StoreError: The receipt is missing or can't be written.
    """
    lost = JobLost(
        f"{attempt.provider} no longer has {missing} of {shot.id}, as its documented time is over "
        f"({attempt.job}); run again to render it anew for {describe_price(shot.max_price)}"
    )
    await update_attempt(
        shot, context, attempt.job, AttemptState.LOST, error=str(lost), unclear_since=None
    )
    return lost


async def _record_unclear(
    shot: ShotToRender, context: SubmissionContext, attempt: Attempt, reason: str
) -> JobNotFound:
    since = attempt.unclear_since or utc_now()
    await update_attempt(shot, context, attempt.job, None, error=reason, unclear_since=since)
    until = format_timestamp(_submission_time(attempt) + JOB_RETENTION_SECONDS)
    return JobNotFound(
        f"{shot.id} is unclear: {attempt.provider} accepted it as job {attempt.job}, and now "
        f"answers: {reason}. Each run asks again until {until[:16]}Z, the end of the 7 days for "
        f"which vendors keep jobs. {describe_price(attempt.max_price)} may be charged, so only "
        f"--resubmit {shot.id} pays for another"
    )


def check_result(shot: ShotToRender, client: Client, attempt: Attempt, result: JobResult) -> None:
    """Check that a finished job was submitted by this account.

    With another key it may be a job of another account that has the same id, so that the seed or
    the time of the creation must prove it ours.

    Raises:
        KeyChanged: It was submitted with another key, and nothing proves that it is ours.
    """
    if is_same_key(client, attempt):
        return
    details = result.details
    if attempt.seed is not None and details.seed == attempt.seed:
        return
    if details.created_at is not None:
        difference = abs(details.created_at - _submission_time(attempt))
        if difference <= MAX_CREATION_DIFFERENCE_SECONDS:
            return
    raise _key_changed_error(shot, client, attempt)


def is_same_key(client: Client, attempt: Attempt) -> bool:
    """Return True if the job was submitted with the client's key, or with an unknown one."""
    signature = attempt.base_url_hmac
    return signature is None or client.has_signed(attempt.base_url, signature)


def is_file_lost(client: Client, attempt: Attempt, result: JobResult, *, has_new_url: bool) -> bool:
    """Return True if the documented time of a clip that is not served any more is over.

    Args:
        client: The client that was used.
        attempt: The attempt that has the job.
        result: The latest answer to a query of the job.
        has_new_url: True if that answer has another URL than the one before: then the vendor keeps
            the clip as long as the job.
    """
    if has_new_url:
        return _vendor_age(client, attempt, result.vendor_time) > JOB_RETENTION_SECONDS
    if result.vendor_time is None:
        return False
    now = min(client.now(), result.vendor_time)
    done_at = parse_timestamp(attempt.done_at) if attempt.done_at else now
    ended_at = max(result.details.updated_at or done_at, _submission_time(attempt))
    return now - ended_at > FILE_LIFETIME_SECONDS


def _vendor_age(client: Client, attempt: Attempt, vendor_time: float | None) -> float:
    """Return the seconds since the submission; 0 if the vendor does not tell its time.

    Both clocks must show them, because the wrong one would cost another render.
    """
    if vendor_time is None:
        return 0.0
    return min(client.now(), vendor_time) - _submission_time(attempt)


def _submission_time(attempt: Attempt) -> float:
    """Return the Unix time of the submission, by the vendor's clock if it is known."""
    at = attempt.accepted_at or attempt.submitted_at or attempt.intended_at
    return parse_timestamp(at)


def _key_changed_error(shot: ShotToRender, client: Client, attempt: Attempt) -> KeyChanged:
    return KeyChanged(
        f"job {attempt.job} of {shot.id} was submitted to {attempt.provider} with another API key, "
        f"so answers to this one prove nothing; set {client.provider.key_variable} to that key to "
        f"fetch the clip, or request another take to pay for another"
    )
