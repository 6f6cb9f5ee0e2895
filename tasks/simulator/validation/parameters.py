"""The parameters of a create: JSON fields with types and ranges, and flags in the text.

Source: the Volcengine create page. Fields are a "strong check": the vendor answers 400 to any
wrong value. `null` counts as absent, because the vendor's own SDK sends unset fields as null.
Flags such as `--duration 5` at the end of the text are a "weak check": the vendor silently
ignores a wrong value, and a flag that the model does not support.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tasks.simulator.api_errors import reject
from tasks.simulator.model_limits import RATIOS

_Rule = Callable[[Any], str]
"""Returns what is wrong with a value, or an empty string."""

_RESOLUTIONS = ("480p", "720p", "1080p", "4k")
_FLAG_NAMES: Mapping[str, str] = {
    "resolution": "resolution",
    "rs": "resolution",
    "ratio": "ratio",
    "rt": "ratio",
    "duration": "duration",
    "dur": "duration",
    "framespersecond": "framespersecond",
    "framepersecond": "framespersecond",
    "fps": "framespersecond",
    "seed": "seed",
    "camerafixed": "camera_fixed",
    "camera_fixed": "camera_fixed",
    "cf": "camera_fixed",
    "watermark": "watermark",
    "wm": "watermark",
}
_BOOLEAN_FLAGS = frozenset({"camera_fixed", "watermark"})
_INTEGER_FLAGS = frozenset({"duration", "framespersecond", "seed"})
_LAST_FLAG = re.compile(r"(?:^|\s)--([A-Za-z_]+)\s+([^\s-]\S*|-\d+)\s*$")


def validate_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not null.

    Raises:
        ApiError: A field is unknown, missing, of the wrong type or out of range.
    """
    fields = {name: value for name, value in body.items() if value is not None}
    for name, value in fields.items():
        if name not in _FIELDS:
            reject(name, f"the specified parameter `{name}` is unknown")
        expected, rule = _FIELDS[name]
        # In JSON, true is not 1; and a Go server does not read 5.0 as an integer.
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            reject(name, f"the parameter `{name}` must be of type {_JSON_NAMES[expected]}")
        if problem := rule(value):
            reject(name, f"the parameter `{name}` {problem}")
    for name in ("model", "content"):
        if name not in fields:
            message = f"The request is missing the parameter `{name}`."
            reject(name, message, code="MissingParameter")
    return fields


def is_valid(name: str, value: Any) -> bool:
    """Return True if a field may have that value."""
    expected, rule = _FIELDS[name]
    return isinstance(value, expected) and not rule(value)


def read_flags(text: str) -> tuple[str, Mapping[str, Any]]:
    """Return the text without the flags at its end, and their values by field name.

    Flags whose value does not have the type of the field are left out.
    """
    prompt, flags = split_flags(text)
    values = {name: _flag_value(name, value) for name, value in flags.items()}
    return prompt, {name: value for name, value in values.items() if value is not None}


def split_flags(text: str) -> tuple[str, Mapping[str, str]]:
    """Return the text without the flags at its end, and their text by field name.

    If a flag is repeated, the last one counts.
    """
    flags: dict[str, str] = {}
    while (match := _LAST_FLAG.search(text)) and (name := _FLAG_NAMES.get(match[1].lower())):
        flags.setdefault(name, match[2])
        text = text[: match.start()]
    return text.strip(), flags


def _flag_value(name: str, value: str) -> Any:
    if name in _BOOLEAN_FLAGS:
        return {"true": True, "false": False}.get(value.lower())
    if name in _INTEGER_FLAGS:
        return int(value) if re.fullmatch(r"-?\d{1,12}", value) else None
    return value


def _any(_: Any) -> str:
    return ""


def _between(low: int, high: int) -> _Rule:
    return lambda value: "" if low <= value <= high else f"must be between {low} and {high}"


def _one_of(*choices: str) -> _Rule:
    return lambda value: "" if value in choices else f"must be one of {', '.join(choices)}"


def _not_empty(value: Any) -> str:
    return "" if value else "must not be empty"


def _resolution(value: str) -> str:
    return "" if value.lower() in _RESOLUTIONS else f"must be one of {', '.join(_RESOLUTIONS)}"


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
    # The newest page ends at 2^31-1, older pages at 2^32-1.
    "seed": (int, _between(-1, 4_294_967_295)),
    "camera_fixed": (bool, _any),
    "watermark": (bool, _any),
    "generate_audio": (bool, _any),
    "return_last_frame": (bool, _any),
    "service_tier": (str, _one_of("default", "flex")),
    "execution_expires_after": (int, _between(3600, 259_200)),
    "priority": (int, _between(0, 9)),
    "draft": (bool, _any),
    "callback_url": (str, _web_url),
    "safety_identifier": (str, _short),
    "tools": (list, _web_search),
    "output_format": (str, _one_of("mp4", "mov")),
    "omni_reference_task_type": (str, _one_of("auto", "reference", "edit", "extend")),
}
