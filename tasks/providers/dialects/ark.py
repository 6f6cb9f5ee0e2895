"""The official dialect of Volcengine Ark and BytePlus ModelArk: JSON throughout.

Written from https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and its query, list and delete pages (read 2026-11-20). Fields that the model does not take are
refused by name ("strong checking"), so only what the order says is sent.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError
from tasks.providers import ark_jobs, reading, saying
from tasks.providers.contract import Call, Done, Listed, Order, Reply, Waiting

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
    inlines_alone = False
    links = inlines | {"reference_video"}
    picture_types = saying.PICTURE_TYPES
    needs_prompt = False
    flags_in_text = False
    # "Weak checking", the create page.
    reads_flags = True

    def create(self, order: Order) -> Call:
        """The task as JSON; nothing that the order leaves unsaid."""
        body: dict[str, Any] = {"model": order.model, "content": self._content(order)}
        for theirs, ours in _FIELDS:
            value = getattr(order, ours)
            if value is not None:
                body[theirs] = value
        if order.tools:
            body["tools"] = [{"type": tool} for tool in order.tools]
        return Call("POST", ark_jobs.PATH, json=body)

    def _content(self, order: Order) -> list[dict[str, Any]]:
        if order.draft_job is not None:
            # Promoting a draft repeats neither its words nor its media.
            return [{"type": "draft_task", "draft_task": {"id": order.draft_job}}]
        text = [{"type": "text", "text": order.prompt}] if order.prompt else []
        media = (ark_jobs.item(one, inlines=self.inlines, links=self.links) for one in order.media)
        return [*text, *media]

    def created(self, reply: Reply) -> str:
        """The task's id. Raises Unreadable where there is none."""
        return reading.job_id(reply)

    def query(self, job: str) -> Call:
        """Ask after a task."""
        return Call("GET", ark_jobs.job_path(job))

    def read(self, reply: Reply) -> Waiting | Done:
        """The task's state; raises what it ended with, or Unreadable where there is no task."""
        return ark_jobs.status(reading.task(reply))

    def explain(self, reply: Reply, *, job: str = "") -> ProviderError | None:
        """Ark's errors, and those that relays hide in a success."""
        return reading.explain(reply, job=job)

    def recent(self, model: str, service_tier: str | None, page: int) -> Call | None:
        """Tasks of the last seven days. Flex tasks are listed only when they are asked for."""
        filters = []
        if model.startswith("ep-"):
            # The filter takes endpoint ids, never the model that a task tells.
            filters.append(("filter.model", model))
        if service_tier == "flex":
            filters.append(("filter.service_tier", "flex"))
        return ark_jobs.page_call(page, *filters)

    def listed(self, reply: Reply) -> tuple[Listed, ...]:
        """The tasks of one page; what can't be read as one is left out."""
        return ark_jobs.listed(reply)

    def cancel(self, job: str) -> Call | None:
        """Cancel a queued task. On one that is over, the same call deletes its record."""
        return Call("DELETE", ark_jobs.job_path(job))
