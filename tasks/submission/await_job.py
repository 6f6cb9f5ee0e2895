"""Wait until the vendor has finished a job, and record its usage and price."""

from __future__ import annotations

from tasks.errors import JobLost, ProviderError
from tasks.plan import ShotToRender
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.types import JobResult
from tasks.store.layout import is_stored
from tasks.store.receipts import AttemptState, parse_timestamp, utc_now
from tasks.submission.context import (
    SubmissionContext,
    record_failure,
    require_current_attempt,
    update_attempt,
)
from tasks.submission.usage import read_usage


async def await_job(shot: ShotToRender, context: SubmissionContext) -> JobResult | None:
    """Wait until the vendor has finished the job of a shot, and record its usage.

    Returns:
        The result; None if the clip is stored already.

    Raises:
        ProviderError: The error that the job ended with (JobFailed, InputModerated, InvalidRequest,
            AccountError); JobLost if the vendor no longer has the job; JobTimedOut if it takes too
            long, and is kept; Unreachable if the vendor does not respond.
        StoreError: The receipt is missing or can't be written.
    """
    attempt = require_current_attempt(shot, context)
    folder = context.records_of(shot).folder_of(shot.key)
    if attempt.state is AttemptState.KEPT and is_stored(folder, attempt.clip):
        return None
    client = context.client_of(shot.provider, attempt)
    try:
        result = await client.wait(
            attempt.job or "",
            started_at=parse_timestamp(attempt.submitted_at or attempt.intended_at),
            timeout_seconds=job_timeout_seconds(shot.duration_seconds, shot.request.service_tier),
            service_tier=shot.request.service_tier,
            typical_seconds=shot.typical_render_seconds,
            on_progress=lambda status: context.on_progress(shot.id, status.state, status.progress),
        )
    except ProviderError as error:
        if error.is_final or isinstance(error, JobLost):
            await record_failure(shot, context, attempt, error)
        raise
    if attempt.state is AttemptState.SUBMITTED:
        await update_attempt(
            shot,
            context,
            attempt.job,
            AttemptState.DONE,
            done_at=utc_now(),
            **read_usage(shot, result)._asdict(),
        )
    return result
