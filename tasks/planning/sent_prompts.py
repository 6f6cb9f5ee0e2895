"""The prompt of a planned shot as its vendor gets it, and the media that are sent with it.

Nothing is read or sent: files count by their names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import ProviderError
from tasks.plan import MediaSource, ShotToRender
from tasks.planning.references import number_references
from tasks.providers.dialects import DIALECTS
from tasks.providers.types import ApiCall
from tasks.providers.url_policy import redact_url


class SentPrompt(NamedTuple):
    """The text and the media of a request."""

    text: str
    """The prompt with its flags."""
    media: tuple[tuple[str, str], ...]
    """The name of each medium, such as `first frame`, and where it comes from.

    References have the names by which a prompt refers to them, such as `Image 1`.
    """


def describe_sent_prompt(shot: ShotToRender, folder: Path | None) -> SentPrompt:
    """Return what a vendor gets for a shot; for the final render of a draft what its draft got.

    Args:
        shot: The shot.
        folder: The folder of the board, from which files are named.
    """
    request = shot.content_request
    try:
        call = DIALECTS[shot.provider.dialect].build_create(request)
    except ProviderError:
        # Some wire formats reject a request whose media are not there yet.
        return SentPrompt(request.prompt, tuple(_name_media(shot, folder)))
    texts = (text for text in _iter_texts(call) if text.startswith(request.prompt))
    text = max(texts, key=len, default="") if request.prompt else request.prompt
    return SentPrompt(text or request.prompt, tuple(_name_media(shot, folder)))


def _iter_texts(call: ApiCall) -> Iterator[str]:
    yield from _iter_json_texts(call.json)
    yield from (part.data.decode(errors="replace") for part in call.parts if not part.filename)


def _iter_json_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _iter_json_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _iter_json_texts(item)


def _name_media(shot: ShotToRender, folder: Path | None) -> Iterator[tuple[str, str]]:
    dialect = DIALECTS[shot.provider.dialect]
    if shot.pinned_take:
        take = shot.pinned_take
        yield "first frame", f"the last frame of {take.shot}, take {take.take.number}"
    elif shot.continues and not shot.continues_clip:
        yield "first frame", f"the last frame of {shot.continues}"
    for source, number in number_references(shot.inputs):
        name = source.role.replace("_", " ")
        if number:
            name = dialect.name_reference(source.role, number)
        member = f" ({source.cast_member})" if source.cast_member else ""
        yield name, _name_source(source, folder) + member


def _name_source(source: MediaSource, folder: Path | None) -> str:
    if source.source_shot:
        return f"the clip of {source.source_shot}"
    if source.path is None:
        return redact_url(source.url)
    if folder and source.path.is_relative_to(folder.resolve()):
        return str(source.path.relative_to(folder.resolve()))
    return source.path.name
