"""Build the render request of a shot from the storyboard and the capabilities of its model.

A setting on a shot that the model does not support is a problem; the same setting in `look` is a
warning. Every default that changes picture, sound or price is sent explicitly. Media are added when
the request is sent (`tasks.submission.payload`).
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.problems import join_or
from storyboards.prompts import Prompt
from tasks.plan import AUTO_DURATION
from tasks.planning.continuation import (
    DRAFT_RESOLUTION,
    build_final_request,
    resolve_draft_resolution,
    resolve_draft_stage,
)
from tasks.planning.shot_settings import ShotSettings
from tasks.providers.families import (
    EXPIRY_RANGE_SECONDS,
    FAMILIES,
    MAX_SEED,
    Family,
    count_frames,
    find_closest_ratio,
    get_frame_size,
    is_valid_frame_count,
)
from tasks.providers.request_fields import find_prompt_flag
from tasks.providers.types import RenderRequest

MAX_RATIO_DEVIATION = 0.025
"""The maximum relative difference of a first frame's width / height from the requested ratio."""


class PreparedRequest(NamedTuple):
    """A request without its media, and the size and length of the clip it results in."""

    request: RenderRequest
    """Of the draft, if the shot is the final render of a draft."""
    width: int | None
    """None if the model decides the ratio."""
    height: int | None
    frames: int
    """Frames of the clip; the maximum if the model decides."""
    resolution: str
    """Of the clip: for the final render of a draft its resolution, not the draft's."""
    final_request: RenderRequest | None = None
    """The request of the final render, if the shot is the final render of a draft."""


def build_request(
    settings: ShotSettings, model: str, prompt: Prompt, *, first_frame_size: tuple[int, int]
) -> PreparedRequest:
    """Build the request of a shot.

    Values that are not possible are reported to `settings` and replaced by possible ones, so that
    the rest is still checked.

    Args:
        settings: The settings of the shot.
        model: The provider's id of the model.
        prompt: The full prompt.
        first_frame_size: Pixels of the image that the shot starts on; (0, 0) if not known.
    """
    family, shot = settings.family, settings.shot
    _check_prompt(settings, prompt)
    _check_request_fields(settings)
    stage = resolve_draft_stage(settings)
    requested = settings.get("resolution")
    resolution = (
        resolve_draft_resolution(settings, stage, requested)
        if stage
        else _resolution(settings, requested)
    )
    ratio = _ratio(settings, first_frame_size)
    frames, seconds = _duration(settings)
    has_draft = stage is not None
    request = RenderRequest(
        model=model,
        prompt=prompt.text,
        resolution=DRAFT_RESOLUTION if has_draft else resolution,
        ratio=ratio,
        duration_seconds=None if frames else seconds,
        frames=frames,
        seed=_seed(settings),
        camera_fixed=_camera_fixed(settings),
        watermark=_watermark(settings),
        audio=_audio(settings),
        return_last_frame=family.has_last_frame_in_draft or not has_draft or None,
        draft=has_draft or None,
        service_tier=_service_tier(settings, has_draft=has_draft),
        priority=_priority(settings),
        execution_expires_after_seconds=_expires_after(settings),
        callback_url=shot.callback_url,
        safety_identifier=shot.safety_identifier,
        tools=_tools(settings),
    )
    width, height = _size(family, resolution, ratio, first_frame_size)
    max_seconds = family.duration_range_seconds[1] if seconds == AUTO_DURATION else seconds
    final = build_final_request(settings, request, resolution) if stage == "final" else None
    return PreparedRequest(
        request, width, height, frames or count_frames(max_seconds), resolution, final
    )


def _check_prompt(settings: ShotSettings, prompt: Prompt) -> None:
    flag = find_prompt_flag(prompt.text) if settings.dialect.parses_prompt_flags else None
    if flag:
        message = f"the prompt contains {flag!r}, which the vendor reads as a parameter"
        remedy = "Write it without the two dashes, or set the shot's own key."
        settings.add_problem("prompt", message, remedy)
    is_text_only = settings.start_mode == "text"
    if not prompt.text and (is_text_only or settings.dialect.requires_prompt):
        settings.add_problem("prompt", "the shot has no prompt", "Describe what happens in it.")
    if is_text_only and not settings.family.text_to_video:
        message = f"{settings.family.name} needs a first frame here"
        settings.add_problem("first_frame", message, "Give first_frame, or use another model.")


_FIELD_OF_KEY = {
    "callback_url": "callback_url",
    "safety_identifier": "safety_identifier",
    "execution_expires_after": "execution_expires_after_seconds",
    "watermark": "watermark",
    "audio": "audio",
}
"""Keys of the board that not every wire format can send, and the request's field of each."""


def _check_request_fields(settings: ShotSettings) -> None:
    """Report values that the wire format can't send although the model may support them."""
    for key, field in _FIELD_OF_KEY.items():
        value = settings.get(key)
        if value is None or field in settings.dialect.supported_fields:
            continue
        # To ask for silence is not possible either if the model has sound and it can't be sent.
        is_audio_without_switch = key == "audio" and FAMILIES[settings.family.name].audio
        if value is not False or is_audio_without_switch:
            settings.add_unsupported(
                key, str(value).lower(), f"Remove {key}.", by=settings.provider.name
            )


def _resolution(settings: ShotSettings, requested: str | None) -> str:
    family = settings.family
    possible = family.resolutions
    if settings.start_mode == "reference" and family.reference_resolutions:
        possible = family.reference_resolutions
    if requested is None:
        return family.default_resolution
    if requested in possible:
        return str(requested)
    alternatives = settings.format_alternatives(
        "resolution", lambda other: requested in other.resolutions
    )
    remedy = f"Use {join_or(possible)}{alternatives}."
    instead = family.default_resolution
    settings.add_unsupported("resolution", requested, remedy, instead=instead)
    return instead


def _ratio(settings: ShotSettings, first_frame_size: tuple[int, int]) -> str:
    family, start_mode = settings.family, settings.start_mode
    requested = settings.get("ratio") or "16:9"
    if requested not in family.ratios:
        settings.add_unsupported("ratio", requested, f"Use {join_or(family.ratios)}.")
        return family.ratios[0]
    if requested == "adaptive":
        return _adaptive_ratio(settings)
    starts_on_image = start_mode == "frame" or settings.continues_clip
    if starts_on_image and not family.supports_ratio_with_frame:
        if 0 not in first_frame_size and not _is_close_ratio(first_frame_size, requested):
            width, height = first_frame_size
            message = (
                f"{family.name} keeps the ratio of the first frame, and "
                f"{width}x{height} is not {requested}"
            )
            remedy = f"Crop the image to {requested}, or set ratio: adaptive."
            settings.add_problem("ratio", message, remedy)
        return "adaptive"
    return str(requested)


def _adaptive_ratio(settings: ShotSettings) -> str:
    family, start_mode = settings.family, settings.start_mode
    if start_mode == "reference" and not family.supports_adaptive_with_references:
        remedy = "Set a ratio such as 16:9."
        settings.add_unsupported("ratio", "adaptive with references", remedy)
        return family.ratios[0]
    if start_mode == "text" and not family.supports_adaptive_with_text:
        remedy = "Set a ratio such as 16:9, or give a first frame."
        settings.add_unsupported("ratio", "adaptive with text alone", remedy)
        return family.get_default_ratio("text")
    return "adaptive"


def _is_close_ratio(size: tuple[int, int], ratio: str) -> bool:
    width, height = ratio.split(":")
    return abs(size[0] / size[1] / (int(width) / int(height)) - 1) <= MAX_RATIO_DEVIATION


def _duration(settings: ShotSettings) -> tuple[int | None, int]:
    """Return frames, if the shot sets them, and seconds; AUTO_DURATION if the model decides."""
    family, frames = settings.family, settings.shot.frames
    default = family.default_duration_seconds
    if frames is not None:
        if not family.frames:
            message = f"{family.name} does not support frames"
            settings.add_problem("frames", message, settings.suggest_families("frames"))
        elif not is_valid_frame_count(frames):
            message = f"frames can't be {frames}"
            settings.add_problem("frames", message, "Use 29, 33, 37, … or 289.")
        else:
            return frames, default
        return None, default
    requested = settings.get("seconds")
    min_seconds, max_seconds = family.duration_range_seconds
    possible = f"Use {min_seconds} to {max_seconds}"
    if requested is None:
        return None, default
    if requested == "auto":
        if family.supports_auto_duration:
            return None, AUTO_DURATION
        settings.add_unsupported("seconds", "auto", f"{possible} seconds.")
        return None, default
    if min_seconds <= requested <= max_seconds:
        return None, int(requested)
    alternatives = settings.format_alternatives(
        "seconds",
        lambda other: (
            other.duration_range_seconds[0] <= requested <= other.duration_range_seconds[1]
        ),
    )
    message = f"{family.name} takes {min_seconds} to {max_seconds} seconds, not {requested}"
    # A problem in the look as well: another length would change the film.
    settings.add_problem("seconds", message, f"{possible}{alternatives}.")
    return None, default


def _audio(settings: ShotSettings) -> bool | None:
    requested = settings.get("audio")
    if "audio" not in settings.dialect.supported_fields:
        return None
    if settings.family.audio:
        return requested is not False
    if requested:
        settings.add_unsupported("audio", "true", settings.suggest_families("audio"))
    return None


def _seed(settings: ShotSettings) -> int | None:
    requested = settings.get("seed")
    if requested is None:
        return None
    if not settings.family.seed:
        settings.add_unsupported("seed", requested, settings.suggest_families("seed"))
        return None
    if not 0 <= requested <= MAX_SEED:
        settings.add_problem("seed", f"seed can't be {requested}", f"Use 0 to {MAX_SEED}.")
        return None
    return int(requested)


def _watermark(settings: ShotSettings) -> bool | None:
    if not settings.family.watermark or "watermark" not in settings.dialect.supported_fields:
        return None
    return bool(settings.get("watermark"))


def _camera_fixed(settings: ShotSettings) -> bool | None:
    requested = settings.get("camera_fixed")
    if not settings.family.camera_fixed:
        if requested:
            remedy = settings.suggest_families("camera_fixed")
            settings.add_unsupported("camera_fixed", "true", remedy)
        return None
    if requested and settings.start_mode == "reference":
        message = "camera_fixed can't be combined with references"
        settings.add_problem("camera_fixed", message, "Remove camera_fixed or the references.")
    return None if requested is None else bool(requested)


def _service_tier(settings: ShotSettings, *, has_draft: bool) -> str | None:
    requested = settings.get("service_tier")
    if requested is None:
        return None
    if not settings.family.flex:
        if requested == "flex":
            remedy = settings.suggest_families("service_tier", lambda family: family.flex)
            settings.add_unsupported("service_tier", "flex", remedy)
        return None
    if requested == "flex" and has_draft:
        message = "a draft can't use the flex tier"
        settings.add_problem("service_tier", message, "Remove draft or flex.")
    return str(requested)


def _priority(settings: ShotSettings) -> int | None:
    requested = settings.get("priority")
    if requested is None:
        return None
    if not settings.family.priority:
        settings.add_unsupported("priority", requested, settings.suggest_families("priority"))
        return None
    return int(requested)


def _expires_after(settings: ShotSettings) -> int | None:
    requested = settings.get("execution_expires_after")
    if requested is None:
        return None
    min_seconds, max_seconds = EXPIRY_RANGE_SECONDS
    if not min_seconds <= requested <= max_seconds:
        message = f"execution_expires_after can't be {requested} seconds"
        remedy = f"Use {min_seconds} to {max_seconds}."
        settings.add_problem("execution_expires_after", message, remedy)
        return None
    return int(requested)


def _tools(settings: ShotSettings) -> tuple[str, ...]:
    if settings.shot.tools and not settings.family.supports_web_search:
        remedy = settings.suggest_families("tools", lambda family: family.supports_web_search)
        settings.add_problem("tools", f"{settings.family.name} has no tools here", remedy)
    return tuple(settings.shot.tools)


def _size(
    family: Family, resolution: str, ratio: str, first_frame_size: tuple[int, int]
) -> tuple[int | None, int | None]:
    if ratio != "adaptive":
        return get_frame_size(family, resolution, ratio)
    if 0 not in first_frame_size:
        return get_frame_size(family, resolution, find_closest_ratio(family, *first_frame_size))
    return None, None
