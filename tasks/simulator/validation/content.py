"""The `content` of a create: text, images, clips and sounds, and the task type they add up to.

Source: the Volcengine create page and messages of BytePlus's live API. A first frame, first and
last frame, and references are three modes that exclude each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tasks.simulator.api_errors import reject
from tasks.simulator.job_request import InputMedium
from tasks.simulator.model_limits import ModelLimits
from tasks.simulator.validation.input_media import InputMediaReader

_TYPES = frozenset({"text", "image_url", "video_url", "audio_url", "draft_task"})
_ROLES: Mapping[str, tuple[str, ...]] = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}
_FRAME_ROLES = frozenset({"first_frame", "last_frame"})
_MAX_TEXT_CHARACTERS = 20_000
_MIN_SECONDS = 1.8
"""Of a reference clip or sound. The pages say 2; 1.8 is accepted."""


@dataclass(frozen=True)
class Content:
    """The validated items."""

    text: str = ""
    media: tuple[InputMedium, ...] = ()
    draft_job: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """The roles of the media."""
        return frozenset(medium.role for medium in self.media)

    @property
    def task_type(self) -> str:
        """The vendor's name of the mode: t2v, i2v, flf2v or r2v."""
        if "last_frame" in self.roles:
            return "flf2v"
        if "first_frame" in self.roles:
            return "i2v"
        return "r2v" if self.media else "t2v"


def read_content(
    items: Sequence[Any], model: str, limits: ModelLimits, media_reader: InputMediaReader
) -> Content:
    """Return the content that the items add up to, with its media stored.

    Raises:
        ApiError: The vendor would reject an item, or the items together.
    """
    content = Content()
    images = sum(1 for item in items if isinstance(item, dict) and item.get("type") == "image_url")
    for index, item in enumerate(items):
        param = f"content[{index}]"
        item_type, payload, role = _read_item(item, param)
        if item_type == "text":
            content = replace(content, text=_read_text(payload, content.text, param))
        elif item_type == "draft_task":
            content = replace(content, draft_job=_read_draft_job(payload, items, param))
        else:
            role = _read_role(item_type, role, images=images, param=param)
            url = _read_url(payload, item_type, param)
            medium = media_reader.read_url(role, url, limits, param=f"{param}.{item_type}.url")
            content = replace(content, media=(*content.media, medium))
    if not content.draft_job:
        _check_task_type(content, model, limits)
    return content


def _check_task_type(content: Content, model: str, limits: ModelLimits) -> None:
    if content.roles & _FRAME_ROLES and content.roles - _FRAME_ROLES:
        message = "first/last frame content cannot be mixed with reference media content"
        reject("content", message)
    counts = Counter(medium.role for medium in content.media)
    if counts["first_frame"] > 1 or counts["last_frame"] > 1:
        reject("content", "at most one first_frame and one last_frame image are allowed")
    if counts["last_frame"] and not counts["first_frame"]:
        reject("content", "last_frame image requires a first_frame image")
    if content.task_type not in limits.task_types:
        message = f"the specified task_type {content.task_type} does not support model {model}"
        reject("content", message)
    if not content.media and not content.text:
        message = "The request is missing the text of the prompt."
        reject("content", message, code="MissingParameter")
    _check_references(content, counts, model, limits)


def _check_references(
    content: Content, counts: Mapping[str, int], model: str, limits: ModelLimits
) -> None:
    max_counts = {
        "reference_image": limits.max_images,
        "reference_video": limits.max_videos,
        "reference_audio": limits.max_sounds,
    }
    for role, max_count in max_counts.items():
        if counts[role] > max_count:
            message = f"model {model} takes at most {max_count} {role} items, got {counts[role]}"
            reject("content", message)
    if content.roles == {"reference_audio"} and not limits.supports_sound_only:
        reject("content", "reference_audio cannot be the only reference input")
    max_seconds = limits.max_reference_seconds
    for role in ("reference_video", "reference_audio"):
        durations = [medium.seconds for medium in content.media if medium.role == role]
        if durations and (min(durations) < _MIN_SECONDS or sum(durations) > max_seconds):
            message = (
                f"each {role} must last at least {_MIN_SECONDS} seconds, "
                f"all together at most {max_seconds}"
            )
            reject("content", message)


def _read_item(item: Any, param: str) -> tuple[str, Any, str]:
    """Return an item's type, payload and role; the role is empty if the item has none."""
    if not isinstance(item, dict):
        reject(param, "content items must be objects")
    fields = {key: value for key, value in item.items() if value is not None}
    item_type = fields.get("type")
    if not isinstance(item_type, str) or item_type not in _TYPES:
        reject(f"{param}.type", f"invalid content type: {item_type!r}")
    # The payload's key is the item's type.
    payload = fields.get(item_type)
    if payload is None:
        message = f"The request is missing {param}.{item_type}."
        reject(param, message, code="MissingParameter")
    role = fields.get("role", "")
    known = {"type", item_type, *(["role"] if item_type in _ROLES else [])}
    if unknown := set(fields) - known:
        name = min(unknown)
        reject(f"{param}.{name}", f"the field `{name}` is unknown in {item_type} content")
    return item_type, payload, role


def _read_text(payload: Any, earlier_text: str, param: str) -> str:
    if not isinstance(payload, str):
        reject(f"{param}.text", "the text must be of type string")
    if earlier_text:
        reject(param, "at most one text content is allowed")
    if not payload.strip():
        reject(f"{param}.text", "the text must not be empty")
    if len(payload) > _MAX_TEXT_CHARACTERS:
        reject(f"{param}.text", "The prompt is too long.", code="OutofContextError")
    return payload


def _read_draft_job(payload: Any, items: Sequence[Any], param: str) -> str:
    if len(items) > 1:
        reject(param, "draft_task must be the only content")
    job = payload.get("id") if isinstance(payload, dict) else None
    if not isinstance(job, str) or not job:
        message = f"The request is missing {param}.draft_task.id."
        reject(param, message, code="MissingParameter")
    return job


def _read_role(item_type: str, role: Any, *, images: int, param: str) -> str:
    if not role and item_type == "image_url" and images == 1:
        return "first_frame"
    if role not in _ROLES[item_type]:
        noun = item_type.removesuffix("_url")
        reject(f"{param}.role", f"invalid role specified for {noun} content")
    return str(role)


def _read_url(payload: Any, item_type: str, param: str) -> str:
    if not isinstance(payload, dict) or set(payload) - {"url"}:
        reject(f"{param}.{item_type}", f"{item_type} must be an object with a url")
    url = payload.get("url")
    if not isinstance(url, str):
        name = f"{param}.{item_type}.url"
        reject(name, f"The request is missing {name}.", code="MissingParameter")
    return url
