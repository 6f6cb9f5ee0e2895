"""Results of decoding the user's own clips and pictures, by content: each is decoded once.

A result that is lost or damaged only means that the file is decoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from tasks.errors import StoreError
from tasks.store.atomic_files import read_record, write_record
from tasks.store.layout import Store

_FORMAT_VERSION = 1
"""Another number lets every file be decoded again, after a check was added."""


class CheckedClip(NamedTuple):
    """A clip that was decoded from its first to its last frame without an error."""

    ends_black: bool
    """True if its last frame is black."""
    black_at: Mapping[int, bool] = MappingProxyType({})
    """True or False for the number of each frame that shots start on: whether it is black."""


def find_checked_clip(store: Store, digest: str) -> CheckedClip | None:
    """Return the result for a content, or None if it was not decoded yet."""
    try:
        record = read_record(store.checked_folder / f"{digest}.json") or {}
    except StoreError:
        return None
    ends_black = record.get("ends_black")
    if record.get("format") != _FORMAT_VERSION or not isinstance(ends_black, bool):
        return None
    black_at = record.get("black_at")
    known = black_at.items() if isinstance(black_at, dict) else ()
    return CheckedClip(
        ends_black, {int(number): bool(value) for number, value in known if number.isdecimal()}
    )


def record_checked_clip(store: Store, digest: str, result: CheckedClip) -> None:
    """Record the result for a content; without effect if the store can't be written."""
    record = {
        "format": _FORMAT_VERSION,
        "ends_black": result.ends_black,
        "black_at": {str(number): value for number, value in result.black_at.items()},
    }
    with suppress(StoreError):
        write_record(store.checked_folder / f"{digest}.json", record)
