"""Wait until the vendor has finished a job, and record its usage and price."""

from __future__ import annotations

from typing import Any

from tasks.errors import MediaError, ProviderError
from tasks.plan import ShotToRender
from tasks.progress import ProgressState
from tasks.providers.client import Client
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.types import JobPending, JobResult, Retry
from tasks.store.layout import is_stored
from tasks.store.receipts import Attempt, AttemptState, utc_now
from tasks.submission.context import (
    SubmissionContext,
    report_retry,
    require_current_attempt,
    update_attempt,
)
from tasks.submission.download import fetch_clip
from tasks.submission.job_evidence import check_result, settle_job_error
from tasks.submission.shot_log import logged
from tasks.submission.usage import read_usage

LOOK_INTERVAL_SECONDS = 30.0
"""The interval in which the clip beside an undocumented status is downloaded and decoded again."""

_STATES = {
    "queued": ProgressState.QUEUED,
    "running": ProgressState.RENDERING,
    "unknown": ProgressState.AT_VENDOR,
}


@logged
async def await_job(shot: ShotToRender, context: SubmissionContext) -> JobResult | None:
    """Wait until the vendor has finished the job of a shot, and record its usage.

    Returns:
        The result; None if the clip is stored already.

    Raises:
        ProviderError: The error that the job ended with (JobFailed, InputModerated, InvalidRequest,
            AccountError); JobLost if the documented time of the job is over, JobNotFound before;
            KeyChanged if it was submitted with another key; JobTimedOut if it takes too long, and
            is kept; Unreachable if the vendor does not respond.
        StoreError: The receipt is missing or can't be written.
    """
    attempt = require_current_attempt(shot, context)
    folder = context.records_of(shot).folder_of(shot.key)
    if attempt.state is AttemptState.KEPT and is_stored(folder, attempt.clip):
        return None
    client = context.client_of(shot.provider, attempt)
    reporter = _Reporter(shot, context, client, attempt)
    if reporter.is_resumed:
        reporter.report(ProgressState.RENDERING)
    try:
        result = await client.wait(
            attempt.job or "",
            started_at=attempt.sent_at,
            timeout_seconds=job_timeout_seconds(shot.duration_seconds, shot.request.service_tier),
            service_tier=shot.request.service_tier,
            typical_seconds=shot.typical_render_seconds,
            on_progress=reporter.report_status,
            on_retry=reporter.report_retry,
            look_at_clip=_ClipLook(shot, context, client),
        )
    except ProviderError as error:
        raise await settle_job_error(shot, context, client, attempt, error) from None
    check_result(shot, client, attempt, result)
    if attempt.unclear_since:
        await update_attempt(shot, context, attempt.job, None, error=None, unclear_since=None)
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


class _Reporter:
    """Reports the states of a job as progress of its shot."""

    def __init__(
        self, shot: ShotToRender, context: SubmissionContext, client: Client, attempt: Attempt
    ) -> None:
        self._shot, self._context, self._client = shot, context, client
        self._attempt = attempt
        self.is_resumed = not context.sent.get(shot.key)
        """True if an earlier run sent the job."""

    def report(self, state: ProgressState, **values: Any) -> None:
        """Report a state of the job."""
        shot = self._shot
        expected = self._client.expected_job_seconds(
            shot.typical_render_seconds, shot.request.service_tier
        )
        self._context.report(
            shot,
            state,
            self._attempt,
            since=self._attempt.sent_at,
            is_resumed=self.is_resumed,
            expected_seconds=expected,
            **values,
        )

    def report_status(self, status: JobPending) -> None:
        """Report the answer to a query."""
        self.report(_STATES[status.state], fraction=status.progress, detail=status.vendor_text)

    def report_retry(self, retry: Retry) -> None:
        """Report that a query is repeated."""
        report_retry(self._context, self._shot, retry, self._attempt)


class _ClipLook:
    """Looks at the clip beside a status that the vendor does not document, now and then."""

    def __init__(self, shot: ShotToRender, context: SubmissionContext, client: Client) -> None:
        self._shot, self._context, self._client = shot, context, client
        self._looked_at: float | None = None

    async def __call__(self, result: JobResult) -> bool:
        """Return True if the clip is the whole clip of the job; it is kept then."""
        shot, context, now = self._shot, self._context, self._client.now()
        if self._looked_at is not None and now - self._looked_at < LOOK_INTERVAL_SECONDS:
            return False
        self._looked_at = now
        context.report(shot, ProgressState.CHECKING, detail=result.vendor_text)
        try:
            check_result(shot, self._client, require_current_attempt(shot, context), result)
            await fetch_clip(shot, result, context)
        except (ProviderError, MediaError):
            return False
        return True
