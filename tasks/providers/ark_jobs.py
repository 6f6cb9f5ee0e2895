"""The job object of Ark, its address and its list, which three dialects share.

Written from Ark's query and list pages, by way of their mirror at
https://www.cii-group.com/docs.html (read 2026-11-20). CometAPI and kkiai pass the object on.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote

from tasks.errors import MalformedResponse, ProviderError
from tasks.providers import request_fields, response_fields
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    MediaInput,
    MediaRole,
)

TASKS_PATH = "/contents/generations/tasks"
"""Behind the base URL."""

_ITEM_TYPES: Mapping[MediaRole, str] = {
    "first_frame": "image_url",
    "last_frame": "image_url",
    "reference_image": "image_url",
    "reference_video": "video_url",
    "reference_audio": "audio_url",
}

# Older copies of the list page allow 100 where the newest allows 500.
_PAGE_SIZE = 100


def job_path(job: str) -> str:
    """The address of one job."""
    return f"{TASKS_PATH}/{quote(job, safe='')}"


def build_list_call(page: int, *filters: tuple[str, str]) -> ApiCall:
    """Ask for one page of the list, from 1."""
    paging = (("page_num", str(page)), ("page_size", str(_PAGE_SIZE)))
    return ApiCall("GET", TASKS_PATH, query=(*paging, *filters))


def build_content_item(
    media: MediaInput, *, inline_roles: AbstractSet[str], url_roles: AbstractSet[str]
) -> dict[str, Any]:
    """A medium as an item of `content`. Raises Rejected where it has no place there."""
    kind = _ITEM_TYPES[media.role]
    url = (
        request_fields.require_url(media, url_roles)
        if media.url
        else request_fields.encode_data_uri(media, inline_roles)
    )
    return {"type": kind, kind: {"url": url}, "role": media.role}


def parse_status(task: Mapping[str, Any]) -> JobPending | JobResult:
    """The job's state; raises what it ended with."""
    told = response_fields.parse_state(task.get("status"))
    facts = response_fields.parse_job_details(task)
    if told == "succeeded":
        content = response_fields.as_mapping(task.get("content"))
        return JobResult(
            clip_url=response_fields.find_url(content.get("video_url"), task.get("video_url")),
            last_frame_url=response_fields.find_url(
                content.get("last_frame_url"), task.get("last_frame_url")
            ),
            details=facts,
        )
    if told in ("queued", "running", "unknown"):
        return JobPending(told, response_fields.parse_progress(task.get("progress")), facts)
    raise response_fields.build_job_error(task, told)


def parse_job_list(response: ApiResponse) -> tuple[ListedJob, ...]:
    """The jobs of one page; what can't be read as one is left out."""
    found = (_parse_listed_job(task) for task in response_fields.parse_list_items(response))
    return tuple(one for one in found if one is not None)


def _parse_listed_job(task: Mapping[str, Any]) -> ListedJob | None:
    try:
        job = response_fields.parse_job_id(ApiResponse(200, body=task))
    except MalformedResponse:
        return None
    told: JobPending | JobResult | ProviderError
    try:
        told = parse_status(task)
    except ProviderError as error:
        told = error
    return ListedJob(job, told, response_fields.parse_job_details(task))
