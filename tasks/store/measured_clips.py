"""Measures of clips by content: each clip is decoded once for them.

A measure that is lost or damaged only means that the clip is decoded again. A store may be a
stranger's, so every value is checked.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

from tasks.errors import StoreError
from tasks.own_files import file_status, read_file
from tasks.quality import ClipMeasures
from tasks.store.atomic_files import write_bytes
from tasks.store.layout import Store

_FORMAT_VERSION = 1
"""Another number lets every clip be measured again, after a measure was changed."""

_MAX_BYTES = 50_000_000
_SOUND = frozenset({"level", "peak", "full_scale"})
_PICTURE = frozenset(
    {
        *("luma", "contrast", "blue", "red", "sharpness", "difference", "motion"),
        *("black", "low", "high", "bright", "dark", "illegal"),
    }
)

FrameName = tuple[str, int]
"""The digest of a clip and the number of a frame; -1 is the last."""


def find_measures(store: Store, digest: str) -> ClipMeasures | None:
    """Return the measures of a clip, or None if it was not measured yet."""
    record = _read(store, digest, "")
    try:
        return _parse(record) if record else None
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def record_measures(store: Store, digest: str, measures: ClipMeasures) -> None:
    """Record the measures of a clip; without effect if the store can't be written."""
    record = {
        "frames": measures.frames,
        "values": measures.values,
        "flashes": measures.flashes,
        "cuts": measures.cuts,
        "first": measures.first_thumbnail.hex(),
        "last": measures.last_thumbnail.hex(),
        "hdr": measures.is_hdr,
    }
    _write(store, digest, "", record)


def find_difference(store: Store, before: FrameName, digest: str) -> float | None:
    """Return the difference of a frame and the first frame of a clip; None if it is not measured.

    Args:
        store: The store.
        before: The frame that the clip starts on.
        digest: The digest of the clip.
    """
    difference = (_read(store, digest, _suffix(before)) or {}).get("difference")
    with suppress(ValueError):
        return None if difference is None else _number(difference)
    return None


def record_difference(store: Store, before: FrameName, digest: str, difference: float) -> None:
    """Record the difference; without effect if the store can't be written."""
    _write(store, digest, _suffix(before), {"difference": round(difference, 4)})


def _suffix(before: FrameName) -> str:
    digest, frame = before
    return f".{digest[:16]}.{frame}"


def _read(store: Store, digest: str, suffix: str) -> dict[str, Any] | None:
    path = store.measured_folder / f"{digest}{suffix}.json"
    with suppress(StoreError, OSError, ValueError, RecursionError):
        status = file_status(path)
        if status is None or status.st_size > _MAX_BYTES:
            return None
        record = json.loads(read_file(path))
        if isinstance(record, dict) and record.get("format") == _FORMAT_VERSION:
            return record
    return None


def _write(store: Store, digest: str, suffix: str, record: dict[str, Any]) -> None:
    text = json.dumps({"format": _FORMAT_VERSION, **record}, separators=(",", ":"))
    with suppress(StoreError):
        write_bytes(store.measured_folder / f"{digest}{suffix}.json", text.encode())


def _parse(record: dict[str, Any]) -> ClipMeasures:
    """Return the measures in a record.

    Raises:
        KeyError, TypeError, ValueError: The record is damaged.
    """
    frames, values = int(record["frames"]), record["values"]
    names = set(values)
    series = {str(name): tuple(map(_number, numbers)) for name, numbers in values.items()}
    is_complete = names in (_PICTURE, _PICTURE | _SOUND)
    if not is_complete or frames < 1 or any(len(numbers) != frames for numbers in series.values()):
        message = "the values are not complete"
        raise ValueError(message)
    return ClipMeasures(
        frames=frames,
        values=series,
        flashes=tuple(
            (int(frame), int(direction), _number(area))
            for frame, direction, area in record["flashes"]
        ),
        cuts=tuple(int(frame) for frame in record["cuts"]),
        first_thumbnail=bytes.fromhex(record["first"]),
        last_thumbnail=bytes.fromhex(record["last"]),
        is_hdr=record["hdr"] is True,
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        message = "a value is not a number"
        raise ValueError(message)
    return float(value)
