"""kkiai: Ark's tasks with the parameters as flags in the text, and plain Ark for the 2.0 models.

Written from its create page (POST https://www.kkiai.com/volc/v1/contents/generations/tasks) and
the list page beside it. Flags are held to the page's ranges; the only parameter that is JSON is
`generate_audio`. `return_last_frame` and `callback_url`, which the page does not have, are taken
and do nothing. A get tells no more than the fields that the list page shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tasks.simulator.commission import Commission
from tasks.simulator.desk import Call, Desk
from tasks.simulator.families import FAMILIES, RATIOS
from tasks.simulator.flags import split_words
from tasks.simulator.jobs import Job
from tasks.simulator.refusals import reject
from tasks.simulator.vendors.ark import Ark

MODELS: Mapping[str, str] = {
    "doubao-seedance-1-5-pro-251215": "seedance-1.5-pro",
    "doubao-seedance-1-0-pro-250528": "seedance-1.0-pro",
    "doubao-seedance-1-0-pro-fast-251015": "seedance-1.0-pro-fast",
    "doubao-seedance-1-0-lite-t2v-250428": "seedance-1.0-lite-t2v",
    "doubao-seedance-1-0-lite-i2v-250428": "seedance-1.0-lite-i2v",
}
"""Exact id to family."""
MODELS_2: Mapping[str, str] = {
    "doubao-seedance-2-0-260128": "seedance-2.0",
    "doubao-seedance-2-0-fast-260128": "seedance-2.0-fast",
}
"""Exact id to family, at the base of the 2.0 models."""

_UNDOCUMENTED = ("return_last_frame", "callback_url")
_TAKEN = frozenset({"model", "content", "generate_audio", *_UNDOCUMENTED})
_TOLD = frozenset(
    {"id", "model", "status", "error", "content", "usage", "created_at", "updated_at"}
)
_WORDS: Mapping[str, tuple[str, ...]] = {
    "resolution": ("480p", "720p", "1080p"),
    "ratio": (*RATIOS, "adaptive"),
    "camera_fixed": ("true", "false"),
    "watermark": ("true", "false"),
}


@dataclass(frozen=True)
class Kkiai(Ark):
    """Ark's wire with the parameters in the text."""

    def check(self, desk: Desk, body: Mapping[str, Any]) -> Commission:
        """Read a create. Raises Refusal."""
        commission = desk.check(body)
        for name, value in body.items():
            if value is not None and name not in _TAKEN:
                reject(name, f"`{name}` is no field here: add --{name} to the text")
        _check_flags(_text(body), commission)
        return replace(commission, callback_url="", return_last_frame=False)

    def accepted(self, job: Job) -> dict[str, Any]:
        """Return the id, with a status that Ark does not have."""
        return {"id": job.id, "status": "submitted"}

    def note(self, body: Mapping[str, Any], commission: Commission) -> str:
        """Say what was taken and does nothing."""
        names = [name for name in _UNDOCUMENTED if body.get(name) is not None]
        return f"not documented here, and ignored: {', '.join(names)}" if names else ""

    def describe(self, desk: Desk, job: Job, call: Call) -> dict[str, Any]:
        """Return the documented fields of the task object."""
        told = super().describe(desk, job, call)
        return {name: value for name, value in told.items() if name in _TOLD}


def _text(body: Mapping[str, Any]) -> str:
    """Return the text, which is always there. Raises Refusal where it is not."""
    items = body["content"]
    for index, item in enumerate(items):
        if item["type"] not in {"text", "image_url"}:
            reject(f"content[{index}].type", "the content types are text and image_url")
    text = next((str(item["text"]) for item in items if item["type"] == "text"), "")
    if not split_words(text)[0]:
        reject("content", "The request is missing the text prompt.", code="MissingParameter")
    return text


def _check_flags(text: str, commission: Commission) -> None:
    words = split_words(text)[1]
    for name, word in words.items():
        if name in _WORDS and word not in _WORDS[name]:
            reject("content", f"--{name} must be one of {', '.join(_WORDS[name])}")
    low, high = FAMILIES[commission.family].seconds
    _check_number("duration", words.get("duration"), (low, high))
    _check_number("seed", words.get("seed"), (0, 4_294_967_295))
    # Adaptive is named as a default only, and with references the default is 16:9.
    if words.get("ratio") == "adaptive" and commission.medium("reference_image"):
        reject("content", "--ratio adaptive is not supported with reference images")


def _check_number(name: str, word: str | None, limits: tuple[int, int]) -> None:
    low, high = limits
    if word is None:
        return
    if not re.fullmatch(r"[0-9]{1,10}", word) or not low <= int(word) <= high:
        reject("content", f"--{name} must be an integer between {low} and {high}")


KKIAI = Kkiai(names=("create", "get", "list"))
KKIAI_2 = Ark(names=("create", "get", "list"))
"""The 2.0 models, at another base."""
