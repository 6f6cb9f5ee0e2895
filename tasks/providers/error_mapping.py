"""Map vendor error bodies to exceptions.

The message decides first, in the few cases in which code or status would mislead; then the error
code by its longest known prefix; then the HTTP status. No I/O. Whether a create was accepted is
decided in `outcomes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.errors import (
    InvalidRequest,
    JobFailed,
    JobInternalError,
    JobNotFound,
    MalformedResponse,
    ProviderError,
    RateLimited,
    Unreachable,
)
from tasks.providers.error_codes import (
    FACE_MODERATED,
    INVALID_KEY,
    INVALID_PARAMETER,
    OUT_OF_CREDIT,
    PERMISSION_DENIED,
    QUEUE_FULL,
    RATE_LIMITED,
    UNKNOWN_ENDPOINT,
    UNKNOWN_JOB,
    UNUSABLE_MEDIA,
    VENDOR_ERROR,
    ErrorMeaning,
    find_meaning,
)
from tasks.providers.types import ApiResponse
from tasks.providers.url_policy import redact_url, redact_urls

_MAX_MESSAGE_CHARS = 300
_MAX_NESTING = 4
_REQUEST_NOT_ACCEPTED = "the vendor rejected the request"
_SUCCESS_CODES = ("", "0", "200", "ok", "success", "succeeded", "none", "null")


class VendorError(NamedTuple):
    """A vendor's error code and message, unchanged."""

    code: str
    message: str
    parameter: str = ""
    """The part of the request that is wrong, such as `content[1]`; empty if it is not named."""


# Plain strings, compiled at first use: `check` and `plan` never parse an error.
_CREDENTIALS_PATTERN = (
    r"(?i)\b((?:authorization\s?[=:]\s?)?bearer\s+|"
    r"(?:x-(?:tos|amz|oss)-[\w-]+|signature|sig|token|api[_-]?key|authorization)\s?[=:]\s?)"
    r"[^\s&\"',;]+"
)
_JOB_PATTERN = r"(?i)\b(task|job|video|generation)s?\b|task_|任务"
_UNKNOWN_JOB_PATTERN = r"(?i)(task|job|video)[_ ](is )?not[_ ](exist|found)|任务不存在"
_QUEUE_PATTERN = r"(?i)queue|concurren|in[- ]flight|running tasks|排队|并发"
_QUOTA_EXHAUSTED_PATTERN = (
    r"(?i)trial|free|used up|exhaust|insufficient|balance|credit|overdue|subscri|"
    r"\bplan\b|week|month|5[- ]hour|hours? quota|余额|欠费|额度"
)


def parse_vendor_error(body: Any, raw_text: str = "") -> VendorError | None:
    """Return code and message of an error body in any of the shapes that vendors send.

    These are `error` as an object or a string, flat `code` and `message`, `ErrorCode` and
    `ErrorMessage`, `detail`, `success: false`, and JSON inside the message, in which a gateway
    wraps the error of the vendor behind it.

    Args:
        body: The decoded JSON body, or None if the body is not JSON.
        raw_text: The body as text; the message if the body is not JSON.

    Returns:
        None if the body describes no error.
    """
    error = _parse_body(body)
    if error is None:
        return VendorError("", raw_text) if body is None and raw_text.strip() else None
    for _ in range(_MAX_NESTING):
        inner = _parse_nested(error.message)
        if inner is None:
            break
        error = VendorError(
            inner.code or error.code,
            inner.message or error.message,
            inner.parameter or error.parameter,
        )
    return error


def find_error_in_success(body: Any) -> VendorError | None:
    """Return the error in the body of a 2xx response, or None. A message alone is not an error."""
    if not isinstance(body, Mapping):
        return None
    has_error = (
        body.get("error")
        or body.get("success") is False
        or any(
            _is_error_code(body.get(name))
            for name in ("code", "ErrorCode", "errorCode", "error_code")
        )
    )
    return parse_vendor_error(body) if has_error else None


def classify_error(
    response: ApiResponse, vendor_error: VendorError, *, job: str = ""
) -> ProviderError:
    """Return the exception for a vendor's error.

    Args:
        response: The response that contained the error.
        vendor_error: The parsed error.
        job: The id of the queried job; empty if the request was not about a job.
    """
    meaning = (
        _classify_by_message(vendor_error, response.status)
        or find_meaning(vendor_error.code)
        or _classify_by_status(response, vendor_error, job)
    )
    if meaning.error_class is JobNotFound and not job:
        meaning = INVALID_PARAMETER
    return build_error(meaning, vendor_error, status=response.status)


def classify_job_failure(vendor_error: VendorError) -> ProviderError:
    """Return the exception for a job that failed. It is final: none is worth another query."""
    meaning = find_meaning(vendor_error.code)
    if meaning is not None and meaning.error_class in (RateLimited, Unreachable):
        meaning = ErrorMeaning(
            JobInternalError, "the vendor had an internal error during the job", "render again"
        )
    elif meaning is None or meaning.error_class in (JobNotFound, MalformedResponse):
        meaning = ErrorMeaning(JobFailed, "the job failed", "request a new take")
    return build_error(meaning, vendor_error)


def build_error(
    meaning: ErrorMeaning, vendor_error: VendorError, *, status: int = 0
) -> ProviderError:
    """Return the exception of that meaning: cause, vendor's message and code, and remedy.

    Args:
        meaning: Exception class, cause and remedy.
        vendor_error: The vendor's code and message, not yet sanitised.
        status: The HTTP status; 0 if the error did not come as an HTTP error.
    """
    message = sanitize_text(vendor_error.message).rstrip(".")
    code = sanitize_text(vendor_error.code, max_chars=100)
    parameter = sanitize_text(vendor_error.parameter, max_chars=100)
    if parameter and parameter not in message:
        message = f"{message} [{parameter}]".strip()
    quotation = f": {message}" if message else ""
    source = f" ({code})" if code else f" (HTTP {status})" if status else ""
    return meaning.error_class(
        f"{meaning.cause}{quotation}{source}; {meaning.remedy}", code=code, status=status
    )


def sanitize_text(text: Any, *, max_chars: int = _MAX_MESSAGE_CHARS) -> str:
    """Return a vendor's text as one short printable line without secrets, data URIs and markup.

    Args:
        text: Anything out of a JSON body; values other than text and numbers become empty.
        max_chars: The maximum length of the result.
    """
    line = str(text) if isinstance(text, (str, int, float)) else ""
    # Cut before the patterns run, so that a hostile body can't cost time.
    line = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^<>]{0,500}>", " ", line[: 20 * max_chars])
    line = re.sub(_CREDENTIALS_PATTERN, r"\1…", redact_urls(line))
    line = "".join(char if char.isprintable() else " " for char in line)
    line = " ".join(line.split())
    return line if len(line) <= max_chars else f"{line[: max_chars - 1]}…"


def _parse_body(body: Any) -> VendorError | None:
    if isinstance(body, str):
        return VendorError("", body) if body.strip() else None
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    if isinstance(inner, Mapping) and inner:
        return _parse_flat(inner)
    flat = _parse_flat(body)
    if isinstance(inner, str) and inner.strip():
        return VendorError(flat.code if flat else "", (flat.message if flat else "") or inner)
    return flat


def _parse_flat(body: Mapping[str, Any]) -> VendorError | None:
    code = _first_text(body, ("code", "ErrorCode", "errorCode", "error_code", "type", "Code"))
    message = _first_text(
        body,
        ("message", "ErrorMessage", "errorMessage", "error_message", "msg", "detail", "reason"),
    )
    parameter = body.get("param")
    if not isinstance(parameter, str):
        parameter = ""
    return VendorError(code, message, parameter) if code or message else None


def _first_text(body: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = body.get(name)
        if isinstance(value, (Mapping, list)) and value and name == "detail":
            return json.dumps(value, default=str)[: 4 * _MAX_MESSAGE_CHARS]
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""


def _parse_nested(message: str) -> VendorError | None:
    start, end = message.find("{"), message.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        inner = json.loads(message[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return _parse_body(inner)


def _is_error_code(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    return str(value).strip().lower() not in _SUCCESS_CODES


def _classify_by_message(error: VendorError, status: int) -> ErrorMeaning | None:
    """Return the meaning if the code or the status alone would mislead, else None."""
    code, message = error.code.lower(), error.message
    if "privacyinformation" in code:
        return FACE_MODERATED
    if status < 500 and re.search(_UNKNOWN_JOB_PATTERN, message):
        return UNKNOWN_JOB
    if code.startswith("quotaexceeded"):
        return OUT_OF_CREDIT if _is_quota_exhausted(message) else QUEUE_FULL
    if status == 429 and find_meaning(code) is None and _is_quota_exhausted(message):
        return OUT_OF_CREDIT
    if "resource download failed" in message.lower():
        return UNUSABLE_MEDIA
    return None


def _is_quota_exhausted(message: str) -> bool:
    """Return True if a quota is used up for long, False if a queue is full for now."""
    if re.search(_QUEUE_PATTERN, message):
        return False
    return bool(re.search(_QUOTA_EXHAUSTED_PATTERN, message))


def _classify_by_status(response: ApiResponse, error: VendorError, job: str) -> ErrorMeaning:
    status = response.status
    if status in _MEANING_BY_STATUS:
        return _MEANING_BY_STATUS[status]
    if status in (404, 410):
        return _classify_not_found(response, error, job)
    if status >= 500:
        return VENDOR_ERROR
    if 300 <= status < 400:
        location = sanitize_text(redact_url(response.headers.get("location", "")), max_chars=200)
        return ErrorMeaning(
            MalformedResponse,
            f"the vendor redirects the request to {location or 'another URL'}",
            "check the provider's base URL",
        )
    return ErrorMeaning(InvalidRequest, _REQUEST_NOT_ACCEPTED, "correct what the message names")


_MEANING_BY_STATUS: Mapping[int, ErrorMeaning] = {
    401: INVALID_KEY,
    402: OUT_OF_CREDIT,
    403: PERMISSION_DENIED,
    408: VENDOR_ERROR,
    425: VENDOR_ERROR,
    429: RATE_LIMITED,
}

_AMBIGUOUS_NOT_FOUND = ErrorMeaning(
    MalformedResponse,
    "the vendor's 404 does not state that the job is unknown",
    "check the provider's base URL",
)


def _classify_not_found(response: ApiResponse, error: VendorError, job: str) -> ErrorMeaning:
    """Return the meaning of a 404 or 410.

    The job counts as lost only if the vendor mentions it, because a lost job is rendered and paid
    again. A bare `Not Found` is how web servers answer any wrong URL.
    """
    code = error.code.strip().lower()
    is_bare = error.message.strip().lower().rstrip(".") in ("", "not found")
    has_code = code not in _SUCCESS_CODES and not (is_bare and code == str(response.status))
    if response.body is None or not (has_code or re.search(_JOB_PATTERN, error.message)):
        return _AMBIGUOUS_NOT_FOUND if job else UNKNOWN_ENDPOINT
    if job:
        return UNKNOWN_JOB
    return ErrorMeaning(InvalidRequest, _REQUEST_NOT_ACCEPTED, "check the model and the base URL")
