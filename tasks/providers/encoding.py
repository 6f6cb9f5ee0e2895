"""A call's body as bytes: JSON, or a multipart form. Pure, so that nothing fails while sending."""

from __future__ import annotations

import json
import secrets

from tasks.errors import Rejected
from tasks.providers.contract import Call, Part, Reply

_DEPTH_MOST = 100
_TEXT_MOST = 4000


def encode(call: Call) -> tuple[bytes, str]:
    """The body and its content type; both empty for a call without a body.

    Raises Rejected for words that can't be written as UTF-8.
    """
    if call.parts:
        boundary = f"shotchain-{secrets.token_hex(16)}"
        content = b"".join(_part(part, boundary) for part in call.parts)
        return content + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    if call.json is None:
        return b"", ""
    try:
        text = json.dumps(call.json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8"), "application/json"
    except (ValueError, TypeError):
        failed = "the order holds something that can't be sent as text; check the prompt's letters"
    raise Rejected(failed)


def _part(part: Part, boundary: str) -> bytes:
    filename = f'; filename="{_quoted(part.filename)}"' if part.filename else ""
    kind = f"Content-Type: {part.mime}\r\n" if part.mime else ""
    head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"{filename}\r\n{kind}'
    return f"--{boundary}\r\n{head}\r\n".encode() + part.data + b"\r\n"


def _quoted(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable() and letter not in '"\\')


def decode(status: int, headers: dict[str, str], data: bytes | None) -> Reply:
    """The reply that these bytes are; its body is None where they are no JSON.

    `data` is None where the body was cut or too large.
    """
    if data is None:
        return Reply(status, headers)
    text = data[:_TEXT_MOST].decode("utf-8", "replace")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return Reply(status, headers, None, text)
    return Reply(status, headers, body if _is_shallow(body) else None, text)


def _is_shallow(body: object) -> bool:
    level = [body]
    for _ in range(_DEPTH_MOST):
        deeper: list[object] = []
        for value in level:
            if isinstance(value, dict):
                deeper.extend(value.values())
            elif isinstance(value, list):
                deeper.extend(value)
        if not deeper:
            return True
        level = deeper
    return False
