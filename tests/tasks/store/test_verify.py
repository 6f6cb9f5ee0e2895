"""Whether the store is still what its records say: each kind of damage by its name and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.store import films
from tasks.store.atomic_files import write_bytes
from tasks.store.board_records import record_board
from tasks.store.layout import Store
from tasks.store.receipts import AttemptState
from tasks.store.verify import quarantine, verify_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def home(store: Store, key: str) -> Path:
    return store.records(loopback=False).folder_of(key)


def test_a_whole_store_is_whole(store: Store, keep) -> None:
    """Clips, last frames and films are read, on both shelves; nothing is named."""
    keep("one", clip=b"0123456789")
    keep("two", loopback=True)
    write_bytes(store.films_folder / "film.mp4", b"film")
    films.record_film(store, "film", "identity", 5)
    found = verify_store(store)

    assert (found.problems, found.unknown_files) == ([], [])
    assert found.file_count == 5
    assert found.byte_count == 10 + len(b"clip of two") + 2 * len(b"frame of one") + 4


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"012345678X", "is not what was kept"),
        (b"01234", "has 5 of its 10 bytes"),
        (None, "is gone"),
    ],
)
def test_a_damaged_clip_is_named_with_its_shot_and_what_to_do(
    store: Store, keep, data: bytes | None, what: str
) -> None:
    """Within a day the vendor has it; later it costs its price again."""
    for shot, days in (("young", 0.5), ("old", 2)):
        key = keep(shot, clip=b"0123456789", days=days)
        clip = home(store, key) / "clip.mp4"
        clip.unlink() if data is None else clip.write_bytes(data)
    by_shot = {one.attempt.shot: one for one in verify_store(store).problems}

    assert {one.owner for one in by_shot.values()} == {"film/young", "film/old"}
    for one in by_shot.values():
        assert what in one.message
        assert ("--repair" in one.remedy) == (data is not None) == one.is_movable
    assert "asks job job-young for it" in by_shot["young"].remedy
    assert by_shot["old"].remedy.endswith("renders it again for 0.25 USD, for the vendor kept it "
                                          "for a day")  # fmt: skip


def test_a_damaged_last_frame_costs_nothing(store: Store, keep) -> None:
    """The clip ends on the same picture."""
    key = keep("one")
    (home(store, key) / "last_frame.png").write_bytes(b"frame of 0ne")
    (damage,) = verify_store(store).problems

    assert damage.message.startswith("the last frame is not what was kept")
    assert "for nothing" in damage.remedy
    assert not damage.is_movable


def test_a_clip_without_a_receipt_would_be_paid_again(store: Store, keep) -> None:
    """Gone or unreadable, both are damage; an empty home of a shot never sent is none."""
    (home(store, keep("gone")) / "receipt.json").unlink()
    (home(store, keep("unreadable")) / "receipt.json").write_bytes(b"{")
    write_bytes(home(store, "f" * 64) / "lock", b"")
    told = {one.path.name: one for one in verify_store(store).problems}

    assert set(told) == {"clip.mp4", "last_frame.png", "receipt.json"}
    assert "its receipt is gone" in told["clip.mp4"].message
    assert "damaged" in told["receipt.json"].message
    assert all("backup" in one.remedy for one in told.values())


def test_a_rendered_shot_whose_folder_is_gone_is_missed(store: Store, keep) -> None:
    """The board knows that it was rendered; without that it would just be paid again."""
    key = keep("one")
    record_board(store.root, "film", None, rendered_keys={"one": key, "two": "e" * 64},
               shot_ids=["one", "two"])  # fmt: skip
    (damage,) = verify_store(store).problems

    assert damage.message == "film/two was rendered, and its receipt is gone"


def test_a_damaged_record_of_a_board_is_named(store: Store) -> None:
    """And does not keep the rest from being read."""
    write_bytes(store.root / "boards" / "film.json", b"[1]")
    (damage,) = verify_store(store).problems

    assert "film.json is damaged" in damage.message


def test_a_damaged_film_is_joined_again_for_nothing(store: Store) -> None:
    """A film has its digest too."""
    write_bytes(store.films_folder / "film.mp4", b"film")
    films.record_film(store, "film", "identity", 5)
    (store.films_folder / "film.mp4").write_bytes(b"fi1m")
    (damage,) = verify_store(store).problems
    quarantine(damage)

    assert "for nothing" in damage.remedy
    assert films.find_film(store, "film", "identity") is None


def test_what_is_put_aside_overwrites_nothing(store: Store, keep) -> None:
    """Twice damaged, twice kept, and told as strays until they go."""
    key = keep("one", clip=b"0123456789")
    for _ in range(2):
        write_bytes(home(store, key) / "clip.mp4", b"012345678X")
        (damage,) = verify_store(store).problems
        quarantine(damage)
    found = verify_store(store)

    assert [one.path.name for one in found.unknown_files] == [
        "clip.mp4.damaged",
        "clip.mp4.damaged-2",
    ]
    assert [one.message for one in found.problems] == ["the clip is gone"]


def test_files_that_nothing_refers_to_are_told_and_are_no_damage(store: Store, keep) -> None:
    """Foreign files, foreign folders, and what an attempt that is over has left."""
    key = keep("one")
    over = keep("two", state=AttemptState.CLEANED)
    write_bytes(home(store, key) / "notes.txt", b"?")
    write_bytes(home(store, "somebody") / "x", b"?")
    write_bytes(store.films_folder / "other.mp4", b"?")
    found = verify_store(store)

    assert found.problems == []
    assert {(one.path.name, one.reason) for one in found.unknown_files} == {
        ("notes.txt", "nothing refers to it"),
        ("somebody", "its name is no key"),
        ("other.mp4", "no record says whose film it is"),
        ("clip.mp4", "its attempt is cleaned"),
        ("last_frame.png", "its attempt is cleaned"),
    }
    assert {one.path.parent.name for one in found.unknown_files} >= {key, over}


def test_a_job_that_is_still_away_is_no_damage(store: Store, keep) -> None:
    """Its clip comes later; half of it may lie there."""
    keep("sent", state=AttemptState.SUBMITTED, clip=b"x")
    keep("done", state=AttemptState.DONE)

    found = verify_store(store)
    assert (found.problems, found.unknown_files) == ([], [])
