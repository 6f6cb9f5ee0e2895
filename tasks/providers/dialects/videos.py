"""CometAPI's `/v1/videos`: a form with at most one image and few fields.

Written from CometAPI's create and query pages (https://apidoc.cometapi.com/api/video/seedance,
read 2026-11-20). It has no seed, sound, watermark, camera, last frame or callback, and no list,
cancel or download path. The page calls the image a first-frame anchor, but one of the vendor's
error messages calls such a task "r2v", so the clip may not start exactly on it. Newer copies of the
pages use other names for the job states; both are parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.errors import InvalidRequest
from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import (
    build_form_field,
    check_url_role,
    reject_unsupported_fields,
    require_duration_seconds,
    require_mime_type,
    require_prompt,
)
from tasks.providers.response_fields import EndState, parse_task, parse_videos_status
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    FormPart,
    JobPending,
    JobResult,
    MediaInput,
    MediaRole,
    RenderRequest,
)

# FAILED and ERROR on one generation of the pages, failed and error on the newer one.
_END_WORDS: Mapping[str, EndState] = {"failed": "failed", "error": "failed"}

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


class Videos(Dialect):
    """CometAPI's create and query for `/v1/videos`."""

    name = "videos"
    jobs_path = "/videos"
    first_frame_anchor = "soft"
    supported_fields = frozenset(
        {"model", "prompt", "media", "resolution", "ratio", "duration_seconds"}
    )
    inline_roles = frozenset({"first_frame", "reference_image"})
    inline_media_exclusive = True
    inline_image_types = frozenset(_EXTENSIONS)

    def build_create(self, request: RenderRequest) -> ApiCall:
        """Return the job as a form.

        Raises:
            InvalidRequest: A parameter or a medium can't be sent.
        """
        reject_unsupported_fields(request, self.supported_fields)
        params = (
            ("prompt", require_prompt(request)),
            ("model", request.model),
            ("seconds", require_duration_seconds(request)),
            ("size", _build_size(request)),
            ("resolution", request.resolution),
        )
        fields = (build_form_field(name, value) for name, value in params if value is not None)
        parts = (*fields, *self._build_file_parts(request.media))
        return ApiCall("POST", self.jobs_path, parts=parts)

    def _build_file_parts(self, media: tuple[MediaInput, ...]) -> Iterator[FormPart]:
        if len(media) > 1:
            msg = "only one image can be sent here; remove the others"
            raise InvalidRequest(msg)
        for medium in media:
            if medium.url:
                check_url_role(medium, self.url_roles)
            mime_type = require_mime_type(medium, self.inline_roles)
            if mime_type not in _EXTENSIONS:
                msg = f"an image can't be sent as {mime_type} here; use PNG, JPEG or WebP"
                raise InvalidRequest(msg)
            filename = f"{medium.role}.{_EXTENSIONS[mime_type]}"
            yield FormPart("input_reference", medium.data, filename, mime_type)

    def name_reference(self, role: MediaRole, number: int) -> str:
        """Return the name by which a prompt refers to a reference."""
        # "[Image 1]", the newer copy of the create page.
        return f"[{super().name_reference(role, number)}]"

    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the job.

        Raises:
            ProviderError: The job ended without a clip, or the response contains no job.
        """
        task = parse_task(response, job=job)
        return parse_videos_status(task, end_words=_END_WORDS, job=job, with_last_frame=False)


def _build_size(request: RenderRequest) -> str | None:
    """Return the ratio, which this form calls `size` and which can't be `adaptive`."""
    if request.ratio == "adaptive":
        msg = "ratio adaptive is not supported here; set a ratio such as 16:9"
        raise InvalidRequest(msg)
    return request.ratio
