"""Drafts: cheap previews, and the full picture of just one of them.

Volcengine's draft page: the full picture is asked for by the draft's job within seven days, in a
resolution of its own, and repeats nothing that the draft has fixed. Pure; whether the store has the
draft is told by `obstacles`.
"""

from __future__ import annotations

from typing import Literal

from tasks.planning.asking import Asked, having
from tasks.providers.contract import Order

RESOLUTION = "480p"
"""Of every draft."""

Stage = Literal["draft", "final"]


def read_stage(asked: Asked) -> Stage | None:
    """Whether a shot is a draft, the full picture of one, or neither."""
    wanted = asked.value("draft")
    if not wanted:
        return None
    said = "final" if wanted == "final" else "true"
    if not asked.family.draft or "draft" not in asked.dialect.says:
        asked.lacking("draft", said, having("draft"))
        return None
    if wanted == "final" and "draft_job" not in asked.dialect.says:
        message = f"{asked.dialect.name} can't ask for the full picture of a draft"
        asked.refuse("draft", message, "Leave draft out to render the shot anew.")
        return None
    return "final" if wanted == "final" else "draft"


def read_resolution(asked: Asked, stage: Stage, wanted: str | None) -> str:
    """The resolution of a draft or of its full picture. What can't be goes to `asked`."""
    family = asked.family
    has = family.final_resolutions or family.resolutions
    if stage == "draft":
        has = (RESOLUTION,)
    if wanted in has:
        return str(wanted)
    default = family.default_resolution if family.default_resolution in has else has[0]
    if wanted is not None:
        noun = "a draft" if stage == "draft" else f"the full picture of a draft of {family.name}"
        message = f"{noun} is {' or '.join(has)}, not {wanted}"
        word = "draft" if stage == "draft" else "resolution"
        asked.refuse(word, message, f"Set resolution: {default}.")
    return default


def promote(asked: Asked, draft: Order, resolution: str) -> Order:
    """The order of a draft's full picture, but for the draft's job, which the store knows."""
    if draft.priority is not None:
        asked.notes.append("priority is not used: the full picture of a draft takes none")
    return Order(
        model=draft.model,
        resolution=resolution,
        watermark=draft.watermark,
        return_last_frame=True,
        callback_url=draft.callback_url,
        safety_identifier=draft.safety_identifier,
        execution_expires_after_seconds=draft.execution_expires_after_seconds,
    )
