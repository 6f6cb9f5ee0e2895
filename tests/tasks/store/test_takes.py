"""Takes found again: by the board's record, by the receipts where that is gone, by shelf."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import MediaError
from tasks.store.atomic_files import digest_bytes
from tasks.store.board_records import Take, read_board_record, record_takes
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tasks.store.takes import TakeHistory, read_last_frame

FRAME = b"a picture"
ATTEMPT = Attempt(
    state=AttemptState.KEPT,
    board="b",
    shot="a",
    take=1,
    provider="ark",
    model="m",
    base_url="https://a.example",
    request_sha256="o",
    intended_at="2026-11-01T10:00:00.000+00:00",
    clip=StoredFile("clip.mp4", "ab", 4),
    last_frame=StoredFile("last_frame.png", digest_bytes(FRAME), len(FRAME)),
)


@pytest.fixture
def keep(tmp_path: Path):
    """Put a receipt with its files into the store, and note it as a take of shot a."""

    def put(key: str, *, shelf="shots", noted: bool = True, **facts) -> None:
        attempt = replace(ATTEMPT, **facts)
        place = Store(tmp_path).records(loopback=shelf == "previz")
        place.write(key, Receipt(key, (attempt,)).to_record())
        (place.folder_of(key) / "clip.mp4").write_bytes(b"clip")
        (place.folder_of(key) / "last_frame.png").write_bytes(FRAME)
        if noted:
            record_takes(tmp_path, "b", {"a": Take(attempt.take, key, shelf, prompt=key)})

    return put


def memory(root: Path) -> TakeHistory:
    return TakeHistory(Store(root), read_board_record(root, "b"))


def keys(renders) -> dict[int, str]:
    return {one.take.number: one.take.key for one in renders}


def test_the_newest_render_of_a_take_counts(tmp_path: Path, keep) -> None:
    """A prompt that was changed without a new take makes the older render unreachable."""
    keep("k1")
    keep("k2")

    assert memory(tmp_path).find_take("a", 1, "shots").take.key == "k2"
    assert memory(tmp_path).find_take("a", 1, "shots").take.prompt == "k2"
    assert memory(tmp_path).find_take("a", 2, "shots") is None


@pytest.mark.parametrize("state", [AttemptState.CLOSED, AttemptState.FAILED])
def test_what_came_to_nothing_is_no_render(tmp_path: Path, keep, state: AttemptState) -> None:
    """An attempt that failed hides no older one that is there."""
    keep("k1")
    keep("k2", state=state)

    assert memory(tmp_path).find_take("a", 1, "shots").take.key == "k1"


def test_a_sketch_is_never_taken_for_a_take_that_was_paid(tmp_path: Path, keep) -> None:
    """Each shelf has takes of its own."""
    keep("k1")
    keep("k2", shelf="previz")

    assert memory(tmp_path).find_take("a", 1, "shots").take.key == "k1"
    assert memory(tmp_path).find_take("a", 1, "previz").take.key == "k2"


def test_without_the_boards_record_the_receipts_tell(tmp_path: Path, keep) -> None:
    """They name board, shot and take; of two renders the later one counts."""
    keep("k1", noted=False, intended_at="2026-11-02T10:00:00.000+00:00")
    keep("k2", noted=False)
    keep("k3", noted=False, take=3)
    keep("k4", noted=False, board="another")
    found = memory(tmp_path).list_takes("a", "shots")

    assert keys(found) == {1: "k1", 3: "k3"}
    assert not found[0].has_board_record
    assert memory(tmp_path).find_take("a", 1, None).take.key == "k1"


def test_the_last_frame_is_the_recorded_one_or_none(tmp_path: Path, keep) -> None:
    """Other bytes under its name are not sent as if they were it."""
    keep("k1")
    render = memory(tmp_path).find_take("a", 1, "shots")
    assert read_last_frame(render) == FRAME

    (render.folder / "last_frame.png").write_bytes(b"b picture")
    (render.folder / "clip.mp4").unlink()
    with pytest.raises(MediaError, match="take 1 of a is gone"):
        read_last_frame(render)
