"""kkiai's 1.x models: Ark's tasks, with the parameters as flags behind the prompt.

Written from kkiai's create, query and list pages (https://docs.kkiai.com/video-models/doubao, read
2026-11-20). Parameters "need to be added after the prompt"; only `generate_audio` is JSON. Its
ratios do not name `adaptive`, which it has as a default, so that one is said by silence.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import InvalidRequest, ProviderError
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


class Kkiai:
    """Create, query and list; no cancel is documented."""

    name = "kkiai"
    # Untold on the page; one that comes is used.
    returns_last_frame = False
    first_frame_anchor: Literal["exact", "soft", "no"] = "exact"
    supported_fields = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio"),
        }
    )
    # The page does not speak of base64; there is no other way to send a file.
    inline_roles = frozenset({"first_frame", "last_frame", "reference_image"})
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
        if request.audio is not None:
            body["generate_audio"] = request.audio
        return ApiCall("POST", ark_jobs.TASKS_PATH, json=body)

    def _build_text(self, order: RenderRequest) -> str:
        # "Cannot input -1 when passing": a random seed is one that is not sent.
        seed = order.seed if order.seed is not None and order.seed >= 0 else None
        flags = (
            ("resolution", order.resolution),
            ("ratio", _build_ratio(order)),
            ("duration", request_fields.require_duration_seconds(order)),
            ("camera_fixed", order.camera_fixed),
            ("watermark", order.watermark),
            ("seed", seed),
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
        """Undocumented: Ark's errors and a relay's own, whatever their shape."""
        return response_fields.parse_error(response, job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """The tasks there are. Its page shows a page size; a page number that it ignores is one."""
        return ark_jobs.build_list_call(page)

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """The tasks of one page; what can't be read as one is left out."""
        return ark_jobs.parse_job_list(response)

    def build_cancel(self, job: str) -> ApiCall | None:
        """None: no cancel is documented."""
        return None


def _build_ratio(order: RenderRequest) -> str | None:
    """The ratio, or silence where the default is meant: `adaptive`, but beside references 16:9."""
    if order.ratio != "adaptive":
        return order.ratio
    if order.find_media("reference_image") is not None:
        msg = "ratio adaptive can't be asked for beside references here; name one such as 16:9"
        raise InvalidRequest(msg)
    return None
