"""What dialects share to read replies: states, numbers, times, links, ids and errors.

Vendors tell numbers as text, times in seconds or milliseconds, and states in a dozen words. All of
it is pure, and nothing raises anything but ProviderError, whatever was sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from tasks.errors import JobFailed, ProviderError, Unreadable
from tasks.providers.complaints import (
    Complaint,
    clean,
    hidden_complaint,
    judge,
    judge_failed,
    read_complaint,
)
from tasks.providers.contract import Facts, Reply

__all__ = [
    "State",
    "clean",
    "explain",
    "facts",
    "failure",
    "flag",
    "integer",
    "job_id",
    "link",
    "listed_items",
    "mapping",
    "number",
    "progress",
    "state",
    "task",
    "unix_seconds",
    "word",
]

State = Literal["queued", "running", "succeeded", "failed", "expired", "cancelled", "unknown"]

_STATES: Mapping[str, State] = {
    "queued": "queued",
    "queueing": "queued",
    "in_queue": "queued",
    "submitted": "queued",
    "pending": "queued",
    "created": "queued",
    "waiting": "queued",
    "not_start": "queued",
    "running": "running",
    "in_progress": "running",
    "processing": "running",
    "generating": "running",
    "succeeded": "succeeded",
    "success": "succeeded",
    "completed": "succeeded",
    "complete": "succeeded",
    "failed": "failed",
    "fail": "failed",
    "failure": "failed",
    "error": "failed",
    "expired": "expired",
    "timeout": "expired",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}

# Infinity Blue documents milliseconds where the software it runs writes seconds. As seconds this
# would be the year 5138.
_MILLISECONDS_FROM = 1e11
_LINK_MOST = 8192
_ID_MOST = 256


def state(value: Any) -> State:
    """The state that a vendor's word stands for, in any case; `unknown` for any other."""
    if not isinstance(value, str):
        return "unknown"
    return _STATES.get(re.sub(r"[\s-]+", "_", value.strip().lower()), "unknown")


def number(value: Any) -> float | None:
    """A finite number, also where it comes as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\s*-?\d{1,18}(\.\d{1,18})?\s*", value):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def integer(value: Any) -> int | None:
    """A whole number that is not negative, also where it comes as text."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def flag(value: Any) -> bool | None:
    """True or false, also where it comes as text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def word(value: Any) -> str | None:
    """A short printable text, or None."""
    if not isinstance(value, str) or len(value) > _ID_MOST:
        return None
    return clean(value) or None


def unix_seconds(value: Any) -> float | None:
    """A time in Unix seconds, told in seconds or milliseconds."""
    found = number(value)
    if found is None or found <= 0:
        return None
    return found / 1000 if found > _MILLISECONDS_FROM else found


def progress(value: Any) -> float | None:
    """Progress from 0 to 1 out of a percentage, which may come as `30%`."""
    found = number(value.strip().rstrip("%") if isinstance(value, str) else value)
    return min(max(found / 100, 0.0), 1.0) if found is not None else None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def link(*values: Any) -> str:
    """The first of the values that is an http or https URL, else nothing."""
    for value in values:
        if not isinstance(value, str) or len(value) > _LINK_MOST:
            continue
        bare = value.strip()
        if re.match(r"(?i)https?://[^/]", bare) and bare.isprintable() and " " not in bare:
            return bare
    return ""


def job_id(reply: Reply, *names: str) -> str:
    """The job's id under the first of the names that holds one, also within `data`.

    Raises Unreadable where there is none that could be asked after.
    """
    body = mapping(reply.body)
    for place in (body, mapping(body.get("data"))):
        for name in names or ("id", "task_id"):
            found = _id(place.get(name))
            if found:
                return found
    msg = "its reply to a create names no job"
    raise Unreadable(msg, status=reply.status)


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    if isinstance(value, int) and not 0 < value < 10**18:
        return ""
    found = str(value).strip()
    fits = 0 < len(found) <= _ID_MOST and found.isascii() and found.isprintable()
    # A path made of dots would leave the job's own address.
    return found if fits and " " not in found and found.strip(".") else ""


def task(reply: Reply) -> Mapping[str, Any]:
    """The job's object in a reply, also where a gateway wraps it in `data`.

    Raises Unreadable where the reply holds none.
    """
    body = mapping(reply.body)
    for place in (body, mapping(body.get("data"))):
        if isinstance(place.get("status"), str):
            return place
    msg = f"its reply about a job tells no status (HTTP {reply.status})"
    raise Unreadable(msg, status=reply.status)


def listed_items(reply: Reply) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list reply, under `items` or `data`. Raises Unreadable where it is none."""
    body = mapping(reply.body)
    for name in ("items", "data"):
        items = body.get(name)
        if isinstance(items, list):
            return tuple(item for item in items if isinstance(item, Mapping))
    if integer(body.get("total")) == 0:
        return ()
    msg = f"its list of jobs holds no items (HTTP {reply.status})"
    raise Unreadable(msg, status=reply.status)


def facts(body: Mapping[str, Any]) -> Facts:
    """What an Ark task object tells beside its state, under Ark's own names."""
    usage = mapping(body.get("usage"))
    tokens = integer(usage.get("completion_tokens"))
    return Facts(
        tokens=integer(usage.get("total_tokens")) if tokens is None else tokens,
        seed=integer(body.get("seed")),
        resolution=_lower(body.get("resolution")),
        ratio=_lower(body.get("ratio")),
        duration_seconds=_positive(body.get("duration")),
        frames=integer(body.get("frames")) or None,
        audio=flag(body.get("generate_audio")),
        model=word(body.get("model")),
        service_tier=_lower(body.get("service_tier")),
        created_at=unix_seconds(body.get("created_at")),
        updated_at=unix_seconds(body.get("updated_at")),
    )


def _lower(value: Any) -> str | None:
    found = word(value)
    return found.lower() if found else None


def _positive(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and found > 0 else None


def failure(body: Mapping[str, Any], ended: State) -> ProviderError:
    """The error that an ended job is: what the vendor tells, or that it expired, was cancelled."""
    error = _end(body, ended)
    error.over = True
    return error


def _end(body: Mapping[str, Any], ended: State) -> ProviderError:
    # Older clients of Ark and relays name it otherwise.
    words = body.get("error") or body.get("failure_reason") or body.get("fail_reason")
    complaint = read_complaint({"error": words}) or Complaint("", "")
    if complaint.code or complaint.message or ended == "failed":
        return judge_failed(complaint)
    if ended == "expired":
        return JobFailed("the vendor gave the job up at its time limit; ask for a new take")
    return JobFailed("the job was cancelled at the vendor; ask for a new take")


def explain(reply: Reply, *, job: str = "") -> ProviderError | None:
    """The error that a reply is, by its status and its body, or None where it is none.

    A success that holds what was asked for is none, whatever else it holds: a job's status, or
    without `job` the id of a new one, for an existing job must never pass for a rejected one.
    """
    if 200 <= reply.status < 300:
        return _hidden(reply, job)
    complaint = read_complaint(reply.body, reply.text) or Complaint("", "")
    return judge(reply, complaint, job=job)


def _hidden(reply: Reply, job: str) -> ProviderError | None:
    body = mapping(reply.body)
    for place in (body, mapping(body.get("data"))):
        if isinstance(place.get("status"), str) if job else _has_id(place):
            return None
    complaint = hidden_complaint(reply.body)
    return judge(reply, complaint, job=job) if complaint else None


def _has_id(place: Mapping[str, Any]) -> bool:
    return any(_id(place.get(name)) for name in ("id", "task_id"))
