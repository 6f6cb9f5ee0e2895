"""The official dialect of Volcengine Ark and BytePlus ModelArk: JSON throughout.

Written from https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and its query, list and delete pages (read 2026-11-20). Fields that the model does not take are
refused by name ("strong checking"), so only what the order says is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from tasks.errors import ProviderError, Unreadable
from tasks.providers import reading
from tasks.providers.contract import (
    Call,
    Done,
    Listed,
    Medium,
    Order,
    Reply,
    Role,
    Waiting,
)

_PATH = "/contents/generations/tasks"

_ITEM_TYPES: Mapping[Role, str] = {
    "first_frame": "image_url",
    "last_frame": "image_url",
    "reference_image": "image_url",
    "reference_video": "video_url",
    "reference_audio": "audio_url",
}

# Older copies of the list page allow 100 where the newest allows 500.
_PAGE_SIZE = 100

# Wire name of each plain field of an order.
_FIELDS = (
    ("resolution", "resolution"),
    ("ratio", "ratio"),
    ("duration", "duration_seconds"),
    ("frames", "frames"),
    ("seed", "seed"),
    ("camera_fixed", "camera_fixed"),
    ("watermark", "watermark"),
    ("generate_audio", "audio"),
    ("return_last_frame", "return_last_frame"),
    ("draft", "draft"),
    ("service_tier", "service_tier"),
    ("priority", "priority"),
    ("execution_expires_after", "execution_expires_after_seconds"),
    ("callback_url", "callback_url"),
    ("safety_identifier", "safety_identifier"),
)


class Ark:
    """Ark's create, query, list and cancel."""

    name = "ark"
    gives_last_frame = True
    takes_first_frame: Literal["exact", "soft", "no"] = "exact"
    says = frozenset(
        {"model", "prompt", "media", "draft_job", "tools", *(ours for _, ours in _FIELDS)}
    )
    # Reference clips go by URL only; the page names base64 for pictures and sounds.
    inlines = frozenset({"first_frame", "last_frame", "reference_image", "reference_audio"})
    flags_in_text = False

    def create(self, order: Order) -> Call:
        """The task as JSON; nothing that the order leaves unsaid."""
        body: dict[str, Any] = {"model": order.model, "content": self._content(order)}
        for theirs, ours in _FIELDS:
            value = getattr(order, ours)
            if value is not None:
                body[theirs] = value
        if order.tools:
            body["tools"] = [{"type": tool} for tool in order.tools]
        return Call("POST", _PATH, json=body)

    def _content(self, order: Order) -> list[dict[str, Any]]:
        if order.draft_job is not None:
            # Promoting a draft repeats neither its words nor its media.
            return [{"type": "draft_task", "draft_task": {"id": order.draft_job}}]
        text = [{"type": "text", "text": order.prompt}] if order.prompt else []
        return [*text, *(self._item(medium) for medium in order.media)]

    def _item(self, medium: Medium) -> dict[str, Any]:
        kind = _ITEM_TYPES[medium.role]
        url = reading.data_uri(medium, self.inlines)
        return {"type": kind, kind: {"url": url}, "role": medium.role}

    def created(self, reply: Reply) -> str:
        """The task's id. Raises Unreadable where there is none."""
        return reading.job_id(reply)

    def query(self, job: str) -> Call:
        """Ask after a task."""
        return Call("GET", f"{_PATH}/{quote(job, safe='')}")

    def read(self, reply: Reply) -> Waiting | Done:
        """The task's state; raises what it ended with, or Unreadable where there is no task."""
        return _status(reading.task(reply))

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """Ark's errors, and those that relays hide in a success."""
        return reading.explain(reply, job=job)

    def recent(self, model: str, service_tier: str | None, page: int) -> Call | None:
        """Tasks of the last seven days. Flex tasks are listed only when they are asked for."""
        query = [("page_num", str(page)), ("page_size", str(_PAGE_SIZE))]
        if model.startswith("ep-"):
            # The filter takes endpoint ids, never the model that a task tells.
            query.append(("filter.model", model))
        if service_tier == "flex":
            query.append(("filter.service_tier", "flex"))
        return Call("GET", _PATH, query=tuple(query))

    def listed(self, reply: Reply) -> tuple[Listed, ...]:
        """The tasks of one page; what can't be read as one is left out."""
        found = (self._listed(item) for item in reading.listed_items(reply))
        return tuple(one for one in found if one is not None)

    def _listed(self, item: Mapping[str, Any]) -> Listed | None:
        try:
            job = reading.job_id(Reply(200, body=item))
        except Unreadable:
            return None
        status: Waiting | Done | ProviderError
        try:
            status = _status(item)
        except ProviderError as error:
            status = error
        return Listed(job, status, reading.facts(item))

    def cancel(self, job: str) -> Call | None:
        """Cancel a queued task. On one that is over, the same call deletes its record."""
        return Call("DELETE", f"{_PATH}/{quote(job, safe='')}")


def _status(item: Mapping[str, Any]) -> Waiting | Done:
    told = reading.state(item.get("status"))
    facts = reading.facts(item)
    if told == "succeeded":
        content = reading.mapping(item.get("content"))
        return Done(
            clip_url=reading.link(content.get("video_url"), item.get("video_url")),
            last_frame_url=reading.link(content.get("last_frame_url"), item.get("last_frame_url")),
            facts=facts,
        )
    if told in ("queued", "running", "unknown"):
        return Waiting(told, reading.progress(item.get("progress")), facts)
    raise reading.failure(item, told)
