"""kkiai's 1.x models: Ark's tasks, with the parameters as flags at the end of the prompt.

Written from kkiai's create, query and list pages (https://docs.kkiai.com/video-models/doubao, read
2026-11-20). Parameters "need to be added after the prompt"; only `generate_audio` is JSON. The page
does not list the ratio `adaptive`, which is the default, so it is requested by omitting the flag.
No cancel is documented. The page does not mention a last frame; if a response contains one, it is
used.
"""

from __future__ import annotations

from typing import Any

from tasks.errors import InvalidRequest
from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import (
    append_prompt_flags,
    build_content_item,
    reject_unsupported_fields,
    require_duration_seconds,
    require_prompt,
)
from tasks.providers.response_fields import parse_ark_list, parse_ark_status, parse_task
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    RenderRequest,
)

_PAGE_SIZE = 100


class Kkiai(Dialect):
    """kkiai's create, query and list."""

    name = "kkiai"
    jobs_path = "/contents/generations/tasks"
    first_frame_anchor = "exact"
    supported_fields = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio"),
        }
    )
    # The page does not mention base64, but documents no other way to send a file.
    inline_roles = frozenset({"first_frame", "last_frame", "reference_image"})
    url_roles = inline_roles
    parses_prompt_flags = True

    def build_create(self, request: RenderRequest) -> ApiCall:
        """Return the task: the prompt with its flags, then the images.

        Raises:
            InvalidRequest: A parameter or a medium can't be sent.
        """
        reject_unsupported_fields(request, self.supported_fields)
        media = (
            build_content_item(medium, inline_roles=self.inline_roles, url_roles=self.url_roles)
            for medium in request.media
        )
        content = [{"type": "text", "text": _build_text(request)}, *media]
        body: dict[str, Any] = {"model": request.model, "content": content}
        if request.audio is not None:
            body["generate_audio"] = request.audio
        return ApiCall("POST", self.jobs_path, json=body)

    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the task.

        Raises:
            ProviderError: The task ended without a clip, or the response contains no task.
        """
        return parse_ark_status(parse_task(response, job=job), job=job)

    def build_list(self, model: str, service_tier: str | None, page: int) -> ApiCall | None:
        """Return the call for all tasks.

        The page documents a page size; a page number that the vendor ignores does no harm, because
        the client stops at the first page without new jobs.
        """
        del model, service_tier
        query = (("page_num", str(page)), ("page_size", str(_PAGE_SIZE)))
        return ApiCall("GET", self.jobs_path, query=query)

    def parse_list(self, response: ApiResponse) -> tuple[ListedJob, ...]:
        """Return the tasks of one page, without items that are not readable.

        Raises:
            MalformedResponse: The response contains no list.
        """
        return parse_ark_list(response)


def _build_text(request: RenderRequest) -> str:
    # "Cannot input -1 when passing": a random seed is requested by omitting the flag.
    seed = request.seed if request.seed is not None and request.seed >= 0 else None
    flags = (
        ("resolution", request.resolution),
        ("ratio", _build_ratio(request)),
        ("duration", require_duration_seconds(request)),
        ("camera_fixed", request.camera_fixed),
        ("watermark", request.watermark),
        ("seed", seed),
    )
    return append_prompt_flags(require_prompt(request), flags)


def _build_ratio(request: RenderRequest) -> str | None:
    """Return the ratio, or None for `adaptive`, which is the default without references."""
    if request.ratio != "adaptive":
        return request.ratio
    if request.find_media("reference_image") is not None:
        # The default with references is 16:9.
        msg = "ratio adaptive is not supported with reference images here; set one such as 16:9"
        raise InvalidRequest(msg)
    return None
