"""The strong check: from the fields of a create to a commission, or to a refusal.

One check for every wire that carries Ark's parameters; a vendor's file only brings them into
this form. Rules are per model (Volcengine create page and its mirrors).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from tasks.simulator.commission import Commission
from tasks.simulator.content import Content, read_content
from tasks.simulator.families import FAMILIES, Family
from tasks.simulator.fields import is_valid, present
from tasks.simulator.flags import split_flags
from tasks.simulator.inputs import Inputs
from tasks.simulator.jobs import Job
from tasks.simulator.refusals import reject
from tasks.simulator.sizes import closest_ratio, pixel_size

# Fields that not every model takes; what is not in the family's own list must be empty.
_PARTICULAR = (
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
# A draft is promoted as it is; only these may be said anew.
_PROMOTION = frozenset(
    {
        *("model", "content", "resolution", "output_format", "return_last_frame", "watermark"),
        *("callback_url", "safety_identifier", "execution_expires_after"),
    }
)


@dataclass(frozen=True)
class Checker:
    """What a check needs to know beside the request."""

    models: Mapping[str, str]
    """Exact id to family: what this mount serves."""
    inputs: Inputs
    find_job: Callable[[str], Job | None]
    lacks: frozenset[str] = field(default=frozenset())
    """Fields that this vendor does not take on any model."""

    def check(self, body: Mapping[str, Any]) -> Commission:
        """Return what is asked for. Raises Refusal."""
        fields = present(body)
        model = str(fields["model"])
        family = self._family(model)
        _check_particular(fields, model, family, self.lacks)
        content = read_content(fields["content"], model, family, self.inputs)
        if content.draft_job:
            return self._promoted(fields, content.draft_job, family)
        text, flags = split_flags(content.text)
        content = replace(content, text=text)
        return _commissioned(_with_flags(fields, flags, family), content, model, family)

    def _family(self, model: str) -> Family:
        if model not in self.models:
            message = (
                f"The model or endpoint {model} does not exist or you do not have access to it."
            )
            reject("model", message, code="InvalidEndpointOrModel.NotFound")
        return FAMILIES[self.models[model]]

    def _promoted(self, fields: Mapping[str, Any], draft_job: str, family: Family) -> Commission:
        draft = self.find_job(draft_job)
        if draft is None or not draft.commission.draft or draft.commission.family != family.name:
            reject("content[0].draft_task.id", f"the draft task {draft_job} was not found")
        if draft.status != "succeeded":
            reject("content[0].draft_task.id", "the draft task has not succeeded")
        for name in fields:
            if name not in _PROMOTION:
                reject(name, f"`{name}` can't be changed when a draft is promoted")
        resolution = str(fields.get("resolution", family.resolution)).lower()
        if family.sizes == "2.5" and resolution != "1080p":
            reject("resolution", "a draft is promoted with resolution 1080p")
        commission = draft.commission
        width, height = pixel_size(family.sizes, resolution, commission.ratio)
        return replace(
            commission,
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
            expires_after_seconds=fields.get("execution_expires_after", 172_800),
        )


def _check_particular(
    fields: Mapping[str, Any], model: str, family: Family, lacks: frozenset[str]
) -> None:
    for name in _PARTICULAR:
        if name in fields and (name not in family.parameters or name in lacks):
            message = (
                f"the specified parameter `{name}` is not supported for model {model}, "
                "it must be empty"
            )
            reject(name, message)


def _with_flags(
    fields: Mapping[str, Any], flags: Mapping[str, Any], family: Family
) -> Mapping[str, Any]:
    """Add the flags that this model would take as fields; the fields themselves win."""
    low, high = family.seconds
    taken = dict(fields)
    for name, value in flags.items():
        particular = name in _PARTICULAR and name not in family.parameters
        if name == "framespersecond" or particular or not is_valid(name, value):
            continue
        if name == "duration" and not (low <= value <= high or _may_choose(value, family)):
            continue
        if name == "resolution" and str(value).lower() not in family.resolutions:
            continue
        taken.setdefault(name, value)
    return taken


def _may_choose(seconds: int, family: Family) -> bool:
    return seconds == -1 and family.chooses_seconds


def _commissioned(
    fields: Mapping[str, Any], content: Content, model: str, family: Family
) -> Commission:
    _check_task_type(fields, content, family)
    resolution = _resolution(fields, content, family)
    ratio = _ratio(fields, content, family)
    width, height = pixel_size(family.sizes, resolution, ratio)
    frames, asked_in_frames = _frames(fields, content, family)
    _check_combinations(fields, content, family)
    commission = Commission(
        model=model,
        family=family.name,
        prompt=content.text,
        resolution=resolution,
        ratio=ratio,
        width=width,
        height=height,
        frames=frames,
        asked_in_frames=asked_in_frames,
        seed=0,
        media=content.media,
        **_told_as_they_are(fields, family),
    )
    return commission.with_seed(int(fields.get("seed", -1)))


def _told_as_they_are(fields: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Return the fields that need no more than their default."""
    takes = family.parameters
    return {
        # The prose says true, the OpenAPI document false; the prose is the newer.
        "audio": fields.get("generate_audio", True) if "generate_audio" in takes else None,
        "watermark": fields.get("watermark", False),
        "camera_fixed": fields.get("camera_fixed", False),
        "return_last_frame": fields.get("return_last_frame", False),
        "draft": fields.get("draft", False) if "draft" in takes else None,
        "service_tier": fields.get("service_tier", "default"),
        "priority": fields.get("priority", 0) if "priority" in takes else None,
        "expires_after_seconds": fields.get("execution_expires_after", 172_800),
        "safety_identifier": fields.get("safety_identifier", ""),
        "callback_url": fields.get("callback_url", ""),
        "tools": tuple(tool["type"] for tool in fields.get("tools", ())),
        "output_format": fields.get("output_format", "mp4"),
    }


def _check_task_type(fields: Mapping[str, Any], content: Content, family: Family) -> None:
    """Only 2.5 has the field; editing leaves length and ratio to the clip that is edited."""
    told = fields.get("omni_reference_task_type", "auto")
    if told != "auto" and content.task != "r2v":
        message = "omni_reference_task_type requires reference media content"
        reject("omni_reference_task_type", message)
    if told in {"edit", "extend"} and "reference_video" not in content.roles:
        message = f"the task type {told} requires a reference_video"
        name = "omni_reference_task_type"
        reject(name, message, code="InvalidParameter.TaskTypeMismatch")
    if told == "edit" and fields.get("duration", family.default_seconds) != -1:
        _constrain("video editing. Issues: duration must be -1.")
    if told in {"edit", "extend"} and fields.get("ratio", "adaptive") != "adaptive":
        _constrain(f"video {told}. Issues: ratio must be adaptive.")


def _resolution(fields: Mapping[str, Any], content: Content, family: Family) -> str:
    draft = bool(fields.get("draft"))
    resolution = str(fields.get("resolution", "480p" if draft else family.resolution)).lower()
    if resolution not in family.resolutions:
        known = ", ".join(family.resolutions)
        reject("resolution", f"resolution {resolution} is not one of {known}")
    if draft and resolution != "480p":
        reject("resolution", "a draft is rendered in 480p")
    if family.sizes == "1.0" and resolution == "1080p" and content.task == "r2v":
        reject("resolution", "1080p is not supported with reference images")
    return resolution


def _ratio(fields: Mapping[str, Any], content: Content, family: Family) -> str:
    framed = content.task in {"i2v", "flf2v"}
    default = "adaptive"
    if not family.text_adaptive and not framed:
        default = "16:9"
    ratio = str(fields.get("ratio", default))
    if ratio != "adaptive" and framed and not family.explicit_ratio_with_frame:
        _constrain("image to video. Issues: ratio must be adaptive.")
    if ratio != "adaptive":
        return ratio
    if content.task == "t2v" and not family.text_adaptive:
        reject("ratio", "ratio adaptive is not supported for text to video")
    return _adapted(content)


def _adapted(content: Content) -> str:
    """The first frame decides, by its role; of references the first clip, else the first image."""
    order = ("first_frame", "reference_video", "reference_image")
    for role in order:
        for medium in content.media:
            if medium.role == role and medium.width:
                return closest_ratio(medium.width, medium.height)
    upright = ("vertical", "portrait", "9:16", "smartphone")
    return "9:16" if any(word in content.text.lower() for word in upright) else "16:9"


def _frames(fields: Mapping[str, Any], content: Content, family: Family) -> tuple[int, bool]:
    if "frames" in fields:
        return int(fields["frames"]), True
    seconds = int(fields.get("duration", family.default_seconds))
    low, high = family.seconds
    if _may_choose(seconds, family):
        seconds = _chosen_seconds(content.text, low, min(high, 10))
    elif not low <= seconds <= high:
        also = " or -1" if family.chooses_seconds else ""
        reject("duration", f"duration must be between {low} and {high}{also}")
    return 24 * seconds + 1, False


def _chosen_seconds(prompt: str, low: int, high: int) -> int:
    return low + hashlib.sha256(prompt.encode()).digest()[0] % (high - low + 1)


def _check_combinations(fields: Mapping[str, Any], content: Content, family: Family) -> None:
    if fields.get("camera_fixed") and content.task == "r2v":
        reject("camera_fixed", "camera_fixed is not supported with reference images")
    flex = fields.get("service_tier") == "flex"
    if flex and fields.get("priority"):
        reject("priority", "priority is not supported with service_tier flex")
    # Only of 1.5 pro's drafts a page tells that they give no last frame.
    frameless = fields.get("return_last_frame") and family.name == "seedance-1.5-pro"
    if fields.get("draft") and (flex or frameless):
        name = "service_tier" if flex else "return_last_frame"
        reject(name, f"{name} is not supported in draft mode")


def _constrain(what: str) -> NoReturn:
    message = (
        "The parameter(s) ratio and duration specified in the request are not valid. "
        f"The task is determined as {what}"
    )
    reject("ratio", message, code="InvalidParameter.TaskTypeConstraint")
