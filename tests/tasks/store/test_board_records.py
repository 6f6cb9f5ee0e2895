"""Board records: takes, current keys, earlier versions, and concurrent writers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storyboards import Storyboard
from storyboards.board import Board
from tasks.errors import StoreError
from tasks.store.board_records import (
    BOARD_RECORD_VERSION,
    BoardRecord,
    RecordsFolder,
    Take,
    iter_board_records,
    read_board_record,
    record_board,
    record_takes,
    referenced_keys,
    use_recorded_name,
)

ROOT = Path(__file__).parents[3]


def take(number: int, key: str, **values: Any) -> Take:
    """A take in `shots` with a prompt; `values` are further fields."""
    return Take(number, key, **{"folder": "shots", "prompt": "p", **values})


def keys_of(record: BoardRecord, shot: str, folder: RecordsFolder | None = None) -> dict[int, str]:
    """The key of each take of a shot by number."""
    return {take.number: take.key for take in record.takes_of(shot, folder)}


def write_raw(root: Path, record: str) -> Path:
    """Write the record of board b as text."""
    path = root / "boards" / "b.json"
    path.parent.mkdir()
    path.write_text(record)
    return path


def test_record_takes_keeps_the_whole_request(tmp_path: Path) -> None:
    """Number, key, folder, seed, prompt and time are recorded."""
    requested = take(2, "k2", seed=7, prompt="A {ship}.\n", continues_key="k0")
    record_takes(tmp_path, "b", {"a": requested})

    (recorded,) = read_board_record(tmp_path, "b").takes_of("a")
    assert recorded.is_same_request(requested)
    assert recorded.recorded_at.endswith("+00:00")


def test_record_takes_last_recorded_render_counts(tmp_path: Path) -> None:
    """A prompt that is changed back makes the old render of the take the newest again."""
    for key in ("k1", "k2", "k1"):
        record_takes(tmp_path, "b", {"a": take(1, key)})

    assert keys_of(read_board_record(tmp_path, "b"), "a") == {1: "k1"}


def test_referenced_keys_contain_takes_of_both_folders(tmp_path: Path) -> None:
    """A preview does not replace the vendor's take: both keys stay referenced."""
    record_takes(tmp_path, "b", {"a": take(1, "paid")})
    record_takes(tmp_path, "b", {"a": take(1, "preview", folder="previz")})
    record_board(tmp_path, "b", None, rendered_keys={"a": "preview"}, shot_ids=["a"])
    record = read_board_record(tmp_path, "b")

    assert keys_of(record, "a", "shots") == {1: "paid"}
    assert keys_of(record, "a", "previz") == {1: "preview"}
    assert referenced_keys(record) == {"paid", "preview"}


def test_record_unchanged_state_writes_nothing(tmp_path: Path) -> None:
    """A run without a new render leaves the record untouched."""
    path = tmp_path / "boards" / "b.json"
    statuses = []
    for _ in range(2):
        record_takes(tmp_path, "b", {"a": take(1, "k1")})
        record_board(tmp_path, "b", tmp_path, rendered_keys={"a": "k1"}, shot_ids=["a"])
        status = path.stat()
        statuses.append((status.st_mtime_ns, status.st_ino))

    assert statuses[0] == statuses[1]


def test_record_board_removed_shot_is_not_referenced(tmp_path: Path) -> None:
    """The takes of a removed shot stay known in case the author restores it."""
    record_takes(tmp_path, "b", {"a": take(1, "k1"), "z": take(1, "k2")})
    record_board(tmp_path, "b", None, rendered_keys={"a": "k1", "z": "k2"}, shot_ids=["a", "z"])
    record_board(
        tmp_path, "b", None, rendered_keys={"a": "k1"}, shot_ids=["a"], pinned_keys=["old"]
    )
    record = read_board_record(tmp_path, "b")

    assert referenced_keys(record) == {"k1", "old"}
    assert keys_of(record, "z") == {1: "k2"}


def test_record_board_two_files_of_one_name_are_apart(tmp_path: Path) -> None:
    """Neither file makes the clips of the other look unneeded."""
    for folder, key in (("x", "k1"), ("y", "k2")):
        file = tmp_path / folder / "b.yaml"
        record_board(tmp_path, "b", file, rendered_keys={"a": key}, shot_ids=["a"])

    assert [referenced_keys(board) for board in iter_board_records(tmp_path)] == [{"k1"}, {"k2"}]
    assert read_board_record(tmp_path, "b", tmp_path / "x" / "b.yaml").shot_keys == {"a": "k1"}
    assert read_board_record(tmp_path, "b", tmp_path / "moved.yaml").shot_keys == {"a": "k2"}


def test_board_record_version_1_goes_to_the_next_file(tmp_path: Path) -> None:
    """Version 1 has only keys of shots; the first file that is recorded takes them over."""
    write_raw(tmp_path, json.dumps({"shots": {"a": "k1", "c": "k3"}}))
    old_record = read_board_record(tmp_path, "b", tmp_path / "b.yaml")
    record_board(tmp_path, "b", tmp_path / "b.yaml", rendered_keys={"a": "k2"}, shot_ids=["a", "c"])

    assert old_record.shot_keys == {"a": "k1", "c": "k3"}
    assert referenced_keys(old_record) == {"k1", "k3"}
    assert [board.shot_keys for board in iter_board_records(tmp_path)] == [{"a": "k2", "c": "k3"}]


def test_board_record_version_2_is_written_as_version_4(tmp_path: Path) -> None:
    """Takes with the field names of version 2 keep every value under the new names."""
    path = write_raw(
        tmp_path,
        json.dumps(
            {
                "version": 2,
                "states": {"/b.yaml": {"shots": {"a": "k1"}, "pins": ["k9"]}},
                "takes": {
                    "a": [
                        {
                            "number": 2,
                            "key": "k1",
                            "shelf": "previz",
                            "seed": 7,
                            "prompt": "A ship.",
                            "continues": "k0",
                            "noted_at": "2026-07-01T10:00:00.000+00:00",
                        }
                    ]
                },
            }
        ),
    )
    expected = Take(2, "k1", "previz", 7, "A ship.", "k0", "2026-07-01T10:00:00.000+00:00")

    assert read_board_record(tmp_path, "b").takes == {"a": (expected,)}
    record_takes(tmp_path, "b", {"c": take(1, "k2")})
    record = json.loads(path.read_text())
    assert record["version"] == BOARD_RECORD_VERSION == 4
    assert record["states"] == {"/b.yaml": {"shots": {"a": "k1"}, "pins": ["k9"]}}
    assert set(record["takes"]["a"][0]) == {
        "number",
        "key",
        "folder",
        "seed",
        "prompt",
        "continues_key",
        "recorded_at",
    }
    assert read_board_record(tmp_path, "b").takes["a"] == (expected,)


@pytest.mark.parametrize(
    "record", ["[]", "{", '{"shots": 5}', '{"takes": {"a": [{}]}}', '{"takes": 5}', '{"states": 5}']
)
def test_read_board_record_damaged_is_an_error(tmp_path: Path, record: str) -> None:
    """If a damaged record counted as empty, a pinned take would seem not to exist."""
    write_raw(tmp_path, record)

    with pytest.raises(StoreError, match="damaged"):
        read_board_record(tmp_path, "b")


WRITER = """
import sys
from pathlib import Path
from tasks.store.board_records import Take, record_takes
for number in range(1, 21):
    take = Take(number, f"k{number}", "shots")
    record_takes(Path(sys.argv[1]), "b", {sys.argv[2]: take})
"""


def test_record_takes_concurrent_processes_lose_no_take(tmp_path: Path) -> None:
    """Reading, changing and writing a record is one step under a lock."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), shot], cwd=ROOT)
        for shot in ("a", "c", "d")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]

    record = read_board_record(tmp_path, "b")
    assert [len(record.takes_of(shot)) for shot in ("a", "c", "d")] == [20, 20, 20]


def test_recorded_name_former_ascii_name_is_kept(tmp_path: Path) -> None:
    """A board with letters of another script keeps the name that its bookings are under."""
    file = tmp_path / "Größe.yaml"
    board = Board(_one_shot(), "Größe", file)
    record_board(tmp_path, "Groe", file, rendered_keys={"a": "k"}, shot_ids=["a"])
    record_board(tmp_path, "Groe", tmp_path / "other.yaml", rendered_keys={}, shot_ids=[])

    assert use_recorded_name(tmp_path, board).name == "Groe"
    moved = Board(_one_shot(), "Größe", tmp_path / "x" / file.name)
    assert use_recorded_name(tmp_path, moved).name == "Größe"
    record_board(tmp_path, "Größe", file, rendered_keys={}, shot_ids=[])
    assert use_recorded_name(tmp_path, board).name == "Größe"


def _one_shot() -> Storyboard:
    return Storyboard.model_validate({"model": "m", "shots": [{"id": "a", "prompt": "A lamp."}]})
