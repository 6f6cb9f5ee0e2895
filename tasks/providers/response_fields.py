"""Parsers that dialects share to read vendor responses: states, numbers, times, URLs, ids, job errors.

Pure functions that raise nothing but ProviderError, whatever a vendor sends. The meaning of error
codes belongs in `error_mapping`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from tasks.errors import JobFailed, MalformedResponse, ProviderError
from tasks.providers.error_mapping import (
    VendorError,
    classify_error,
    classify_job_failure,
    find_error_in_success,
    parse_vendor_error,
    sanitize_text,
)
from tasks.providers.types import ApiResponse, JobDetails

__all__ = [
    "VendorJobState",
    "as_mapping",
    "build_job_error",
    "find_url",
    "parse_bool",
    "parse_count",
    "parse_error",
    "parse_job_details",
    "parse_job_id",
    "parse_list_items",
    "parse_number",
    "parse_progress",
    "parse_short_text",
    "parse_state",
    "parse_task",
    "parse_unix_seconds",
    "sanitize_text",
]

VendorJobState = Literal[
    "queued", "running", "succeeded", "failed", "expired", "cancelled", "unknown"
]

_STATES: Mapping[str, VendorJobState] = {
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
_MIN_MILLISECONDS = 1e11
_MAX_URL_CHARS = 8192
_MAX_ID_CHARS = 256


def parse_state(value: Any) -> VendorJobState:
    """The state that a vendor's word stands for, in any case; `unknown` for any other."""
    if not isinstance(value, str):
        return "unknown"
    return _STATES.get(re.sub(r"[\s-]+", "_", value.strip().lower()), "unknown")


def parse_number(value: Any) -> float | None:
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


def parse_count(value: Any) -> int | None:
    """A whole number that is not negative, also where it comes as text."""
    found = parse_number(value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def parse_bool(value: Any) -> bool | None:
    """True or false, also where it comes as text."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def parse_short_text(value: Any) -> str | None:
    """A short printable text, or None."""
    if not isinstance(value, str) or len(value) > _MAX_ID_CHARS:
        return None
    return sanitize_text(value) or None


def parse_unix_seconds(value: Any) -> float | None:
    """A time in Unix seconds, told in seconds or milliseconds."""
    found = parse_number(value)
    if found is None or found <= 0:
        return None
    return found / 1000 if found > _MIN_MILLISECONDS else found


def parse_progress(value: Any) -> float | None:
    """Progress from 0 to 1 out of a percentage, which may come as `30%`."""
    found = parse_number(value.strip().rstrip("%") if isinstance(value, str) else value)
    return min(max(found / 100, 0.0), 1.0) if found is not None else None


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def find_url(*values: Any) -> str:
    """The first of the values that is an http or https URL, else nothing."""
    for value in values:
        if not isinstance(value, str) or len(value) > _MAX_URL_CHARS:
            continue
        bare = value.strip()
        if re.match(r"(?i)https?://[^/]", bare) and bare.isprintable() and " " not in bare:
            return bare
    return ""


def parse_job_id(response: ApiResponse, *names: str) -> str:
    """The job's id under the first of the names that holds one, also within `data`.

    Raises Unreadable where there is none that could be asked after.
    """
    body = as_mapping(response.body)
    for place in (body, as_mapping(body.get("data"))):
        for name in names or ("id", "task_id"):
            found = _parse_id(place.get(name))
            if found:
                return found
    msg = "its reply to a create names no job"
    raise MalformedResponse(msg, status=response.status)


def _parse_id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    if isinstance(value, int) and not 0 < value < 10**18:
        return ""
    found = str(value).strip()
    fits = 0 < len(found) <= _MAX_ID_CHARS and found.isascii() and found.isprintable()
    # A path made of dots would leave the job's own address.
    return found if fits and " " not in found and found.strip(".") else ""


def parse_task(response: ApiResponse) -> Mapping[str, Any]:
    """The job's object in a reply, also where a gateway wraps it in `data`.

    Raises Unreadable where the reply holds none.
    """
    body = as_mapping(response.body)
    for place in (body, as_mapping(body.get("data"))):
        if isinstance(place.get("status"), str):
            return place
    msg = f"its reply about a job tells no status (HTTP {response.status})"
    raise MalformedResponse(msg, status=response.status)


def parse_list_items(response: ApiResponse) -> tuple[Mapping[str, Any], ...]:
    """The objects of a list reply, under `items` or `data`. Raises Unreadable where it is none."""
    body = as_mapping(response.body)
    for name in ("items", "data"):
        items = body.get(name)
        if isinstance(items, list):
            return tuple(item for item in items if isinstance(item, Mapping))
    if parse_count(body.get("total")) == 0:
        return ()
    msg = f"its list of jobs holds no items (HTTP {response.status})"
    raise MalformedResponse(msg, status=response.status)


def parse_job_details(body: Mapping[str, Any]) -> JobDetails:
    """What an Ark task object tells beside its state, under Ark's own names."""
    usage = as_mapping(body.get("usage"))
    tokens = parse_count(usage.get("completion_tokens"))
    return JobDetails(
        tokens=parse_count(usage.get("total_tokens")) if tokens is None else tokens,
        seed=parse_count(body.get("seed")),
        resolution=_parse_lower_text(body.get("resolution")),
        ratio=_parse_lower_text(body.get("ratio")),
        duration_seconds=_parse_positive(body.get("duration")),
        frames=parse_count(body.get("frames")) or None,
        audio=parse_bool(body.get("generate_audio")),
        model=parse_short_text(body.get("model")),
        service_tier=_parse_lower_text(body.get("service_tier")),
        created_at=parse_unix_seconds(body.get("created_at")),
        updated_at=parse_unix_seconds(body.get("updated_at")),
    )


def _parse_lower_text(value: Any) -> str | None:
    found = parse_short_text(value)
    return found.lower() if found else None


def _parse_positive(value: Any) -> float | None:
    found = parse_number(value)
    return found if found is not None and found > 0 else None


def build_job_error(body: Mapping[str, Any], final_state: VendorJobState) -> ProviderError:
    """The error that an ended job is: what the vendor tells, or that it expired, was cancelled."""
    error = _classify_final_state(body, final_state)
    error.is_final = True
    return error


def _classify_final_state(body: Mapping[str, Any], ended: VendorJobState) -> ProviderError:
    # Older clients of Ark and relays name it otherwise.
    words = body.get("error") or body.get("failure_reason") or body.get("fail_reason")
    complaint = parse_vendor_error({"error": words}) or VendorError("", "")
    if complaint.code or complaint.message or ended == "failed":
        return classify_job_failure(complaint)
    if ended == "expired":
        return JobFailed("the vendor gave the job up at its time limit; ask for a new take")
    return JobFailed("the job was cancelled at the vendor; ask for a new take")


def parse_error(response: ApiResponse, *, job: str = "") -> ProviderError | None:
    """The error that a reply is, by its status and its body, or None where it is none.

    A success that holds what was asked for is none, whatever else it holds: a job's status, or
    without `job` the id of a new one, for an existing job must never pass for a rejected one.
    """
    if 200 <= response.status < 300:
        return _find_error_in_success(response, job)
    complaint = parse_vendor_error(response.body, response.text) or VendorError("", "")
    return classify_error(response, complaint, job=job)


def _find_error_in_success(reply: ApiResponse, job: str) -> ProviderError | None:
    body = as_mapping(reply.body)
    for place in (body, as_mapping(body.get("data"))):
        if isinstance(place.get("status"), str) if job else _has_job_id(place):
            return None
    complaint = find_error_in_success(reply.body)
    return classify_error(reply, complaint, job=job) if complaint else None


def _has_job_id(place: Mapping[str, Any]) -> bool:
    return any(_parse_id(place.get(name)) for name in ("id", "task_id"))
