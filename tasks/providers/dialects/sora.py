"""Infinity Blue's `/v1/videos`: OpenAI's job in JSON, with Seedance's parameters added.

Written from https://newdocs.getinfinityblue.com/en-videos/seedance-20/create-seedance-video-task,
its sister pages and the vendor's own specification (github.com/yzlltyyh/infinityblue-api-docs,
openapi/videos.en.yaml), read 2026-11-20. Parameters are sent at the top level and never in
`metadata` as well; media with roles are sent in `metadata.content`, by public URL. A file is sent
as `image`, which is a single image: a first frame without other media. `return_last_frame` is
documented, but not the field of the response; a last frame is used if there is one. Neither a list
nor a cancel is documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.errors import InvalidRequest, MalformedResponse
from tasks.providers.dialect import Dialect
from tasks.providers.request_fields import (
    build_content_item,
    encode_data_uri,
    reject_unsupported_fields,
    require_duration_seconds,
    require_prompt,
)
from tasks.providers.response_fields import (
    EndState,
    parse_job_id,
    parse_task,
    parse_videos_status,
)
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    MediaInput,
    MediaRole,
    RenderRequest,
)

# "queued, in_progress, completed, failed", the status page.
_END_WORDS: Mapping[str, EndState] = {"failed": "failed"}


class Sora(Dialect):
    """Infinity Blue's create and query, and the clip that is downloaded with the API key."""

    name = "sora"
    jobs_path = "/videos"
    first_frame_anchor = "exact"
    supported_fields = frozenset(
        {
            *("model", "prompt", "media", "resolution", "ratio", "duration_seconds", "seed"),
            *("camera_fixed", "watermark", "audio", "return_last_frame", "safety_identifier"),
        }
    )
    inline_roles = frozenset({"first_frame"})
    inline_media_exclusive = True
    url_roles = frozenset(
        {"first_frame", "last_frame", "reference_image", "reference_video", "reference_audio"}
    )

    def build_create(self, request: RenderRequest) -> ApiCall:
        """Return the job as JSON, without the fields that the request does not set.

        Raises:
            InvalidRequest: A parameter or a medium can't be sent.
        """
        reject_unsupported_fields(request, self.supported_fields)
        seconds = require_duration_seconds(request)
        params = {
            "model": request.model,
            "prompt": require_prompt(request),
            "seconds": None if seconds is None else str(seconds),
            "resolution": request.resolution,
            "ratio": request.ratio,
            "generate_audio": request.audio,
            "watermark": request.watermark,
            # Ark itself has no such field for 2.0, so only True is sent.
            "camera_fixed": request.camera_fixed or None,
            "return_last_frame": request.return_last_frame,
            "seed": request.seed,
            # "User identifier for auditing and abuse monitoring; not used in generation".
            "user": request.safety_identifier,
        }
        body = {name: value for name, value in params.items() if value is not None}
        return ApiCall("POST", self.jobs_path, json={**body, **self._build_media(request.media)})

    def _build_media(self, media: tuple[MediaInput, ...]) -> dict[str, Any]:
        files = [medium for medium in media if not medium.url]
        if not files:
            items = [
                build_content_item(medium, inline_roles=frozenset(), url_roles=self.url_roles)
                for medium in media
            ]
            return {"metadata": {"content": items}} if items else {}
        if len(media) > 1:
            msg = "an image file must be the only input here; use URLs, or remove the other inputs"
            raise InvalidRequest(msg)
        return {"image": encode_data_uri(files[0], self.inline_roles)}

    def name_reference(self, role: MediaRole, number: int) -> str:
        """Return the name by which a prompt refers to a reference."""
        # 'Reference multimodal assets in the prompt as "video 1", "image 1"', the create page.
        return f"{role.removeprefix('reference_')} {number}"

    def parse_status(self, response: ApiResponse, *, job: str = "") -> JobPending | JobResult:
        """Return the state of the job.

        Raises:
            ProviderError: The job ended without a clip, or the response contains no job.
        """
        return parse_videos_status(
            parse_task(response, job=job),
            end_words=_END_WORDS,
            job=job,
            clip_call=self._build_clip_call(response, job),
        )

    def _build_clip_call(self, response: ApiResponse, job: str) -> ApiCall | None:
        """Return the call that downloads the clip from the gateway itself."""
        try:
            job = job or parse_job_id(response)
        except MalformedResponse:
            return None
        return ApiCall("GET", f"{self.job_path(job)}/content")
