"""CometAPI's `/v1/videos`: a form with one picture at most, and few words.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/seedance,
read 2026-11-20). It has no seed, sound, watermark, camera, last frame or callback. The picture is
called a first-frame anchor, but an error text of the vendor's calls such a task "r2v", so a clip
may only lean on it. Newer copies of the pages tell states in other words; both are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from tasks.errors import InvalidRequest, ProviderError
from tasks.providers import request_fields, response_fields, video_jobs
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    FormPart,
    JobPending,
    JobResult,
    ListedJob,
    MediaInput,
    RenderRequest,
)

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class Videos:
    """Create and query; neither a list nor a cancel nor a content route is documented."""

    name = "videos"
    returns_last_frame = False
    first_frame_anchor: Literal["exact", "soft", "no"] = "soft"
    supported_fields = frozenset(
        {"model", "prompt", "media", "resolution", "ratio", "duration_seconds"}
    )
    inline_roles = frozenset({"first_frame", "reference_image"})
    inline_media_exclusive = True
    url_roles: frozenset[str] = frozenset()
    inline_image_types = frozenset(_EXTENSIONS)
    requires_prompt = True
    writes_prompt_flags = False
    parses_prompt_flags = False

    def build_create(self, request: RenderRequest) -> ApiCall:
        """The job as a form."""
        request_fields.reject_unsupported_fields(request, self.supported_fields)
        words = (
            ("prompt", request_fields.require_prompt(request)),
            ("model", request.model),
            ("seconds", request_fields.require_duration_seconds(request)),
            ("size", _build_size(request)),
            ("resolution", request.resolution),
        )
        said = (
            request_fields.build_form_part(name, word) for name, word in words if word is not None
        )
        return ApiCall(
            "POST", video_jobs.VIDEOS_PATH, parts=(*said, *self._build_file_parts(request.media))
        )

    def _build_file_parts(self, media: tuple[MediaInput, ...]) -> Iterator[FormPart]:
        if len(media) > 1:
            msg = "only one picture can be sent here; leave the others out"
            raise InvalidRequest(msg)
        for medium in media:
            if medium.url:
                request_fields.require_url(medium, self.url_roles)
            mime = request_fields.require_mime_type(medium, self.inline_roles)
            if mime not in _EXTENSIONS:
                msg = f"a picture can't be sent as {mime} here; use PNG, JPEG or WebP"
                raise InvalidRequest(msg)
            yield FormPart(
                "input_reference", medium.data, f"{medium.role}.{_EXTENSIONS[mime]}", mime
            )

    def parse_created(self, response: ApiResponse) -> str:
        """The job's id, or its alias. Raises Unreadable where there is none."""
        return response_fields.parse_job_id(response, "id", "task_id")

    def build_query(self, job: str) -> ApiCall:
        """Ask after a job."""
        return ApiCall("GET", video_jobs.job_path(job))

    def parse_status(self, response: ApiResponse) -> JobPending | JobResult:
        """The job's state; raises what it ended with, or Unreadable where there is no job."""
        return video_jobs.parse_status(response_fields.parse_task(response), with_last_frame=False)

    def parse_error(self, response: ApiResponse, *, job: str = "") -> ProviderError | None:
        """The gateway's errors in two shapes; an unknown job is a 400 `task_not_exist`."""
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


def _build_size(order: RenderRequest) -> str | None:
    """The ratio: this form has it under `size`, and no word for `adaptive`."""
    if order.ratio == "adaptive":
        msg = "ratio adaptive can't be asked for here; name a ratio such as 16:9"
        raise InvalidRequest(msg)
    return order.ratio
