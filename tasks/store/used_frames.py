"""The frames of each clip that the films of a store show, from the records of the films."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from tasks.errors import StoreError
from tasks.own_files import list_files
from tasks.store.atomic_files import read_record
from tasks.store.films import EXPORTS_NAME
from tasks.store.layout import Store

_RECORD_PATTERN = re.compile(r"[^.].*\.json", re.DOTALL)


def read_used_frames(store: Store) -> dict[str, int]:
    """Return the number of frames by the digest of the clip; a frame in several films counts once.

    Films that were joined by an earlier version have no record of it, and a damaged record counts
    as none: only a number is missing.

    Raises:
        StoreError: The folder of the films can't be read.
    """
    ranges: dict[str, list[tuple[int, int]]] = {}
    for sha256, used in _iter_ranges(store):
        ranges.setdefault(sha256, []).append(used)
    return {sha256: _count_covered(used) for sha256, used in ranges.items()}


def _iter_ranges(store: Store) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each recorded range with the digest of its clip."""
    for name in list_files(store.films_folder, _RECORD_PATTERN):
        record: dict[str, Any] = {}
        if name != EXPORTS_NAME:
            with suppress(StoreError):
                record = read_record(store.films_folder / name) or {}
        used = record.get("used")
        for sha256, ranges in used.items() if isinstance(used, dict) else ():
            for each in ranges if isinstance(ranges, list) else ():
                match each:
                    case [int(first), int(end)]:
                        yield sha256, (first, end)


def _count_covered(ranges: Iterable[tuple[int, int]]) -> int:
    """Return the number of frames that are in at least one of the ranges."""
    count = covered = 0
    for first, end in sorted(ranges):
        count += max(0, end - max(first, covered))
        covered = max(covered, end)
    return count
