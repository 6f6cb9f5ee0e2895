"""The `content` of a create: text, pictures, clips and sounds, and what task they add up to.

Source: Volcengine create page and live messages of BytePlus. A first frame, first and last frame,
and references are three modes that exclude each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tasks.simulator.commission import Medium
from tasks.simulator.families import Family
from tasks.simulator.inputs import Inputs
from tasks.simulator.refusals import reject

_PAYLOADS = {
    "text": "text",
    "image_url": "image_url",
    "video_url": "video_url",
    "audio_url": "audio_url",
    "draft_task": "draft_task",
}
_ROLES = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}
_NOUNS = {"image_url": "image", "video_url": "video", "audio_url": "audio"}
_FRAMES = frozenset({"first_frame", "last_frame"})
_LONGEST_TEXT = 20_000


@dataclass(frozen=True)
class Content:
    """What the items say together."""

    text: str = ""
    media: tuple[Medium, ...] = ()
    draft_job: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """The roles that occur."""
        return frozenset(medium.role for medium in self.media)

    @property
    def task(self) -> str:
        """The vendor's name of the mode: t2v, i2v, flf2v or r2v."""
        if "last_frame" in self.roles:
            return "flf2v"
        if "first_frame" in self.roles:
            return "i2v"
        return "r2v" if self.media else "t2v"


def read_content(items: list[Any], model: str, family: Family, inputs: Inputs) -> Content:
    """Return what the items say. Raises Refusal where the vendor would not take them."""
    content = Content()
    images = sum(1 for item in items if isinstance(item, dict) and item.get("type") == "image_url")
    for index, item in enumerate(items):
        kind, payload, role = _split(item, f"content[{index}]")
        where = f"content[{index}]"
        if kind == "text":
            content = _with_text(content, payload, where)
        elif kind == "draft_task":
            content = replace(content, draft_job=_draft_job(payload, items, where))
        else:
            role = _role(kind, role, images=images, where=where)
            url, param = _url(payload, kind, where), f"{where}.{kind}.url"
            medium = inputs.take(role, url, family, param=param)
            content = replace(content, media=(*content.media, medium))
    if not content.draft_job:
        check_mode(content, model, family)
    return content


def check_mode(content: Content, model: str, family: Family) -> None:
    """Raise Refusal where the media do not go together, or the model lacks their mode."""
    if content.roles & _FRAMES and content.roles - _FRAMES:
        message = "first/last frame content cannot be mixed with reference media content"
        reject("content", message)
    counts = Counter(medium.role for medium in content.media)
    if counts["first_frame"] > 1 or counts["last_frame"] > 1:
        reject("content", "at most one first_frame and one last_frame image are allowed")
    if counts["last_frame"] and not counts["first_frame"]:
        reject("content", "last_frame image requires a first_frame image")
    if content.task not in family.tasks:
        message = f"the specified task_type {content.task} does not support model {model}"
        reject("content", message)
    if not content.media and not content.text:
        message = "The request is missing the text of the prompt."
        reject("content", message, code="MissingParameter")
    _check_references(content, counts, model, family)


def _check_references(
    content: Content, counts: Mapping[str, int], model: str, family: Family
) -> None:
    most = {
        "reference_image": family.images,
        "reference_video": family.videos,
        "reference_audio": family.sounds,
    }
    for role, limit in most.items():
        if counts[role] > limit:
            message = f"model {model} takes at most {limit} {role} items, got {counts[role]}"
            reject("content", message)
    if content.roles == {"reference_audio"} and not family.sound_alone:
        reject("content", "reference_audio cannot be the only reference input")
    for role in ("reference_video", "reference_audio"):
        lengths = [medium.seconds for medium in content.media if medium.role == role]
        if lengths and (min(lengths) < 2 or sum(lengths) > family.reference_seconds):
            limit = family.reference_seconds
            message = f"each {role} must last 2 seconds at least, all together at most {limit}"
            reject("content", message)


def _split(item: Any, where: str) -> tuple[str, Any, str]:
    """Return an item's type, payload and role (empty where none is told)."""
    if not isinstance(item, dict):
        reject(where, "content items must be objects")
    given = {key: value for key, value in item.items() if value is not None}
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _PAYLOADS:
        reject(f"{where}.type", f"invalid content type: {kind!r}")
    payload = given.get(_PAYLOADS[kind])
    if payload is None:
        reject(where, f"The request is missing {where}.{_PAYLOADS[kind]}.", code="MissingParameter")
    role = given.get("role", "")
    strangers = set(given) - {"type", _PAYLOADS[kind], *(["role"] if kind in _ROLES else [])}
    if strangers:
        name = min(strangers)
        reject(f"{where}.{name}", f"the field `{name}` is unknown in {kind} content")
    return kind, payload, role


def _with_text(content: Content, payload: Any, where: str) -> Content:
    if not isinstance(payload, str):
        reject(f"{where}.text", "the text must be of type string")
    if content.text:
        reject(where, "at most one text content is allowed")
    if not payload.strip():
        reject(f"{where}.text", "the text must not be empty")
    if len(payload) > _LONGEST_TEXT:
        reject(f"{where}.text", "The prompt is too long.", code="OutofContextError")
    return replace(content, text=payload)


def _draft_job(payload: Any, items: list[Any], where: str) -> str:
    if len(items) > 1:
        reject(where, "draft_task must be the only content")
    job = payload.get("id") if isinstance(payload, dict) else None
    if not isinstance(job, str) or not job:
        reject(where, f"The request is missing {where}.draft_task.id.", code="MissingParameter")
    return job


def _role(kind: str, told: Any, *, images: int, where: str) -> str:
    if not told and kind == "image_url" and images == 1:
        return "first_frame"
    if told not in _ROLES[kind]:
        reject(f"{where}.role", f"invalid role specified for {_NOUNS[kind]} content")
    return str(told)


def _url(payload: Any, kind: str, where: str) -> str:
    if not isinstance(payload, dict) or set(payload) - {"url"}:
        reject(f"{where}.{kind}", f"{kind} must be an object with a url")
    url = payload.get("url")
    if not isinstance(url, str):
        reject(
            f"{where}.{kind}.url",
            f"The request is missing {where}.{kind}.url.",
            code="MissingParameter",
        )
    return url
