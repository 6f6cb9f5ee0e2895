"""What a shot takes from an earlier job: the clip it continues, or its own draft. Offline.

Volcengine's draft page: the final render is requested by the draft's job within seven days."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from storyboards.prompts import Prompt
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import MediaSource, PlannedShot
from tasks.planning.media_files import MediaInputError, probe_reference_clip
from tasks.planning.references import REFERENCE_CLIP_REMEDY
from tasks.planning.shot_settings import ShotSettings, suggest_families
from tasks.providers import Provider
from tasks.providers.families import CLIP_LIMITS, FAMILIES
from tasks.providers.types import RenderRequest

DRAFT_RESOLUTION = "480p"
"""Of every draft."""

DraftStage = Literal["draft", "final"]


def resolve_draft_stage(settings: ShotSettings) -> DraftStage | None:
    """Whether a shot is a draft, the full picture of one, or neither."""
    wanted = settings.get("draft")
    if not wanted:
        return None
    said = "final" if wanted == "final" else "true"
    if not settings.family.draft or "draft" not in settings.dialect.supported_fields:
        settings.add_unsupported("draft", said, suggest_families("draft"))
        return None
    if wanted == "final" and "draft_job" not in settings.dialect.supported_fields:
        message = f"{settings.dialect.name} can't ask for the full picture of a draft"
        settings.add_problem("draft", message, "Leave draft out to render the shot anew.")
        return None
    return "final" if wanted == "final" else "draft"


def resolve_draft_resolution(
    settings: ShotSettings, stage: DraftStage, requested: str | None
) -> str:
    """The resolution of a draft or of its full picture. What can't be goes to `asked`."""
    family = settings.family
    has = family.final_resolutions or family.resolutions
    if stage == "draft":
        has = (DRAFT_RESOLUTION,)
    if requested in has:
        return str(requested)
    default = family.default_resolution if family.default_resolution in has else has[0]
    if requested is not None:
        noun = "a draft" if stage == "draft" else f"the full picture of a draft of {family.name}"
        message = f"{noun} is {' or '.join(has)}, not {requested}"
        word = "draft" if stage == "draft" else "resolution"
        settings.add_problem(word, message, f"Set resolution: {default}.")
    return default


def build_final_request(
    settings: ShotSettings, draft_request: RenderRequest, resolution: str
) -> RenderRequest:
    """The order of a draft's full picture, but for the draft's job, which the store knows."""
    if draft_request.priority is not None:
        settings.notes.append("priority is not used: the full picture of a draft takes none")
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
"""Nothing else tells a model to go on with a clip rather than to look at it."""


def add_extend_instruction(prompt: Prompt) -> Prompt:
    """The prompt of a shot that continues a clip, the first of its references."""
    return prompt._replace(
        text=_EXTEND_INSTRUCTION + prompt.text if prompt.text else "Extend Video 1."
    )


def get_draft_key(shot: PlannedShot) -> str:
    """The key that a draft behind this shot continues: that of its draft where it has one."""
    return shot.draft.key if shot.draft else shot.key


def build_clip_input(previous: PlannedShot, key: str) -> MediaSource:
    """The clip of the shot before as what goes with an order; `key` is its identity.

    Raises Unusable where it is a file that vendors don't take.
    """
    if previous.clip_path:
        width, height, seconds = probe_reference_clip(previous.clip_path, previous.clip_path.name)
        return MediaSource(
            "reference_video", key, None, "", "", width, height, seconds, previous.id
        )
    width, height = previous.width or 0, previous.height or 0
    objection = CLIP_LIMITS.find_size_problem(width, height) if width else ""
    if objection:
        msg = f"the clip of {previous.id} is {width}x{height}, and {objection}"
        raise MediaInputError(msg, "Render it in another resolution or ratio.")
    return MediaSource(
        "reference_video", key, None, "", "", width, height, _billed_seconds(previous), previous.id
    )


def _billed_seconds(shot: PlannedShot) -> float | None:
    """The length that vendors tell of a clip and bill; the longest where the model decides."""
    if shot.content_request and shot.content_request.duration_seconds == -1 and shot.family:
        return FAMILIES[shot.family].duration_range_seconds[1]
    if shot.content_request and shot.content_request.frames is None:
        return shot.duration_seconds
    return shot.frames // FRAMES_PER_SECOND if shot.frames else None


def check_continued_clip(settings: ShotSettings, provider: Provider, previous: PlannedShot) -> None:
    """Whether a vendor can have the clip of the shot before, as far as the board tells."""
    if settings.family.reference_videos and "reference_video" not in settings.dialect.url_roles:
        message = f"{settings.dialect.name} has no place for a reference clip"
        settings.add_problem("continue_", message, "Leave continue out to start on the last frame.")
    if provider.upload_path:
        return
    if previous.clip_path:
        message = f"{previous.id} is a file, and {provider.name} takes reference clips by URL only"
        settings.add_problem(
            "continue_", message, f"Leave continue out, or: {REFERENCE_CLIP_REMEDY}"
        )
    elif previous.provider and previous.provider.name != provider.name:
        message = f"{previous.id} is rendered by {previous.provider.name}, not by {provider.name}"
        settings.add_problem(
            "continue_", message, f"Leave continue out, or: {REFERENCE_CLIP_REMEDY}"
        )


def find_anchor(
    settings: ShotSettings, previous: PlannedShot | None, *, from_draft: bool
) -> Literal["exact", "soft"] | None:
    """Whether a shot starts on just the frame it is given, or only leans on it."""
    if settings.opening != "frame":
        return None
    # A draft behind a draft started on that one's picture, and not on the full one.
    other = from_draft and previous is not None and previous.draft is not None
    return "soft" if other or settings.dialect.first_frame_anchor == "soft" else "exact"


def describe_soft_anchor(shot: PlannedShot) -> Iterator[str]:
    """What an author should know before a shot only leans on the frame it is given."""
    if shot.anchor != "soft" or shot.provider is None:
        return
    if shot.draft:
        told = f"{shot.id} starts where the draft of {shot.continues} ended, not its full picture"
    else:
        told = f"{shot.provider.name} only leans on the frame that {shot.id} is given"
    yield f"{told}: a soft anchor" + (", so the seam may show" if shot.continues else "")
