"""Parsers that dialects share to read vendor responses: single fields, errors and job objects.

Pure functions that raise nothing but ProviderError, whatever a vendor sends. The meaning of error
codes belongs in `error_mapping`.

There are two job objects. Ark's task is written from Ark's query and list pages, by way of their
mirror at https://www.cii-group.com/docs.html (read 2026-11-20); CometAPI and kkiai forward it. The
job of `/videos` has OpenAI's shape as gateways fill it; it is written from CometAPI's create and
query pages for `/v1/videos`, Infinity Blue's pages, and the output of the software that such
gateways run (https://github.com/QuantumNous/new-api), read 2026-11-20.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from tasks.errors import JobCancelled, JobFailed, MalformedResponse, ProviderError
from tasks.providers.error_mapping import (
    VendorError,
    classify_error,
    classify_job_failure,
    find_error_in_success,
    parse_vendor_error,
    sanitize_text,
)
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobDetails,
    JobPending,
    JobResult,
    ListedJob,
)

VendorJobState = Literal[
    "queued", "running", "succeeded", "failed", "expired", "cancelled", "unknown"
]
EndState = Literal["failed", "expired", "cancelled"]

ARK_END_WORDS: Mapping[str, EndState] = {
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
"""The status texts with which Ark's query page describes a job that ended without a clip."""

# The words of gateways, documented or known from their clients. The words for an end are not here:
# another job may be paid for after an end, so a dialect lists those that its vendor documents, and
# any other word is unknown.
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
}

# Infinity Blue documents milliseconds, but the software it runs writes seconds. As seconds this
# value would be the year 5138.
_MIN_MILLISECONDS = 1e11
_MAX_URL_CHARS = 8192
_MAX_ID_CHARS = 256
_MAX_QUOTE_CHARS = 120
_ID_NAMES = ("id", "task_id")


def parse_state(value: Any, end_words: Mapping[str, EndState]) -> VendorJobState:
    """Return the state of a vendor's status text, in any case; `unknown` for unlisted texts.

    Args:
        value: The status text.
        end_words: The texts that the vendor documents for a job that ended without a clip.
    """
    if not isinstance(value, str):
        return "unknown"
    word = re.sub(r"[\s-]+", "_", value.strip().lower())
    return end_words.get(word) or _STATES.get(word, "unknown")


def parse_number(value: Any) -> float | None:
    """Return a finite number, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and not re.fullmatch(r"\s*-?\d{1,18}(\.\d{1,18})?\s*", value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def parse_positive(value: Any) -> float | None:
    """Return a finite number above 0, also from text; None for anything else."""
    number = parse_number(value)
    return number if number is not None and number > 0 else None


def parse_count(value: Any) -> int | None:
    """Return a whole number that is not negative, also from text; None for anything else."""
    number = parse_number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def parse_bool(value: Any) -> bool | None:
    """Return True or False, also from text; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def parse_short_text(value: Any) -> str | None:
    """Return a short printable text, or None."""
    if not isinstance(value, str) or len(value) > _MAX_ID_CHARS:
        return None
    return sanitize_text(value) or None


def parse_lower_text(value: Any) -> str | None:
    """Return a short printable text in lower case, or None."""
    text = parse_short_text(value)
    return text.lower() if text else None


def parse_unix_seconds(value: Any) -> float | None:
    """Return a time as Unix seconds; the vendor may send seconds or milliseconds."""
    number = parse_positive(value)
    if number is None:
        return None
    return number / 1000 if number > _MIN_MILLISECONDS else number


def parse_progress(value: Any) -> float | None:
    """Return progress from 0 to 1 from a percentage, which may be text such as `30%`."""
    number = parse_number(value.strip().rstrip("%") if isinstance(value, str) else value)
    return min(max(number / 100, 0.0), 1.0) if number is not None else None


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def find_url(*values: Any) -> str:
    """Return the first value that is an http or https URL, or an empty string."""
    for value in values:
        if not isinstance(value, str) or len(value) > _MAX_URL_CHARS:
            continue
        url = value.strip()
        if re.match(r"(?i)https?://[^/\s]", url) and url.isprintable():
            # A file name with a space is a mistake of the vendor, and the clip is paid for.
            return url.replace(" ", "%20")
    return ""


def parse_job_id(response: ApiResponse, *names: str) -> str:
    """Return the job id of a response to a create.

    Args:
        response: The response.
        names: The fields that may hold the id, at the top level or in `data`; `id` and `task_id`
            if none is given.

    Raises:
        MalformedResponse: The response contains no usable id.
    """
    for task in _iter_task_objects(response):
        for name in names or _ID_NAMES:
            job = _parse_id(task.get(name))
            if job:
                return job
    msg = "the vendor's response to the create contains no job id"
    raise MalformedResponse(msg, status=response.status)


def _parse_id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    if isinstance(value, int) and not 0 < value < 10**18:
        return ""
    text = str(value).strip()
    is_short_ascii = 0 < len(text) <= _MAX_ID_CHARS and text.isascii() and text.isprintable()
    # An id of dots would leave the path of the jobs.
    return text if is_short_ascii and " " not in text and text.strip(".") else ""


def parse_task(response: ApiResponse, *, job: str = "") -> Mapping[str, Any]:
    """Return the job object of a response; a gateway may wrap it in `data`.

    Args:
        response: The response.
        job: The id of the queried job: an object that names it is preferred. Empty for any job.

    Raises:
        MalformedResponse: The response contains no job object, or only one of another job.
    """
    tasks = [task for task in _iter_task_objects(response) if isinstance(task.get("status"), str)]
    for task in tasks:
        if not job or names_job(task, job):
            return task
    for task in tasks:
        if not _has_job_id(task):
            return task
    if tasks:
        other = next(filter(None, (_parse_id(tasks[0].get(name)) for name in _ID_NAMES)), "")
        msg = f"the vendor's response to the query of job {job} is about {other[:100]}"
        raise MalformedResponse(msg, status=response.status)
    msg = f"the vendor's response about the job contains no status (HTTP {response.status})"
    text = sanitize_text(response.text, max_chars=_MAX_QUOTE_CHARS)
    raise MalformedResponse(f"{msg}: {text}" if text else msg, status=response.status)


def names_job(task: Mapping[str, Any], job: str) -> bool:
    """Return True if a job object contains the id of a job."""
    return job in [_parse_id(task.get(name)) for name in _ID_NAMES]


def parse_list_items(response: ApiResponse) -> tuple[Mapping[str, Any], ...]:
    """Return the objects of a list response, from `items` or `data`.

    Raises:
        MalformedResponse: The response contains no list.
    """
    body = as_mapping(response.body)
    for name in ("items", "data"):
        items = body.get(name)
        if isinstance(items, list):
            return tuple(item for item in items if isinstance(item, Mapping))
    msg = f"the vendor's list of jobs contains no items (HTTP {response.status})"
    raise MalformedResponse(msg, status=response.status)


def parse_error(response: ApiResponse, *, job: str = "") -> ProviderError | None:
    """Return the error that a response contains, by status and body, or None.

    A 2xx response that contains what was requested is never an error, whatever else it contains:
    the status of `job`, or the id of a new job. An existing job must never pass for a rejected one.

    Args:
        response: The response.
        job: The id of the queried job; empty for other requests.
    """
    if 200 <= response.status < 300:
        return _find_error_in_success(response, job)
    error = parse_vendor_error(response.body, response.text) or VendorError("", "")
    return classify_error(response, error, job=job)


def _find_error_in_success(response: ApiResponse, job: str) -> ProviderError | None:
    for task in _iter_task_objects(response):
        if isinstance(task.get("status"), str) if job else _has_job_id(task):
            return None
    error = find_error_in_success(response.body)
    return classify_error(response, error, job=job) if error else None


def _has_job_id(task: Mapping[str, Any]) -> bool:
    return any(_parse_id(task.get(name)) for name in _ID_NAMES)


def _iter_task_objects(response: ApiResponse) -> Iterator[Mapping[str, Any]]:
    """Yield the places that may hold the job object: the body, and `data` in it."""
    body = as_mapping(response.body)
    yield body
    yield as_mapping(body.get("data"))


def parse_ark_status(task: Mapping[str, Any], *, job: str = "") -> JobPending | JobResult:
    """Return the state of an Ark task.

    Args:
        task: The task object.
        job: The id that a task which ended without a clip must name; empty for any.

    Raises:
        ProviderError: The task ended without a clip: failed, expired, cancelled or moderated.
        MalformedResponse: Such a task does not name the job.
    """
    state = parse_state(task.get("status"), ARK_END_WORDS)
    content = as_mapping(task.get("content"))
    result = JobResult(
        clip_url=find_url(content.get("video_url"), task.get("video_url")),
        last_frame_url=find_url(content.get("last_frame_url"), task.get("last_frame_url")),
        details=_parse_ark_details(task),
    )
    return _finish_status(task, state, result, job)


def parse_ark_list(response: ApiResponse) -> tuple[ListedJob, ...]:
    """Return the tasks of one page of Ark's list, without items that are not readable.

    Raises:
        MalformedResponse: The response contains no list.
    """
    jobs = (_parse_listed_task(task) for task in parse_list_items(response))
    return tuple(job for job in jobs if job is not None)


def _parse_listed_task(task: Mapping[str, Any]) -> ListedJob | None:
    try:
        job = parse_job_id(ApiResponse(200, body=task))
    except MalformedResponse:
        return None
    status: JobPending | JobResult | ProviderError
    try:
        status = parse_ark_status(task)
    except ProviderError as error:
        status = error
    return ListedJob(job, status, _parse_ark_details(task))


def _parse_ark_details(task: Mapping[str, Any]) -> JobDetails:
    usage = as_mapping(task.get("usage"))
    tokens = parse_count(usage.get("completion_tokens"))
    return JobDetails(
        tokens=parse_count(usage.get("total_tokens")) if tokens is None else tokens,
        seed=parse_count(task.get("seed")),
        resolution=parse_lower_text(task.get("resolution")),
        ratio=parse_lower_text(task.get("ratio")),
        duration_seconds=parse_positive(task.get("duration")),
        frames=parse_count(task.get("frames")) or None,
        audio=parse_bool(task.get("generate_audio")),
        model=parse_short_text(task.get("model")),
        service_tier=parse_lower_text(task.get("service_tier")),
        created_at=parse_unix_seconds(task.get("created_at")),
        updated_at=parse_unix_seconds(task.get("updated_at")),
    )


def parse_videos_status(
    task: Mapping[str, Any],
    *,
    end_words: Mapping[str, EndState],
    job: str = "",
    clip_call: ApiCall | None = None,
    with_last_frame: bool = True,
) -> JobPending | JobResult:
    """Return the state of a job of `/videos`.

    Args:
        task: The job object.
        end_words: The texts that the vendor documents for a job that ended without a clip.
        job: The id that a job which ended without a clip must name; empty for any.
        clip_call: The call that downloads the clip with the API key, if the vendor has one.
        with_last_frame: False to ignore the URL of a last frame.

    Raises:
        ProviderError: The job ended without a clip: failed, expired, cancelled or moderated.
        MalformedResponse: Such a job object does not name the job.
    """
    # The status alone decides: a running job may have a `completed_at`.
    state = parse_state(task.get("status"), end_words)
    result = JobResult(
        clip_url=_find_videos_url(task, "url", "video_url"),
        last_frame_url=_find_videos_url(task, "last_frame_url") if with_last_frame else "",
        details=_parse_videos_details(task),
        clip_call=clip_call if state == "succeeded" else None,
    )
    return _finish_status(task, state, result, job)


def _find_videos_url(task: Mapping[str, Any], *names: str) -> str:
    objects = (as_mapping(task.get("metadata")), task, as_mapping(task.get("content")))
    return find_url(*(parent.get(name) for parent in objects for name in names))


def _parse_videos_details(task: Mapping[str, Any]) -> JobDetails:
    details = _parse_ark_details(task)
    return details._replace(
        duration_seconds=parse_positive(task.get("seconds")) or details.duration_seconds,
        updated_at=parse_unix_seconds(task.get("completed_at")) or details.updated_at,
    )


def _finish_status(
    task: Mapping[str, Any], state: VendorJobState, result: JobResult, job: str
) -> JobPending | JobResult:
    if state == "succeeded":
        return result
    if state == "unknown" and result.clip_url:
        return replace(result, vendor_text=_quote_status(task))
    if state in ("queued", "running", "unknown"):
        text = _quote_status(task) if state == "unknown" else ""
        return JobPending(state, parse_progress(task.get("progress")), result.details, text)
    if job and not names_job(task, job):
        msg = f"the vendor's response does not name job {job}: {_quote_status(task)}"
        raise MalformedResponse(msg)
    error = _classify_final_state(task, state)
    error.is_final = True
    raise error


def _quote_status(task: Mapping[str, Any]) -> str:
    """Return a status that is not documented, and the message beside it, in the vendor's words."""
    status = sanitize_text(task.get("status"), max_chars=60)
    error = parse_vendor_error({"error": _find_reason(task), "message": task.get("message")})
    message = sanitize_text(error.message, max_chars=_MAX_QUOTE_CHARS) if error else ""
    return f"status {status!r}" + (f", {message}" if message else "")


def _find_reason(task: Mapping[str, Any]) -> Any:
    # Relays and older clients of Ark use other names for the error.
    return task.get("error") or task.get("failure_reason") or task.get("fail_reason")


def _classify_final_state(task: Mapping[str, Any], state: VendorJobState) -> ProviderError:
    if state == "cancelled":
        return JobCancelled("the job was cancelled at the vendor; request a new take")
    error = parse_vendor_error({"error": _find_reason(task)}) or VendorError("", "")
    if error.code or error.message or state == "failed":
        return classify_job_failure(error)
    return JobFailed("the job expired at the vendor's time limit; request a new take")
