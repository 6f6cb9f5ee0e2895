"""The official dialect of Volcengine Ark and BytePlus ModelArk: JSON throughout.

Written from https://ark.volcengine.com/region:cn-beijing/docs/ark/create-video-generation-task-api
and its query, list and delete pages (read 2026-11-20). Ark rejects fields that the model does not
take ("strong checking"), so only fields that the request sets are sent.
"""

from __future__ import annotations

from typing import Any

from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import build_content_item
from tasks.providers.response_fields import parse_ark_list, parse_ark_status, parse_task
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)

# Ark's field name and the attribute of RenderRequest.
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

# Older copies of the list page allow 100, the newest allows 500.
_PAGE_SIZE = 100


class Ark(Dialect):
    """Ark's create, query, list and cancel."""

    name = "ark"
    jobs_path = "/contents/generations/tasks"
    first_frame_anchor = "exact"
    supported_fields = frozenset(
        {"model", "prompt", "media", "draft_job", "tools", *(field for _, field in _WIRE_FIELDS)}
    )
    # The page documents base64 for images and sounds; reference clips are sent by URL only.
    inline_roles = frozenset({"first_frame", "last_frame", "reference_image", "reference_audio"})
    url_roles = inline_roles | {"reference_video"}
    requires_prompt = False
    # "Weak checking", the create page.
    parses_prompt_flags = True

    def build_create(self, request: RenderRequest) -> ApiCall:
        """Return the task as JSON, without the fields that the request does not set.

        Raises:
            InvalidRequest: A medium can't be sent in its form.
        """
        body: dict[str, Any] = {"model": request.model, "content": self._build_content(request)}
        for wire_name, field in _WIRE_FIELDS:
            value = getattr(request, field)
            if value is not None:
                body[wire_name] = value
        if request.tools:
            body["tools"] = [{"type": tool} for tool in request.tools]
        return ApiCall("POST", self.jobs_path, json=body)

    def _build_content(self, request: RenderRequest) -> list[dict[str, Any]]:
        if request.draft_job is not None:
            # A request that renders a draft in full repeats neither its prompt nor its media.
            return [{"type": "draft_task", "draft_task": {"id": request.draft_job}}]
        text = [{"type": "text", "text": request.prompt}] if request.prompt else []
        media = (
            build_content_item(medium, inline_roles=self.inline_roles, url_roles=self.url_roles)
            for medium in request.media
        )
        return [*text, *media]

    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the task.

        Raises:
            ProviderError: The task ended without a clip, or the response contains no task.
        """
        return parse_ark_status(parse_task(response, job=job), job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """Return the call for tasks of the last seven days.

        Flex tasks are listed only if the filter requests them.
        """
        query = [("page_num", str(page)), ("page_size", str(_PAGE_SIZE))]
        if model.startswith("ep-"):
            # The filter accepts endpoint ids, never the model name that a task reports.
            query.append(("filter.model", model))
        if service_tier == "flex":
            query.append(("filter.service_tier", "flex"))
        return ApiCall("GET", self.jobs_path, query=tuple(query))

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """Return the tasks of one page, without items that are not readable.

        Raises:
            MalformedResponse: The response contains no list.
        """
        return parse_ark_list(response)

    def build_cancel(self, job: str) -> ApiCall | None:
        """Return the call that cancels a queued task. For an ended task it deletes the record."""
        return ApiCall("DELETE", self.job_path(job))
