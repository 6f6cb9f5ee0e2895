"""One shot's order: what the board says, what the model takes, and what is sent.

A value written on a shot that its model lacks is a problem with the alternative; the same value in
`look` is a note. Every default that changes the picture, the sound or the price is sent explicitly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from storyboards.board import Board
from storyboards.errors import Problem
from storyboards.models import Shot
from storyboards.prompts import Prompt
from tasks.inputs import Input
from tasks.providers.contract import Order
from tasks.providers.models import (
    EXPIRES_AFTER_SECONDS,
    FAMILIES,
    SEED_MOST,
    Family,
    Opening,
    closest_ratio,
    frame_count,
    is_frame_count,
    largest_size,
    size,
)

AUTO = -1
"""What `seconds: auto` is on the wire."""

_FLAG = re.compile(r"(?:^|\s)(--[A-Za-z]\S*)")


@dataclass
class Asked:
    """What the board asks of one shot's model, and what was found wrong with it."""

    board: Board
    index: int
    family: Family
    opening: Opening
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def shot(self) -> Shot:
        """The shot as written."""
        return self.board.storyboard.shots[self.index]

    def value(self, name: str) -> Any:
        """What the shot says, else what the look says, else None."""
        own = getattr(self.shot, name)
        return own if own is not None else getattr(self.board.storyboard.look, name, None)

    def refuse(self, name: str, message: str, remedy: str) -> None:
        """A problem at the shot's own word, or at the look's where the shot says nothing."""
        own = getattr(self.shot, name, None) is not None
        path: tuple[str | int, ...] = ("shots", self.index, name) if own else ("look", name)
        self.problems.append(self.board.problem(path, message, remedy))

    def lacking(self, name: str, wanted: Any, remedy: str) -> None:
        """The model lacks a word: a problem on the shot, a note in the look."""
        if getattr(self.shot, name, None) is not None:
            self.refuse(name, f"{self.family.name} takes no {name}: {wanted}", remedy)
        else:
            self.notes.append(f"look.{name}: {wanted} is not used; {self.family.name} has none")


@dataclass(frozen=True)
class Made:
    """An order, without its media, and the picture it makes."""

    order: Order
    width: int | None
    """None where the model decides the ratio."""
    height: int | None
    frames: int
    """Frames of the clip; of the longest it may become where the model decides."""
    resolution: str


def make_order(
    asked: Asked, model: str, prompt: Prompt, inputs: Iterable[Input], *, framed: tuple[int, int]
) -> Made:
    """The order of a shot. What is wrong goes to `asked`, and something sensible stands for it.

    `framed` is the size of the picture it opens on, (0, 0) where that is not known.
    """
    family, shot = asked.family, asked.shot
    _check_prompt(asked, prompt)
    _check_references(asked, tuple(inputs))
    resolution = _resolution(asked)
    ratio = _ratio(asked, framed)
    frames, seconds = _length(asked)
    draft = _switch(asked, "draft", family.draft, _having("draft"))
    order = Order(
        model=model,
        prompt=prompt.text,
        resolution=resolution,
        ratio=ratio,
        duration_seconds=None if frames else seconds,
        frames=frames,
        seed=_seed(asked),
        camera_fixed=_camera(asked),
        watermark=bool(asked.value("watermark")) if family.watermark else None,
        audio=_audio(asked),
        return_last_frame=family.last_frame_in_draft or not draft or None,
        draft=draft or None,
        service_tier=_tier(asked, draft=bool(draft)),
        priority=_priority(asked),
        execution_expires_after_seconds=_expiry(asked),
        callback_url=shot.callback_url,
        safety_identifier=shot.safety_identifier,
        tools=_tools(asked),
    )
    if draft and resolution != "480p":
        asked.refuse("draft", f"a draft is 480p, not {resolution}", "Set resolution: 480p.")
    width, height = _size(family, resolution, ratio, framed)
    longest = frame_count(family.seconds[1] if seconds == AUTO else seconds)
    return Made(order, width, height, frames or longest, resolution)


def _having(word: str, *, among: Callable[[Family], Any] | None = None) -> str:
    """The families that have a word, as a remedy."""
    has = among or (lambda family: getattr(family, word))
    names = [name for name, family in FAMILIES.items() if has(family)]
    return f"Leave {word} out, or take {_either(names)}." if names else f"Leave {word} out."


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def _check_prompt(asked: Asked, prompt: Prompt) -> None:
    flag = _FLAG.search(prompt.text)
    if flag:
        asked.refuse(
            "prompt",
            f"the prompt has the word {flag[1]!r}, which vendors read as a parameter",
            "Write it without the two dashes, or set the shot's own key.",
        )
    if not prompt.text and asked.opening == "text":
        asked.refuse("prompt", "the shot has no prompt", "Say what happens in it.")
    if asked.opening == "text" and not asked.family.text_to_video:
        asked.refuse(
            "first_frame",
            f"{asked.family.name} needs a first frame here",
            "Give first_frame, or take another model.",
        )


def _check_references(asked: Asked, inputs: tuple[Input, ...]) -> None:
    family = asked.family
    counts = (
        ("images", "reference_image", family.reference_images),
        ("videos", "reference_video", family.reference_videos),
        ("audio", "reference_audio", family.reference_audio),
    )
    for word, role, most in counts:
        count = sum(given.role == role for given in inputs)
        if count > most:
            names = [one.name for one in FAMILIES.values() if _most(one, role) >= count]
            says = f"takes {most} reference {word}" if most else f"takes no reference {word}"
            remedy = f"Take {_either(names)}." if names else "Give fewer."
            asked.refuse("references", f"{family.name} {says}, and {count} are given", remedy)
    roles = {given.role for given in inputs}
    frames = roles & {"first_frame", "last_frame"}
    media = roles & set(_MAXIMA)
    if media and (frames or asked.opening == "frame"):
        asked.refuse(
            "references",
            "references can't go together with a first or last frame",
            "Set first_frame: none and leave last_frame out, or leave the references out.",
        )
    if media == {"reference_audio"} and not family.reference_audio_alone:
        asked.refuse("references", "audio can't be the only reference", "Add an image or video.")


def _most(family: Family, role: str) -> int:
    most: int = getattr(family, _MAXIMA[role])
    return most


_MAXIMA = {
    "reference_image": "reference_images",
    "reference_video": "reference_videos",
    "reference_audio": "reference_audio",
}


def _resolution(asked: Asked) -> str:
    family = asked.family
    wanted = asked.value("resolution")
    has = family.resolutions
    if asked.opening == "reference" and family.reference_resolutions:
        has = family.reference_resolutions
    if wanted is None:
        return family.default_resolution
    if wanted in has:
        return str(wanted)
    asked.lacking("resolution", wanted, f"Take {_either(list(has))}.")
    return family.default_resolution


def _ratio(asked: Asked, framed: tuple[int, int]) -> str:
    family = asked.family
    wanted = asked.value("ratio") or "16:9"
    if wanted == "adaptive" and asked.opening == "text" and not family.adaptive_with_text:
        remedy = "Name a ratio such as 16:9, or give a first frame."
        asked.lacking("ratio", "adaptive with words alone", remedy)
        return family.default_ratio("text")
    if wanted != "adaptive" and asked.opening == "frame" and not family.ratio_with_frame:
        if 0 not in framed and not _close(framed, wanted):
            asked.refuse(
                "ratio",
                f"{family.name} keeps the ratio of the frame it starts on, and "
                f"{framed[0]}x{framed[1]} is not {wanted}",
                f"Crop the frame to {wanted}, or set ratio: adaptive.",
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
            asked.refuse("frames", f"{family.name} takes no frames", _having("frames"))
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
    remedy = f"Take {least} to {most}" + (f", or {_either(longer)}." if longer else ".")
    # A length is never a mere preference: to change it would change the film.
    asked.refuse("seconds", message, remedy)
    return None, family.default_seconds


def _audio(asked: Asked) -> bool | None:
    wanted = asked.value("audio")
    if asked.family.audio:
        return wanted is not False
    if wanted:
        asked.lacking("audio", "true", _having("audio"))
    return None


def _seed(asked: Asked) -> int | None:
    wanted = asked.value("seed")
    if wanted is None:
        return None
    if not asked.family.seed:
        asked.lacking("seed", wanted, _having("seed"))
        return None
    if not 0 <= wanted <= SEED_MOST:
        asked.refuse("seed", f"seed can't be {wanted}", f"Take 0 to {SEED_MOST}.")
        return None
    return int(wanted)


def _switch(asked: Asked, name: str, has: bool, remedy: str) -> bool | None:
    wanted = asked.value(name)
    if wanted and not has:
        asked.lacking(name, "true", remedy)
    return bool(wanted) if has and wanted is not None else None


def _camera(asked: Asked) -> bool | None:
    fixed = _switch(asked, "camera_fixed", asked.family.camera_fixed, _having("camera_fixed"))
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
            asked.lacking("service_tier", "flex", _having("flex").replace("flex", "service_tier"))
        return None
    if wanted == "flex" and draft:
        asked.refuse("service_tier", "a draft has no flex tier", "Leave draft or flex out.")
    return str(wanted)


def _priority(asked: Asked) -> int | None:
    wanted = asked.value("priority")
    if wanted is not None and not asked.family.priority:
        asked.lacking("priority", wanted, _having("priority"))
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
        remedy = _having("tools", among=lambda family: family.web_search)
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
