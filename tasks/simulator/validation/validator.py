"""From the body of a create to a job request, or to the error that the vendor would return.

All wires with Ark's parameters are validated here; a vendor module converts its own fields into
Ark's first. The rules depend on the model (Volcengine create page and its mirrors).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.simulator.api_errors import reject
from tasks.simulator.job_request import RANDOM_SEED, JobRequest
from tasks.simulator.jobs import Job
from tasks.simulator.model_limits import MODEL_LIMITS, ModelLimits, closest_ratio, pixel_size
from tasks.simulator.validation.content import Content, read_content
from tasks.simulator.validation.input_media import InputMediaReader
from tasks.simulator.validation.parameters import is_valid, read_flags, validate_fields

_EXPIRES_AFTER_SECONDS = 172_800
_AUTO_DURATION = -1
_MAX_AUTO_SECONDS = 10
# Fields that not every model supports. A field that is not in the model's list must be empty.
_MODEL_FIELDS = (
    "frames",
    "camera_fixed",
    "generate_audio",
    "service_tier",
    "priority",
    "draft",
    "tools",
    "output_format",
    "omni_reference_task_type",
)
# The fields of a create that promotes a draft. Everything else is taken from the draft.
_PROMOTION_FIELDS = frozenset(
    {
        *("model", "content", "resolution", "output_format", "return_last_frame", "watermark"),
        *("callback_url", "safety_identifier", "execution_expires_after"),
    }
)
_ADAPTIVE_ROLES = ("first_frame", "reference_video", "reference_image")
_PORTRAIT_HINTS = ("vertical", "portrait", "9:16", "smartphone")


@dataclass(frozen=True)
class RequestValidator:
    """Validates creates for one mount."""

    models: Mapping[str, str]
    """Exact id to family."""
    media_reader: InputMediaReader
    find_job: Callable[[str], Job | None]
    unsupported_fields: frozenset[str] = frozenset()
    """Fields that the vendor does not take for any model."""

    def validate(self, body: Mapping[str, Any]) -> JobRequest:
        """Return the job request of a create.

        Raises:
            ApiError: The vendor would reject the body.
        """
        fields = validate_fields(body)
        model = str(fields["model"])
        if model not in self.models:
            message = (
                f"The model or endpoint {model} does not exist or you do not have access to it."
            )
            reject("model", message, code="InvalidEndpointOrModel.NotFound")
        limits = MODEL_LIMITS[self.models[model]]
        _check_supported(fields, model, limits, self.unsupported_fields)
        content = read_content(fields["content"], model, limits, self.media_reader)
        if content.draft_job:
            return self._promote_draft(fields, content.draft_job, limits)
        text, flags = read_flags(content.text)
        content = replace(content, text=text)
        return _build_request(_with_flags(fields, flags, limits), content, model, limits)

    def _promote_draft(
        self, fields: Mapping[str, Any], draft_job: str, limits: ModelLimits
    ) -> JobRequest:
        param = "content[0].draft_task.id"
        draft = self.find_job(draft_job)
        if draft is None or not draft.request.draft or draft.request.family != limits.family:
            reject(param, f"the draft task {draft_job} was not found")
        if draft.status != "succeeded":
            reject(param, "the draft task has not succeeded")
        for name in fields:
            if name not in _PROMOTION_FIELDS:
                reject(name, f"`{name}` can't be changed when a draft is promoted")
        resolution = str(fields.get("resolution", limits.default_resolution)).lower()
        if limits.size_table == "2.5" and resolution != "1080p":
            reject("resolution", "a draft is promoted with resolution 1080p")
        width, height = pixel_size(limits.size_table, resolution, draft.request.ratio)
        return replace(
            draft.request,
            resolution=resolution,
            width=width,
            height=height,
            draft=False,
            draft_job=draft_job,
            watermark=bool(fields.get("watermark", False)),
            return_last_frame=bool(fields.get("return_last_frame", False)),
            output_format=str(fields.get("output_format", "mp4")),
            callback_url=fields.get("callback_url", ""),
            safety_identifier=fields.get("safety_identifier", ""),
            expires_after_seconds=fields.get("execution_expires_after", _EXPIRES_AFTER_SECONDS),
        )


def _check_supported(
    fields: Mapping[str, Any], model: str, limits: ModelLimits, unsupported: frozenset[str]
) -> None:
    for name in _MODEL_FIELDS:
        if name in fields and (name not in limits.parameters or name in unsupported):
            message = (
                f"the specified parameter `{name}` is not supported for model {model}, "
                "it must be empty"
            )
            reject(name, message)


def _with_flags(
    fields: Mapping[str, Any], flags: Mapping[str, Any], limits: ModelLimits
) -> Mapping[str, Any]:
    """Add the flags that the model supports; a field takes precedence over its flag."""
    flags = {name: value for name, value in flags.items() if _is_supported(name, value, limits)}
    return {**flags, **fields}


def _is_supported(name: str, value: Any, limits: ModelLimits) -> bool:
    if name == "framespersecond" or not is_valid(name, value):
        return False
    if name in _MODEL_FIELDS and name not in limits.parameters:
        return False
    if name == "duration":
        return _is_duration(value, limits)
    return name != "resolution" or str(value).lower() in limits.resolutions


def _is_duration(seconds: int, limits: ModelLimits) -> bool:
    minimum, maximum = limits.duration_seconds
    return minimum <= seconds <= maximum or _is_auto_duration(seconds, limits)


def _is_auto_duration(seconds: int, limits: ModelLimits) -> bool:
    return seconds == _AUTO_DURATION and limits.supports_auto_duration


def _build_request(
    fields: Mapping[str, Any], content: Content, model: str, limits: ModelLimits
) -> JobRequest:
    _check_reference_task(fields, content, limits)
    resolution = _resolution(fields, content, limits)
    ratio = _ratio(fields, content, limits)
    width, height = pixel_size(limits.size_table, resolution, ratio)
    frames = _frames(fields, content, limits)
    _check_combinations(fields, content, limits)
    supported = limits.parameters
    request = JobRequest(
        model=model,
        family=limits.family,
        prompt=content.text,
        resolution=resolution,
        ratio=ratio,
        width=width,
        height=height,
        frames=frames,
        asked_in_frames="frames" in fields,
        seed=0,
        media=content.media,
        # The page's text gives true as the default, its OpenAPI document false. The text is newer.
        audio=fields.get("generate_audio", True) if "generate_audio" in supported else None,
        watermark=fields.get("watermark", False),
        camera_fixed=fields.get("camera_fixed", False),
        return_last_frame=fields.get("return_last_frame", False),
        draft=fields.get("draft", False) if "draft" in supported else None,
        service_tier=fields.get("service_tier", "default"),
        priority=fields.get("priority", 0) if "priority" in supported else None,
        expires_after_seconds=fields.get("execution_expires_after", _EXPIRES_AFTER_SECONDS),
        safety_identifier=fields.get("safety_identifier", ""),
        callback_url=fields.get("callback_url", ""),
        tools=tuple(tool["type"] for tool in fields.get("tools", ())),
        output_format=fields.get("output_format", "mp4"),
    )
    return request.with_seed(int(fields.get("seed", RANDOM_SEED)))


def _check_reference_task(fields: Mapping[str, Any], content: Content, limits: ModelLimits) -> None:
    """Check the reference task type, a field of 2.5.

    An edit takes duration and ratio from the edited clip.
    """
    name = "omni_reference_task_type"
    task = fields.get(name, "auto")
    if task != "auto" and content.task_type != "r2v":
        reject(name, f"{name} requires reference media content")
    if task in {"edit", "extend"} and "reference_video" not in content.roles:
        message = f"the task type {task} requires a reference_video"
        reject(name, message, code="InvalidParameter.TaskTypeMismatch")
    if task == "edit" and fields.get("duration", limits.default_seconds) != _AUTO_DURATION:
        _reject_constraint("video editing. Issues: duration must be -1.")
    if task in {"edit", "extend"} and fields.get("ratio", "adaptive") != "adaptive":
        _reject_constraint(f"video {task}. Issues: ratio must be adaptive.")


def _resolution(fields: Mapping[str, Any], content: Content, limits: ModelLimits) -> str:
    is_draft = bool(fields.get("draft"))
    default = "480p" if is_draft else limits.default_resolution
    resolution = str(fields.get("resolution", default)).lower()
    if resolution not in limits.resolutions:
        supported = ", ".join(limits.resolutions)
        reject("resolution", f"resolution {resolution} is not one of {supported}")
    if is_draft and resolution != "480p":
        reject("resolution", "a draft is rendered in 480p")
    if limits.size_table == "1.0" and resolution == "1080p" and content.task_type == "r2v":
        reject("resolution", "1080p is not supported with reference images")
    return resolution


def _ratio(fields: Mapping[str, Any], content: Content, limits: ModelLimits) -> str:
    has_frame = content.task_type in {"i2v", "flf2v"}
    default = "adaptive" if limits.supports_adaptive_text or has_frame else "16:9"
    ratio = str(fields.get("ratio", default))
    if ratio != "adaptive":
        if has_frame and not limits.supports_ratio_with_frame:
            _reject_constraint("image to video. Issues: ratio must be adaptive.")
        return ratio
    if content.task_type == "t2v" and not limits.supports_adaptive_text:
        reject("ratio", "ratio adaptive is not supported for text to video")
    return _adaptive_ratio(content)


def _adaptive_ratio(content: Content) -> str:
    """Return the ratio of the first frame, else of a reference clip, else of an image."""
    for role in _ADAPTIVE_ROLES:
        for medium in content.media:
            if medium.role == role and medium.width:
                return closest_ratio(medium.width, medium.height)
    text = content.text.lower()
    return "9:16" if any(hint in text for hint in _PORTRAIT_HINTS) else "16:9"


def _frames(fields: Mapping[str, Any], content: Content, limits: ModelLimits) -> int:
    if "frames" in fields:
        return int(fields["frames"])
    seconds = int(fields.get("duration", limits.default_seconds))
    minimum, maximum = limits.duration_seconds
    if not _is_duration(seconds, limits):
        suffix = " or -1" if limits.supports_auto_duration else ""
        reject("duration", f"duration must be between {minimum} and {maximum}{suffix}")
    if seconds == _AUTO_DURATION:
        span = min(maximum, _MAX_AUTO_SECONDS) - minimum + 1
        seconds = minimum + hashlib.sha256(content.text.encode()).digest()[0] % span
    return FRAMES_PER_SECOND * seconds + 1


def _check_combinations(fields: Mapping[str, Any], content: Content, limits: ModelLimits) -> None:
    if fields.get("camera_fixed") and content.task_type == "r2v":
        reject("camera_fixed", "camera_fixed is not supported with reference images")
    is_flex = fields.get("service_tier") == "flex"
    if is_flex and fields.get("priority"):
        reject("priority", "priority is not supported with service_tier flex")
    # The pages exclude a last frame only for drafts of 1.5 pro.
    lacks_frame = fields.get("return_last_frame") and limits.family == "seedance-1.5-pro"
    if fields.get("draft") and (is_flex or lacks_frame):
        name = "service_tier" if is_flex else "return_last_frame"
        reject(name, f"{name} is not supported in draft mode")


def _reject_constraint(reason: str) -> NoReturn:
    message = (
        "The parameter(s) ratio and duration specified in the request are not valid. "
        f"The task is determined as {reason}"
    )
    reject("ratio", message, code="InvalidParameter.TaskTypeConstraint")
