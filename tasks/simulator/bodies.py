"""What the body of a create says, before anybody asks whether it is wanted: JSON, or a form.

Both are bounded, and whatever can't be read is refused. The form is RFC 7578's multipart: it is
cut at its boundary as bytes, so that a picture comes out as it went in, and the standard
library's mail parser reads the head of each part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value
from typing import Any

from tasks.simulator.desk import Call
from tasks.simulator.refusals import reject

_MOST_PARTS = 32
_HEAD_BYTES = 8 * 1024
_TEXT_BYTES = 256 * 1024
_BOUNDARY = re.compile(
    r"""boundary=("?)([0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-])\1"""
)
# Half of a surrogate pair, escaped or raw: such a text can't be sent back.
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Part:
    """One part of a form."""

    name: str
    data: bytes
    filename: str = ""
    """Empty for a part that is no file."""
    media_type: str = ""
    """As the client told it, in lower case; empty where it did not."""

    @property
    def text(self) -> str:
        """The value of a field. Raises Refusal where it is no text."""
        if len(self.data) > _TEXT_BYTES:
            reject(self.name, f"{self.name} is too long")
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            reject(self.name, f"{self.name} is not UTF-8 text")


def read_json(call: Call) -> dict[str, Any]:
    """Return the body of a create. Raises Refusal where it is no JSON object."""
    media_type = _media_type(call)
    if media_type not in {"", "application/json"}:
        reject("", f"The content type {media_type} is not supported, send application/json.")
    try:
        body = json.loads(call.body.decode("utf-8"))
        if _HALF_PAIR.search(call.body):
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        reject("", "The request body is not valid JSON.")
    if not isinstance(body, dict):
        reject("", "The request body must be a JSON object.")
    return body


def read_form(call: Call) -> list[Part]:
    """Return the parts of a multipart form, in their order. Raises Refusal for anything else."""
    media_type = _media_type(call)
    if media_type != "multipart/form-data":
        told = media_type or "nothing"
        reject("", f"The content type must be multipart/form-data, not {told}.")
    match = _BOUNDARY.search(call.headers["content-type"])
    if match is None:
        reject("", "The content type has no boundary.")
    pieces = (b"\r\n" + call.body).split(b"\r\n--" + match[2].encode(), _MOST_PARTS + 2)
    if len(pieces) > _MOST_PARTS + 2:
        reject("", f"The form has more than {_MOST_PARTS} parts.")
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        reject("", "The form does not end with its boundary.")
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    piece = piece.lstrip(b" \t")
    head, gap, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    if not piece.startswith(b"\r\n") or not gap or len(head) > _HEAD_BYTES:
        reject("", "A part of the form can't be read.")
    message = BytesHeaderParser().parsebytes(head)
    name = _parameter(message, "name")
    if not name or message.get_content_disposition() != "form-data":
        reject("", "A part of the form has no name.")
    told = message.get_content_type() if "content-type" in message else ""
    return Part(name, data, _parameter(message, "filename"), told)


def _parameter(message: Message, name: str) -> str:
    value = message.get_param(name, "", "content-disposition")
    text = collapse_rfc2231_value(value) if value else ""
    return text.encode("utf-8", "replace").decode("utf-8")


def _media_type(call: Call) -> str:
    return call.headers.get("content-type", "").partition(";")[0].strip().lower()
