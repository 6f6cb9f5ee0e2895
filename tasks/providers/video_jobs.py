"""The job object of `/videos`, which two dialects share: OpenAI's shape, as gateways fill it.

Written from CometAPI's create and query pages for `/v1/videos`, Infinity Blue's pages, and what the
software that such gateways run writes (https://github.com/QuantumNous/new-api). Read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tasks.providers import reading
from tasks.providers.contract import Call, Done, Facts, Waiting

PATH = "/videos"
"""Behind the base URL."""


def job_path(job: str) -> str:
    """The address of one job."""
    return f"{PATH}/{quote(job, safe='')}"


def status(
    task: Mapping[str, Any], *, clip_call: Call | None = None, last_frame: bool = True
) -> Waiting | Done:
    """The job's state; raises what it ended with.

    `clip_call` is where the clip can be had behind the key; `last_frame` whether its URL is wanted.
    """
    # A completed_at may stand beside a job that still runs, so the word alone decides.
    told = reading.state(task.get("status"))
    if told == "succeeded":
        frame = _link(task, "last_frame_url") if last_frame else ""
        return Done(_link(task, "url", "video_url"), frame, _facts(task), clip_call)
    if told in ("queued", "running", "unknown"):
        return Waiting(told, reading.progress(task.get("progress")), _facts(task))
    raise reading.failure(task, told)


def _link(task: Mapping[str, Any], *names: str) -> str:
    places = (reading.mapping(task.get("metadata")), task, reading.mapping(task.get("content")))
    return reading.link(*(place.get(name) for place in places for name in names))


def _facts(task: Mapping[str, Any]) -> Facts:
    facts = reading.facts(task)
    told = reading.number(task.get("seconds"))
    ended = reading.unix_seconds(task.get("completed_at"))
    return replace(
        facts,
        duration_seconds=told if told and told > 0 else facts.duration_seconds,
        updated_at=facts.updated_at if ended is None else ended,
    )
