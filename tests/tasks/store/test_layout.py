"""The store: whole files or none, locks that a dead holder lets go, records a person can read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import StoreError
from tasks.store.atomic_files import read_record, staged_file, write_bytes, write_record
from tasks.store.layout import Store
from tasks.store.locks import try_lock


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Whoever is interrupted while writing destroys nothing and leaves no staging file."""
    place = tmp_path / "a.txt"
    write_bytes(place, b"old")

    def write_and_break_off() -> None:
        with staged_file(place) as staging:
            staging.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_break_off()

    assert place.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_whoever_reads_while_it_is_written_sees_the_old_file_whole(tmp_path: Path) -> None:
    """A new file takes the name: the old one is never written into."""
    place = tmp_path / "a.txt"
    write_bytes(place, b"old")
    with place.open("rb") as reader:
        write_bytes(place, b"new words")

        assert reader.read() == b"old"
    assert place.read_bytes() == b"new words"


def test_a_record_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    """Records are indented, keep their letters, and come back as they were."""
    place = tmp_path / "deep" / "r.json"
    write_record(place, {"shot": "Überfahrt", "n": 1})

    assert "Überfahrt" in place.read_text()
    assert read_record(place) == {"shot": "Überfahrt", "n": 1}
    assert read_record(tmp_path / "none.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_a_damaged_record_is_never_taken_for_none(tmp_path: Path, content: bytes) -> None:
    """To take a damaged receipt for a missing one would be to pay twice."""
    place = tmp_path / "receipt.json"
    place.write_bytes(content)

    with pytest.raises(StoreError, match=r"receipt\.json is damaged"):
        read_record(place)


def test_a_lock_is_free_again_when_its_holder_was_killed(tmp_path: Path) -> None:
    """kill -9 strands nobody."""
    shelf = Store(tmp_path).records(loopback=True)
    with shelf.lock_file("k") as file:
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from tasks.store.layout import Store; from tasks.store.locks import try_lock\n"
                "with Store(Path(sys.argv[1])).records(loopback=True).lock_file('k') as f:\n"
                "    print(try_lock(f), flush=True); sys.stdin.read()",
                str(tmp_path),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        assert holder.stdout.readline() == b"True\n"
        held = not try_lock(file)
        holder.kill()
        holder.communicate()

        assert held
        assert try_lock(file)


def test_previz_and_the_real_thing_stand_on_different_shelves(tmp_path: Path) -> None:
    """What came over loopback is never found by a run that is not on loopback."""
    store = Store(tmp_path)
    store.records(loopback=True).write("k", {"version": 1})

    assert store.records(loopback=False).read("k") is None
    assert store.records(loopback=True).read("k") == {"version": 1}


def test_a_store_in_the_place_of_a_file_says_so(tmp_path: Path) -> None:
    """A file where the folder should be is one clear sentence."""
    (tmp_path / "s").write_text("")

    with pytest.raises(StoreError, match="--store"):
        Store(tmp_path / "s").initialize()


def test_the_store_says_whose_it_is_and_stays_out_of_git(tmp_path: Path) -> None:
    """A README for people, an ignore file for git."""
    Store(tmp_path / "s").initialize()

    assert "shotchain" in (tmp_path / "s" / "README").read_text()
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"
    assert json.dumps(sorted(one.name for one in (tmp_path / "s").iterdir())) == (
        '[".gitignore", "README"]'
    )
