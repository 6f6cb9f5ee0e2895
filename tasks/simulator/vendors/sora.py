"""Infinity Blue's video jobs: Sora's objects around Seedance 2.0, with times in milliseconds.

Written from its create page
(https://newdocs.getinfinityblue.com/en-videos/seedance-20/create-seedance-video-task), which
documents few fields, and the vendor's OpenAPI file, which has them all with their types. The page
adds the rules: a duration is given once, no field is given both at the top and in `metadata`, and
the prompt is not part of `metadata.content`. An unknown field is rejected, except in `metadata`.

The gateway's own errors have their own codes. An error of the vendor behind it has the code
`fail_to_fetch_task` and Ark's error body as text in the message.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from tasks.media.mime import sniff_mime
from tasks.simulator.api_errors import ApiError
from tasks.simulator.context import ApiResponse, Operation, RequestContext
from tasks.simulator.file_store import LIFETIME_SECONDS
from tasks.simulator.job_request import JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.model_limits import RATIOS, pixel_size
from tasks.simulator.validation.body import read_json
from tasks.simulator.vendors.ark import error_body

MODELS: Mapping[str, str] = {
    "doubao-seedance-2-0-260128": "seedance-2.0",
    "doubao-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family."""

_VIDEOS_PATH = "/videos"
_STATUSES: Mapping[str, tuple[str, int]] = {
    "queued": ("queued", 10),
    "running": ("in_progress", 50),
    "succeeded": ("completed", 100),
    "failed": ("failed", 100),
}
"""Status to the gateway's status and progress."""
# The gateway's software reports an unknown state as in progress. So an expired job seems to run.
_UNKNOWN_STATUS = ("in_progress", 30)
_ERROR_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
}
# Ark's codes for errors that the gateway itself returns, before it calls the vendor.
_OWN_CODES: Mapping[str, str] = {
    "AuthenticationError": "invalid_api_key",
    "InvalidAction": "not_found",
}

_RESOLUTIONS = ("480p", "720p", "1080p")
_MIN_SECONDS, _MAX_SECONDS = 4, 15
_DURATION_FIELDS = ("seconds", "duration")
_IMAGE_FIELDS = ("image", "ref_images", "images")
_ADAPTIVE_RATIOS = ("adaptive", "auto")
_CONTENT_TYPES = ("image_url", "video_url", "audio_url")
_MAX_SEED = 4_294_967_295
_SNIFFED_BYTES = 48


class GatewayError(ApiError):
    """An error of the gateway itself, not of the vendor behind it."""


class SoraVendor:
    """Infinity Blue's `/videos` format."""

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The documented operations."""
        return (
            Operation("create", "POST", _VIDEOS_PATH, self.create),
            Operation("get", "GET", _VIDEOS_PATH + "/{id}", self.get),
            Operation("content", "GET", _VIDEOS_PATH + "/{id}/content", self.content),
        )

    def format_error(self, error: ApiError, request_id: str) -> ApiResponse:
        """Return the gateway's error, or Ark's error in the gateway's."""
        if isinstance(error, GatewayError) or error.code in _OWN_CODES:
            message, param = error.message, error.param or None
            code = _OWN_CODES.get(error.code, error.code)
        else:
            message, param = json.dumps(error_body(error, request_id)), None
            code = "fail_to_fetch_task"
        error_type = _ERROR_TYPES.get(error.status, "invalid_request_error")
        body = {"message": message, "type": error_type, "param": param, "code": code or None}
        return ApiResponse({"error": body}, error.status, code=error.code)

    def create(self, context: RequestContext) -> ApiResponse:
        """Create a job.

        Raises:
            ApiError: The gateway or the vendor would reject the request.
        """
        try:
            body = read_json(context.call.body, context.call.headers)
        except ApiError as error:
            _reject("", error.message, code="invalid_request")
        request = _read_request(context, body)
        job = context.create_job(request, lambda: f"video_{secrets.token_hex(12)}")
        return ApiResponse(
            {**self.format_job(context, job), "progress": 0},
            job=job.id,
            model=request.model,
            accepted=True,
            note=_log_note(body),
        )

    def get(self, context: RequestContext) -> ApiResponse:
        """Return a job.

        Raises:
            GatewayError: The job does not exist.
        """
        job = _require_job(context)
        return ApiResponse(self.format_job(context, job), job=job.id, model=job.request.model)

    def content(self, context: RequestContext) -> ApiResponse:
        """Return the clip, or a redirect to it.

        Raises:
            GatewayError: The job does not exist or has no clip yet.
        """
        job = _require_job(context)
        if not job.has_files(context.now):
            _reject("", "The video is not ready.", code="video_not_ready", status=404)
        if job.scenario.content_redirects:
            headers = {"Location": _other_host(context.clip_url(job))}
            return ApiResponse(b"", 302, headers, "text/plain", job=job.id)
        return ApiResponse(None, file=job.clip_name, job=job.id)

    def format_job(self, context: RequestContext, job: Job) -> dict[str, Any]:
        """Return the job, with the clip's URL in its metadata. It has no last frame."""
        status, progress = _STATUSES.get(job.status, _UNKNOWN_STATUS)
        body: dict[str, Any] = {
            "id": job.id,
            "object": "video",
            "model": job.request.model,
            "status": status,
            "progress": progress,
            "created_at": _milliseconds(job.created_at),
            "seconds": str(job.request.duration_seconds),
        }
        if job.status == "failed":
            body["error"] = {
                "code": job.scenario.error_code or "generation_failed",
                "message": job.scenario.error_message or job.render_error,
            }
        if job.status == "succeeded":
            body |= {
                "completed_at": _milliseconds(job.updated_at),
                "expires_at": _milliseconds(job.updated_at + LIFETIME_SECONDS),
                "size": f"{job.request.width}x{job.request.height}",
                "metadata": {"url": context.clip_url(job)},
            }
        return body


def _reject(
    param: str, message: str, *, code: str = "invalid_parameter", status: int = 400
) -> NoReturn:
    raise GatewayError(code, message, param=param, status=status)


def _require_job(context: RequestContext) -> Job:
    """Return the job. It is forgotten with its clip: `expires_at` holds for both."""
    job = context.find_job()
    if job is None or (job.status == "succeeded" and not job.has_files(context.now)):
        _reject("", "Task not found", code="task_not_found", status=404)
    return job


def _log_note(body: Mapping[str, Any]) -> str:
    metadata = body.get("metadata") or {}
    if '"data:' in json.dumps(metadata.get("content")):
        return "metadata.content is documented for public URLs, not for base64"
    return ""


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


def _other_host(url: str) -> str:
    """Return the URL with this machine's other name: a client must not send its key there."""
    if "//127.0.0.1" in url:
        return url.replace("//127.0.0.1", "//localhost", 1)
    return url.replace("//localhost", "//127.0.0.1", 1)


def _read_request(context: RequestContext, body: Mapping[str, Any]) -> JobRequest:
    top = _read_fields(body, _TOP_RULES, is_strict=True)
    metadata = _read_fields(top.get("metadata", {}), _METADATA_RULES, is_strict=False)
    _check_duplicates(top, metadata)
    fields = {**metadata, **top}
    for name in ("model", "prompt"):
        if not fields.get(name, "").strip():
            _reject(name, f"{name} is required", code="missing_required_parameter")
    media = _media(fields)
    resolution, ratio = _resolution_and_ratio(fields, has_media=bool(media))
    ark_body = {
        "model": fields["model"],
        # The gateway's software puts the prompt last.
        "content": [*media, {"type": "text", "text": fields["prompt"]}],
        "resolution": resolution,
        "ratio": ratio,
        "duration": int(fields.get("seconds", fields.get("duration", 5))),
        "generate_audio": fields.get("generate_audio", False),
        "watermark": fields.get("watermark", False),
        "return_last_frame": fields.get("return_last_frame", False),
        "seed": fields.get("seed"),
    }
    if fields["model"] not in context.mount.models:
        message = f"model must be one of {', '.join(context.mount.models)}"
        _reject("model", message, code="model_not_found")
    # The page offers a fixed camera, which Ark's own page does not for these models.
    is_fixed = fields.get("camera_fixed", False)
    return replace(context.validate(ark_body), camera_fixed=is_fixed)


def _read_fields(
    body: Mapping[str, Any], rules: Mapping[str, _Rule], *, is_strict: bool
) -> dict[str, Any]:
    """Return the known fields that are not null, checked by their rules."""
    fields = {name: value for name, value in body.items() if value is not None}
    for name, value in fields.items():
        if name in rules:
            if problem := rules[name](value):
                code = "invalid_duration" if name in _DURATION_FIELDS else "invalid_parameter"
                _reject(name, f"{name} {problem}", code=code)
        elif is_strict:
            _reject(name, f"{name} is unknown", code="unknown_parameter")
    return {name: value for name, value in fields.items() if name in rules}


def _check_duplicates(top: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    durations = [name for name in _DURATION_FIELDS if name in top]
    if len(durations) + ("duration" in metadata) > 1:
        message = "seconds, duration and metadata.duration can't be combined"
        _reject("seconds", message, code="invalid_duration")
    for name in metadata:
        if name in top:
            message = f"{name} is given at the top level and in metadata"
            _reject(name, message, code="duplicate_parameter")
    images = [name for name in _IMAGE_FIELDS if name in top]
    if "content" in metadata and images:
        message = f"{images[0]} and metadata.content can't be combined"
        _reject(images[0], message, code="duplicate_parameter")
    if "ref_images" in top and "images" in top:
        message = "ref_images and images are the same"
        _reject("images", message, code="duplicate_parameter")


def _resolution_and_ratio(fields: Mapping[str, Any], *, has_media: bool) -> tuple[str, str]:
    """Return resolution and ratio; the older `size` sets both and must agree with them."""
    resolution, ratio = fields.get("resolution"), fields.get("ratio")
    if "size" in fields:
        by_size = _SIZES[fields["size"]]
        if resolution not in (None, by_size[0]) or ratio not in (None, by_size[1]):
            _reject("size", "size contradicts resolution or ratio")
        resolution, ratio = by_size
    if ratio in _ADAPTIVE_RATIOS:
        if not has_media:
            _reject("ratio", "ratio must be explicit if there is no input asset")
        ratio = "adaptive"
    return resolution or "720p", ratio or ("adaptive" if has_media else "16:9")


def _media(fields: Mapping[str, Any]) -> list[Any]:
    """Return the media as items of Ark's content."""
    if "content" in fields:
        for index, item in enumerate(fields["content"]):
            if not isinstance(item, dict) or item.get("type") not in _CONTENT_TYPES:
                message = f"the type must be one of {', '.join(_CONTENT_TYPES)}"
                _reject(f"metadata.content[{index}]", message)
        return list(fields["content"])
    items = [_image_item(fields["image"], "first_frame")] if "image" in fields else []
    references = fields.get("ref_images", fields.get("images", []))
    return items + [_image_item(url, "reference_image") for url in references]


def _image_item(url: str, role: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": _to_url(url)}, "role": role}


def _to_url(text: str) -> str:
    """Return a URL or data URI; an image may also be base64 without a data URI's head."""
    if re.match(r"(?:https?|asset|data):", text):
        return text
    try:
        start = base64.b64decode(text[: _SNIFFED_BYTES * 4 // 3], validate=True)
    except ValueError:
        return text
    media_type = sniff_mime(start)
    if media_type and media_type.startswith("image/"):
        return f"data:{media_type};base64,{text}"
    return text


_Rule = Callable[[Any], str]
"""Returns what is wrong with a value, or an empty string."""


def _type_rule(expected: type, problem: str) -> _Rule:
    return lambda value: "" if isinstance(value, expected) else problem


def _one_of(*choices: str) -> _Rule:
    problem = f"must be one of {', '.join(choices)}"
    return lambda value: "" if isinstance(value, str) and value in choices else problem


def _between(minimum: int, maximum: int) -> _Rule:
    problem = f"must be an integer between {minimum} and {maximum}"
    return lambda value: "" if _is_integer(value) and minimum <= value <= maximum else problem


def _is_integer(value: Any) -> bool:
    # Unlike Ark, the gateway reads any JSON number: 5.0 is 5.
    is_integer = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_integer and not isinstance(value, bool)


def _strings(value: Any) -> str:
    is_valid = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    return "" if is_valid else "must be an array of strings"


def _items(value: Any) -> str:
    return "" if isinstance(value, list) and value else "must be an array of content items"


def _seed(value: Any) -> str:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return "" if is_integer and -1 <= value <= _MAX_SEED else "must be an integer"


_SIZES: Mapping[str, tuple[str, str]] = {
    "{}x{}".format(*pixel_size("2.0", resolution, ratio)): (resolution, ratio)
    for resolution in _RESOLUTIONS
    for ratio in RATIOS
}
_string = _type_rule(str, "must be a string")
_boolean = _type_rule(bool, "must be a boolean")
_SHARED_RULES: Mapping[str, _Rule] = {
    "duration": _between(_MIN_SECONDS, _MAX_SECONDS),
    "resolution": _one_of(*_RESOLUTIONS),
    "ratio": _one_of(*_ADAPTIVE_RATIOS, *RATIOS),
    "generate_audio": _boolean,
    "watermark": _boolean,
    "camera_fixed": _boolean,
    "return_last_frame": _boolean,
    "seed": _seed,
}
_METADATA_RULES: Mapping[str, _Rule] = {**_SHARED_RULES, "content": _items}
_TOP_RULES: Mapping[str, _Rule] = {
    **_SHARED_RULES,
    "model": _string,
    "prompt": _string,
    "seconds": _one_of(*(str(seconds) for seconds in range(_MIN_SECONDS, _MAX_SECONDS + 1))),
    "size": _one_of(*_SIZES),
    "image": _string,
    "ref_images": _strings,
    "images": _strings,
    "n": _between(1, 1),
    "response_format": _one_of("url"),
    "user": _string,
    "metadata": _type_rule(dict, "must be an object"),
}
