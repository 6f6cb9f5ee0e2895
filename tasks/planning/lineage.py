"""What a shot takes from an earlier job of its vendor: the clip it continues, its own draft.

Pure: what the board alone tells, for the plan. Whether the store still has what is needed is told
by `obstacles`, and `delivery` asks the vendor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from storyboards.prompts import Prompt
from tasks.plan import PlannedShot
from tasks.planning.asking import Asked
from tasks.planning.enclosures import WAYS
from tasks.planning.inputs import Input, Unusable, look_at_clip
from tasks.providers import Provider
from tasks.providers.models import CLIPS, FAMILIES, FRAMES_PER_SECOND

_EXTEND = "Extend Video 1: "
"""Nothing else tells a model to go on with a clip rather than to look at it."""


def extend(prompt: Prompt) -> Prompt:
    """The prompt of a shot that continues a clip, the first of its references."""
    return prompt._replace(text=_EXTEND + prompt.text if prompt.text else "Extend Video 1.")


def draft_key(shot: PlannedShot) -> str:
    """The key that a draft behind this shot continues: that of its draft where it has one."""
    return shot.draft.key if shot.draft else shot.key


def clip_of(before: PlannedShot, key: str) -> Input:
    """The clip of the shot before as what goes with an order; `key` is its identity.

    Raises Unusable where it is a file that vendors don't take.
    """
    if before.clip:
        width, height, seconds = look_at_clip(before.clip, before.clip.name)
        return Input("reference_video", key, None, "", "", width, height, seconds, before.id)
    width, height = before.width or 0, before.height or 0
    objection = CLIPS.objection(width, height) if width else ""
    if objection:
        msg = f"the clip of {before.id} is {width}x{height}, and {objection}"
        raise Unusable(msg, "Render it in another resolution or ratio.")
    return Input("reference_video", key, None, "", "", width, height, _seconds(before), before.id)


def _seconds(shot: PlannedShot) -> float | None:
    """The length that vendors tell of a clip and bill; the longest where the model decides."""
    if shot.wanted and shot.wanted.duration_seconds == -1 and shot.family:
        return FAMILIES[shot.family].seconds[1]
    if shot.wanted and shot.wanted.frames is None:
        return shot.seconds
    return shot.frames // FRAMES_PER_SECOND if shot.frames else None


def check_continued(asked: Asked, row: Provider, before: PlannedShot) -> None:
    """Whether a vendor can have the clip of the shot before, as far as the board tells."""
    if asked.family.reference_videos and "reference_video" not in asked.dialect.links:
        message = f"{asked.dialect.name} has no place for a reference clip"
        asked.refuse("continue_", message, "Leave continue out to start on the last frame.")
    if row.uploads:
        return
    if before.clip:
        message = f"{before.id} is a file, and {row.name} takes reference clips by URL only"
        asked.refuse("continue_", message, f"Leave continue out, or: {WAYS}")
    elif before.provider and before.provider.name != row.name:
        message = f"{before.id} is rendered by {before.provider.name}, not by {row.name}"
        asked.refuse("continue_", message, f"Leave continue out, or: {WAYS}")


def find_anchor(
    asked: Asked, before: PlannedShot | None, *, promoted: bool
) -> Literal["exact", "soft"] | None:
    """Whether a shot starts on just the frame it is given, or only leans on it."""
    if asked.opening != "frame":
        return None
    # A draft behind a draft started on that one's picture, and not on the full one.
    other = promoted and before is not None and before.draft is not None
    return "soft" if other or asked.dialect.takes_first_frame == "soft" else "exact"


def tell_anchor(shot: PlannedShot) -> Iterator[str]:
    """What an author should know before a shot only leans on the frame it is given."""
    if shot.anchor != "soft" or shot.provider is None:
        return
    if shot.draft:
        told = f"{shot.id} starts where the draft of {shot.continues} ended, not its full picture"
    else:
        told = f"{shot.provider.name} only leans on the frame that {shot.id} is given"
    yield f"{told}: a soft anchor" + (", so the seam may show" if shot.continues else "")
