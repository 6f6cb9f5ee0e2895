"""The top-level fields of a create: their JSON types and the ranges that hold for every model.

Source: Volcengine create page. Its "strong check" answers 400 to whatever is wrong here; `null`
is the same as absent, because the vendor's own SDK sends every unset field as null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tasks.simulator.families import RATIOS
from tasks.simulator.refusals import reject

_Rule = Callable[[Any], str]


def present(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something. Raises Refusal for an unknown or mistyped one."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name not in _FIELDS:
            reject(name, f"the specified parameter `{name}` is unknown")
        kind, rule = _FIELDS[name]
        # JSON's true is no 1, and 5.0 is no int where a Go server reads it.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            reject(name, f"the parameter `{name}` must be of type {_JSON_NAMES[kind]}")
        if problem := rule(value):
            reject(name, f"the parameter `{name}` {problem}")
    for name in ("model", "content"):
        if name not in given:
            message = f"The request is missing the parameter `{name}`."
            reject(name, message, code="MissingParameter")
    return given


def is_valid(name: str, value: Any) -> bool:
    """Tell whether a value would pass here; for parameters that come in another form."""
    kind, rule = _FIELDS[name]
    return isinstance(value, kind) and not rule(value)


def _anything(_: Any) -> str:
    return ""


def _between(low: int, high: int) -> _Rule:
    return lambda value: "" if low <= value <= high else f"must be between {low} and {high}"


def _one_of(*words: str) -> _Rule:
    return lambda value: "" if value in words else f"must be one of {', '.join(words)}"


def _not_empty(value: Any) -> str:
    return "" if value else "must not be empty"


def _resolution(value: str) -> str:
    known = ("480p", "720p", "1080p", "4k")
    return "" if value.lower() in known else f"must be one of {', '.join(known)}"


def _frames(value: int) -> str:
    if 29 <= value <= 289 and (value - 25) % 4 == 0:
        return ""
    return "must be between 29 and 289 and of the form 25 + 4n"


def _short(value: str) -> str:
    return "" if len(value) <= 64 else "must not be longer than 64 characters"


def _web_url(value: str) -> str:
    return "" if re.match(r"https?://[^\s/]+", value) else "must be an http or https URL"


def _web_search(value: list[Any]) -> str:
    if all(tool == {"type": "web_search"} for tool in value):
        return ""
    return 'must hold only {"type": "web_search"}'


_JSON_NAMES: Mapping[type, str] = {
    str: "string",
    int: "integer",
    bool: "boolean",
    list: "array",
}
_FIELDS: Mapping[str, tuple[type, _Rule]] = {
    "model": (str, _not_empty),
    "content": (list, _not_empty),
    "resolution": (str, _resolution),
    "ratio": (str, _one_of(*RATIOS, "adaptive")),
    "duration": (int, _between(-1, 30)),
    "frames": (int, _frames),
    # The newest page ends at 2^31-1, older ones at 2^32-1.
    "seed": (int, _between(-1, 4_294_967_295)),
    "camera_fixed": (bool, _anything),
    "watermark": (bool, _anything),
    "generate_audio": (bool, _anything),
    "return_last_frame": (bool, _anything),
    "service_tier": (str, _one_of("default", "flex")),
    "execution_expires_after": (int, _between(3600, 259_200)),
    "priority": (int, _between(0, 9)),
    "draft": (bool, _anything),
    "callback_url": (str, _web_url),
    "safety_identifier": (str, _short),
    "tools": (list, _web_search),
    "output_format": (str, _one_of("mp4", "mov")),
    "omni_reference_task_type": (str, _one_of("auto", "reference", "edit", "extend")),
}
