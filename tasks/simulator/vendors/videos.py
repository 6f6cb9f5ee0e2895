"""CometAPI's video jobs: a multipart form in; a status word and one URL out.

Written from its create page (POST https://api.cometapi.com/v1/videos) and the query page beside
it. The form is strict: bare values, no part twice, no undocumented part. The image is a loose
anchor: the page's own error calls the mode `r2v`, a reference. Errors have two formats, a flat one
for an invalid request and a nested one for everything else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.media.mime import sniff_mime
from tasks.simulator.api_errors import ApiError, reject
from tasks.simulator.context import ApiResponse, Operation, RequestContext
from tasks.simulator.job_request import RANDOM_SEED, JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.model_limits import RATIOS
from tasks.simulator.validation.body import FormPart, read_form

_VIDEOS_PATH = "/videos"
_INVALID_REQUEST = "invalid_request"
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
_TEXT_FIELDS = ("prompt", "model", "seconds", "size", "resolution")
_IMAGE_FIELD = "input_reference"
# Status, the newer pages' status, and progress.
_STATUSES: Mapping[str, tuple[str, str, int]] = {
    "queued": ("SUBMITTED", "queued", 0),
    "running": ("IN_PROGRESS", "in_progress", 30),
    "succeeded": ("SUCCESS", "completed", 100),
    "failed": ("FAILED", "failed", 100),
}
# No status is documented for an expired job.
_OTHER_STATUS = ("ERROR", "error", 100)


@dataclass(frozen=True)
class _PageModel:
    """A row of the page's tables."""

    family: str
    duration_seconds: tuple[int, int]
    resolutions: tuple[str, ...]
    supports_image: bool = False


_MODELS: Mapping[str, _PageModel] = {
    "doubao-seedance-2-0": _PageModel(
        "seedance-2.0", (4, 15), ("480p", "720p"), supports_image=True
    ),
    "doubao-seedance-2-0-fast": _PageModel(
        "seedance-2.0-fast", (4, 15), ("480p", "720p"), supports_image=True
    ),
    "doubao-seedance-1-5-pro": _PageModel("seedance-1.5-pro", (4, 12), ("480p", "720p", "1080p")),
    "doubao-seedance-1-0-pro": _PageModel("seedance-1.0-pro", (2, 10), ("480p", "720p", "1080p")),
}
MODELS: Mapping[str, str] = {name: model.family for name, model in _MODELS.items()}
"""The page's short model name to family."""


class VideosVendor:
    """CometAPI's `/videos` format."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The documented operations."""
        return (
            Operation("create", "POST", _VIDEOS_PATH, self.create),
            Operation("get", "GET", _VIDEOS_PATH + "/{id}", self.get),
        )

    def format_error(self, error: ApiError, request_id: str) -> ApiResponse:
        """Return a flat error for status 400, a nested one otherwise."""
        if error.status == 400:
            flat = {"code": error.code, "message": error.message, "data": None}
            return ApiResponse(flat, error.status, code=error.code)
        nested = {
            "message": f"{error.message} (request id: {request_id})",
            "type": "comet_api_error",
            "param": error.param,
            "code": error.code,
        }
        return ApiResponse({"error": nested}, error.status, code=error.code)

    def create(self, context: RequestContext) -> ApiResponse:
        """Create a job.

        Raises:
            ApiError: The vendor would reject the request.
        """
        request = _read_request(context)
        job = context.create_job(request, lambda: f"task_{secrets.token_hex(12)}")
        body = self.format_job(context, job)
        return ApiResponse(body, job=job.id, model=request.model, accepted=True)

    def get(self, context: RequestContext) -> ApiResponse:
        """Return a job.

        Raises:
            ApiError: The job does not exist.
        """
        job = context.find_job()
        if job is None:
            reject("id", "task_not_exist", code=_INVALID_REQUEST)
        return ApiResponse(self.format_job(context, job), job=job.id, model=job.request.model)

    def format_job(self, context: RequestContext, job: Job) -> dict[str, Any]:
        """Return the job, with the clip's URL once it succeeded. It has no last frame."""
        status, newer_status, progress = _STATUSES.get(job.status, _OTHER_STATUS)
        is_newer = job.scenario.newer_words
        body: dict[str, Any] = {
            "id": job.id,
            "task_id": job.id,
            "object": "video",
            "model": job.request.model,
            "status": newer_status if is_newer else status,
            "progress": progress,
            "created_at": int(job.created_at),
        }
        # The newer query page warns that completed_at can be present too early.
        if job.is_final or (is_newer and job.status == "running"):
            body["completed_at"] = int(job.updated_at)
        if job.status == "succeeded":
            body["video_url"] = context.clip_url(job)
        elif job.is_final:
            body["error"] = _format_job_error(job)
        return body


def _read_request(context: RequestContext) -> JobRequest:
    texts, image = _read_fields(read_form(context.call.body, context.call.headers))
    for name in ("prompt", "model"):
        if not texts.get(name, "").strip():
            reject(name, f"{name} is required", code=_INVALID_REQUEST)
    model = _MODELS.get(texts["model"])
    if model is None:
        reject("model", f"model must be one of {', '.join(_MODELS)}")
    resolution = texts.get("resolution", "720p")
    request = context.validate(
        {
            "model": texts["model"],
            "content": [{"type": "text", "text": texts["prompt"]}],
            "duration": _duration(texts.get("seconds", "5"), model),
            "ratio": _one_of("size", texts.get("size", "16:9"), RATIOS),
            "resolution": _one_of("resolution", resolution, model.resolutions),
        }
    )
    return request if image is None else _with_image(context, request, image)


def _read_fields(parts: Sequence[FormPart]) -> tuple[dict[str, str], FormPart | None]:
    """Return the text fields by name, and the image."""
    texts: dict[str, str] = {}
    image: FormPart | None = None
    for part in parts:
        if part.name in texts or (image is not None and part.name == image.name):
            reject(part.name, f"{part.name} is given more than once")
        if part.name == _IMAGE_FIELD and part.filename:
            image = part
        elif part.name in _TEXT_FIELDS and not part.filename:
            texts[part.name] = part.text
        else:
            expected = "a file" if part.name == _IMAGE_FIELD else "a field of this form"
            reject(part.name, f"{part.name} is not {expected}")
    return texts, image


def _duration(text: str, model: _PageModel) -> int:
    minimum, maximum = model.duration_seconds
    if not re.fullmatch(r"[1-9][0-9]?", text) or not minimum <= int(text) <= maximum:
        reject("seconds", f"the duration must be an integer between {minimum} and {maximum}")
    return int(text)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        reject(name, f"{name} must be one of {', '.join(choices)}")
    return value


def _with_image(context: RequestContext, request: JobRequest, image: FormPart) -> JobRequest:
    if not _MODELS[request.model].supports_image:
        name = request.model.removeprefix("doubao-")
        reject(_IMAGE_FIELD, f"the specified task_type r2v does not support model {name}")
    media_type = sniff_mime(image.data)
    if media_type not in _IMAGE_TYPES:
        reject(_IMAGE_FIELD, f"{_IMAGE_FIELD} must be a JPEG, PNG or WebP picture")
    if image.media_type not in {"", "application/octet-stream", media_type}:
        message = f"{_IMAGE_FIELD} is {media_type}, but its part is marked {image.media_type}"
        reject(_IMAGE_FIELD, message)
    medium = context.read_image(_IMAGE_FIELD, image.data, request.model, param=_IMAGE_FIELD)
    return replace(request, media=(medium,)).with_seed(RANDOM_SEED)


def _format_job_error(job: Job) -> dict[str, str]:
    if job.status != "failed":
        return {"code": "task_expired", "message": "The task ran out of time."}
    return {
        "code": job.scenario.error_code or "InternalServiceError",
        "message": job.scenario.error_message or job.render_error,
    }
