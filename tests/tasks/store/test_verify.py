"""`verify` reports each kind of damage with its shot and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.store import films
from tasks.store.atomic_files import write_bytes
from tasks.store.board_records import Take, record_board, record_takes
from tasks.store.layout import Store
from tasks.store.receipts import AttemptState
from tasks.store.verify import StoreProblem, quarantine, verify_store

Keep = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of the fixture `keep`."""
    return Store(tmp_path / "store")


def folder_of(store: Store, key: str) -> Path:
    """The folder of a vendor's key."""
    return store.records(loopback=False).folder_of(key)


def only_problem(store: Store) -> StoreProblem:
    """The only problem of a store."""
    (problem,) = verify_store(store).problems
    return problem


def test_verify_intact_store_has_no_problems(store: Store, keep: Keep) -> None:
    """Clips, last frames and films of both folders are read; a log belongs to its receipt."""
    key = keep("one", clip=b"0123456789")
    write_bytes(folder_of(store, key) / "log.jsonl", b"{}")
    keep("two", loopback=True)
    write_bytes(store.films_folder / "film.mp4", b"film")
    films.record_film(store, "film", "identity", 5)
    result = verify_store(store)

    assert (result.problems, result.unknown_files) == ([], [])
    assert result.file_count == 5
    assert result.byte_count == 10 + len(b"clip of two") + 2 * len(b"frame of one") + 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"012345678X", "does not match its recorded digest"),
        (b"01234", "has 5 of its 10 bytes"),
        (None, "is missing"),
    ],
)
def test_verify_damaged_clip_names_shot_and_remedy(
    store: Store, keep: Keep, data: bytes | None, message: str
) -> None:
    """Within a day the vendor has the clip; later it costs its price again."""
    for shot, days in (("young", 0.5), ("old", 2)):
        key = keep(shot, clip=b"0123456789", days=days)
        clip = folder_of(store, key) / "clip.mp4"
        clip.unlink() if data is None else clip.write_bytes(data)
    problems = {problem.owner: problem for problem in verify_store(store).problems}

    assert set(problems) == {"film/young", "film/old"}
    for problem in problems.values():
        assert problem.message == f"the clip {message}"
        assert ("--repair" in problem.remedy) == (data is not None) == problem.is_movable
    assert "downloads it again from job job-young" in problems["film/young"].remedy
    assert "the next run renders it again for 0.25 USD" in problems["film/old"].remedy


def test_verify_damaged_last_frame_is_free_to_restore(store: Store, keep: Keep) -> None:
    """The clip ends on the same picture."""
    key = keep("one")
    (folder_of(store, key) / "last_frame.png").write_bytes(b"frame of 0ne")
    problem = only_problem(store)

    assert problem.message == "the last frame does not match its recorded digest"
    assert "free of charge" in problem.remedy
    assert not problem.is_movable


def test_verify_clip_without_receipt_is_a_problem(store: Store, keep: Keep) -> None:
    """Such a clip would be paid for again; the empty folder of a shot never sent is fine."""
    (folder_of(store, keep("gone")) / "receipt.json").unlink()
    (folder_of(store, keep("unreadable")) / "receipt.json").write_bytes(b"{")
    write_bytes(folder_of(store, "f" * 64) / "lock", b"")
    problems = {problem.path.name: problem for problem in verify_store(store).problems}

    assert set(problems) == {"clip.mp4", "last_frame.png", "receipt.json"}
    assert "its receipt is missing" in problems["clip.mp4"].message
    assert "damaged" in problems["receipt.json"].message
    assert all("backup" in problem.remedy for problem in problems.values())


def test_verify_missing_folder_of_rendered_shot(store: Store, keep: Keep) -> None:
    """Only the board's record shows that a shot was rendered; a file of the board has no take."""
    key, lost_key = keep("one"), "e" * 64
    record_takes(store.root, "film", {"two": Take(1, lost_key, "shots")})
    record_board(
        store.root,
        "film",
        None,
        rendered_keys={"one": key, "two": lost_key, "own": "f" * 64},
        shot_ids=["one", "two", "own"],
    )

    assert only_problem(store).message == "film/two was rendered, and its receipt is missing"


def test_verify_damaged_board_record_hides_no_other(store: Store) -> None:
    """A damaged board record is reported, and the records after it are still verified."""
    write_bytes(store.root / "boards" / "a.json", b"[1]")
    record_takes(store.root, "b", {"one": Take(1, "e" * 64, "shots")})
    record_board(store.root, "b", None, rendered_keys={"one": "e" * 64}, shot_ids=["one"])
    messages = [problem.message for problem in verify_store(store).problems]

    assert len(messages) == 2
    assert "a.json is damaged" in messages[0]
    assert messages[1].startswith("b/one was rendered")


def test_verify_damaged_film_is_joined_again(store: Store) -> None:
    """A film in quarantine is not found, so the next run joins it again, free of charge."""
    write_bytes(store.films_folder / "film.mp4", b"film")
    films.record_film(store, "film", "identity", 5)
    (store.films_folder / "film.mp4").write_bytes(b"fi1m")
    problem = only_problem(store)
    quarantine(problem)

    assert "free of charge" in problem.remedy
    assert films.find_film(store, "film", "identity") is None


def test_quarantine_overwrites_no_earlier_file(store: Store, keep: Keep) -> None:
    """A clip that is damaged twice leaves two files, listed as unknown."""
    key = keep("one", clip=b"0123456789")
    for _ in range(2):
        write_bytes(folder_of(store, key) / "clip.mp4", b"012345678X")
        quarantine(only_problem(store))
    result = verify_store(store)

    assert [file.path.name for file in result.unknown_files] == [
        "clip.mp4.damaged",
        "clip.mp4.damaged-2",
    ]
    assert [problem.message for problem in result.problems] == ["the clip is missing"]


def test_verify_unknown_files_are_no_problems(store: Store, keep: Keep) -> None:
    """Foreign files and folders, and files of ended attempts, are listed separately."""
    key = keep("one")
    cleaned_key = keep("two", state=AttemptState.CLEANED)
    write_bytes(folder_of(store, key) / "notes.txt", b"?")
    write_bytes(folder_of(store, "other") / "x", b"?")
    write_bytes(store.films_folder / "other.mp4", b"?")
    result = verify_store(store)

    assert result.problems == []
    assert {(file.path.name, file.reason) for file in result.unknown_files} == {
        ("notes.txt", "no record refers to it"),
        ("other", "its name is not a key"),
        ("other.mp4", "a film without a record"),
        ("clip.mp4", "its attempt is cleaned"),
        ("last_frame.png", "its attempt is cleaned"),
    }
    assert {file.path.parent.name for file in result.unknown_files} >= {key, cleaned_key}


def test_verify_job_at_vendor_is_no_problem(store: Store, keep: Keep) -> None:
    """The clip is downloaded later; a part of it may be there."""
    keep("sent", state=AttemptState.SUBMITTED, clip=b"x")
    keep("done", state=AttemptState.DONE)
    result = verify_store(store)

    assert (result.problems, result.unknown_files) == ([], [])
