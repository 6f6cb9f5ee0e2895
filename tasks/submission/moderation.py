"""Explain moderation errors in terms of the storyboard: the shot, the input and possible changes."""

from __future__ import annotations

import re
from typing import TypeVar

from tasks.errors import InputModerated, OutputModerated, ProviderError
from tasks.plan import MediaSource, ShotToRender

ProviderErrorT = TypeVar("ProviderErrorT", bound=ProviderError)

_CONTENT_INDEX = re.compile(r"content\[(\d{1,3})\]")

_ROLE_NAMES = {
    "first_frame": "the first frame",
    "last_frame": "the last frame",
    "reference_image": "the reference image",
    "reference_video": "the reference clip",
    "reference_audio": "the reference sound",
}


def explain_moderation(shot: ShotToRender, error: ProviderErrorT) -> ProviderErrorT:
    """The same error, naming the shot, the inputs that the vendor points at, and the ways out."""
    if not isinstance(error, (InputModerated, OutputModerated)):
        return error
    words = f"{shot.id}: {error}"
    blamed = list(dict.fromkeys(_CONTENT_INDEX.findall(str(error))))
    named = [
        f"content[{item}] is {name}" for item in blamed if (name := _describe_item(shot, int(item)))
    ]
    if named:
        words += f"; {', '.join(named)}"
    if shot.continues and "privacyinformation" in error.code.lower():
        words += (
            f"; {shot.id} starts on the last frame of {shot.continues}: let {shot.continues} end "
            f"without a face, set first_frame: none on {shot.id}, or render it with a 1.x model"
        )
    return type(error)(words, code=error.code, status=error.status, is_final=error.is_final)


def _describe_item(shot: ShotToRender, index: int) -> str:
    """What an item of `content` is: the words, then the frame before, then the inputs."""
    if index == 0 and shot.request.prompt:
        return "the prompt"
    place = index - bool(shot.request.prompt)
    if shot.continues:
        if place == 0:
            return f"the last frame of {shot.continues}"
        place -= 1
    return _describe_input(shot.inputs[place]) if 0 <= place < len(shot.inputs) else ""


def _describe_input(media_input: MediaSource) -> str:
    where = media_input.path.name if media_input.path else media_input.url.partition("?")[0]
    return f"{_ROLE_NAMES[media_input.role]} {where}"
