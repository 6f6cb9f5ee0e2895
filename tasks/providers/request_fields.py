"""Helpers that dialects share to build requests: media, form fields and prompt flags.

Pure functions; whatever they reject is rejected before anything is sent. Vendor-specific field
names belong in the dialects.

Prompt flags are parameters at the end of the prompt, such as `--duration 5`. Ark's create page
calls this "weak checking": a flag with a wrong name or value is ignored without an error, or fails.
Only documented flags are written, and a prompt that contains a flag is rejected, because it could
request a duration that was not priced.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from tasks.errors import InvalidRequest
from tasks.media.mime import sniff_mime
from tasks.providers.types import FormPart, MediaInput, MediaRole, RenderRequest

# A clip ends on its last frame whether or not the vendor returns it separately.
_IGNORED_FIELDS = frozenset({"return_last_frame"})

_CONTENT_TYPES: Mapping[MediaRole, str] = {
    "first_frame": "image_url",
    "last_frame": "image_url",
    "reference_image": "image_url",
    "reference_video": "video_url",
    "reference_audio": "audio_url",
}

# Every spelling on the pages of Volcengine, CometAPI and kkiai.
_KNOWN_FLAGS = (
    *("resolution", "rs", "ratio", "rt", "duration", "dur", "frames", "framespersecond"),
    *("framepersecond", "fps", "seed", "camerafixed", "camera_fixed", "cf", "watermark", "wm"),
)
_LONGEST_FIRST = "|".join(sorted(_KNOWN_FLAGS, key=len, reverse=True))

# Any word that begins with two dashes, also after a bracket or a quote; a known flag even inside a
# word.
_FLAG_PATTERN = rf"(?i)(?<![\w-])--[A-Za-z][\w-]*|--(?:{_LONGEST_FIRST})\b"


def reject_unsupported_fields(request: RenderRequest, supported_fields: AbstractSet[str]) -> None:
    """Check that the wire format has a field for every parameter of the request.

    Raises:
        InvalidRequest: The request sets a parameter that is not supported.
    """
    for field, value in request._asdict().items():
        if field in supported_fields or field in _IGNORED_FIELDS:
            continue
        if value not in (None, (), ""):
            name = field.removesuffix("_seconds")
            msg = f"{name} is not supported here; remove it or choose another provider"
            raise InvalidRequest(msg)


def require_prompt(request: RenderRequest) -> str:
    """Return the prompt.

    Raises:
        InvalidRequest: The prompt is empty.
    """
    if not request.prompt.strip():
        msg = "a prompt is required here, also with an image; describe the shot"
        raise InvalidRequest(msg)
    return request.prompt


def require_duration_seconds(request: RenderRequest) -> int | None:
    """Return the duration, or None if the request sets none.

    Raises:
        InvalidRequest: The model is to decide the duration.
    """
    if request.duration_seconds is not None and request.duration_seconds < 0:
        msg = "the model can't decide the duration here; set the seconds"
        raise InvalidRequest(msg)
    return request.duration_seconds


def build_content_item(
    media: MediaInput, *, inline_roles: AbstractSet[str], url_roles: AbstractSet[str]
) -> dict[str, Any]:
    """Return a medium as an item of Ark's `content`.

    Args:
        media: The medium.
        inline_roles: The roles that may be sent as a data URI.
        url_roles: The roles that may be sent as a URL.

    Raises:
        InvalidRequest: The medium can't be sent in its form, or its type is not known.
    """
    content_type = _CONTENT_TYPES[media.role]
    if media.url:
        check_url_role(media, url_roles)
        url = media.url
    else:
        url = encode_data_uri(media, inline_roles)
    return {"type": content_type, content_type: {"url": url}, "role": media.role}


def check_url_role(media: MediaInput, url_roles: AbstractSet[str]) -> None:
    """Check that a medium of that role may be sent as a URL.

    Raises:
        InvalidRequest: It may not.
    """
    if media.role not in url_roles:
        msg = f"a {_format_role(media)} can't be sent as a URL here; use a file, or remove it"
        raise InvalidRequest(msg)


def encode_data_uri(media: MediaInput, inline_roles: AbstractSet[str]) -> str:
    """Return the bytes of a medium as a data URI of their actual type.

    Raises:
        InvalidRequest: The medium can't be sent as bytes, or its type is not known.
    """
    mime_type = require_mime_type(media, inline_roles)
    return f"data:{mime_type};base64,{base64.b64encode(media.data).decode('ascii')}"


def require_mime_type(media: MediaInput, inline_roles: AbstractSet[str]) -> str:
    """Return the MIME type of a medium that is sent as bytes, in lower case.

    Raises:
        InvalidRequest: The medium can't be sent as bytes, or its type is not known.
    """
    if media.role not in inline_roles:
        msg = (
            f"a {_format_role(media)} can't be sent as a file here; "
            "use a URL that the vendor can reach"
        )
        raise InvalidRequest(msg)
    mime_type = media.mime_type or sniff_mime(media.data)
    if not mime_type or not media.data:
        msg = f"the type of the {_format_role(media)} is not known; use PNG or JPEG"
        raise InvalidRequest(msg)
    return mime_type.lower()


def build_form_field(name: str, value: str | int) -> FormPart:
    """Return a text field of a form.

    Raises:
        InvalidRequest: The value can't be encoded as UTF-8.
    """
    try:
        return FormPart(name, str(value).encode("utf-8"))
    except UnicodeEncodeError:
        failure = f"the {name} contains a character that is not valid Unicode; retype it"
    # Raised outside the handler, so that the error does not carry the value with it.
    raise InvalidRequest(failure)


def find_prompt_flag(text: str) -> str | None:
    """Return the first word that a vendor could parse as a prompt flag, or None."""
    match = re.search(_FLAG_PATTERN, text) if "--" in text else None
    return match[0] if match else None


def append_prompt_flags(prompt: str, flags: Iterable[tuple[str, str | int | bool | None]]) -> str:
    """Return the prompt with flags at its end.

    Args:
        prompt: The author's prompt.
        flags: Names and values; flags with the value None are left out.

    Raises:
        InvalidRequest: The prompt already contains a flag.
    """
    flag = find_prompt_flag(prompt)
    if flag is not None:
        msg = f"the prompt contains {flag!r}, which the vendor parses as a flag; reword it"
        raise InvalidRequest(msg)
    encoded = (
        f"--{name} {_format_flag_value(value)}" for name, value in flags if value is not None
    )
    return " ".join((prompt.rstrip(), *encoded))


def _format_flag_value(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _format_role(media: MediaInput) -> str:
    return media.role.replace("_", " ")
