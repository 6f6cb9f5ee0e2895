"""Takes are found by the board's record, or by the receipts if that is missing, per folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import MediaError
from tasks.store.atomic_files import digest_bytes
from tasks.store.board_records import RecordsFolder, Take, read_board_record, record_takes
from tasks.store.layout import Store
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tasks.store.takes import RecordedTake, TakeHistory, folder_records, read_start_frame

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

KeepTake = Callable[..., None]


@pytest.fixture
def keep_take(tmp_path: Path) -> KeepTake:
    """Store the receipt and files of a take of shot a, and record it: `keep_take("k1")`."""

    def keep(
        key: str, *, folder: RecordsFolder = "shots", is_recorded: bool = True, **values: Any
    ) -> None:
        attempt = replace(ATTEMPT, **values)
        records = folder_records(Store(tmp_path), folder)
        records.write(key, Receipt(key, (attempt,)).to_record())
        (records.folder_of(key) / "clip.mp4").write_bytes(b"clip")
        (records.folder_of(key) / "last_frame.png").write_bytes(FRAME)
        if is_recorded:
            record_takes(tmp_path, "b", {"a": Take(attempt.take, key, folder, prompt=key)})

    return keep


def find_take(root: Path, number: int, folder: RecordsFolder | None) -> RecordedTake | None:
    """Find a take of shot a of board b."""
    return TakeHistory(Store(root), read_board_record(root, "b")).find_take("a", number, folder)


def require_take(root: Path, number: int, folder: RecordsFolder | None) -> RecordedTake:
    """Find a take of shot a that must exist."""
    recorded = find_take(root, number, folder)
    assert recorded
    return recorded


def keys_of(takes: Iterable[RecordedTake]) -> dict[int, str]:
    """The key of each take by number."""
    return {recorded.take.number: recorded.take.key for recorded in takes}


def test_find_take_newest_render_counts(tmp_path: Path, keep_take: KeepTake) -> None:
    """After a new prompt without a new take number, the older render is not found."""
    keep_take("k1")
    keep_take("k2")

    assert require_take(tmp_path, 1, "shots").take.key == "k2"
    assert require_take(tmp_path, 1, "shots").take.prompt == "k2"
    assert find_take(tmp_path, 2, "shots") is None


@pytest.mark.parametrize("state", [AttemptState.CLOSED, AttemptState.FAILED])
def test_find_take_failed_attempt_is_skipped(
    tmp_path: Path, keep_take: KeepTake, state: AttemptState
) -> None:
    """A failed attempt does not hide an older render."""
    keep_take("k1")
    keep_take("k2", state=state)

    assert require_take(tmp_path, 1, "shots").take.key == "k1"


def test_find_take_folders_are_apart(tmp_path: Path, keep_take: KeepTake) -> None:
    """A preview is never used as a take that was paid for."""
    keep_take("k1")
    keep_take("k2", folder="previz")

    assert require_take(tmp_path, 1, "shots").take.key == "k1"
    assert require_take(tmp_path, 1, "previz").take.key == "k2"


def test_list_takes_without_board_record_reads_receipts(
    tmp_path: Path, keep_take: KeepTake
) -> None:
    """Receipts contain board, shot and take; of two renders the later one counts."""
    keep_take("k1", is_recorded=False, intended_at="2026-11-02T10:00:00.000+00:00")
    keep_take("k2", is_recorded=False)
    keep_take("k3", is_recorded=False, take=3)
    keep_take("k4", is_recorded=False, board="another")
    history = TakeHistory(Store(tmp_path), read_board_record(tmp_path, "b"))
    takes = history.list_takes("a", "shots")

    assert keys_of(takes) == {1: "k1", 3: "k3"}
    assert not takes[0].has_board_record
    assert require_take(tmp_path, 1, None).take.key == "k1"


def test_list_takes_board_record_comes_before_receipts(tmp_path: Path, keep_take: KeepTake) -> None:
    """The render that the board recorded last counts, whenever it was sent."""
    keep_take("k1", is_recorded=False, intended_at="2026-11-02T10:00:00.000+00:00")
    keep_take("k2")
    history = TakeHistory(Store(tmp_path), read_board_record(tmp_path, "b"))

    assert keys_of(history.list_takes("a", None)) == {1: "k2"}


def test_read_start_frame_changed_file_is_not_used(tmp_path: Path, keep_take: KeepTake) -> None:
    """A file with other content than recorded is not sent as the frame."""
    keep_take("k1")
    recorded = require_take(tmp_path, 1, "shots")
    assert read_start_frame(recorded, None) == FRAME

    (recorded.folder / "last_frame.png").write_bytes(b"b picture")
    (recorded.folder / "clip.mp4").unlink()
    with pytest.raises(MediaError, match="take 1 of a is missing"):
        read_start_frame(recorded, None)
