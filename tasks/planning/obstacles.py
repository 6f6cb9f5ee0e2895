"""Why a shot can't be rendered now, although the board is clean: what the store says of its past.

A clip goes back to its vendor by a URL that is good for a day, and a draft is promoted within a
week. Looked at before anything is paid, and without asking anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from storyboards.problems import Problem
from tasks.plan import PlannedShot
from tasks.planning.enclosures import WAYS
from tasks.providers import Provider
from tasks.providers.addresses import is_loopback, is_private, redact
from tasks.receipts import AT_VENDOR, JOB_LIVES_SECONDS, Attempt, State, read_receipt
from tasks.records.survey import Standing, Survey
from tasks.store import Shelf

URL_FRESH_SECONDS = 20 * 3600
"""How long a vendor's own URL is sent back to it; it is served for 24 hours."""

Found = tuple[str, str, str]
"""The shot's word that can't be had, why, and what to do about it."""


def find_obstacles(
    survey: Survey,
    shots: tuple[PlannedShot, ...],
    *,
    shelf_of: Callable[[PlannedShot], Shelf],
    base_url: Callable[[Provider], str],
) -> Iterator[Problem]:
    """Why shots that are to be rendered can't be, by what the store has. Raises StoreError."""
    for shot in shots:
        if shot.provider is None or survey[shot.id].state != "to render":
            continue
        here = base_url(shot.provider)
        found: Found | None = None
        if shot.draft:
            found = _lacks_draft(shot, shot.provider, find_draft(shot, shelf_of(shot)), here)
        elif shot.by_clip and not shot.provider.uploads:
            found = _lacks_clip(survey[shot.continues or ""], shot, here)
        found = found or _out_of_reach(shot, shot.provider, here)
        if found:
            word, message, remedy = found
            yield survey.plan.board.problem(("shots", shot.index, word), message, remedy)


def find_draft(shot: PlannedShot, shelf: Shelf) -> Attempt | None:
    """The attempt that made the draft whose full picture a shot is, where the store has one."""
    return read_receipt(shot.draft.key, shelf.read(shot.draft.key)).latest if shot.draft else None


def _lacks_draft(
    shot: PlannedShot, row: Provider, attempt: Attempt | None, here: str
) -> Found | None:
    name = row.name
    remedy = f"Render {shot.id} with `draft: true` at {name}, look at it, then set draft: final."
    if attempt is None or attempt.state not in (*AT_VENDOR, State.KEPT) or not attempt.job:
        message = f"the store has no draft of {shot.id} as it is written now"
    elif attempt.state is State.SUBMITTED:
        message = f"the draft of {shot.id} is still rendering"
        remedy = "Render it with `draft: true` once more to fetch it, then set draft: final."
    elif attempt.age_seconds > JOB_LIVES_SECONDS:
        message = f"the draft of {shot.id} is older than the 7 days in which {name} takes it"
        remedy = f"Raise its take and render it with `draft: true` again. {remedy}"
    elif here and attempt.base_url != here and not is_loopback(here):
        message = f"the draft of {shot.id} was rendered at {redact(attempt.base_url)}, not here"
    else:
        return None
    return "draft", message, remedy


def _lacks_clip(before: Standing, shot: PlannedShot, here: str) -> Found | None:
    if before.state != "kept" or before.attempt is None:
        return None
    if not is_fresh(before.attempt):
        message = f"the clip of {shot.continues} is older than the 20 hours its URL is good for"
    elif before.attempt.base_url != here:
        message = f"the clip of {shot.continues} was rendered at {redact(before.attempt.base_url)}"
    else:
        return None
    anew = f"Leave continue out to start on its last frame, or raise the take of {shot.continues}."
    return "continue", message, f"{anew} {WAYS}"


def _out_of_reach(shot: PlannedShot, row: Provider, here: str) -> Found | None:
    """A URL of this machine or its network, for a vendor that is elsewhere."""
    if not here or is_private(here):
        return None
    for given in shot.inputs:
        if given.url.startswith("http") and is_private(given.url):
            word = given.role if given.role in ("first_frame", "last_frame") else "references"
            message = f"{row.name} can't reach {redact(given.url)}"
            return word, message, WAYS if given.role == "reference_video" else "Give a public URL."
    return None


def is_fresh(attempt: Attempt) -> bool:
    """Whether the URL of a job's clip still goes back to its vendor."""
    made = attempt.done_at or attempt.submitted_at or attempt.intended_at
    age_seconds = (datetime.now(UTC) - datetime.fromisoformat(made)).total_seconds()
    return age_seconds < URL_FRESH_SECONDS
