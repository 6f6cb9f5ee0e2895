"""Helpers that dialects share to build requests: unsupported fields, media as data URIs, form fields.

Pure functions; everything they reject is rejected before anything is sent. Vendor-specific field
names belong in the dialects."""

from __future__ import annotations

import base64
from collections.abc import Set as AbstractSet
from dataclasses import fields

from tasks.errors import InvalidRequest
from tasks.providers.types import FormPart, MediaInput, RenderRequest

IMAGE_MIME_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif"}
)
"""The types of pictures that Ark takes, and gateways that say nothing else."""

# A clip ends on its last frame, whether the vendor hands it out or not.
_IGNORED_FIELDS = frozenset({"return_last_frame"})

_MAGIC_NUMBERS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


def reject_unsupported_fields(request: RenderRequest, supported_fields: AbstractSet[str]) -> None:
    """Raise Rejected where an order asks for something that has no place in the format."""
    for field in fields(request):
        if field.name in supported_fields or field.name in _IGNORED_FIELDS:
            continue
        if getattr(request, field.name) not in (None, (), ""):
            name = field.name.removesuffix("_seconds")
            msg = f"{name} can't be asked for here; leave it out, or take another provider"
            raise InvalidRequest(msg)


def require_prompt(request: RenderRequest) -> str:
    """The order's words. Raises Rejected where there are none and the format needs some."""
    if not request.prompt.strip():
        msg = "a prompt is needed here, also beside a picture; say what happens in the shot"
        raise InvalidRequest(msg)
    return request.prompt


def require_duration_seconds(request: RenderRequest) -> int | None:
    """The order's length. Raises Rejected for one that the model is to decide."""
    if request.duration_seconds is not None and request.duration_seconds < 0:
        msg = "the model can't decide the length here; give the seconds"
        raise InvalidRequest(msg)
    return request.duration_seconds


def require_url(media: MediaInput, url_roles: AbstractSet[str]) -> str:
    """The medium's URL. Raises Rejected where there is none, or its role can't go by URL."""
    if not media.url or media.role not in url_roles:
        raise InvalidRequest(_format_unsupported_media(media))
    return media.url


def encode_data_uri(media: MediaInput, inline_roles: AbstractSet[str]) -> str:
    """The medium's bytes as a data URI of their true type. Raises as `mime_of`."""
    mime = require_mime_type(media, inline_roles)
    return f"data:{mime};base64,{base64.b64encode(media.data).decode('ascii')}"


def require_mime_type(media: MediaInput, inline_roles: AbstractSet[str]) -> str:
    """The type of the medium's bytes, in lower case.

    Raises Rejected for bytes of a role that the format takes by URL only, or of no known type.
    """
    if media.role not in inline_roles:
        raise InvalidRequest(_format_unsupported_media(media))
    mime = media.mime_type or _detect_mime_type(media.data)
    if not mime or not media.data:
        msg = f"the {_format_role(media)} is of no type that can be sent; use PNG or JPEG"
        raise InvalidRequest(msg)
    return mime.lower()


def build_form_part(name: str, value: str | int) -> FormPart:
    """One word of a form. Raises Rejected for letters that can't be written as UTF-8."""
    try:
        return FormPart(name, str(value).encode("utf-8"))
    except UnicodeEncodeError:
        failed = f"the {name} holds a letter that can't be sent; write it anew"
    raise InvalidRequest(failed)


def _format_unsupported_media(medium: MediaInput) -> str:
    kind = _format_role(medium)
    if medium.url:
        return f"a {kind} can't be sent as a URL here; give a file, or leave it out"
    return f"a {kind} can't be sent as a file here; give a URL that the vendor can reach"


def _format_role(medium: MediaInput) -> str:
    return medium.role.replace("_", " ")


def _detect_mime_type(data: bytes) -> str:
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12], "")
    return next((mime for magic, mime in _MAGIC_NUMBERS if data.startswith(magic)), "")
