"""The job object of Ark, its address and its list, which three dialects share.

Written from Ark's query and list pages, by way of their mirror at
https://www.cii-group.com/docs.html (read 2026-11-20). CometAPI and kkiai pass the object on.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import quote

from tasks.errors import ProviderError, Unreadable
from tasks.providers import reading, saying
from tasks.providers.contract import Call, Done, Listed, Medium, Reply, Role, Waiting

PATH = "/contents/generations/tasks"
"""Behind the base URL."""

_ITEM_TYPES: Mapping[Role, str] = {
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
    return f"{PATH}/{quote(job, safe='')}"


def page_call(page: int, *filters: tuple[str, str]) -> Call:
    """Ask for one page of the list, from 1."""
    paging = (("page_num", str(page)), ("page_size", str(_PAGE_SIZE)))
    return Call("GET", PATH, query=(*paging, *filters))


def item(medium: Medium, *, inlines: AbstractSet[str], links: AbstractSet[str]) -> dict[str, Any]:
    """A medium as an item of `content`. Raises Rejected where it has no place there."""
    kind = _ITEM_TYPES[medium.role]
    url = saying.link(medium, links) if medium.url else saying.data_uri(medium, inlines)
    return {"type": kind, kind: {"url": url}, "role": medium.role}


def status(task: Mapping[str, Any]) -> Waiting | Done:
    """The job's state; raises what it ended with."""
    told = reading.state(task.get("status"))
    facts = reading.facts(task)
    if told == "succeeded":
        content = reading.mapping(task.get("content"))
        return Done(
            clip_url=reading.link(content.get("video_url"), task.get("video_url")),
            last_frame_url=reading.link(content.get("last_frame_url"), task.get("last_frame_url")),
            facts=facts,
        )
    if told in ("queued", "running", "unknown"):
        return Waiting(told, reading.progress(task.get("progress")), facts)
    raise reading.failure(task, told)


def listed(reply: Reply) -> tuple[Listed, ...]:
    """The jobs of one page; what can't be read as one is left out."""
    found = (_listed(task) for task in reading.listed_items(reply))
    return tuple(one for one in found if one is not None)


def _listed(task: Mapping[str, Any]) -> Listed | None:
    try:
        job = reading.job_id(Reply(200, body=task))
    except Unreadable:
        return None
    told: Waiting | Done | ProviderError
    try:
        told = status(task)
    except ProviderError as error:
        told = error
    return Listed(job, told, reading.facts(task))
