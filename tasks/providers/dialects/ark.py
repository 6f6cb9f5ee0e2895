"""The official dialect of Volcengine Ark and BytePlus ModelArk: JSON throughout.

Written from https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and its query, list and delete pages (read 2026-11-20). Fields that the model does not take are
refused by name ("strong checking"), so only what the order says is sent.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError
from tasks.providers import ark_jobs, request_fields, response_fields
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)

# Wire name of each plain field of an order.
_WIRE_FIELDS = (
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
    returns_last_frame = True
    first_frame_anchor: Literal["exact", "soft", "no"] = "exact"
    supported_fields = frozenset(
        {"model", "prompt", "media", "draft_job", "tools", *(ours for _, ours in _WIRE_FIELDS)}
    )
    # Reference clips go by URL only; the page names base64 for pictures and sounds.
    inline_roles = frozenset({"first_frame", "last_frame", "reference_image", "reference_audio"})
    inline_media_exclusive = False
    url_roles = inline_roles | {"reference_video"}
    inline_image_types = request_fields.IMAGE_MIME_TYPES
    requires_prompt = False
    writes_prompt_flags = False
    # "Weak checking", the create page.
    parses_prompt_flags = True

    def build_create(self, request: RenderRequest) -> ApiCall:
        """The task as JSON; nothing that the order leaves unsaid."""
        body: dict[str, Any] = {"model": request.model, "content": self._build_content(request)}
        for theirs, ours in _WIRE_FIELDS:
            value = getattr(request, ours)
            if value is not None:
                body[theirs] = value
        if request.tools:
            body["tools"] = [{"type": tool} for tool in request.tools]
        return ApiCall("POST", ark_jobs.TASKS_PATH, json=body)

    def _build_content(self, order: RenderRequest) -> list[dict[str, Any]]:
        if order.draft_job is not None:
            # Promoting a draft repeats neither its words nor its media.
            return [{"type": "draft_task", "draft_task": {"id": order.draft_job}}]
        text = [{"type": "text", "text": order.prompt}] if order.prompt else []
        media = (
            ark_jobs.build_content_item(
                one, inline_roles=self.inline_roles, url_roles=self.url_roles
            )
            for one in order.media
        )
        return [*text, *media]

    def parse_created(self, response: ApiResponse) -> str:
        """The task's id. Raises Unreadable where there is none."""
        return response_fields.parse_job_id(response)

    def build_query(self, job: str) -> ApiCall:
        """Ask after a task."""
        return ApiCall("GET", ark_jobs.job_path(job))

    def parse_status(self, response: ApiResponse) -> JobPending | JobResult:
        """The task's state; raises what it ended with, or Unreadable where there is no task."""
        return ark_jobs.parse_status(response_fields.parse_task(response))

    def parse_error(self, response: ApiResponse, *, job: str = "") -> ProviderError | None:
        """Ark's errors, and those that relays hide in a success."""
        return response_fields.parse_error(response, job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """Tasks of the last seven days. Flex tasks are listed only when they are asked for."""
        filters = []
        if model.startswith("ep-"):
            # The filter takes endpoint ids, never the model that a task tells.
            filters.append(("filter.model", model))
        if service_tier == "flex":
            filters.append(("filter.service_tier", "flex"))
        return ark_jobs.build_list_call(page, *filters)

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """The tasks of one page; what can't be read as one is left out."""
        return ark_jobs.parse_job_list(response)

    def build_cancel(self, job: str) -> ApiCall | None:
        """Cancel a queued task. On one that is over, the same call deletes its record."""
        return ApiCall("DELETE", ark_jobs.job_path(job))
