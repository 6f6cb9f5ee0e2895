"""Build the entries of a shot's log from exchanges and receipts, without secrets and media.

Keys are removed, URLs lose user and query, and the contents of files become a description such as
`<png 864x496, sha256 ab12cd34ef56, 512 kB>`. Pure; the log is written in `shot_log`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tasks.budgets.money import price_to_json
from tasks.errors import MediaError, RateLimited, RequestNotSent, SubmissionUnclear
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.providers.exchanges import Exchange
from tasks.providers.types import ApiCall, ApiResponse, FormPart, LostResponse
from tasks.store.atomic_files import digest_bytes
from tasks.store.receipts import Attempt

Redact = Callable[[str], str]
"""Removes keys, and the secrets of URLs, from a text."""

MAX_BODY_CHARS = 8_000
"""The most characters of a body that are kept. The longest prompts are within this."""

MAX_TEXT_CHARS = 4_000
_MAX_READ_CHARS = 20_000
_MAX_ITEMS = 100
_MAX_BIG_INTEGER = 1 << 63

REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-tt-logid",
    "x-oneapi-request-id",
    "x-client-request-id",
    "cf-ray",
)
"""The headers in which vendors and gateways name a request, for their support."""

# Plain strings, compiled at first use. Percent signs and backslashes: text may quote a body. Every
# repetition before a fixed part is bounded, so that a hostile text can't cost time.
_DATA_URI = (
    r"(?i)data(?::|%3a)[\w.+/\\%-]{0,80}(?:;[\w=.-]{1,80}){0,4}(?:;|%3b)base64(?:,|%2c)"
    r"([\w+/=%\\-]*)"
)
_OTHER_DATA_URI = r"(?i)data:[\w.+-]{1,80}/[\w.+-]{1,80}[^,\s\"']{0,80},[^\s\"'<>]+"
_BASE64_RUN = r"[A-Za-z0-9+/_\\-]{200,}={0,2}"
_SIGNED_PARAMETER = (
    r"(?i)([?&;](?:amp;)?(?:x-[\w-]{1,60}|expires|policy|[\w-]{0,40}"
    r"(?:signature|sign|sig|token|secret|key|auth|credential)[\w-]{0,40})=)[^&\s\"'<>]+"
)
_BEARER = r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}"
_HIDDEN_FIELD = r"(?i)(^|[-_.])(authorization|api[-_]?key|secret|password|token|signature)$"


def describe_exchange(exchange: Exchange, redact: Redact) -> dict[str, Any]:
    """Return the entry of an exchange, without the shot that it belongs to.

    Args:
        exchange: The exchange.
        redact: Removes further keys.
    """

    def clean(text: str) -> str:
        return clean_text(text, lambda part: redact(exchange.redact(part)))

    entry: dict[str, Any] = {
        "time": format_time(exchange.started_at),
        "event": exchange.kind,
        "provider": exchange.provider,
        "method": exchange.call.method if exchange.call else "GET",
        "url": clean(exchange.url),
        "seconds": round(exchange.seconds, 3),
    }
    if exchange.job:
        entry["job"] = clean(exchange.job)
    if exchange.call and (body := _describe_request(exchange.call, clean)) is not None:
        entry["request"] = body
    if exchange.response is not None:
        entry |= _describe_response(exchange.response, clean)
    if exchange.kind == "download":
        entry |= _describe_download(exchange)
    return {**entry, "outcome": clean(_describe_outcome(exchange))}


def _describe_request(call: ApiCall, clean: Redact) -> Any:
    if call.parts:
        return [_describe_part(part, clean) for part in call.parts]
    return None if call.json is None else BodyCopy(clean).copy(call.json)


def _describe_part(part: FormPart, clean: Redact) -> dict[str, str]:
    if not part.filename:
        return {"name": part.name, "value": clean(part.data.decode("utf-8", "replace"))}
    return {
        "name": part.name,
        "filename": clean(part.filename),
        "type": part.mime_type,
        "value": describe_media(part.data),
    }


def _describe_response(response: ApiResponse | LostResponse, clean: Redact) -> dict[str, Any]:
    if isinstance(response, LostResponse):
        return {"status": response.status or None, "lost": clean(response.reason)}
    names = (name for name in REQUEST_ID_HEADERS if response.headers.get(name))
    name = next(names, None)
    fields: dict[str, Any] = {"status": response.status}
    if name is not None:
        fields["request_id"] = clean(response.headers[name])[:200]
    if response.body is not None:
        fields["response"] = BodyCopy(clean).copy(response.body)
    elif response.text:
        fields["response"] = clean(response.text)
    return fields


def _describe_download(exchange: Exchange) -> dict[str, Any]:
    return {
        "requests": exchange.requests,
        "size_bytes": exchange.size_bytes,
        "sha256": exchange.sha256 or None,
    }


def _describe_outcome(exchange: Exchange) -> str:
    """Return what the response means in a sentence: our decision."""
    error, kind = exchange.error, exchange.kind
    if error is None:
        return _describe_success(exchange)
    if kind != "create":
        return str(error)
    if isinstance(error, SubmissionUnclear):
        return f"unclear: {error}"
    if isinstance(error, RequestNotSent):
        return f"not sent: {error}"
    if isinstance(error, RateLimited):
        return f"not accepted, and may be sent again: {error}"
    return f"rejected: {error}"


def _describe_success(exchange: Exchange) -> str:
    if exchange.kind == "create":
        return f"accepted as job {exchange.result}"
    return "complete" if exchange.kind == "download" else exchange.result


def describe_repeats(exchange: Exchange, count: int, redact: Redact) -> dict[str, Any]:
    """Return the entry that stands for further queries with the same answer.

    Args:
        exchange: The last of them.
        count: Their number.
        redact: Removes further keys.
    """
    text = exchange.result or str(exchange.error or "")
    return {
        "time": format_time(exchange.started_at),
        "event": "repeated",
        "job": clean_text(exchange.job, lambda part: redact(exchange.redact(part))),
        "count": count,
        "outcome": clean_text(text, lambda part: redact(exchange.redact(part))),
    }


def describe_state(attempt: Attempt, time: float, redact: Redact) -> dict[str, Any]:
    """Return the entry of a new state of an attempt."""
    fields: dict[str, Any] = {
        "provider": attempt.provider,
        "model": attempt.model,
        "job": attempt.job,
        "seed": attempt.seed,
        "proof": attempt.proof,
        "unclear_since": attempt.unclear_since,
        "tokens": attempt.tokens,
        "error": attempt.error,
    }
    entry: dict[str, Any] = {
        "time": format_time(time),
        "event": "state",
        "state": attempt.state.value,
    }
    for name, value in fields.items():
        if value is not None:
            entry[name] = clean_text(value, redact) if isinstance(value, str) else value
    entry["price"] = price_to_json(attempt.price)
    entry["max_price"] = price_to_json(attempt.max_price)
    if attempt.clip:
        entry["clip"] = {"sha256": attempt.clip.sha256, "size_bytes": attempt.clip.size_bytes}
    return entry


def describe_error(kind: str, message: str, time: float, redact: Redact) -> dict[str, Any]:
    """Return the entry of an error that ended a step."""
    message = clean_text(message, redact)
    return {"time": format_time(time), "event": "error", "kind": kind, "message": message}


def format_time(unix_seconds: float) -> str:
    """Return a time as ISO 8601, UTC, with milliseconds."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


class BodyCopy:
    """Copies one JSON body within limits, with every text cleaned."""

    def __init__(self, clean: Redact) -> None:
        self._clean = clean
        self._remaining_chars = MAX_BODY_CHARS

    def copy(self, value: Any) -> Any:
        """Return the copy of a value; what exceeds the limits is replaced by an ellipsis.

        The depth of a body is limited when it is decoded.
        """
        # Numbers and empty lists take space too.
        self._remaining_chars -= 4
        if isinstance(value, str):
            return self._take(self._clean(value))
        if isinstance(value, Mapping):
            return self._copy_object(value)
        if isinstance(value, (list, tuple)):
            items = [self.copy(item) for item in self._limit(value)]
            return items + [f"… {len(value) - len(items)} more"] * (len(items) < len(value))
        if isinstance(value, float):
            # JSON has no infinity.
            return value if abs(value) < float("inf") else str(value)
        is_plain = value is None or (isinstance(value, int) and abs(value) < _MAX_BIG_INTEGER)
        return value if is_plain else "…"

    def _copy_object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for name, item in self._limit(value.items()):
            is_secret = isinstance(item, str) and re.search(_HIDDEN_FIELD, str(name)[-80:])
            clean_name = self._take(self._clean(str(name)))
            copied[clean_name] = "…" if is_secret else self.copy(item)
        if len(copied) < len(value):
            copied["…"] = f"{len(value) - len(copied)} more"
        return copied

    def _limit(self, items: Any) -> Any:
        """Yield the items until their number or the characters are used up."""
        for index, item in enumerate(items):
            if index >= _MAX_ITEMS or self._remaining_chars <= 0:
                return
            yield item

    def _take(self, text: str) -> str:
        allowed = max(self._remaining_chars, 0)
        self._remaining_chars -= len(text)
        return text if len(text) <= allowed else f"{text[:allowed]}…"


def clean_text(text: str, redact: Redact) -> str:
    """Return a text without media, keys, signatures and users of URLs, of limited length."""
    head, comma, encoded = text.partition(",")
    if comma and re.fullmatch(r"(?i)data:[^,]{0,200};base64", head):
        return _describe_data_uri(encoded)
    # Cut before the patterns run.
    total = len(text)
    text = text[:_MAX_READ_CHARS].replace("\\/", "/")
    text = re.sub(_DATA_URI, lambda match: _describe_data_uri(match[1]), text)
    text = redact(re.sub(_OTHER_DATA_URI, "<a data URI>", text))
    text = re.sub(_BEARER, r"\1…", re.sub(_SIGNED_PARAMETER, r"\1…", text))
    text = re.sub(_BASE64_RUN, lambda match: f"<base64, {len(match[0])} characters>", text)
    if total > MAX_TEXT_CHARS and len(text) > MAX_TEXT_CHARS:
        return f"{text[:MAX_TEXT_CHARS]}… ({total} characters)"
    return text


def _describe_data_uri(encoded: str) -> str:
    try:
        return describe_media(base64.b64decode(encoded, validate=True))
    except ValueError:
        return f"<a data URI, {len(encoded)} characters>"


def describe_media(data: bytes) -> str:
    """Return kind, size in pixels, digest and size of a file in angle brackets."""
    mime_type = sniff_mime(data) or "file"
    kind = mime_type.rpartition("/")[2]
    try:
        width, height = image_size(data)
    except MediaError:
        size = ""
    else:
        size = f" {width}x{height}"
    return f"<{kind}{size}, sha256 {digest_bytes(data)[:12]}, {_format_size(len(data))}>"


def _format_size(size_bytes: int) -> str:
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"
