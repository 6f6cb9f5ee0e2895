"""Infinity Blue's `/v1/videos`: OpenAI's job in JSON, with Seedance's words on top.

Written from https://newdocs.getinfinityblue.com/en-videos/seedance-20/create-seedance-video-task,
its sister pages and the vendor's own specification (github.com/yzlltyyh/infinityblue-api-docs,
openapi/videos.en.yaml), read 2026-11-20. Parameters go to the top level and never to `metadata`
as well; media with roles go to `metadata.content`, by public URL. A file goes as `image`, which is
one picture: a first frame alone.
"""

from __future__ import annotations

from typing import Any, Literal

from tasks.errors import InvalidRequest, MalformedResponse, ProviderError
from tasks.providers import ark_jobs, request_fields, response_fields, video_jobs
from tasks.providers.types import (
    ApiCall,
    ApiResponse,
    JobPending,
    JobResult,
    ListedJob,
    MediaInput,
    RenderRequest,
)


class Sora:
    """Create, query and the clip behind the key; neither a list nor a cancel is documented."""

    name = "sora"
    # The wish is documented and the answer's place is not; one that comes is used.
    returns_last_frame = False
    first_frame_anchor: Literal["exact", "soft", "no"] = "exact"
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
    inline_image_types = request_fields.IMAGE_MIME_TYPES
    requires_prompt = True
    writes_prompt_flags = False
    parses_prompt_flags = False

    def build_create(self, request: RenderRequest) -> ApiCall:
        """The job as JSON; nothing that the order leaves unsaid."""
        request_fields.reject_unsupported_fields(request, self.supported_fields)
        seconds = request_fields.require_duration_seconds(request)
        told = {
            "model": request.model,
            "prompt": request_fields.require_prompt(request),
            "seconds": None if seconds is None else str(seconds),
            "resolution": request.resolution,
            "ratio": request.ratio,
            "generate_audio": request.audio,
            "watermark": request.watermark,
            # Ark itself has no such word for 2.0, so it is said only where it is meant.
            "camera_fixed": request.camera_fixed or None,
            "return_last_frame": request.return_last_frame,
            "seed": request.seed,
            # "User identifier for auditing and abuse monitoring; not used in generation".
            "user": request.safety_identifier,
        }
        body = {name: value for name, value in told.items() if value is not None}
        return ApiCall(
            "POST", video_jobs.VIDEOS_PATH, json={**body, **self._build_media(request.media)}
        )

    def _build_media(self, media: tuple[MediaInput, ...]) -> dict[str, Any]:
        files = [one for one in media if not one.url]
        if not files:
            items = [
                ark_jobs.build_content_item(one, inline_roles=frozenset(), url_roles=self.url_roles)
                for one in media
            ]
            return {"metadata": {"content": items}} if items else {}
        if len(media) > 1:
            msg = "a picture sent as a file must be the only one here; give URLs, or leave it alone"
            raise InvalidRequest(msg)
        return {"image": request_fields.encode_data_uri(files[0], self.inline_roles)}

    def parse_created(self, response: ApiResponse) -> str:
        """The job's id. Raises Unreadable where there is none."""
        return response_fields.parse_job_id(response, "id", "task_id")

    def build_query(self, job: str) -> ApiCall:
        """Ask after a job."""
        return ApiCall("GET", video_jobs.job_path(job))

    def parse_status(self, response: ApiResponse) -> JobPending | JobResult:
        """The job's state; raises what it ended with, or Unreadable where there is no job."""
        return video_jobs.parse_status(
            response_fields.parse_task(response), clip_call=_build_clip_call(response)
        )

    def parse_error(self, response: ApiResponse, *, job: str = "") -> ProviderError | None:
        """The gateway's errors, and those of the vendor behind it, wrapped into a message."""
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


def _build_clip_call(reply: ApiResponse) -> ApiCall | None:
    """Where the gateway serves the clip itself."""
    try:
        job = response_fields.parse_job_id(reply, "id", "task_id")
    except MalformedResponse:
        return None
    return ApiCall("GET", f"{video_jobs.job_path(job)}/content")
