"""Check before spending that the drafts and clips a shot needs are still available.

Reads the store and sends no requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from storyboards.problems import Problem
from tasks.plan import PlannedShot, ShotToRender
from tasks.planning.references import KEY_OF_ROLE, REFERENCE_CLIP_REMEDY
from tasks.providers import Provider
from tasks.providers.url_policy import is_loopback_url, is_private_url, redact_url
from tasks.store.layout import RecordStore
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    JOB_RETENTION_SECONDS,
    Attempt,
    AttemptState,
    read_receipt,
)
from tasks.store.status import BoardStatus, ShotState, ShotStatus

MAX_CLIP_URL_AGE_SECONDS = 20 * 3600
"""The maximum age of a vendor's own URL in a request. Vendors serve such a URL for 24 hours."""


def find_unmet_preconditions(
    status: BoardStatus,
    shots: tuple[PlannedShot, ...],
    *,
    records_of: Callable[[ShotToRender], RecordStore],
    base_url_of: Callable[[Provider], str],
) -> Iterator[Problem]:
    """Yield the problems of shots that are to be rendered and lack something that they need.

    Args:
        status: The status of the board.
        shots: The shots of this run.
        records_of: Returns the store of a shot's records.
        base_url_of: Returns a provider's base URL; empty for a simulator that is not running yet.

    Raises:
        StoreError: If a receipt is damaged.
    """
    for shot in shots:
        if not isinstance(shot, ShotToRender) or status[shot.id].state is not ShotState.TO_RENDER:
            continue
        base_url = base_url_of(shot.provider)
        problem = None
        if shot.draft:
            problem = _check_draft(shot, find_draft_attempt(shot, records_of(shot)), base_url)
        elif shot.continues_clip and not shot.provider.upload_path:
            problem = _check_clip_url(status[shot.continues or ""], shot, base_url)
        problem = problem or _check_urls(shot, base_url)
        if problem:
            path = ("shots", shot.index, *problem.keys)
            yield status.plan.board.problem(path, problem.message, problem.remedy)


def find_draft_attempt(shot: ShotToRender, records: RecordStore) -> Attempt | None:
    """Return the attempt that rendered the draft of a shot, or None if the store has none.

    Raises:
        StoreError: If its receipt is damaged.
    """
    if shot.draft is None:
        return None
    return read_receipt(shot.draft.key, records.read(shot.draft.key)).current


def _check_draft(shot: ShotToRender, attempt: Attempt | None, base_url: str) -> Problem | None:
    name = shot.provider.name
    remedy = f"Render {shot.id} with `draft: true` at {name}, look at it, then set draft: final."
    if (
        attempt is None
        or attempt.state not in (*AT_VENDOR_STATES, AttemptState.KEPT)
        or not attempt.job
    ):
        message = f"the store has no draft of {shot.id} as it is written now"
    elif attempt.state is AttemptState.SUBMITTED:
        message = f"the draft of {shot.id} is still rendering"
        remedy = "Render it with `draft: true` once more to fetch it, then set draft: final."
    elif attempt.age_seconds > JOB_RETENTION_SECONDS:
        message = f"the draft of {shot.id} is older than the 7 days for which {name} accepts it"
        remedy = f"Increase its take and render it with `draft: true` again. {remedy}"
    elif base_url and attempt.base_url != base_url and not is_loopback_url(base_url):
        rendered_at = redact_url(attempt.base_url)
        message = f"the draft of {shot.id} was rendered at {rendered_at}, not at {name}'s base URL"
    else:
        return None
    return Problem(message, remedy, keys=("draft",))


def _check_clip_url(previous: ShotStatus, shot: ShotToRender, base_url: str) -> Problem | None:
    if previous.state is not ShotState.KEPT or previous.attempt is None:
        return None
    if not is_clip_url_fresh(previous.attempt):
        message = f"the clip of {shot.continues} is older than the 20 hours for which its URL works"
    elif previous.attempt.base_url != base_url:
        rendered_at = redact_url(previous.attempt.base_url)
        message = f"the clip of {shot.continues} was rendered at {rendered_at}"
    else:
        return None
    remedy = (
        f"Remove continue to start on its last frame, or increase the take of {shot.continues}. "
        f"{REFERENCE_CLIP_REMEDY}"
    )
    return Problem(message, remedy, keys=("continue",))


def _check_urls(shot: ShotToRender, base_url: str) -> Problem | None:
    """Return the problem of a URL on this machine or network that a remote vendor can't reach."""
    if not base_url or is_private_url(base_url):
        return None
    for source in shot.inputs:
        if source.url.startswith("http") and is_private_url(source.url):
            message = f"{shot.provider.name} can't reach {redact_url(source.url)}"
            is_clip = source.role == "reference_video"
            remedy = REFERENCE_CLIP_REMEDY if is_clip else "Give a public URL."
            return Problem(message, remedy, keys=(KEY_OF_ROLE[source.role],))
    return None


def is_clip_url_fresh(attempt: Attempt) -> bool:
    """Return whether the URL of a job's clip can still be sent back to its vendor."""
    finished_at = attempt.done_at or attempt.submitted_at or attempt.intended_at
    age_seconds = (datetime.now(UTC) - datetime.fromisoformat(finished_at)).total_seconds()
    return age_seconds < MAX_CLIP_URL_AGE_SECONDS
