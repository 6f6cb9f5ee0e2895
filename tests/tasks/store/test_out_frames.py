"""Frames at out points: decoded once, recorded in the receipt, and checked by their content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import MediaError, StoreError
from tasks.store.atomic_files import digest_file
from tasks.store.clean import find_removable
from tasks.store.layout import RecordStore, Store
from tasks.store.out_frames import fetch_out_frame
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile, read_receipt
from tasks.store.verify import verify_store
from tests.support.boards import write_clip
from tests.support.paid_path import make_attempt

KEY = "5" * 64


@pytest.fixture
def records(tmp_path: Path) -> RecordStore:
    """Records with a kept clip of 24 frames."""
    records = Store(tmp_path / "store").records(loopback=False)
    folder = records.folder_of(KEY)
    folder.mkdir(parents=True)
    write_clip(folder / "clip.mp4", width=96, height=64, frames=24)
    put(records)
    return records


def put(records: RecordStore, **values: Any) -> None:
    """Write the receipt of the kept clip."""
    path = records.folder_of(KEY) / "clip.mp4"
    clip = StoredFile("clip.mp4", digest_file(path), path.stat().st_size)
    attempt = make_attempt(AttemptState.KEPT, job="j", frames=24, **{"clip": clip, **values})
    records.write(KEY, Receipt(KEY, (attempt,)).to_record())


def current(records: RecordStore) -> Attempt:
    attempt = read_receipt(KEY, records.read(KEY)).current
    assert attempt
    return attempt


def test_out_frame_is_decoded_once(records: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file and its digest are recorded; the next time nothing is decoded."""
    data, file = fetch_out_frame(records, KEY, current(records), 9)
    monkeypatch.setattr("tasks.media.frames.read_frame", None)

    assert current(records).out_frame(9) == file
    assert fetch_out_frame(records, KEY, current(records), 9) == (data, file)
    assert (records.folder_of(KEY) / file.name).read_bytes() == data
    assert file.name == f"frame-9-{file.sha256[:8]}.png"


def test_damaged_out_frame_is_decoded_again(records: RecordStore) -> None:
    """A file with other content is not sent; `verify` reports it, and calls a good one known."""
    data, file = fetch_out_frame(records, KEY, current(records), 9)
    store = Store(records.folder.parent)
    assert (verify_store(store).problems, verify_store(store).unknown_files) == ([], [])
    path = records.folder_of(KEY) / file.name
    path.write_bytes(data[:-1] + b"x")
    (problem,) = verify_store(store).problems

    assert problem.message == "the frame 9 does not match its recorded digest"
    assert fetch_out_frame(records, KEY, current(records), 9) == (data, file)
    assert path.read_bytes() == data


def test_out_frames_are_recorded_by_number(records: RecordStore) -> None:
    """Another out point adds a frame, whatever the attempt was when its caller read it."""
    attempt = current(records)
    for number in (9, 3):
        fetch_out_frame(records, KEY, attempt, number)

    assert [frame.number for frame in current(records).out_frames] == [3, 9]


def test_out_frame_of_replaced_clip_is_not_recorded(records: RecordStore) -> None:
    """A clip that another run replaced meanwhile has other pictures."""
    attempt = current(records)
    put(records, clip=StoredFile("clip.mp4", "0" * 64, 1))
    fetch_out_frame(records, KEY, attempt, 9)

    assert current(records).out_frames == ()


def test_out_frame_without_clip_is_an_error(records: RecordStore) -> None:
    """The message names the shot."""
    (records.folder_of(KEY) / "clip.mp4").unlink()
    with pytest.raises(MediaError, match="the clip of one is missing"):
        fetch_out_frame(records, KEY, current(records), 9)


def test_clean_keeps_clip_of_out_frame(records: RecordStore) -> None:
    """A clip stays whose frame a remaining shot starts on, also without a recorded key."""
    _, file = fetch_out_frame(records, KEY, current(records), 9)
    other = make_attempt(AttemptState.KEPT, job="k", first_frame_sha256=file.sha256)
    records.write("6" * 64, Receipt("6" * 64, (other,)).to_record())
    store = Store(records.folder.parent)
    keys = {clip.key for clip in find_removable(store, {"6" * 64}, min_age_seconds=-1)}
    without = {clip.key for clip in find_removable(store, (), min_age_seconds=-1)}

    assert (keys, without) == (set(), {KEY, "6" * 64})


def test_out_frames_of_replaced_attempt_are_known(records: RecordStore) -> None:
    """`verify` calls no frame of a clip unknown that a later render replaced."""
    fetch_out_frame(records, KEY, current(records), 9)
    old = replace(current(records), state=AttemptState.OUTDATED)
    new = replace(old, state=AttemptState.ABANDONED, clip=None, out_frames=())
    records.write(KEY, Receipt(KEY, (old, new)).to_record())

    assert verify_store(Store(records.folder.parent)).unknown_files == []


def test_out_frame_outside_of_its_folder_is_damage(records: RecordStore) -> None:
    """A receipt of a stranger's store names no file elsewhere."""
    record = records.read(KEY)
    assert record
    file = {"name": "../../key", "sha256": "0" * 64, "size_bytes": 1}
    record["attempts"][0]["out_frames"] = [{"number": 9, "file": file}]
    with pytest.raises(StoreError, match="outside of its folder"):
        read_receipt(KEY, record)
