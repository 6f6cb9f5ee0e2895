"""CometAPI's "volc v3": Ark's tasks, with the parameters as flags at the end of the prompt.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/bytedance,
read 2026-11-20). They show the text first, then images "only when you need first-frame or
last-frame guidance", and flags such as `--duration 5 --ratio 16:9`; JSON parameters are documented
for the callback alone. No parameter is sent both ways. Images have Ark's shape, which the page
omits. No list and no cancel are documented. The page does not mention a last frame; if a response
contains one, it is used.
"""

from __future__ import annotations

from typing import Any

from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import (
    append_prompt_flags,
    build_content_item,
    reject_unsupported_fields,
    require_duration_seconds,
    require_prompt,
)
from tasks.providers.response_fields import parse_ark_status, parse_task
from tasks.providers.types import ApiCall, ApiResponse, JobPending, JobResult, RenderRequest


class Volc(Dialect):
    """CometAPI's create and query."""

    name = "volc"
    jobs_path = "/contents/generations/tasks"
    first_frame_anchor = "exact"
    supported_fields = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio", "callback_url"),
        }
    )
    inline_roles = frozenset({"first_frame", "last_frame"})
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
        if request.audio is False:
            # There is no flag for it, and Ark's default, sound, doubles the price of 1.5 pro.
            body["generate_audio"] = False
        if request.callback_url is not None:
            body["callback_url"] = request.callback_url
        return ApiCall("POST", self.jobs_path, json=body)

    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the task.

        Raises:
            ProviderError: The task ended without a clip, or the response contains no task.
        """
        return parse_ark_status(parse_task(response, job=job), job=job)


def _build_text(request: RenderRequest) -> str:
    # A random seed is requested by omitting the flag.
    seed = request.seed if request.seed is not None and request.seed >= 0 else None
    flags = (
        ("duration", require_duration_seconds(request)),
        ("ratio", request.ratio),
        ("resolution", request.resolution),
        ("seed", seed),
        ("camerafixed", request.camera_fixed),
        ("watermark", request.watermark),
    )
    return append_prompt_flags(require_prompt(request), flags)
