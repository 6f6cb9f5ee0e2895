"""Inputs of a shot from an earlier job: the clip that it continues, or its own draft.

Drafts: the final render is requested by the id of the draft's job, within seven days (Volcengine's
draft page). If that job or clip can still be used is checked in `preconditions`.
"""

from __future__ import annotations

from typing import Literal

from storyboards.problems import join_or
from storyboards.prompts import Prompt
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import Anchor, ExistingClip, MediaSource, PlannedShot, ShotToRender
from tasks.planning.media_files import MediaInputError, probe_reference_clip
from tasks.planning.references import REFERENCE_CLIP_REMEDY
from tasks.planning.selects import format_frame
from tasks.planning.shot_settings import ShotSettings
from tasks.providers.families import CLIP_LIMITS, FAMILIES
from tasks.providers.types import RenderRequest

DRAFT_RESOLUTION = "480p"
"""The resolution of every draft."""

DraftStage = Literal["draft", "final"]
"""`draft` is the preview, `final` the render made from it."""


def resolve_draft_stage(settings: ShotSettings) -> DraftStage | None:
    """Return the stage that a shot requests, or None if it has no draft or can't have one."""
    requested = settings.get("draft")
    if not requested:
        return None
    is_final = requested == "final"
    if not settings.family.draft or "draft" not in settings.dialect.supported_fields:
        value = "final" if is_final else "true"
        settings.add_unsupported("draft", value, settings.suggest_families("draft"))
        return None
    if is_final and "draft_job" not in settings.dialect.supported_fields:
        message = f"{settings.provider.name} can't request the final render of a draft"
        settings.add_problem("draft", message, "Remove draft to render the shot without a draft.")
        return None
    return "final" if is_final else "draft"


def resolve_draft_resolution(
    settings: ShotSettings, stage: DraftStage, requested: str | None
) -> str:
    """Return the resolution of a draft, or of the final render of a draft.

    If the requested one is not possible, this adds a problem and returns a possible one.
    """
    family = settings.family
    possible = family.final_resolutions or family.resolutions
    if stage == "draft":
        possible = (DRAFT_RESOLUTION,)
    if requested in possible:
        return str(requested)
    default = family.default_resolution if family.default_resolution in possible else possible[0]
    if requested is not None:
        noun = "a draft" if stage == "draft" else f"the final render of a draft of {family.name}"
        message = f"{noun} is {join_or(possible)}, not {requested}"
        key = "draft" if stage == "draft" else "resolution"
        settings.add_problem(key, message, f"Set resolution: {default}.")
    return default


def build_final_request(
    settings: ShotSettings, draft_request: RenderRequest, resolution: str
) -> RenderRequest:
    """Return the request of a draft's final render, without the draft's job, which the store has.

    Everything else is fixed by the draft, so the vendor accepts no other parameters.
    """
    if draft_request.priority is not None:
        settings.add_warning("priority is not used: the final render of a draft takes none")
    return RenderRequest(
        model=draft_request.model,
        resolution=resolution,
        watermark=draft_request.watermark,
        return_last_frame=True,
        callback_url=draft_request.callback_url,
        safety_identifier=draft_request.safety_identifier,
        execution_expires_after_seconds=draft_request.execution_expires_after_seconds,
    )


_EXTEND_INSTRUCTION = "Extend Video 1: "
"""Only the prompt distinguishes a clip to continue from a clip that is a reference."""


def add_extend_instruction(prompt: Prompt) -> Prompt:
    """Return the prompt of a shot that continues a clip, which must be its first reference."""
    return prompt._replace(
        text=_EXTEND_INSTRUCTION + prompt.text if prompt.text else "Extend Video 1."
    )


def get_draft_key(shot: PlannedShot) -> str:
    """Return the key that the draft of the next shot continues: that of this shot's own draft."""
    return shot.draft.key if isinstance(shot, ShotToRender) and shot.draft else shot.key


def build_clip_input(previous: PlannedShot) -> MediaSource:
    """Return the clip of a shot as an input of the shot that continues it.

    Raises:
        MediaInputError: If vendors do not accept such a clip.
    """
    if isinstance(previous, ExistingClip):
        width, height, seconds = probe_reference_clip(previous.clip_path, previous.clip_path.name)
    else:
        width, height = previous.width or 0, previous.height or 0
        seconds = _billed_seconds(previous)
        size_problem = CLIP_LIMITS.find_size_problem(width, height) if width else ""
        if size_problem:
            msg = f"the clip of {previous.id} is {width}x{height}, and {size_problem}"
            raise MediaInputError(msg, "Render it in another resolution or ratio.")
    return MediaSource(
        "reference_video",
        previous.key,
        width=width,
        height=height,
        duration_seconds=seconds,
        source_shot=previous.id,
    )


def _billed_seconds(shot: ShotToRender) -> float:
    """Return the length that vendors report and bill; the maximum if the model decides."""
    if shot.has_auto_duration and shot.family:
        return FAMILIES[shot.family].duration_range_seconds[1]
    if shot.content_request.frames is None:
        return shot.duration_seconds
    return shot.frames // FRAMES_PER_SECOND


def check_continued_clip(settings: ShotSettings, previous: PlannedShot | None) -> None:
    """Check that the provider can get the clip of the previous shot, as far as the plan shows.

    Args:
        settings: The settings of the shot that continues the clip.
        previous: The shot whose clip is continued; None if it could not be planned.
    """
    if settings.family.reference_videos and "reference_video" not in settings.dialect.url_roles:
        message = f"{settings.provider.name} can't send a reference clip"
        settings.add_problem("continues", message, "Remove continue to start on the last frame.")
    provider = settings.provider
    if provider.upload_path or previous is None:
        return
    remedy = f"Remove continue, or: {REFERENCE_CLIP_REMEDY}"
    if isinstance(previous, ExistingClip):
        message = f"{previous.id} is a file, and {provider.name} takes reference clips by URL only"
        settings.add_problem("continues", message, remedy)
    elif previous.provider.name != provider.name:
        message = f"{previous.id} is rendered by {previous.provider.name}, not by {provider.name}"
        settings.add_problem("continues", message, remedy)


def check_continued_end(settings: ShotSettings, previous: PlannedShot) -> None:
    """Check that the film shows the end of the clip that a shot continues (`continue: clip`).

    The vendor gets the whole clip, and continues its last picture.
    """
    last = previous.used_ranges[-1]
    if last.take is None and last.shows_end(previous.frames):
        return
    shown = f"take {last.take.take.number}" if last.take else format_frame(last.end_frame or 0)
    ending = f"shows {shown} of {previous.id} last" if last.take else f"leaves it at {shown}"
    message = f"{settings.shot.id} continues the clip of {previous.id}, and the film {ending}"
    remedy = f"Remove continue to start on that frame, or end `use` of {previous.id} with the clip."
    settings.add_problem("continues", message, remedy)


def find_anchor(
    settings: ShotSettings, previous: PlannedShot | None, *, from_draft: bool
) -> Anchor | None:
    """Return how closely a shot follows its first frame; None if it starts without a frame.

    Args:
        settings: The settings of the shot.
        previous: The shot that it continues, if any.
        from_draft: True if the shot is the final render of a draft.
    """
    if settings.start_mode != "frame":
        return None
    # The draft of this shot started on the draft of the previous shot, not on its final render.
    has_draft = isinstance(previous, ShotToRender) and previous.draft is not None
    starts_on_draft = from_draft and has_draft
    is_soft = starts_on_draft or settings.dialect.first_frame_anchor == "soft"
    return Anchor.SOFT if is_soft else Anchor.EXACT


def warn_about_soft_anchor(settings: ShotSettings, shot: ShotToRender) -> None:
    """Warn if a shot has a soft anchor."""
    if not shot.has_soft_anchor:
        return
    if shot.draft:
        reason = "it starts where the draft of the shot before ended, not its final render"
    else:
        reason = f"{shot.provider.name} uses the first frame as guidance only"
    seam = ", so the seam may show" if shot.continues else ""
    settings.add_warning(f"{reason}: a soft anchor{seam}")
