"""What dialects share to say an order: what can't be said, files as data, words of a form.

Pure. The planner refuses early what a model or a dialect lacks; what is refused here was let
through by it, and nothing has been sent then, so nothing is charged.
"""

from __future__ import annotations

import base64
from collections.abc import Set as AbstractSet
from dataclasses import fields

from tasks.errors import Rejected
from tasks.providers.contract import Medium, Order, Part

PICTURE_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"}
)
"""The types of pictures that Ark takes, and gateways that say nothing else."""

# A clip ends on its last frame, whether the vendor hands it out or not.
_NEEDLESS = frozenset({"return_last_frame"})

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


def refuse_unsaid(order: Order, says: AbstractSet[str]) -> None:
    """Raise Rejected where an order asks for something that has no place in the format."""
    for field in fields(order):
        if field.name in says or field.name in _NEEDLESS:
            continue
        if getattr(order, field.name) not in (None, (), ""):
            name = field.name.removesuffix("_seconds")
            msg = f"{name} can't be asked for here; leave it out, or take another provider"
            raise Rejected(msg)


def prompt(order: Order) -> str:
    """The order's words. Raises Rejected where there are none and the format needs some."""
    if not order.prompt.strip():
        msg = "a prompt is needed here, also beside a picture; say what happens in the shot"
        raise Rejected(msg)
    return order.prompt


def seconds(order: Order) -> int | None:
    """The order's length. Raises Rejected for one that the model is to decide."""
    if order.duration_seconds is not None and order.duration_seconds < 0:
        msg = "the model can't decide the length here; give the seconds"
        raise Rejected(msg)
    return order.duration_seconds


def link(medium: Medium, links: AbstractSet[str]) -> str:
    """The medium's URL. Raises Rejected where there is none, or its role can't go by URL."""
    if not medium.url or medium.role not in links:
        raise Rejected(_no_place(medium))
    return medium.url


def data_uri(medium: Medium, inlines: AbstractSet[str]) -> str:
    """The medium's bytes as a data URI of their true type. Raises as `mime_of`."""
    mime = mime_of(medium, inlines)
    return f"data:{mime};base64,{base64.b64encode(medium.data).decode('ascii')}"


def mime_of(medium: Medium, inlines: AbstractSet[str]) -> str:
    """The type of the medium's bytes, in lower case.

    Raises Rejected for bytes of a role that the format takes by URL only, or of no known type.
    """
    if medium.role not in inlines:
        raise Rejected(_no_place(medium))
    mime = medium.mime or _sniffed(medium.data)
    if not mime or not medium.data:
        msg = f"the {_kind(medium)} is of no type that can be sent; use PNG or JPEG"
        raise Rejected(msg)
    return mime.lower()


def form_word(name: str, value: str | int) -> Part:
    """One word of a form. Raises Rejected for letters that can't be written as UTF-8."""
    try:
        return Part(name, str(value).encode("utf-8"))
    except UnicodeEncodeError:
        failed = f"the {name} holds a letter that can't be sent; write it anew"
    raise Rejected(failed)


def _no_place(medium: Medium) -> str:
    kind = _kind(medium)
    if medium.url:
        return f"a {kind} can't be sent as a URL here; give a file, or leave it out"
    return f"a {kind} can't be sent as a file here; give a URL that the vendor can reach"


def _kind(medium: Medium) -> str:
    return medium.role.replace("_", " ")


def _sniffed(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12], "")
    return next((mime for magic, mime in _MAGIC if data.startswith(magic)), "")
