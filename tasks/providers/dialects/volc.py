"""CometAPI's "volc v3": Ark's tasks, with the parameters as flags behind the prompt.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/bytedance,
read 2026-11-20). They show words first, then pictures "only when you need first-frame or last-frame
guidance", and flags such as `--duration 5 --ratio 16:9`; JSON beside them is documented for the
callback alone. No parameter goes both ways. Pictures have Ark's shape, which the page leaves out.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import ProviderError
from tasks.providers import ark_jobs, request_fields, response_fields
from tasks.providers.prompt_flags import append_flags
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)


class Volc:
    """Create and query; neither a list nor a cancel is documented."""

    name = "volc"
    # Untold on the page; one that comes is used.
    returns_last_frame = False
    first_frame_anchor: Literal["exact", "soft", "no"] = "exact"
    supported_fields = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio", "callback_url"),
        }
    )
    inline_roles = frozenset({"first_frame", "last_frame"})
    inline_media_exclusive = False
    url_roles = inline_roles
    inline_image_types = request_fields.IMAGE_MIME_TYPES
    requires_prompt = True
    writes_prompt_flags = True
    parses_prompt_flags = True

    def build_create(self, request: RenderRequest) -> ApiCall:
        """The task: words with their flags, then pictures."""
        request_fields.reject_unsupported_fields(request, self.supported_fields)
        media = (
            ark_jobs.build_content_item(
                one, inline_roles=self.inline_roles, url_roles=self.url_roles
            )
            for one in request.media
        )
        content = [{"type": "text", "text": self._build_text(request)}, *media]
        body: dict[str, Any] = {"model": request.model, "content": content}
        if request.audio is False:
            # There is no flag for it, and sound, Ark's default, doubles the price of 1.5 pro.
            body["generate_audio"] = False
        if request.callback_url is not None:
            body["callback_url"] = request.callback_url
        return ApiCall("POST", ark_jobs.TASKS_PATH, json=body)

    def _build_text(self, order: RenderRequest) -> str:
        seed = order.seed if order.seed is not None and order.seed >= 0 else None
        flags = (
            ("duration", request_fields.require_duration_seconds(order)),
            ("ratio", order.ratio),
            ("resolution", order.resolution),
            ("seed", seed),
            ("camerafixed", order.camera_fixed),
            ("watermark", order.watermark),
        )
        return append_flags(request_fields.require_prompt(order), flags)

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
        """Ark's errors, passed on, and the gateway's own in two shapes."""
        return response_fields.parse_error(response, job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """None: no list is documented."""
        return None

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """Nothing."""
        return ()

    def build_cancel(self, job: str) -> ApiCall | None:
        """None: no cancel is documented."""
        return None
