"""What a vendor's complaint means: every error body that was seen, as one error with its remedy.

Words decide where a code or a status alone would mislead, then the code by its longest known
beginning, then the HTTP status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from tasks.errors import (
    JobBroken,
    JobFailed,
    JobLost,
    ProviderError,
    Rejected,
    Throttled,
    Unreachable,
    Unreadable,
)
from tasks.providers import codes
from tasks.providers.addresses import redact_text
from tasks.providers.codes import Meaning, by_code
from tasks.providers.contract import Reply

_MESSAGE_MOST = 300
_NESTED_MOST = 4
_NOT_TAKEN = "the vendor does not take what was asked"
_SUCCESS_CODES = ("", "0", "200", "ok", "success", "succeeded", "none", "null")


class Complaint(NamedTuple):
    """A vendor's code and words, as they were told."""

    code: str
    message: str
    param: str = ""
    """What of the request it is about, such as `content[1]`."""


# Compiled when they are needed: a plan reads no complaint, and should not wait for them.
_KEYS_AND_SIGNATURES = (
    r"(?i)\b((?:authorization\s?[=:]\s?)?bearer\s+|"
    r"(?:x-(?:tos|amz|oss)-[\w-]+|signature|sig|token|api[_-]?key|authorization)\s?[=:]\s?)"
    r"[^\s&\"',;]+"
)
_JOB_WORDS = r"(?i)\b(task|job|video|generation)s?\b|task_|任务"
_UNKNOWN_WORDS = r"(?i)(task|job|video)[_ ](is )?not[_ ](exist|found)|任务不存在"
_QUEUE_WORDS = r"(?i)queue|concurren|in[- ]flight|running tasks|排队|并发"
_SPENT_WORDS = (
    r"(?i)trial|free|used up|exhaust|insufficient|balance|credit|overdue|subscri|"
    r"\bplan\b|week|month|5[- ]hour|hours? quota|余额|欠费|额度"
)


def read_complaint(body: Any, text: str = "") -> Complaint | None:
    """The code and the words of an error body in any shape that was seen; None where it is none.

    `error` as an object or a string, flat `code` and `message`, `ErrorCode` and `ErrorMessage`,
    `detail`, `success: false`, and JSON within the message, which a gateway wraps around its own.
    A body that is no JSON gives its first words from `text`.
    """
    found = _shape(body)
    if found is None:
        return Complaint("", text) if body is None and text.strip() else None
    for _ in range(_NESTED_MOST):
        inner = _nested(found.message)
        if inner is None:
            break
        found = Complaint(
            inner.code or found.code, inner.message or found.message, inner.param or found.param
        )
    return found


def hidden_complaint(body: Any) -> Complaint | None:
    """The error that a success status hides, or None. Plain words alone are none."""
    if not isinstance(body, Mapping):
        return None
    told = body.get("success") is False or any(
        _is_code(body.get(name)) for name in ("code", "ErrorCode", "errorCode", "error_code")
    )
    return read_complaint(body) if body.get("error") or told else None


def judge(reply: Reply, complaint: Complaint, *, job: str = "") -> ProviderError:
    """The error that a vendor's complaint is, with one sentence for the author."""
    meaning = (
        _by_words(complaint, reply.status)
        or by_code(complaint.code)
        or _by_status(reply, complaint, job)
    )
    if meaning.kind is JobLost and not job:
        meaning = codes.WRONG
    return told(meaning, complaint, status=reply.status)


def judge_failed(complaint: Complaint) -> ProviderError:
    """The error that a job ended with: over for good, so nothing here is asked again."""
    meaning = by_code(complaint.code)
    if meaning is not None and meaning.kind in (Throttled, Unreachable):
        meaning = Meaning(JobBroken, "the vendor failed at the job by itself", "render again")
    elif meaning is None or meaning.kind in (JobLost, Unreadable):
        meaning = Meaning(JobFailed, "the job failed", "ask for a new take")
    return told(meaning, complaint)


def told(meaning: Meaning, complaint: Complaint, *, status: int = 0) -> ProviderError:
    """An error of that meaning: the fact, the vendor's own words and the next step."""
    words = clean(complaint.message).rstrip(".")
    code = clean(complaint.code, most=100)
    param = clean(complaint.param, most=100)
    if param and param not in words:
        words = f"{words} [{param}]".strip()
    about = f": {words}" if words else ""
    named = f" ({code})" if code else f" (HTTP {status})" if status else ""
    return meaning.kind(f"{meaning.fact}{about}{named}; {meaning.step}", code=code, status=status)


def clean(text: Any, *, most: int = _MESSAGE_MOST) -> str:
    """A vendor's words made fit for one line: printable, short, without signed URLs and files."""
    words = str(text) if isinstance(text, (str, int, float)) else ""
    # Cut before the patterns run, generously, so that a hostile body costs no time.
    words = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^<>]{0,500}>", " ", words[: 20 * most])
    words = re.sub(_KEYS_AND_SIGNATURES, r"\1…", redact_text(words))
    words = "".join(letter if letter.isprintable() else " " for letter in words)
    words = " ".join(words.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _shape(body: Any) -> Complaint | None:
    if isinstance(body, str):
        return Complaint("", body) if body.strip() else None
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    if isinstance(inner, Mapping) and inner:
        return _flat(inner)
    flat = _flat(body)
    if isinstance(inner, str) and inner.strip():
        return Complaint(flat.code if flat else "", (flat.message if flat else "") or inner)
    return flat


def _flat(body: Mapping[str, Any]) -> Complaint | None:
    code = _first(body, ("code", "ErrorCode", "errorCode", "error_code", "type", "Code"))
    message = _first(
        body,
        ("message", "ErrorMessage", "errorMessage", "error_message", "msg", "detail", "reason"),
    )
    param = body.get("param")
    named = param if isinstance(param, str) else ""
    return Complaint(code, message, named) if code or message else None


def _first(body: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = body.get(name)
        if isinstance(value, (Mapping, list)) and value and name == "detail":
            return json.dumps(value, default=str)[: 4 * _MESSAGE_MOST]
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return ""


def _nested(message: str) -> Complaint | None:
    start, end = message.find("{"), message.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        inner = json.loads(message[start : end + 1])
    except (ValueError, RecursionError):
        return None
    return _shape(inner)


def _is_code(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    return str(value).strip().lower() not in _SUCCESS_CODES


def _by_words(complaint: Complaint, status: int) -> Meaning | None:
    """What the words decide, because the code or the status alone would mislead."""
    code, words = complaint.code.lower(), complaint.message
    if "privacyinformation" in code:
        return codes.FACE
    if status < 500 and re.search(_UNKNOWN_WORDS, words):
        return codes.UNKNOWN_JOB
    if code.startswith("quotaexceeded"):
        return codes.CREDIT if _is_spent(words) else codes.QUEUE
    if status == 429 and by_code(code) is None and _is_spent(words):
        return codes.CREDIT
    if "resource download failed" in words.lower():
        return codes.MEDIA
    return None


def _is_spent(words: str) -> bool:
    """Whether a quota is used up for long, rather than a queue full for now."""
    return not re.search(_QUEUE_WORDS, words) and bool(re.search(_SPENT_WORDS, words))


def _by_status(reply: Reply, complaint: Complaint, job: str) -> Meaning:
    status = reply.status
    if status in (401, 403):
        return codes.KEY if status == 401 else codes.RIGHTS
    if status == 402:
        return codes.CREDIT
    if status in (404, 410):
        return _missing(reply, complaint, job)
    if status == 429:
        return codes.BUSY
    if status >= 500 or status in (408, 425):
        return codes.BROKEN
    if 300 <= status < 400:
        return Meaning(Unreadable, "the vendor redirects", "check the provider's base URL")
    return Meaning(Rejected, _NOT_TAKEN, "change what the message names")


_UNSURE = Meaning(
    Unreadable,
    "the vendor has nothing at this address and does not say that the job is unknown",
    "check the provider's base URL",
)


def _missing(reply: Reply, complaint: Complaint, job: str) -> Meaning:
    """A 404. The job counts as lost only where the vendor speaks of it, for that costs a render.

    A bare `Not Found` is what web servers answer to a wrong address.
    """
    code = complaint.code.strip().lower()
    bare = complaint.message.strip().lower().rstrip(".") in ("", "not found")
    named = code not in _SUCCESS_CODES and not (bare and code == str(reply.status))
    if reply.body is None or not (named or re.search(_JOB_WORDS, complaint.message)):
        return _UNSURE if job else codes.ADDRESS
    return codes.UNKNOWN_JOB if job else Meaning(Rejected, _NOT_TAKEN, "check model and base URL")
