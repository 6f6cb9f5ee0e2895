"""How Infinity Blue's create is read: its fields, their duplicates in `metadata`, its pictures.

The names and types are those of the vendor's OpenAPI file; the rules are the page's: a length is
said once, nothing is said at the top and in `metadata`, and the prompt stays out of
`metadata.content`. A field that the file does not have is refused, except in `metadata`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tasks.media.mime import sniff_mime
from tasks.simulator.families import RATIOS
from tasks.simulator.refusals import Refusal
from tasks.simulator.sizes import pixel_size

_RESOLUTIONS = ("480p", "720p", "1080p")
_SECONDS = (4, 15)
_LENGTHS = ("seconds", "duration")
_ADAPTIVE = ("adaptive", "auto")
_BASE64_BYTES = 48


class BadOrder(Refusal):
    """What the gateway refuses by itself."""


@dataclass(frozen=True)
class Order:
    """A create, put into Ark's fields; what Ark has no field for stands beside them."""

    ark: Mapping[str, Any]
    camera_fixed: bool


def read_order(body: Mapping[str, Any]) -> Order:
    """Return what a create asks for. Raises BadOrder."""
    top = _read(body, _TOP, strict=True)
    metadata = _read(top.get("metadata", {}), _METADATA, strict=False)
    _check_duplicates(top, metadata)
    fields = {**metadata, **top}
    for name in ("model", "prompt"):
        if not fields.get(name, "").strip():
            refuse_order(name, f"{name} is required", code="missing_required_parameter")
    media = _media(fields)
    resolution, ratio = _picture(fields, has_media=bool(media))
    told = {
        "model": fields["model"],
        # The software behind it puts the prompt last.
        "content": [*media, {"type": "text", "text": fields["prompt"]}],
        "resolution": resolution,
        "ratio": ratio,
        "duration": _duration(fields),
        "generate_audio": fields.get("generate_audio", False),
        "watermark": fields.get("watermark", False),
        "return_last_frame": fields.get("return_last_frame", False),
    }
    if "seed" in fields:
        told["seed"] = fields["seed"]
    return Order(told, fields.get("camera_fixed", False))


def refuse_order(
    name: str, message: str, *, code: str = "invalid_parameter", status: int = 400
) -> NoReturn:
    """Raise the gateway's own refusal of a field."""
    raise BadOrder(code, message, param=name, status=status)


def _read(body: Mapping[str, Any], rules: Mapping[str, _Rule], *, strict: bool) -> dict[str, Any]:
    """Return the known fields that say something, each held to its rule."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name in rules:
            if problem := rules[name](value):
                code = "invalid_duration" if name in _LENGTHS else "invalid_parameter"
                refuse_order(name, f"{name} {problem}", code=code)
        elif strict:
            refuse_order(name, f"{name} is unknown", code="unknown_parameter")
    return {name: value for name, value in given.items() if name in rules}


def _check_duplicates(top: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    lengths = [name for name in _LENGTHS if name in top]
    if len(lengths) + ("duration" in metadata) > 1:
        message = "seconds, duration and metadata.duration can't be combined"
        refuse_order("seconds", message, code="invalid_duration")
    for name in metadata:
        if name in top:
            message = f"{name} is given at the top level and in metadata"
            refuse_order(name, message, code="duplicate_parameter")
    pictures = [name for name in ("image", "ref_images", "images") if name in top]
    if "content" in metadata and pictures:
        message = f"{pictures[0]} and metadata.content can't be combined"
        refuse_order(pictures[0], message, code="duplicate_parameter")
    if "ref_images" in top and "images" in top:
        message = "ref_images and images are the same"
        refuse_order("images", message, code="duplicate_parameter")


def _duration(fields: Mapping[str, Any]) -> int:
    return int(fields.get("seconds", fields.get("duration", 5)))


def _picture(fields: Mapping[str, Any], *, has_media: bool) -> tuple[str, str]:
    """Return resolution and ratio; the older `size` stands for both and must not contradict."""
    resolution, ratio = fields.get("resolution"), fields.get("ratio")
    if "size" in fields:
        sized = _SIZES[fields["size"]]
        if resolution not in (None, sized[0]) or ratio not in (None, sized[1]):
            refuse_order("size", "size contradicts resolution or ratio")
        resolution, ratio = sized
    if ratio in _ADAPTIVE:
        if not has_media:
            refuse_order("ratio", "ratio must be said explicitly where there is no input asset")
        ratio = "adaptive"
    return resolution or "720p", ratio or ("adaptive" if has_media else "16:9")


def _media(fields: Mapping[str, Any]) -> list[Any]:
    if "content" in fields:
        for index, item in enumerate(fields["content"]):
            _check_item(item, f"metadata.content[{index}]")
        return list(fields["content"])
    items = [_item(fields["image"], "first_frame")] if "image" in fields else []
    references = fields.get("ref_images", fields.get("images", []))
    return items + [_item(url, "reference_image") for url in references]


def _check_item(item: Any, where: str) -> None:
    known = ("image_url", "video_url", "audio_url")
    if not isinstance(item, dict) or item.get("type") not in known:
        refuse_order(where, f"the type must be one of {', '.join(known)}; the prompt is a field")


def _item(url: str, role: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": _as_url(url)}, "role": role}


def _as_url(told: str) -> str:
    """Return a URL; base64 may also come without the head of a data URI."""
    if re.match(r"(?:https?|asset|data):", told):
        return told
    try:
        start = base64.b64decode(told[: _BASE64_BYTES * 4 // 3], validate=True)
    except ValueError:
        return told
    mime = sniff_mime(start)
    return f"data:{mime};base64,{told}" if mime and mime.startswith("image/") else told


_Rule = Callable[[Any], str]


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "must be a string"


def _texts(value: Any) -> str:
    fine = isinstance(value, list) and value and all(isinstance(item, str) for item in value)
    return "" if fine else "must be an array of strings"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be a boolean"


def _object(value: Any) -> str:
    return "" if isinstance(value, dict) else "must be an object"


def _items(value: Any) -> str:
    return "" if isinstance(value, list) and value else "must be an array of content items"


def _one_of(*words: str) -> _Rule:
    message = f"must be one of {', '.join(words)}"
    return lambda value: "" if isinstance(value, str) and value in words else message


def _is_whole(value: Any) -> bool:
    # A JSON number: 5.0 is 5 here, unlike at Ark's door.
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool)


def _between(low: int, high: int) -> _Rule:
    message = f"must be an integer between {low} and {high}"
    return lambda value: "" if _is_whole(value) and low <= value <= high else message


def _seed(value: Any) -> str:
    fine = isinstance(value, int) and not isinstance(value, bool)
    return "" if fine and -1 <= value <= 4_294_967_295 else "must be an integer"


_SIZES: Mapping[str, tuple[str, str]] = {
    "{}x{}".format(*pixel_size("2.0", resolution, ratio)): (resolution, ratio)
    for resolution in _RESOLUTIONS
    for ratio in RATIOS
}
_SHARED: Mapping[str, _Rule] = {
    "duration": _between(*_SECONDS),
    "resolution": _one_of(*_RESOLUTIONS),
    "ratio": _one_of(*_ADAPTIVE, *RATIOS),
    "generate_audio": _flag,
    "watermark": _flag,
    "camera_fixed": _flag,
    "return_last_frame": _flag,
    "seed": _seed,
}
_METADATA: Mapping[str, _Rule] = {**_SHARED, "content": _items}
_TOP: Mapping[str, _Rule] = {
    **_SHARED,
    "model": _text,
    "prompt": _text,
    "seconds": _one_of(*(str(second) for second in range(_SECONDS[0], _SECONDS[1] + 1))),
    "size": _one_of(*_SIZES),
    "image": _text,
    "ref_images": _texts,
    "images": _texts,
    "n": _between(1, 1),
    "response_format": _one_of("url"),
    "user": _text,
    "metadata": _object,
}
