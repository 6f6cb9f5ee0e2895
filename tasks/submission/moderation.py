"""Explain moderation errors in terms of the storyboard: shot, input and possible changes."""

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
    """Return the error with the shot, the rejected inputs and possible changes in its message.

    Other errors are returned unchanged.
    """
    if not isinstance(error, (InputModerated, OutputModerated)):
        return error
    parts = [f"{shot.id}: {error}"]
    indexes = dict.fromkeys(_CONTENT_INDEX.findall(str(error)))
    items = {index: _describe_item(shot, int(index)) for index in indexes}
    if named := [f"content[{index}] is {name}" for index, name in items.items() if name]:
        parts.append(", ".join(named))
    if shot.continues and "privacyinformation" in error.code.lower():
        parts.append(
            f"{shot.id} starts on the last frame of {shot.continues}: let {shot.continues} end "
            f"without a face, set first_frame: none on {shot.id}, or render it with a 1.x model"
        )
    message = "; ".join(parts)
    return type(error)(message, code=error.code, status=error.status, is_final=error.is_final)


def _describe_item(shot: ShotToRender, index: int) -> str:
    """Return the name of an item of `content`: the prompt, the previous frame, then the inputs."""
    names = ["the prompt"] if shot.request.prompt else []
    if shot.continues:
        names.append(f"the last frame of {shot.continues}")
    names += [_describe_input(source) for source in shot.inputs]
    return names[index] if index < len(names) else ""


def _describe_input(source: MediaSource) -> str:
    place = source.path.name if source.path else source.url.partition("?")[0]
    return f"{_ROLE_NAMES[source.role]} {place}"
