"""What moderation refused, in the words of the board: which shot, which input, which ways out."""

from __future__ import annotations

import re
from typing import TypeVar

from tasks.errors import OutputRefused, ProviderError, Refused
from tasks.plan import PlannedShot
from tasks.planning.inputs import Input

Refusal = TypeVar("Refusal", bound=ProviderError)

_ITEM = re.compile(r"content\[(\d{1,3})\]")

_NAMES = {
    "first_frame": "the first frame",
    "last_frame": "the last frame",
    "reference_image": "the reference image",
    "reference_video": "the reference clip",
    "reference_audio": "the reference sound",
}


def explain(shot: PlannedShot, error: Refusal) -> Refusal:
    """The same error, naming the shot, the inputs that the vendor points at, and the ways out."""
    if not isinstance(error, (Refused, OutputRefused)):
        return error
    words = f"{shot.id}: {error}"
    blamed = list(dict.fromkeys(_ITEM.findall(str(error))))
    named = [f"content[{item}] is {name}" for item in blamed if (name := _name(shot, int(item)))]
    if named:
        words += f"; {', '.join(named)}"
    if shot.continues and "privacyinformation" in error.code.lower():
        words += (
            f"; {shot.id} starts on the last frame of {shot.continues}: let {shot.continues} end "
            f"without a face, set first_frame: none on {shot.id}, or render it with a 1.x model"
        )
    return type(error)(words, code=error.code, status=error.status, over=error.over)


def _name(shot: PlannedShot, item: int) -> str:
    """What an item of `content` is: the words, then the frame before, then the inputs."""
    if item == 0 and shot.order and shot.order.prompt:
        return "the prompt"
    place = item - bool(shot.order and shot.order.prompt)
    if shot.continues:
        if place == 0:
            return f"the last frame of {shot.continues}"
        place -= 1
    return _input(shot.inputs[place]) if 0 <= place < len(shot.inputs) else ""


def _input(given: Input) -> str:
    where = given.path.name if given.path else given.url.partition("?")[0]
    return f"{_NAMES[given.role]} {where}"
