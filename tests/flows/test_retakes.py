"""Retakes end to end: the board is edited and tells what it costs, a render pays just that."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.cli.main import main
from flows.cli.render import report_kept
from tasks.errors import InvalidStoryboard
from tasks.store.board_records import read_board_record

BOARD = """\
# The board of a film
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
  - id: a            # the opening
    prompt: Dawn.
  - {id: b, prompt: "A lighthouse."}   # flow
  - id: x
    first_frame: none
    prompt: >-       # folded
      Waves,
      and rocks.
"""


@pytest.fixture
def board(studio) -> Path:
    """The board's file, in the studio's folder."""
    return studio.write(BOARD)


@pytest.fixture
def command(studio, monkeypatch, capsys):
    """Run a command on the board: its exit code, its document, and what it said beside."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))

    def run(name: str, *words: str) -> SimpleNamespace:
        code = main([name, "board.yaml", *words, "--json"])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, told=json.loads(out), err=err)

    return run


def film_of(report) -> str:
    record = report.run.store.films / "board.json"
    return json.loads(record.read_text())["identity"]


def test_a_retake_pays_the_shot_and_what_continues_it_and_a_pick_pays_nothing(
    studio, board: Path, command, outcomes
) -> None:
    """Exactly those; the pick brings back seed, prompt and film; the board changes nowhere else."""
    first = studio.run(board.read_text())
    retaken = command("retake", "a", "--seed", "7")

    wanted = BOARD.replace("opening\n", "opening\n    take: 2\n    seed: 7\n")
    assert board.read_text() == wanted
    assert (retaken.code, retaken.told["to_render"]) == (0, ["a", "b"])
    assert [one["line"] for one in retaken.told["changed"]] == [6, 7]
    assert studio.creates == 3

    board.write_text(wanted.replace("Dawn.", "Dusk."))
    second = studio.run(board.read_text())
    assert outcomes(second) == {"a": "rendered", "b": "rendered", "x": "kept"}
    assert studio.creates == 3 + 2

    listed = command("takes", "a").told["takes"]
    assert [(one["take"], one["present"], one["prompt"]) for one in listed] == [
        (1, False, "Dawn."),
        (2, True, "Dusk."),
    ]
    assert listed[1]["seed"] == 7
    assert all(Path(one["last_frame"]).exists() for one in listed)

    picked = command("pick", "a", "1")
    assert board.read_text() == BOARD.replace("opening\n", "opening\n    take: 1\n")
    assert (picked.told["to_render"], picked.told["warnings"]) == ([], [])
    third = studio.run(board.read_text())
    assert set(outcomes(third).values()) == {"kept"}
    assert film_of(third) == film_of(first)
    assert studio.creates == 3 + 2


def test_keep_rest_pays_one_shot_and_leaves_the_rest_on_the_old_take(
    studio, board: Path, command, outcomes
) -> None:
    """What continues it starts on the old take, which drops no frame behind the new one."""
    studio.run(board.read_text())
    told = command("retake", "a", "--keep-rest").told
    wanted = BOARD.replace("opening\n", "opening\n    take: 2\n")
    wanted = wanted.replace("{id: b,", "{id: b, first_frame: {shot: a, take: 1},")
    report = studio.run(board.read_text())

    assert told["to_render"] == ["a"]
    assert board.read_text() == wanted
    assert outcomes(report) == {"a": "rendered", "b": "kept", "x": "kept"}
    assert studio.creates == 3 + 1
    assert report.film.frame_count == 3 * 49
    assert report.stale == ()
    plan = command("plan").told["shots"]
    assert (plan[1]["continues"], plan[1]["continues_take"], plan[1]["seam"]) == ("a", 1, "fresh")
    assert report_kept(studio.prepare(board.read_text())).film.frame_count == 3 * 49

    # The pinned take's prompt may change, its key is the recorded one.
    old = read_board_record(studio.folder / "store", "board").takes_of("a")[0].key
    text = board.read_text().replace("A lighthouse.", "A tower.").replace("Dawn.", "Noon.")
    again = studio.run(text, only=("b",))
    assert outcomes(again) == {"b": "rendered"}
    assert studio.creates == 3 + 2

    for file in (studio.folder / "store" / "previz" / old).glob("*.[mpj]*"):
        if file.name != "receipt.json":
            file.unlink()
    with pytest.raises(InvalidStoryboard, match="take 1 of a has no last frame in the store"):
        studio.prepare(text.replace("A tower.", "A mast."))


@pytest.mark.parametrize("name", ["check", "plan", "render"])
def test_a_take_that_was_never_rendered_is_no_start(studio, board, command, name: str) -> None:
    """Exit 2 at the line, whatever is asked; nothing is sent."""
    board.write_text(BOARD.replace("{id: b,", "{id: b, first_frame: {shot: a, take: 4},"))
    found = command(name)

    assert found.code == 2
    assert found.told["problems"][0]["path"] == "shots[1].first_frame.take"
    assert found.told["problems"][0]["line"] == 7
    assert "no render of take 4 of a" in found.err
    assert studio.submits == 0


def test_a_take_is_on_record_before_it_is_sent(studio, board: Path) -> None:
    """A create that is refused leaves it known; so would a kill."""
    studio.faults.inject("throttled", operation="create", match="Dawn")
    studio.run(board.read_text(), only=("a",))
    (take,) = read_board_record(studio.folder / "store", "board").takes_of("a")

    assert (take.number, take.prompt, take.folder) == (1, "Dawn.", "previz")


def test_a_new_take_is_one_that_the_store_does_not_have(studio, board: Path, command) -> None:
    """After going back to take 1 a retake is take 3: take 2 is paid and is no new picture."""
    board.write_text(BOARD.replace("opening\n", "opening\n    take: 2\n"))
    studio.run(board.read_text(), only=("a",))
    board.write_text(BOARD)

    assert command("retake", "a").told["take"] == 3


@pytest.mark.parametrize("words", [("a", "--seed", "-1"), ("a", "--keep-rest")])
def test_what_the_board_could_not_be_leaves_it_as_it_is(
    studio, board: Path, command, words: tuple[str, ...]
) -> None:
    """A seed beyond bounds, a rest without a take to stay on: exit 2, the same bytes."""
    assert command("retake", *words).code == 2
    assert board.read_text() == BOARD


def test_a_locked_shot_is_rendered_once(studio, board: Path, command, outcomes) -> None:
    """The first render is allowed; every change that would render it again is refused."""
    text = BOARD.replace("{id: b,", "{id: b, lock: true,")
    board.write_text(text)
    assert outcomes(studio.run(text, only=("b",))) == {"a": "rendered", "b": "rendered"}

    for words, what in (
        (text.replace("A lighthouse.", "A tower."), "its prompt changed"),
        (text.replace("lock: true", "lock: true, seed: 5"), "its seed was none and is 5"),
        (text.replace("Dawn.", "Noon."), "what it continues changed"),
        (text.replace("480p", "720p"), "what it continues changed"),
    ):
        board.write_text(words)
        refused = command("render", "--yes")
        assert refused.code == 2
        assert refused.told["problems"][0]["path"] == "shots[1].lock"
        assert what in refused.err

    board.write_text(text)
    assert command("retake", "b").code == 2
    assert command("retake", "a").code == 2
    assert board.read_text() == text
    kept = command("retake", "a", "--keep-rest")
    assert (kept.code, kept.told["to_render"]) == (0, ["a", "x"])
    assert studio.creates == 2


def test_a_locked_shot_whose_clip_is_lost_is_asked_for_and_no_more(
    studio, board: Path, outcomes
) -> None:
    """The vendor has it no more: the shot fails, and nothing is paid."""
    text = BOARD.replace("{id: b,", "{id: b, first_frame: none, lock: true,")
    first = studio.run(text, only=("b",)).results[0]
    home = studio.folder / "store" / "previz" / first.shot.key
    (home / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{first.attempt.job}.json").unlink()
    assert studio.prepare(text, only=("b",)).status["b"].state == "in flight"
    report = studio.run(text, only=("b",))

    assert outcomes(report) == {"b": "failed"}
    assert studio.creates == 1
    with pytest.raises(InvalidStoryboard, match="locked"):
        studio.prepare(text, only=("b",))
