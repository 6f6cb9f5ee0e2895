"""Check before spending that the drafts and clips a shot needs are still available. Sends no requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from storyboards.problems import Problem
from tasks.plan import ExistingClip, PlannedShot, ShotToRender
from tasks.planning.references import REFERENCE_CLIP_REMEDY
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
"""How long a vendor's own URL is sent back to it; it is served for 24 hours."""

UnmetPrecondition = tuple[str, str, str]
"""The shot's word that can't be had, why, and what to do about it."""


def find_unmet_preconditions(
    status: BoardStatus,
    shots: tuple[PlannedShot, ...],
    *,
    records_of: Callable[[ShotToRender], RecordStore],
    base_url_of: Callable[[Provider], str],
) -> Iterator[Problem]:
    """Why shots that are to be rendered can't be, by what the store has. Raises StoreError."""
    for shot in shots:
        if isinstance(shot, ExistingClip) or status[shot.id].state is not ShotState.TO_RENDER:
            continue
        here = base_url_of(shot.provider)
        found: UnmetPrecondition | None = None
        if shot.draft:
            found = _check_draft(shot, find_draft_attempt(shot, records_of(shot)), here)
        elif shot.continues_clip and not shot.provider.upload_path:
            found = _check_clip_url(status[shot.continues or ""], shot, here)
        found = found or _check_reachable(shot, here)
        if found:
            word, message, remedy = found
            yield status.plan.board.problem(("shots", shot.index, word), message, remedy)


def find_draft_attempt(shot: ShotToRender, records: RecordStore) -> Attempt | None:
    """The attempt that made the draft whose full picture a shot is, where the store has one."""
    return (
        read_receipt(shot.draft.key, records.read(shot.draft.key)).current if shot.draft else None
    )


def _check_draft(
    shot: ShotToRender, attempt: Attempt | None, base_url: str
) -> UnmetPrecondition | None:
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
        message = f"the draft of {shot.id} is older than the 7 days in which {name} takes it"
        remedy = f"Raise its take and render it with `draft: true` again. {remedy}"
    elif base_url and attempt.base_url != base_url and not is_loopback_url(base_url):
        message = f"the draft of {shot.id} was rendered at {redact_url(attempt.base_url)}, not here"
    else:
        return None
    return "draft", message, remedy


def _check_clip_url(
    previous_status: ShotStatus, shot: ShotToRender, base_url: str
) -> UnmetPrecondition | None:
    if previous_status.state is not ShotState.KEPT or previous_status.attempt is None:
        return None
    if not is_clip_url_fresh(previous_status.attempt):
        message = f"the clip of {shot.continues} is older than the 20 hours its URL is good for"
    elif previous_status.attempt.base_url != base_url:
        message = f"the clip of {shot.continues} was rendered at {redact_url(previous_status.attempt.base_url)}"
    else:
        return None
    anew = f"Leave continue out to start on its last frame, or raise the take of {shot.continues}."
    return "continue", message, f"{anew} {REFERENCE_CLIP_REMEDY}"


def _check_reachable(shot: ShotToRender, base_url: str) -> UnmetPrecondition | None:
    """A URL of this machine or its network, for a vendor that is elsewhere."""
    if not base_url or is_private_url(base_url):
        return None
    for given in shot.inputs:
        if given.url.startswith("http") and is_private_url(given.url):
            word = given.role if given.role in ("first_frame", "last_frame") else "references"
            message = f"{shot.provider.name} can't reach {redact_url(given.url)}"
            return (
                word,
                message,
                REFERENCE_CLIP_REMEDY if given.role == "reference_video" else "Give a public URL.",
            )
    return None


def is_clip_url_fresh(attempt: Attempt) -> bool:
    """Whether the URL of a job's clip still goes back to its vendor."""
    made = attempt.done_at or attempt.submitted_at or attempt.intended_at
    age_seconds = (datetime.now(UTC) - datetime.fromisoformat(made)).total_seconds()
    return age_seconds < MAX_CLIP_URL_AGE_SECONDS
