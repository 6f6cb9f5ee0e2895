"""The record of measures: each value is checked, because a store may be a stranger's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.quality import ClipMeasures
from tasks.store.layout import Store
from tasks.store.measured_clips import (
    find_difference,
    find_measures,
    record_difference,
    record_measures,
)

DIGEST, OTHER = "a" * 64, "b" * 64
PICTURE = (
    *("luma", "contrast", "blue", "red", "sharpness", "difference", "motion"),
    *("black", "low", "high", "bright", "dark", "illegal"),
)
MEASURES = ClipMeasures(
    frames=2,
    values=dict.fromkeys(PICTURE, (1.0, 2.5)),
    flashes=((1, -1, 0.5),),
    cuts=(1,),
    first_thumbnail=b"\x01\x02",
    last_thumbnail=b"\x03\x04",
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path)


def test_measures_survive_the_record(store: Store) -> None:
    """With and without sound."""
    sound = dict.fromkeys(("level", "peak", "full_scale"), (-20.0, 0.0))
    with_sound = ClipMeasures(2, {**MEASURES.values, **sound})
    record_measures(store, DIGEST, MEASURES)
    record_measures(store, OTHER, with_sound)

    assert find_measures(store, DIGEST) == MEASURES
    assert find_measures(store, OTHER) == with_sound
    assert find_measures(store, "c" * 64) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["values"].pop("luma"),
        lambda record: record["values"].update(other=[1, 2]),
        lambda record: record["values"].update(luma=[1]),
        lambda record: record["values"].update(luma=[1, "2"]),
        lambda record: record["values"].update(luma=[1, float("nan")]),
        lambda record: record["values"].update(luma=None),
        lambda record: record.update(frames=0),
        lambda record: record.update(flashes=[[1]]),
        lambda record: record.update(first="xyz"),
        lambda record: record.update(format=0),
        lambda record: record.clear(),
    ],
)
def test_damaged_record_is_not_used(store: Store, change: Any) -> None:
    """The clip is measured again."""
    record_measures(store, DIGEST, MEASURES)
    (path,) = store.measured_folder.iterdir()
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))

    assert find_measures(store, DIGEST) is None


def test_differences_are_kept_by_both_pictures(store: Store) -> None:
    """Another frame, or another clip, has another difference."""
    record_difference(store, (OTHER, 24), DIGEST, 1.25)

    assert find_difference(store, (OTHER, 24), DIGEST) == 1.25
    assert find_difference(store, (OTHER, -1), DIGEST) is None
    assert find_difference(store, (DIGEST, 24), DIGEST) is None
    next(store.measured_folder.iterdir()).write_text('{"format": 1, "difference": true}')
    assert find_difference(store, (OTHER, 24), DIGEST) is None


def test_read_only_store_is_no_error(store: Store) -> None:
    """A file is in the place of the folder."""
    store.measured_folder.write_text("")
    record_measures(store, DIGEST, MEASURES)

    assert find_measures(store, DIGEST) is None
