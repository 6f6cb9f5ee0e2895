"""Wait until the provider has finished a job, and record its usage and price."""

from __future__ import annotations

from storyboards.models import Money
from tasks.errors import JobLost, ProviderError
from tasks.plan import ShotToRender
from tasks.providers import prices
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.providers.types import JobResult
from tasks.store.layout import is_stored
from tasks.store.receipts import (
    AttemptState,
    parse_timestamp,
    utc_now,
)
from tasks.submission.context import (
    SubmissionContext,
    record_failure,
    require_current_attempt,
    update_attempt,
)


async def await_job(shot: ShotToRender, context: SubmissionContext) -> JobResult | None:
    """Wait until the vendor is done, and note what it tells; None where the shot is kept already.

    Raises what the job ended with (JobFailed, Refused, Rejected, Unauthorized) or JobLost where
    there is nothing to wait for, JobOverdue where it takes too long (the job is kept), and
    Unreachable where the vendor can't be asked.
    """
    attempt = require_current_attempt(shot, context)
    if attempt.state is AttemptState.KEPT and is_stored(
        context.records_of(shot).folder_of(shot.key), attempt.clip
    ):
        return None
    client = context.client_of(shot.provider, attempt)
    try:
        done = await client.wait(
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
        tokens, price = done.details.tokens, _actual_price(shot, done)
        await update_attempt(
            shot,
            context,
            attempt.job,
            AttemptState.DONE,
            done_at=utc_now(),
            tokens=tokens,
            price=price,
        )
    return done


def _actual_price(shot: ShotToRender, done: JobResult) -> Money | None:
    """What the job cost by the vendor's own count; None where it told none."""
    order, wanted, provider = shot.request, shot.content_request, shot.provider
    if done.details.tokens is None or shot.family is None:
        return shot.max_price if provider.price_table == FREE_PRICE_TABLE else None
    return prices.calculate_price(
        provider,
        provider.get_family(shot.family),
        tokens=done.details.tokens,
        resolution=order.resolution or "",
        audio=bool(wanted.audio),
        video_input=shot.has_video_input,
        flex=order.service_tier == "flex",
        draft=bool(order.draft),
    )
