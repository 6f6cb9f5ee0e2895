"""One shot's order: what the board says, what the model takes, and what is sent.

A value written on a shot that its model lacks is a problem with the alternative; the same value in
`look` is a note. Every default that changes the picture, the sound or the price is sent explicitly.
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.prompts import Prompt
from tasks.planning.asking import Asked, either, having
from tasks.planning.drafts import RESOLUTION, promote, read_resolution, read_stage
from tasks.providers.contract import Order
from tasks.providers.flags import find_flag
from tasks.providers.models import (
    EXPIRES_AFTER_SECONDS,
    FAMILIES,
    SEED_MOST,
    Family,
    closest_ratio,
    frame_count,
    is_frame_count,
    largest_size,
    size,
)

AUTO = -1
"""What `seconds: auto` is on the wire."""


class Made(NamedTuple):
    """An order, without its media, and the picture it makes."""

    order: Order
    width: int | None
    """None where the model decides the ratio."""
    height: int | None
    frames: int
    """Frames of the clip; of the longest it may become where the model decides."""
    resolution: str
    final: Order | None = None
    """The order of the full picture, where `order` is that of the draft it is made from."""


def make_order(asked: Asked, model: str, prompt: Prompt, *, framed: tuple[int, int]) -> Made:
    """The order of a shot. What is wrong goes to `asked`, and something sensible stands for it.

    `framed` is the size of the picture it opens on, (0, 0) where that is not known.
    """
    family, shot = asked.family, asked.shot
    _check_prompt(asked, prompt)
    _check_said(asked)
    stage = read_stage(asked)
    wanted = asked.value("resolution")
    resolution = read_resolution(asked, stage, wanted) if stage else _resolution(asked, wanted)
    ratio = _ratio(asked, framed)
    frames, seconds = _length(asked)
    draft = stage is not None
    order = Order(
        model=model,
        prompt=prompt.text,
        resolution=RESOLUTION if draft else resolution,
        ratio=ratio,
        duration_seconds=None if frames else seconds,
        frames=frames,
        seed=_seed(asked),
        camera_fixed=_camera(asked),
        watermark=_watermark(asked),
        audio=_audio(asked),
        return_last_frame=family.last_frame_in_draft or not draft or None,
        draft=draft or None,
        service_tier=_tier(asked, draft=draft),
        priority=_priority(asked),
        execution_expires_after_seconds=_expiry(asked),
        callback_url=shot.callback_url,
        safety_identifier=shot.safety_identifier,
        tools=_tools(asked),
    )
    width, height = _size(family, resolution, ratio, framed)
    longest = frame_count(family.seconds[1] if seconds == AUTO else seconds)
    final = promote(asked, order, resolution) if stage == "final" else None
    return Made(order, width, height, frames or longest, resolution, final)


def _check_prompt(asked: Asked, prompt: Prompt) -> None:
    flag = find_flag(prompt.text) if asked.dialect.reads_flags else None
    if flag:
        asked.refuse(
            "prompt",
            f"the prompt has the word {flag!r}, which the vendor reads as a parameter",
            "Write it without the two dashes, or set the shot's own key.",
        )
    if not prompt.text and (asked.opening == "text" or asked.dialect.needs_prompt):
        asked.refuse("prompt", "the shot has no prompt", "Say what happens in it.")
    if asked.opening == "text" and not asked.family.text_to_video:
        asked.refuse(
            "first_frame",
            f"{asked.family.name} needs a first frame here",
            "Give first_frame, or take another model.",
        )


_SAID = {
    "callback_url": "callback_url",
    "safety_identifier": "safety_identifier",
    "execution_expires_after": "execution_expires_after_seconds",
    "watermark": "watermark",
    "audio": "audio",
}
"""Words of the board, and the field of an order that carries each where the dialect has a place."""


def _check_said(asked: Asked) -> None:
    """What the wire format has no place for, and what is not its model's lack."""
    for word, field in _SAID.items():
        wanted = asked.value(word)
        if wanted is None or field in asked.dialect.says:
            continue
        able = word != "audio" or FAMILIES[asked.family.name].audio
        if wanted is not False or (word == "audio" and able):
            said = f"{asked.dialect.name} has no place for it"
            asked.lacking(word, f"{str(wanted).lower()}, for {said}", f"Leave {word} out.")


def _resolution(asked: Asked, wanted: str | None) -> str:
    family = asked.family
    has = family.resolutions
    if asked.opening == "reference" and family.reference_resolutions:
        has = family.reference_resolutions
    if wanted is None:
        return family.default_resolution
    if wanted in has:
        return str(wanted)
    asked.lacking("resolution", wanted, f"Take {either(list(has))}.")
    return family.default_resolution


def _ratio(asked: Asked, framed: tuple[int, int]) -> str:
    family = asked.family
    wanted = asked.value("ratio") or "16:9"
    if wanted not in family.ratios:
        asked.lacking("ratio", wanted, f"Take {either(list(family.ratios))}.")
        return family.ratios[0]
    if (
        wanted == "adaptive"
        and asked.opening == "reference"
        and not family.adaptive_with_references
    ):
        asked.lacking("ratio", "adaptive beside references", "Name a ratio such as 16:9.")
        return family.ratios[0]
    if wanted == "adaptive" and asked.opening == "text" and not family.adaptive_with_text:
        remedy = "Name a ratio such as 16:9, or give a first frame."
        asked.lacking("ratio", "adaptive with words alone", remedy)
        return family.default_ratio("text")
    keeps = (asked.opening == "frame" or asked.extends) and not family.ratio_with_frame
    if wanted != "adaptive" and keeps:
        if 0 not in framed and not _close(framed, wanted):
            asked.refuse(
                "ratio",
                f"{family.name} keeps the ratio of the picture it starts on, and "
                f"{framed[0]}x{framed[1]} is not {wanted}",
                f"Crop the picture to {wanted}, or set ratio: adaptive.",
            )
        return "adaptive"
    return str(wanted)


def _close(framed: tuple[int, int], ratio: str) -> bool:
    across, down = ratio.split(":")
    return abs(framed[0] / framed[1] / (int(across) / int(down)) - 1) <= 0.025


def _length(asked: Asked) -> tuple[int | None, int]:
    """Frames where they are asked for, and the seconds, AUTO where the model decides."""
    family, shot = asked.family, asked.shot
    if shot.frames is not None:
        if not family.frames:
            asked.refuse("frames", f"{family.name} takes no frames", having("frames"))
        elif not is_frame_count(shot.frames):
            asked.refuse("frames", f"frames can't be {shot.frames}", "Take 29, 33, 37, … or 289.")
        else:
            return shot.frames, family.default_seconds
        return None, family.default_seconds
    wanted = asked.value("seconds")
    least, most = family.seconds
    if wanted is None:
        return None, family.default_seconds
    if wanted == "auto":
        if family.auto_seconds:
            return None, AUTO
        asked.lacking("seconds", "auto", f"Take {least} to {most} seconds.")
        return None, family.default_seconds
    if least <= wanted <= most:
        return None, int(wanted)
    message = f"{family.name} takes {least} to {most} seconds, not {wanted}"
    longer = [name for name, one in FAMILIES.items() if one.seconds[0] <= wanted <= one.seconds[1]]
    remedy = f"Take {least} to {most}" + (f", or {either(longer)}." if longer else ".")
    # A length is never a mere preference: to change it would change the film.
    asked.refuse("seconds", message, remedy)
    return None, family.default_seconds


def _audio(asked: Asked) -> bool | None:
    wanted = asked.value("audio")
    if "audio" not in asked.dialect.says:
        return None
    if asked.family.audio:
        return wanted is not False
    if wanted:
        asked.lacking("audio", "true", having("audio"))
    return None


def _seed(asked: Asked) -> int | None:
    wanted = asked.value("seed")
    if wanted is None:
        return None
    if not asked.family.seed:
        asked.lacking("seed", wanted, having("seed"))
        return None
    if not 0 <= wanted <= SEED_MOST:
        asked.refuse("seed", f"seed can't be {wanted}", f"Take 0 to {SEED_MOST}.")
        return None
    return int(wanted)


def _switch(asked: Asked, name: str, *, has: bool) -> bool | None:
    wanted = asked.value(name)
    if wanted and not has:
        asked.lacking(name, "true", having(name))
    return bool(wanted) if has and wanted is not None else None


def _watermark(asked: Asked) -> bool | None:
    if not asked.family.watermark or "watermark" not in asked.dialect.says:
        return None
    return bool(asked.value("watermark"))


def _camera(asked: Asked) -> bool | None:
    fixed = _switch(asked, "camera_fixed", has=asked.family.camera_fixed)
    if fixed and asked.opening == "reference":
        remedy = "Leave camera_fixed or the references out."
        asked.refuse("camera_fixed", "camera_fixed can't go together with references", remedy)
    return fixed


def _tier(asked: Asked, *, draft: bool) -> str | None:
    wanted = asked.value("service_tier")
    if wanted is None:
        return None
    if not asked.family.flex:
        if wanted == "flex":
            asked.lacking("service_tier", "flex", having("flex").replace("flex", "service_tier"))
        return None
    if wanted == "flex" and draft:
        asked.refuse("service_tier", "a draft has no flex tier", "Leave draft or flex out.")
    return str(wanted)


def _priority(asked: Asked) -> int | None:
    wanted = asked.value("priority")
    if wanted is not None and not asked.family.priority:
        asked.lacking("priority", wanted, having("priority"))
        return None
    return wanted if wanted is None else int(wanted)


def _expiry(asked: Asked) -> int | None:
    wanted = asked.value("execution_expires_after")
    least, most = EXPIRES_AFTER_SECONDS
    if wanted is not None and not least <= wanted <= most:
        message = f"execution_expires_after can't be {wanted} seconds"
        asked.refuse("execution_expires_after", message, f"Take {least} to {most}.")
        return None
    return wanted if wanted is None else int(wanted)


def _tools(asked: Asked) -> tuple[str, ...]:
    if asked.shot.tools and not asked.family.web_search:
        remedy = having("tools", among=lambda family: family.web_search)
        asked.refuse("tools", f"{asked.family.name} has no tools here", remedy)
    return tuple(asked.shot.tools)


def _size(
    family: Family, resolution: str, ratio: str, framed: tuple[int, int]
) -> tuple[int | None, int | None]:
    if ratio != "adaptive":
        return size(family, resolution, ratio)
    if 0 not in framed:
        return size(family, resolution, closest_ratio(family, *framed))
    return None, None


def price_size(family: Family, made: Made) -> tuple[int, int]:
    """Width and height to price: the largest there is where the model decides."""
    if made.width and made.height:
        return made.width, made.height
    return largest_size(family, made.resolution)
