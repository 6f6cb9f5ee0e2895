"""The job object of `/videos`, which two dialects share: OpenAI's shape, as gateways fill it.

Written from CometAPI's create and query pages for `/v1/videos`, Infinity Blue's pages, and what the
software that such gateways run writes (https://github.com/QuantumNous/new-api). Read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tasks.providers import response_fields
from tasks.providers.types import ApiCall, JobDetails, JobPending, JobResult

VIDEOS_PATH = "/videos"
"""Behind the base URL."""


def job_path(job: str) -> str:
    """The address of one job."""
    return f"{VIDEOS_PATH}/{quote(job, safe='')}"


def parse_status(
    task: Mapping[str, Any], *, clip_call: ApiCall | None = None, with_last_frame: bool = True
) -> JobPending | JobResult:
    """The job's state; raises what it ended with.

    `clip_call` is where the clip can be had behind the key; `last_frame` whether its URL is wanted.
    """
    # A completed_at may stand beside a job that still runs, so the word alone decides.
    told = response_fields.parse_state(task.get("status"))
    if told == "succeeded":
        frame = _find_url(task, "last_frame_url") if with_last_frame else ""
        return JobResult(
            _find_url(task, "url", "video_url"), frame, _parse_details(task), clip_call
        )
    if told in ("queued", "running", "unknown"):
        return JobPending(
            told, response_fields.parse_progress(task.get("progress")), _parse_details(task)
        )
    raise response_fields.build_job_error(task, told)


def _find_url(task: Mapping[str, Any], *names: str) -> str:
    places = (
        response_fields.as_mapping(task.get("metadata")),
        task,
        response_fields.as_mapping(task.get("content")),
    )
    return response_fields.find_url(*(place.get(name) for place in places for name in names))


def _parse_details(task: Mapping[str, Any]) -> JobDetails:
    facts = response_fields.parse_job_details(task)
    told = response_fields.parse_number(task.get("seconds"))
    ended = response_fields.parse_unix_seconds(task.get("completed_at"))
    return replace(
        facts,
        duration_seconds=told if told and told > 0 else facts.duration_seconds,
        updated_at=facts.updated_at if ended is None else ended,
    )
