"""`verify` and `clean` from outside: their output, their exit codes, and the remaining files."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.cli.clean import Cleaner
from flows.cli.main import main
from storyboards import load
from storyboards.models import Money
from tasks.errors import MediaError
from tasks.planning.planner import make_plan
from tasks.store.board_records import record_board
from tasks.store.layout import Store
from tasks.store.receipts import read_receipt
from tasks.store.verify import quarantine, verify_store

BOARD = """\
provider: ark
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
"""

Capture = pytest.CaptureFixture[str]
Keep = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Create a store, which the environment names, and change to the folder above it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(tmp_path / "store"))
    store = Store(tmp_path / "store")
    store.initialize()
    return store


def folder_of(store: Store, key: str) -> Path:
    return store.records(loopback=False).folder_of(key)


def stored_clips(store: Store) -> set[str]:
    """Return the keys that have a clip."""
    return {path.parent.name for path in store.root.glob("shots/*/clip.mp4")}


def test_verify_damage_ends_with_1(store: Store, keep: Keep, capsys: Capture) -> None:
    """Damage is a line of text, an entry of the document, and the exit code 1."""
    assert main(["verify"]) == 0
    key = keep("one", clip=b"0123456789")
    keep("two")
    (folder_of(store, key) / "clip.mp4").write_bytes(b"012345678X")
    capsys.readouterr()

    assert main(["verify"]) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"damaged: {key[:10]} film/one: the clip ")
    assert last.endswith("4 files, 45 bytes; 1 damaged")

    assert main(["verify", "--json"]) == 1
    (damaged,) = json.loads(capsys.readouterr().out)["damaged"]
    assert (damaged["key"], damaged["board"], damaged["shot"]) == (key, "film", "one")
    assert damaged["aside"] is None


def test_verify_repair_puts_damage_aside(store: Store, keep: Keep, capsys: Capture) -> None:
    """Only with --repair a damaged clip is put aside, so that the next run replaces it."""
    key = keep("one", clip=b"0123456789")
    clip = folder_of(store, key) / "clip.mp4"
    clip.write_bytes(b"012345678X")
    assert main(["verify"]) == 1
    assert clip.exists()

    assert main(["verify", "--repair"]) == 1
    assert "put aside as clip.mp4.damaged; the next run" in capsys.readouterr().out
    assert not clip.exists()
    assert clip.with_name("clip.mp4.damaged").read_bytes() == b"012345678X"


@pytest.mark.parametrize("command", [["verify"], ["clean"], ["clean", "--older", "1d"]])
def test_missing_store_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, command: list[str]
) -> None:
    """A mistyped --store is an error, and no store is created there."""
    monkeypatch.chdir(tmp_path)

    assert main([*command, "--store", "nowhere"]) == 2
    assert "there is no store at" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("age", ["30", "d", "-1d", "3y", "1.5d", "٣x", ""])
def test_clean_invalid_age_ends_with_2(capsys: Capture, age: str) -> None:
    """An age is a whole number with one of the units h, d and w."""
    assert main(["clean", f"--older={age}"]) == 2
    assert "is not an age" in capsys.readouterr().err


def test_clean_without_age_keeps_every_clip(store: Store, keep: Keep, capsys: Capture) -> None:
    """Without --older only unfinished files are removed, with --dry-run not even those."""
    key = keep("old", days=999)
    unfinished = folder_of(store, key) / ".clip.mp4.1.2.staging"
    unfinished.write_bytes(b"0123456789")

    assert main(["clean", "--dry-run"]) == 0
    assert "would remove: 1 unfinished file; 10 bytes" in capsys.readouterr().out
    assert unfinished.exists()
    assert main(["clean"]) == 0
    assert "removed: 1 unfinished file; 10 bytes" in capsys.readouterr().out
    assert not unfinished.exists()
    assert (folder_of(store, key) / "clip.mp4").exists()
    assert main(["clean"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_clean_paid_clips_needs_consent(store: Store, keep: Keep, capsys: Capture) -> None:
    """Paid clips are listed with their price; without a terminal their removal needs --yes."""
    keep("young", days=29)
    key = keep("old", days=31, clip=b"0123456789")

    assert main(["clean", "--older", "30d", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert f"{key[:10]}  film/old take 1" in text
    assert "would remove: 1 clip (paid: 0.25 USD)" in text
    assert main(["clean", "--older", "30d"]) == 2
    assert "clips that cost 0.25 USD would be removed" in capsys.readouterr().err
    assert (folder_of(store, key) / "clip.mp4").exists()
    assert main(["clean", "--older", "30d", "--yes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [clip["shot"] for clip in document["clips"]] == ["old"]
    assert document["paid"] == {"amount": 0.25, "currency": "USD"}
    assert not (folder_of(store, key) / "clip.mp4").exists()


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_clean_in_terminal_asks_for_consent(
    store: Store, keep: Keep, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    """In a terminal the clips are listed before the question; only a yes removes them."""
    key = keep("old", days=31)
    stderr = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", stderr)

    assert main(["clean", "--older", "30d"]) == code
    assert (folder_of(store, key) / "clip.mp4").exists() == bool(code)
    output = stderr.getvalue()
    assert output.index("film/old") < output.index("[y/N]")


def test_clean_free_clips_needs_no_consent(store: Store, keep: Keep) -> None:
    """Clips that cost nothing are removed without a question."""
    keep("old", days=31, loopback=True, price=Money(amount=0))

    assert main(["clean", "--older", "30d"]) == 0
    assert list(store.root.glob("previz/*/clip.mp4")) == []


def keep_board(tmp_path: Path, store: Store, keep: Keep) -> dict[str, str]:
    """Write a board, keep its shots under their keys, and return the keys by shot."""
    path = tmp_path / "film.yaml"
    path.write_text(BOARD)
    keys = {shot.id: shot.key for shot in make_plan(load(path))}
    for shot_id, key in keys.items():
        folder_of(store, keep(shot_id, days=99)).rename(folder_of(store, key))
    return keys


def test_clean_keeps_clips_of_given_board(store: Store, keep: Keep, tmp_path: Path) -> None:
    """The clips of a board on the command line stay, although the store never saw the board."""
    keys = keep_board(tmp_path, store, keep)
    keep("forgotten", days=99)

    assert main(["clean", "film.yaml", "--older", "30d", "--yes"]) == 0
    assert stored_clips(store) == set(keys.values())


def test_clean_keeps_clips_of_recorded_board(store: Store, keep: Keep, tmp_path: Path) -> None:
    """The clips of a board that the store has seen stay, those of its last run without its file."""
    keys = keep_board(tmp_path, store, keep)
    rendered = keep("rendered", days=99)
    keep("forgotten", days=99)
    file = tmp_path / "film.yaml"
    record_board(store.root, "film", file, rendered_keys={"one": rendered}, shot_ids=["one"])

    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert stored_clips(store) == {*keys.values(), rendered}
    file.unlink()
    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert stored_clips(store) == {rendered}


def test_clean_keeps_last_run_of_invalid_board(
    store: Store, keep: Keep, tmp_path: Path, capsys: Capture
) -> None:
    """A recorded board that is invalid now does not stop `clean`; clips of its last run stay."""
    key = keep("rendered", days=99)
    file = tmp_path / "film.yaml"
    file.write_text("shots: 5\n")
    record_board(store.root, "film", file, rendered_keys={"one": key}, shot_ids=["one"])

    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert stored_clips(store) == {key}
    assert "film.yaml has problems" in capsys.readouterr().err


def test_clean_with_invalid_board_ends_with_2(store: Store, keep: Keep, tmp_path: Path) -> None:
    """If a board on the command line is invalid, its keys are unknown and nothing is removed."""
    keep("old", days=99)
    (tmp_path / "film.yaml").write_text("shots: 5\n")

    assert main(["clean", "film.yaml", "--older", "30d", "--yes"]) == 2
    assert len(stored_clips(store)) == 1


def test_clean_during_a_run_removes_no_clip(store: Store, keep: Keep, capsys: Capture) -> None:
    """While a run uses the store no clip is removed: the run may keep clips without a record."""
    keep("old", days=99)
    with store.shared_lock():
        assert main(["clean", "--older", "30d", "--yes"]) == 1
        assert "a run uses this store" in capsys.readouterr().err
        assert len(stored_clips(store)) == 1
    assert main(["clean", "--older", "30d", "--yes"]) == 0
    assert stored_clips(store) == set()


def test_cleaned_shot_is_planned_and_rendered_again(
    studio: Any, chain: Callable[..., str], outcomes: Callable[..., dict[str, str]]
) -> None:
    """A cleaned shot is planned with its date and price; both renders stay in the receipt."""
    report = studio.run(chain("one"))
    studio.run(chain("one", one="Something else."))
    cleaner = Cleaner(report.run.store, (), 0)
    removed = cleaner.remove(cleaner.find())
    status = studio.prepare(chain("one")).status["one"]
    next_report = studio.run(chain("one"))

    (clip,) = removed.clips
    assert clip.attempt.shot == "one"
    assert status.state == "to render"
    assert status.reason.startswith("was cleaned on 20")
    assert status.reason.endswith("; it is rendered again for nothing")
    assert outcomes(next_report) == {"one": "rendered"}
    receipt = read_receipt(clip.key, clip.records.read(clip.key))
    assert [attempt.state.value for attempt in receipt.attempts] == ["cleaned", "kept"]


def test_damaged_clip_is_not_joined(studio: Any, chain: Callable[..., str]) -> None:
    """A film is not joined from a damaged clip; once that is put aside, it is fetched again."""
    report = studio.run(chain("one"))
    shot = report.results[0].shot
    clip = report.run.records_of(shot).folder_of(shot.key) / "clip.mp4"
    intact = clip.read_bytes()
    clip.write_bytes(intact[:9000] + bytes([intact[9000] ^ 1]) + intact[9001:])
    damaged_report = studio.run(chain("one|title: First"))
    (problem,) = verify_store(report.run.store).problems
    quarantine(problem)
    repaired_report = studio.run(chain("one|title: First"))

    assert damaged_report.film is None
    assert isinstance(damaged_report.error, MediaError)
    assert "verify --repair" in str(damaged_report.error)
    assert repaired_report.film.frame_count == 49
    assert clip.read_bytes() == intact
    assert studio.creates == 1
