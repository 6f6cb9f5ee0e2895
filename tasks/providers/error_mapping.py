"""Map vendor error responses and failed exchanges to exceptions.

The message decides when a code or a status alone would mislead, then the error code by its longest
known prefix, then the HTTP status. Decides if a create failed, succeeded or is unclear. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    JobFailed,
    JobInternalError,
    JobLost,
    MalformedResponse,
    ProviderError,
    RateLimited,
    RequestNotSent,
    SubmissionUnclear,
    Unreachable,
)
from tasks.providers import error_codes
from tasks.providers.dialect import Dialect
from tasks.providers.error_codes import ErrorMeaning, find_meaning
from tasks.providers.polling import parse_retry_after
from tasks.providers.types import ApiResponse
from tasks.providers.url_policy import redact_urls

_MAX_MESSAGE_CHARS = 300
_MAX_NESTING = 4
_REQUEST_NOT_ACCEPTED = "the vendor does not take what was asked"
_SUCCESS_CODES = ("", "0", "200", "ok", "success", "succeeded", "none", "null")


class VendorError(NamedTuple):
    """A vendor's code and words, as they were told."""

    code: str
    message: str
    parameter: str = ""
    """What of the request it is about, such as `content[1]`."""


# Compiled when they are needed: a plan reads no complaint, and should not wait for them.
_SECRET_PATTERN = (
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
    """The code and the words of an error body in any shape that was seen; None where it is none.

    `error` as an object or a string, flat `code` and `message`, `ErrorCode` and `ErrorMessage`,
    `detail`, `success: false`, and JSON within the message, which a gateway wraps around its own.
    A body that is no JSON gives its first words from `text`.
    """
    found = _parse_body(body)
    if found is None:
        return VendorError("", raw_text) if body is None and raw_text.strip() else None
    for _ in range(_MAX_NESTING):
        inner = _parse_nested(found.message)
        if inner is None:
            break
        found = VendorError(
            inner.code or found.code,
            inner.message or found.message,
            inner.parameter or found.parameter,
        )
    return found


def find_error_in_success(body: Any) -> VendorError | None:
    """The error that a success status hides, or None. Plain words alone are none."""
    if not isinstance(body, Mapping):
        return None
    told = body.get("success") is False or any(
        _is_error_code(body.get(name)) for name in ("code", "ErrorCode", "errorCode", "error_code")
    )
    return parse_vendor_error(body) if body.get("error") or told else None


def classify_error(
    response: ApiResponse, vendor_error: VendorError, *, job: str = ""
) -> ProviderError:
    """The error that a vendor's complaint is, with one sentence for the author."""
    meaning = (
        _classify_by_message(vendor_error, response.status)
        or find_meaning(vendor_error.code)
        or _classify_by_status(response, vendor_error, job)
    )
    if meaning.error_class is JobLost and not job:
        meaning = error_codes.INVALID_PARAMETER
    return build_error(meaning, vendor_error, status=response.status)


def classify_job_failure(vendor_error: VendorError) -> ProviderError:
    """The error that a job ended with: over for good, so nothing here is asked again."""
    meaning = find_meaning(vendor_error.code)
    if meaning is not None and meaning.error_class in (RateLimited, Unreachable):
        meaning = ErrorMeaning(
            JobInternalError, "the vendor failed at the job by itself", "render again"
        )
    elif meaning is None or meaning.error_class in (JobLost, MalformedResponse):
        meaning = ErrorMeaning(JobFailed, "the job failed", "ask for a new take")
    return build_error(meaning, vendor_error)


def build_error(
    meaning: ErrorMeaning, vendor_error: VendorError, *, status: int = 0
) -> ProviderError:
    """An error of that meaning: the fact, the vendor's own words and the next step."""
    words = sanitize_text(vendor_error.message).rstrip(".")
    code = sanitize_text(vendor_error.code, max_chars=100)
    param = sanitize_text(vendor_error.parameter, max_chars=100)
    if param and param not in words:
        words = f"{words} [{param}]".strip()
    about = f": {words}" if words else ""
    named = f" ({code})" if code else f" (HTTP {status})" if status else ""
    return meaning.error_class(
        f"{meaning.cause}{about}{named}; {meaning.remedy}", code=code, status=status
    )


def sanitize_text(text: Any, *, max_chars: int = _MAX_MESSAGE_CHARS) -> str:
    """A vendor's words made fit for one line: printable, short, without signed URLs and files."""
    words = str(text) if isinstance(text, (str, int, float)) else ""
    # Cut before the patterns run, generously, so that a hostile body costs no time.
    words = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^<>]{0,500}>", " ", words[: 20 * max_chars])
    words = re.sub(_SECRET_PATTERN, r"\1…", redact_urls(words))
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    words = " ".join(words.split())
    return words if len(words) <= max_chars else f"{words[: max_chars - 1]}…"


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
    param = body.get("param")
    named = param if isinstance(param, str) else ""
    return VendorError(code, message, named) if code or message else None


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


def _classify_by_message(complaint: VendorError, status: int) -> ErrorMeaning | None:
    """What the words decide, because the code or the status alone would mislead."""
    code, words = complaint.code.lower(), complaint.message
    if "privacyinformation" in code:
        return error_codes.FACE_MODERATED
    if status < 500 and re.search(_UNKNOWN_JOB_PATTERN, words):
        return error_codes.UNKNOWN_JOB
    if code.startswith("quotaexceeded"):
        return error_codes.OUT_OF_CREDIT if _is_quota_exhausted(words) else error_codes.QUEUE_FULL
    if status == 429 and find_meaning(code) is None and _is_quota_exhausted(words):
        return error_codes.OUT_OF_CREDIT
    if "resource download failed" in words.lower():
        return error_codes.UNUSABLE_MEDIA
    return None


def _is_quota_exhausted(words: str) -> bool:
    """Whether a quota is used up for long, rather than a queue full for now."""
    return not re.search(_QUEUE_PATTERN, words) and bool(re.search(_QUOTA_EXHAUSTED_PATTERN, words))


def _classify_by_status(reply: ApiResponse, complaint: VendorError, job: str) -> ErrorMeaning:
    status = reply.status
    if status in (401, 403):
        return error_codes.INVALID_KEY if status == 401 else error_codes.PERMISSION_DENIED
    if status == 402:
        return error_codes.OUT_OF_CREDIT
    if status in (404, 410):
        return _classify_not_found(reply, complaint, job)
    if status == 429:
        return error_codes.RATE_LIMITED
    if status >= 500 or status in (408, 425):
        return error_codes.VENDOR_ERROR
    if 300 <= status < 400:
        return ErrorMeaning(
            MalformedResponse, "the vendor redirects", "check the provider's base URL"
        )
    return ErrorMeaning(InvalidRequest, _REQUEST_NOT_ACCEPTED, "change what the message names")


_AMBIGUOUS_NOT_FOUND = ErrorMeaning(
    MalformedResponse,
    "the vendor has nothing at this address and does not say that the job is unknown",
    "check the provider's base URL",
)


def _classify_not_found(reply: ApiResponse, complaint: VendorError, job: str) -> ErrorMeaning:
    """A 404. The job counts as lost only where the vendor speaks of it, for that costs a render.

    A bare `Not Found` is what web servers answer to a wrong address.
    """
    code = complaint.code.strip().lower()
    bare = complaint.message.strip().lower().rstrip(".") in ("", "not found")
    named = code not in _SUCCESS_CODES and not (bare and code == str(reply.status))
    if reply.body is None or not (named or re.search(_JOB_PATTERN, complaint.message)):
        return _AMBIGUOUS_NOT_FOUND if job else error_codes.UNKNOWN_ENDPOINT
    return (
        error_codes.UNKNOWN_JOB
        if job
        else ErrorMeaning(InvalidRequest, _REQUEST_NOT_ACCEPTED, "check model and base URL")
    )


# A create that ends so was surely not accepted; every other end is unclear.
_NOT_ACCEPTED_ERRORS = (RequestNotSent, RateLimited, InvalidRequest, AccountError, InputModerated)

# 408 and 425 tell that the vendor has not dealt with it, 409 that it may have done so before.
_AMBIGUOUS_STATUSES = (408, 409, 425)


@dataclass(frozen=True)
class LostResponse:
    """A request without a whole reply."""

    was_sent: bool
    """False where it surely never left."""
    reason: str
    """A few words, without address or key."""
    status: int = 0
    """The status, where the reply broke off behind it."""


def classify_create_response(
    dialect: Dialect, outcome: ApiResponse | LostResponse, *, now: float
) -> str | ProviderError:
    """The job that a create made, or the error that it ended with.

    The error is NotSent, Throttled, Rejected, Unauthorized or Refused where nothing was accepted,
    and Unclear where a job may exist.
    """
    if isinstance(outcome, LostResponse):
        if _is_definite_rejection(outcome.status):
            outcome = ApiResponse(outcome.status)
        elif outcome.was_sent:
            return _build_submission_unclear(outcome.reason, outcome.status)
        else:
            return RequestNotSent(
                f"the vendor could not be reached: {outcome.reason}; nothing was sent"
            )
    if not 200 <= outcome.status < 300 and not _is_definite_rejection(outcome.status):
        return _build_submission_unclear(
            f"it answered {outcome.status}{_quote_response(outcome)}", outcome.status
        )
    error = dialect.parse_error(outcome)
    if error is not None:
        closed = _to_not_accepted_error(error, outcome)
        closed.retry_after_seconds = parse_retry_after(outcome.headers.get("retry-after"), now)
        return closed
    try:
        return dialect.parse_created(outcome)
    except MalformedResponse:
        return _build_submission_unclear(
            f"its answer names no job{_quote_response(outcome)}", outcome.status
        )


def classify_query_response(
    dialect: Dialect, outcome: ApiResponse | LostResponse, *, job: str, now: float
) -> ApiResponse | ProviderError:
    """The reply to a question, or the error that it is; Unreachable where asking again may help."""
    if isinstance(outcome, LostResponse):
        return Unreachable(
            f"the vendor gave no answer: {outcome.reason}; ask again later", status=outcome.status
        )
    error = dialect.parse_error(outcome, job=job)
    if error is None:
        return outcome
    if outcome.status >= 500 or outcome.status in (408, 425):
        error = Unreachable(str(error), code=error.code, status=outcome.status)
    error.retry_after_seconds = parse_retry_after(outcome.headers.get("retry-after"), now)
    return error


def _is_definite_rejection(status: int) -> bool:
    return 400 <= status < 500 and status not in _AMBIGUOUS_STATUSES


def _to_not_accepted_error(error: ProviderError, reply: ApiResponse) -> ProviderError:
    """An error that says by its class that nothing was accepted."""
    if reply.status == 429 and not isinstance(error, _NOT_ACCEPTED_ERRORS):
        return RateLimited(str(error), code=error.code, status=reply.status)
    if not isinstance(error, _NOT_ACCEPTED_ERRORS):
        return InvalidRequest(str(error), code=error.code, status=reply.status)
    return error


def _build_submission_unclear(why: str, status: int) -> SubmissionUnclear:
    return SubmissionUnclear(
        f"the create may have arrived and may be charged: {why}; "
        "look for the job in the vendor's console before asking for it again",
        status=status,
    )


def _quote_response(reply: ApiResponse) -> str:
    words = sanitize_text(reply.text, max_chars=120)
    return f" ({words})" if words else ""
