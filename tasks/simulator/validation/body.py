"""Request bodies: JSON objects and multipart forms.

Both are bounded, and a body that can't be read is rejected. A form (RFC 7578) is split at its
boundary as bytes, so that an image is not changed; the standard library's mail parser reads the
head of each part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value
from typing import Any

from tasks.simulator.api_errors import reject

_MAX_PARTS = 32
_MAX_HEAD_BYTES = 8 * 1024
_MAX_TEXT_BYTES = 256 * 1024
_BOUNDARY = re.compile(
    r"""boundary=("?)([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])\1"""
)
# Half of a surrogate pair, escaped or raw: text with it can't be sent back.
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class FormPart:
    """One part of a form."""

    name: str
    data: bytes
    filename: str = ""
    """Empty if the part is not a file."""
    media_type: str = ""
    """The part's own content type in lower case; empty if it has none."""

    @property
    def text(self) -> str:
        """The value of a field.

        Raises:
            ApiError: It is too long or not valid UTF-8.
        """
        if len(self.data) > _MAX_TEXT_BYTES:
            reject(self.name, f"{self.name} is too long")
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            reject(self.name, f"{self.name} is not UTF-8 text")


def read_json(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises:
        ApiError: The body is not a JSON object, or its content type is another one.
    """
    media_type = _media_type(headers)
    if media_type not in {"", "application/json"}:
        reject("", f"The content type {media_type} is not supported, send application/json.")
    try:
        value = json.loads(body.decode("utf-8"))
        if _HALF_PAIR.search(body):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        reject("", "The request body is not valid JSON.")
    if not isinstance(value, dict):
        reject("", "The request body must be a JSON object.")
    return value


def read_form(body: bytes, headers: Mapping[str, str]) -> list[FormPart]:
    """Return the parts of a multipart form, in their order.

    Raises:
        ApiError: The body is not a valid form, or its content type is another one.
    """
    media_type = _media_type(headers)
    if media_type != "multipart/form-data":
        actual = media_type or "nothing"
        reject("", f"The content type must be multipart/form-data, not {actual}.")
    match = _BOUNDARY.search(headers["content-type"])
    if match is None:
        reject("", "The content type has no boundary.")
    pieces = (b"\r\n" + body).split(b"\r\n--" + match[2].encode(), _MAX_PARTS + 2)
    if len(pieces) > _MAX_PARTS + 2:
        reject("", f"The form has more than {_MAX_PARTS} parts.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        reject("", "The form does not end with its boundary.")
    return [_read_part(piece) for piece in pieces[1:-1]]


def _read_part(piece: bytes) -> FormPart:
    piece = piece.lstrip(b" \t")
    head, gap, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not piece.startswith(b"\r\n") or not gap or len(head) > _MAX_HEAD_BYTES:
        reject("", "A part of the form can't be read.")
    message = BytesHeaderParser().parsebytes(head)
    name = _parameter(message, "name")
    if not name or message.get_content_disposition() != "form-data":
        reject("", "A part of the form has no name.")
    media_type = message.get_content_type() if "content-type" in message else ""
    return FormPart(name, data, _parameter(message, "filename"), media_type)


def _parameter(message: Message, name: str) -> str:
    value = message.get_param(name, "", "content-disposition")
    text = collapse_rfc2231_value(value) if value else ""
    return text.encode("utf-8", "replace").decode("utf-8")


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
