"""Build the render request of a shot from the storyboard and the abilities of its model.

A setting on a shot that the model does not support is a problem; the same setting in `look` is a note. Every default that changes picture, sound or price is sent explicitly."""

from __future__ import annotations

from typing import NamedTuple

from storyboards.prompts import Prompt
from tasks.plan import AUTO_DURATION
from tasks.planning.continuation import (
    DRAFT_RESOLUTION,
    build_final_request,
    resolve_draft_resolution,
    resolve_draft_stage,
)
from tasks.planning.shot_settings import ShotSettings, join_with_or, suggest_families
from tasks.providers.families import (
    EXPIRY_RANGE_SECONDS,
    FAMILIES,
    MAX_SEED,
    Family,
    count_frames,
    find_closest_ratio,
    get_frame_size,
    get_largest_frame_size,
    is_valid_frame_count,
)
from tasks.providers.request_fields import find_prompt_flag
from tasks.providers.types import RenderRequest


class PreparedRequest(NamedTuple):
    """An order, without its media, and the picture it makes."""

    request: RenderRequest
    width: int | None
    """None where the model decides the ratio."""
    height: int | None
    frames: int
    """Frames of the clip; of the longest it may become where the model decides."""
    resolution: str
    final_request: RenderRequest | None = None
    """The order of the full picture, where `order` is that of the draft it is made from."""


def build_request(
    settings: ShotSettings, model: str, prompt: Prompt, *, first_frame_size: tuple[int, int]
) -> PreparedRequest:
    """The order of a shot. What is wrong goes to `asked`, and something sensible stands for it.

    `framed` is the size of the picture it opens on, (0, 0) where that is not known.
    """
    family, shot = settings.family, settings.shot
    _check_prompt(settings, prompt)
    _check_request_fields(settings)
    stage = resolve_draft_stage(settings)
    wanted = settings.get("resolution")
    resolution = (
        resolve_draft_resolution(settings, stage, wanted)
        if stage
        else _resolution(settings, wanted)
    )
    ratio = _ratio(settings, first_frame_size)
    frames, seconds = _duration(settings)
    draft = stage is not None
    order = RenderRequest(
        model=model,
        prompt=prompt.text,
        resolution=DRAFT_RESOLUTION if draft else resolution,
        ratio=ratio,
        duration_seconds=None if frames else seconds,
        frames=frames,
        seed=_seed(settings),
        camera_fixed=_camera_fixed(settings),
        watermark=_watermark(settings),
        audio=_audio(settings),
        return_last_frame=family.has_last_frame_in_draft or not draft or None,
        draft=draft or None,
        service_tier=_service_tier(settings, is_draft=draft),
        priority=_priority(settings),
        execution_expires_after_seconds=_expires_after(settings),
        callback_url=shot.callback_url,
        safety_identifier=shot.safety_identifier,
        tools=_tools(settings),
    )
    width, height = _size(family, resolution, ratio, first_frame_size)
    longest = count_frames(
        family.duration_range_seconds[1] if seconds == AUTO_DURATION else seconds
    )
    final = build_final_request(settings, order, resolution) if stage == "final" else None
    return PreparedRequest(order, width, height, frames or longest, resolution, final)


def _check_prompt(settings: ShotSettings, prompt: Prompt) -> None:
    flag = find_prompt_flag(prompt.text) if settings.dialect.parses_prompt_flags else None
    if flag:
        settings.add_problem(
            "prompt",
            f"the prompt has the word {flag!r}, which the vendor reads as a parameter",
            "Write it without the two dashes, or set the shot's own key.",
        )
    if not prompt.text and (settings.opening == "text" or settings.dialect.requires_prompt):
        settings.add_problem("prompt", "the shot has no prompt", "Say what happens in it.")
    if settings.opening == "text" and not settings.family.text_to_video:
        settings.add_problem(
            "first_frame",
            f"{settings.family.name} needs a first frame here",
            "Give first_frame, or take another model.",
        )


_FIELD_OF_KEY = {
    "callback_url": "callback_url",
    "safety_identifier": "safety_identifier",
    "execution_expires_after": "execution_expires_after_seconds",
    "watermark": "watermark",
    "audio": "audio",
}
"""Words of the board, and the field of an order that carries each where the dialect has a place."""


def _check_request_fields(settings: ShotSettings) -> None:
    """What the wire format has no place for, and what is not its model's lack."""
    for word, field in _FIELD_OF_KEY.items():
        wanted = settings.get(word)
        if wanted is None or field in settings.dialect.supported_fields:
            continue
        able = word != "audio" or FAMILIES[settings.family.name].audio
        if wanted is not False or (word == "audio" and able):
            said = f"{settings.dialect.name} has no place for it"
            settings.add_unsupported(
                word, f"{str(wanted).lower()}, for {said}", f"Leave {word} out."
            )


def _resolution(settings: ShotSettings, requested: str | None) -> str:
    family = settings.family
    has = family.resolutions
    if settings.opening == "reference" and family.reference_resolutions:
        has = family.reference_resolutions
    if requested is None:
        return family.default_resolution
    if requested in has:
        return str(requested)
    settings.add_unsupported("resolution", requested, f"Take {join_with_or(list(has))}.")
    return family.default_resolution


def _ratio(settings: ShotSettings, first_frame_size: tuple[int, int]) -> str:
    family = settings.family
    wanted = settings.get("ratio") or "16:9"
    if wanted not in family.ratios:
        settings.add_unsupported("ratio", wanted, f"Take {join_with_or(list(family.ratios))}.")
        return family.ratios[0]
    if (
        wanted == "adaptive"
        and settings.opening == "reference"
        and not family.supports_adaptive_with_references
    ):
        settings.add_unsupported(
            "ratio", "adaptive beside references", "Name a ratio such as 16:9."
        )
        return family.ratios[0]
    if (
        wanted == "adaptive"
        and settings.opening == "text"
        and not family.supports_adaptive_with_text
    ):
        remedy = "Name a ratio such as 16:9, or give a first frame."
        settings.add_unsupported("ratio", "adaptive with words alone", remedy)
        return family.get_default_ratio("text")
    keeps = (
        settings.opening == "frame" or settings.continues_clip
    ) and not family.supports_ratio_with_frame
    if wanted != "adaptive" and keeps:
        if 0 not in first_frame_size and not _is_close_ratio(first_frame_size, wanted):
            settings.add_problem(
                "ratio",
                f"{family.name} keeps the ratio of the picture it starts on, and "
                f"{first_frame_size[0]}x{first_frame_size[1]} is not {wanted}",
                f"Crop the picture to {wanted}, or set ratio: adaptive.",
            )
        return "adaptive"
    return str(wanted)


def _is_close_ratio(first_frame_size: tuple[int, int], ratio: str) -> bool:
    across, down = ratio.split(":")
    return abs(first_frame_size[0] / first_frame_size[1] / (int(across) / int(down)) - 1) <= 0.025


def _duration(settings: ShotSettings) -> tuple[int | None, int]:
    """Frames where they are asked for, and the seconds, AUTO where the model decides."""
    family, shot = settings.family, settings.shot
    if shot.frames is not None:
        if not family.frames:
            settings.add_problem(
                "frames", f"{family.name} takes no frames", suggest_families("frames")
            )
        elif not is_valid_frame_count(shot.frames):
            settings.add_problem(
                "frames", f"frames can't be {shot.frames}", "Take 29, 33, 37, … or 289."
            )
        else:
            return shot.frames, family.default_duration_seconds
        return None, family.default_duration_seconds
    wanted = settings.get("seconds")
    least, most = family.duration_range_seconds
    if wanted is None:
        return None, family.default_duration_seconds
    if wanted == "auto":
        if family.supports_auto_duration:
            return None, AUTO_DURATION
        settings.add_unsupported("seconds", "auto", f"Take {least} to {most} seconds.")
        return None, family.default_duration_seconds
    if least <= wanted <= most:
        return None, int(wanted)
    message = f"{family.name} takes {least} to {most} seconds, not {wanted}"
    longer = [
        name
        for name, one in FAMILIES.items()
        if one.duration_range_seconds[0] <= wanted <= one.duration_range_seconds[1]
    ]
    remedy = f"Take {least} to {most}" + (f", or {join_with_or(longer)}." if longer else ".")
    # A length is never a mere preference: to change it would change the film.
    settings.add_problem("seconds", message, remedy)
    return None, family.default_duration_seconds


def _audio(settings: ShotSettings) -> bool | None:
    wanted = settings.get("audio")
    if "audio" not in settings.dialect.supported_fields:
        return None
    if settings.family.audio:
        return wanted is not False
    if wanted:
        settings.add_unsupported("audio", "true", suggest_families("audio"))
    return None


def _seed(settings: ShotSettings) -> int | None:
    wanted = settings.get("seed")
    if wanted is None:
        return None
    if not settings.family.seed:
        settings.add_unsupported("seed", wanted, suggest_families("seed"))
        return None
    if not 0 <= wanted <= MAX_SEED:
        settings.add_problem("seed", f"seed can't be {wanted}", f"Take 0 to {MAX_SEED}.")
        return None
    return int(wanted)


def _switch(settings: ShotSettings, key: str, *, is_supported: bool) -> bool | None:
    wanted = settings.get(key)
    if wanted and not is_supported:
        settings.add_unsupported(key, "true", suggest_families(key))
    return bool(wanted) if is_supported and wanted is not None else None


def _watermark(settings: ShotSettings) -> bool | None:
    if not settings.family.watermark or "watermark" not in settings.dialect.supported_fields:
        return None
    return bool(settings.get("watermark"))


def _camera_fixed(settings: ShotSettings) -> bool | None:
    fixed = _switch(settings, "camera_fixed", is_supported=settings.family.camera_fixed)
    if fixed and settings.opening == "reference":
        remedy = "Leave camera_fixed or the references out."
        settings.add_problem(
            "camera_fixed", "camera_fixed can't go together with references", remedy
        )
    return fixed


def _service_tier(settings: ShotSettings, *, is_draft: bool) -> str | None:
    wanted = settings.get("service_tier")
    if wanted is None:
        return None
    if not settings.family.flex:
        if wanted == "flex":
            settings.add_unsupported(
                "service_tier", "flex", suggest_families("flex").replace("flex", "service_tier")
            )
        return None
    if wanted == "flex" and is_draft:
        settings.add_problem("service_tier", "a draft has no flex tier", "Leave draft or flex out.")
    return str(wanted)


def _priority(settings: ShotSettings) -> int | None:
    wanted = settings.get("priority")
    if wanted is not None and not settings.family.priority:
        settings.add_unsupported("priority", wanted, suggest_families("priority"))
        return None
    return wanted if wanted is None else int(wanted)


def _expires_after(settings: ShotSettings) -> int | None:
    wanted = settings.get("execution_expires_after")
    least, most = EXPIRY_RANGE_SECONDS
    if wanted is not None and not least <= wanted <= most:
        message = f"execution_expires_after can't be {wanted} seconds"
        settings.add_problem("execution_expires_after", message, f"Take {least} to {most}.")
        return None
    return wanted if wanted is None else int(wanted)


def _tools(settings: ShotSettings) -> tuple[str, ...]:
    if settings.shot.tools and not settings.family.supports_web_search:
        remedy = suggest_families("tools", supports=lambda family: family.supports_web_search)
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


def pricing_size(family: Family, prepared: PreparedRequest) -> tuple[int, int]:
    """Width and height to price: the largest there is where the model decides."""
    if prepared.width and prepared.height:
        return prepared.width, prepared.height
    return get_largest_frame_size(family, prepared.resolution)
