"""What the store remembers of boards: takes, present keys, and what a kill leaves of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import StoreError
from tasks.store.board_records import (
    Take,
    iter_board_records,
    read_board_record,
    record_board,
    record_takes,
    referenced_keys,
)

ROOT = Path(__file__).parents[3]


def take(number: int, key: str, **facts) -> Take:
    return Take(number, key, **{"folder": "shots", "prompt": "p", **facts})


def keys_of(record, shot: str, shelf=None) -> dict[int, str]:
    return {one.number: one.key for one in record.takes_of(shot, shelf)}


def test_a_take_is_remembered_with_all_that_was_asked(tmp_path: Path) -> None:
    """Number, key, shelf, seed, prompt and when it was noted."""
    asked = take(2, "k2", seed=7, prompt="A {ship}.\n", continues_key="k0")
    record_takes(tmp_path, "b", {"a": asked})

    (noted,) = read_board_record(tmp_path, "b").takes_of("a")
    assert noted.is_same_request(asked)
    assert noted.recorded_at.endswith("+00:00")


def test_of_two_renders_of_one_take_the_newest_counts(tmp_path: Path) -> None:
    """A prompt that goes back to what it was makes the old render the newest again."""
    for key in ("k1", "k2", "k1"):
        record_takes(tmp_path, "b", {"a": take(1, key)})

    assert keys_of(read_board_record(tmp_path, "b"), "a") == {1: "k1"}


def test_takes_of_the_two_shelves_stand_side_by_side(tmp_path: Path) -> None:
    """A previz run takes nothing from the film: both keys stay referred to."""
    record_takes(tmp_path, "b", {"a": take(1, "real")})
    record_takes(tmp_path, "b", {"a": take(1, "sketch", folder="previz")})
    record_board(tmp_path, "b", None, rendered_keys={"a": "sketch"}, shot_ids=["a"])
    record = read_board_record(tmp_path, "b")

    assert keys_of(record, "a", "shots") == {1: "real"}
    assert keys_of(record, "a", "previz") == {1: "sketch"}
    assert referenced_keys(record) == {"real", "sketch"}


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    """A run in which all is kept leaves the record untouched."""
    path = tmp_path / "boards" / "b.json"
    for _ in range(2):
        record_takes(tmp_path, "b", {"a": take(1, "k1")})
        record_board(tmp_path, "b", tmp_path, rendered_keys={"a": "k1"}, shot_ids=["a"])
        path.chmod(0o400)
        stamp = path.stat().st_mtime_ns, path.stat().st_ino

    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp
    assert path.stat().st_mode & 0o777 == 0o400


def test_a_shot_that_left_the_board_is_referred_to_no_more(tmp_path: Path) -> None:
    """But its takes are known, for an author who brings it back."""
    record_takes(tmp_path, "b", {"a": take(1, "k1"), "z": take(1, "k2")})
    record_board(tmp_path, "b", None, rendered_keys={"a": "k1", "z": "k2"}, shot_ids=["a", "z"])
    record_board(
        tmp_path, "b", None, rendered_keys={"a": "k1"}, shot_ids=["a"], pinned_keys=["old"]
    )
    record = read_board_record(tmp_path, "b")

    assert referenced_keys(record) == {"k1", "old"}
    assert keys_of(record, "z") == {1: "k2"}


def test_two_files_of_one_name_keep_their_own_state(tmp_path: Path) -> None:
    """Neither makes the other's clips look unwanted."""
    for folder, key in (("x", "k1"), ("y", "k2")):
        file = tmp_path / folder / "b.yaml"
        record_board(tmp_path, "b", file, rendered_keys={"a": key}, shot_ids=["a"])

    assert [referenced_keys(one) for one in iter_board_records(tmp_path)] == [{"k1"}, {"k2"}]
    assert read_board_record(tmp_path, "b", tmp_path / "x" / "b.yaml").shot_keys == {"a": "k1"}
    assert read_board_record(tmp_path, "b", tmp_path / "moved.yaml").shot_keys == {"a": "k2"}


def test_an_old_record_still_reads_and_goes_to_the_file_that_is_noted_next(tmp_path: Path) -> None:
    """Records were once nothing but the keys of the shots."""
    path = tmp_path / "boards" / "b.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"shots": {"a": "k1", "c": "k3"}}))
    old = read_board_record(tmp_path, "b", tmp_path / "b.yaml")
    record_board(tmp_path, "b", tmp_path / "b.yaml", rendered_keys={"a": "k2"}, shot_ids=["a", "c"])

    assert old.shot_keys == {"a": "k1", "c": "k3"}
    assert referenced_keys(old) == {"k1", "k3"}
    assert [one.shot_keys for one in iter_board_records(tmp_path)] == [{"a": "k2", "c": "k3"}]


@pytest.mark.parametrize(
    "record", ["[]", "{", '{"shots": 5}', '{"takes": {"a": [{}]}}', '{"takes": 5}', '{"states": 5}']
)
def test_a_damaged_record_is_told_in_one_sentence(tmp_path: Path, record: str) -> None:
    """Never an empty record: a pinned take would seem not to exist."""
    path = tmp_path / "boards" / "b.json"
    path.parent.mkdir()
    path.write_text(record)

    with pytest.raises(StoreError, match="damaged"):
        read_board_record(tmp_path, "b")


def test_processes_that_note_at_once_lose_no_take(tmp_path: Path) -> None:
    """Read, change and write are one, whoever else is at it."""
    program = (
        "import sys; from pathlib import Path; from tasks.store.board_records import Take, record_takes\n"
        "for number in range(1, 21):\n"
        "    take = Take(number, f'k{number}', 'shots')\n"
        "    record_takes(Path(sys.argv[1]), 'b', {sys.argv[2]: take})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), shot], cwd=ROOT)
        for shot in ("a", "c", "d")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]

    record = read_board_record(tmp_path, "b")
    assert [len(record.takes_of(shot)) for shot in ("a", "c", "d")] == [20, 20, 20]
