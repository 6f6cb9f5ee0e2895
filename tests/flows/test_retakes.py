"""`retake`, `pick` and `takes`: the board is edited, and a render pays only for what changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.cli.main import main
from flows.report import RunReport, report_kept
from flows.run import check_preconditions
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


Command = Callable[..., SimpleNamespace]
Outcomes = Callable[[RunReport], dict[str, str]]


@pytest.fixture
def board(studio: Any) -> Path:
    """Write the board to the studio's folder."""
    return studio.write(BOARD)


@pytest.fixture
def command(
    studio: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run a command on the board and return its exit code, document and stderr."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))

    def run(name: str, *argv: str) -> SimpleNamespace:
        code = main([name, "board.yaml", *argv, "--json"])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, document=json.loads(out), err=err)

    return run


def film_identity(report: RunReport) -> str:
    record = report.run.store.films_folder / "board.json"
    return json.loads(record.read_text())["identity"]


def test_retake_then_pick_restores_board_and_film(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """A retake pays for the shot and what continues it; a pick of the old take pays nothing."""
    first = studio.run(board.read_text())
    retaken = command("retake", "a", "--seed", "7")

    expected = BOARD.replace("opening\n", "opening\n    take: 2\n    seed: 7\n")
    assert board.read_text() == expected
    assert (retaken.code, retaken.document["to_render"]) == (0, ["a", "b"])
    assert [edit["line"] for edit in retaken.document["changed"]] == [6, 7]
    assert studio.creates == 3

    board.write_text(expected.replace("Dawn.", "Dusk."))
    second = studio.run(board.read_text())
    assert outcomes(second) == {"a": "rendered", "b": "rendered", "x": "kept"}
    assert studio.creates == 3 + 2

    takes = command("takes", "a").document["takes"]
    assert [(take["take"], take["present"], take["prompt"]) for take in takes] == [
        (1, False, "Dawn."),
        (2, True, "Dusk."),
    ]
    assert takes[1]["seed"] == 7
    assert all(Path(take["last_frame"]).exists() for take in takes)

    picked = command("pick", "a", "1").document
    assert board.read_text() == BOARD.replace("opening\n", "opening\n    take: 1\n")
    assert (picked["to_render"], picked["warnings"]) == ([], [])
    third = studio.run(board.read_text())
    assert set(outcomes(third).values()) == {"kept"}
    assert film_identity(third) == film_identity(first)
    assert studio.creates == 3 + 2


def test_retake_keep_rest_pins_the_old_take(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """With --keep-rest one shot is paid; the shot after it starts on the old take, untrimmed."""
    studio.run(board.read_text())
    document = command("retake", "a", "--keep-rest").document
    expected = BOARD.replace("opening\n", "opening\n    take: 2\n")
    expected = expected.replace("{id: b,", "{id: b, first_frame: {shot: a, take: 1},")
    report = studio.run(board.read_text())

    assert document["to_render"] == ["a"]
    assert board.read_text() == expected
    assert outcomes(report) == {"a": "rendered", "b": "kept", "x": "kept"}
    assert studio.creates == 3 + 1
    assert report.film.frame_count == 3 * 49
    assert report.stale == ()
    plan = command("plan").document["shots"]
    assert (plan[1]["continues"], plan[1]["continues_take"], plan[1]["seam"]) == ("a", 1, "fresh")
    assert report_kept(studio.prepare(board.read_text())).film.frame_count == 3 * 49


def test_retake_keep_rest_keeps_the_out_point(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """The shot after a trimmed shot stays on its frame of the old take, and is not paid again."""
    board.write_text(BOARD.replace("opening\n", "opening\n    use: [{from: 9f, to: 30f}]\n"))
    studio.run(board.read_text())
    assert command("retake", "a", "--keep-rest").document["to_render"] == ["a"]
    report = studio.run(board.read_text())

    assert outcomes(report) == {"a": "rendered", "b": "kept", "x": "kept"}
    assert studio.creates == 3 + 1
    assert report.film.frame_count == 21 + 2 * 49
    shot = command("plan").document["shots"][1]
    fields = ("continues", "continues_take", "continues_frame", "seam")
    assert [shot[name] for name in fields] == ["a", 1, 30, "fresh"]


def test_retake_of_unused_take_is_explained(studio: Any, board: Path, command: Command) -> None:
    """If `use` names other takes, the new take is not rendered, and a remark has the remedy."""
    studio.run(board.read_text())
    board.write_text(BOARD.replace("opening\n", "opening\n    use: [{take: 1, to: 30f}]\n"))
    studio.run(board.read_text())
    document = command("retake", "a").document

    assert (document["take"], document["to_render"], document["stale"]) == (2, [], [])
    # `check` finds the take in the store as well.
    assert command("check").code == 0
    assert document["warnings"] == [
        "the film shows take 1 of a, which `use` names; change it to show take 2, or render it "
        "with --only a"
    ]
    assert studio.creates == 3 + 1


def test_pinned_take_keeps_its_recorded_key(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """A pinned take is found by its number whatever its prompt is now, until its frame is gone."""
    studio.run(board.read_text())
    command("retake", "a", "--keep-rest")
    key = read_board_record(studio.folder / "store", "board").takes_of("a")[0].key
    text = board.read_text().replace("A lighthouse.", "A tower.").replace("Dawn.", "Noon.")
    report = studio.run(text, only=("b",))

    assert outcomes(report) == {"b": "rendered"}
    assert studio.creates == 3 + 1
    folder = studio.folder / "store" / "previz" / key
    for name in ("clip.mp4", "last_frame.png"):
        (folder / name).unlink()
    with pytest.raises(InvalidStoryboard, match="take 1 of a has no last frame in the store"):
        studio.prepare(text.replace("A tower.", "A mast."))


@pytest.mark.parametrize("name", ["check", "plan", "render"])
def test_pin_of_unknown_take_ends_with_2(
    studio: Any, board: Path, command: Command, name: str
) -> None:
    """A board that starts on a take that was never rendered is invalid; nothing is sent."""
    board.write_text(BOARD.replace("{id: b,", "{id: b, first_frame: {shot: a, take: 4},"))
    result = command(name)

    assert result.code == 2
    assert result.document["problems"][0]["path"] == "shots[1].first_frame.take"
    assert result.document["problems"][0]["line"] == 7
    assert "no render of take 4 of a" in result.err
    assert studio.submits == 0


def test_take_is_recorded_before_it_is_sent(studio: Any, board: Path) -> None:
    """The take of a create that was rejected is on record, as it would be after a kill."""
    studio.faults.inject("throttled", operation="create", match="Dawn")
    studio.run(board.read_text(), only=("a",))
    (take,) = read_board_record(studio.folder / "store", "board").takes_of("a")

    assert (take.number, take.prompt, take.folder) == (1, "Dawn.", "previz")


def test_retake_number_is_new_in_the_store(studio: Any, board: Path, command: Command) -> None:
    """If the board is back at take 1 and the store has take 2, a retake is take 3."""
    board.write_text(BOARD.replace("opening\n", "opening\n    take: 2\n"))
    studio.run(board.read_text(), only=("a",))
    board.write_text(BOARD)

    assert command("retake", "a").document["take"] == 3


@pytest.mark.parametrize("argv", [("a", "--seed", "-1"), ("a", "--keep-rest")])
def test_invalid_retake_leaves_the_board_unchanged(
    board: Path, command: Command, argv: tuple[str, ...]
) -> None:
    """A seed out of bounds, or no take to keep the rest on, is an error and changes nothing."""
    assert command("retake", *argv).code == 2
    assert board.read_text() == BOARD


def test_locked_shot_is_not_rendered_again(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """A change that would render it again is rejected, with the reason."""
    assert outcomes(studio.run(BOARD, only=("b",))) == {"a": "rendered", "b": "rendered"}
    text = BOARD.replace("{id: b,", "{id: b, lock: true,")
    board.write_text(text)

    for changed_text, reason in (
        (text.replace("A lighthouse.", "A tower."), "its prompt changed"),
        (text.replace("lock: true", "lock: true, seed: 5"), "its seed"),
        (text.replace("Dawn.", "Noon."), "the shot that it continues changed"),
        (text.replace("480p", "720p"), "the shot that it continues changed"),
    ):
        board.write_text(changed_text)
        result = command("render", "--yes")
        assert result.code == 2
        assert result.document["problems"][0]["path"] == "shots[1].lock"
        assert reason in result.err

    board.write_text(text)
    assert command("retake", "b").code == 2
    assert command("retake", "a").code == 2
    assert board.read_text() == text
    kept = command("retake", "a", "--keep-rest")
    assert (kept.code, kept.document["to_render"]) == (0, ["a", "x"])
    assert studio.creates == 2


def test_copied_board_with_lock_renders_nothing(
    studio: Any, board: Path, command: Command, outcomes: Outcomes
) -> None:
    """The copy's store has no take of the locked shot: exit 2, although the user agreed to pay."""
    text = BOARD.replace("{id: b,", "{id: b, lock: true,")
    board.write_text(text)
    for name in ("render", "plan"):
        result = command(name, *(["--yes"] if name == "render" else []))
        (problem,) = result.document["problems"]
        assert (result.code, problem["path"]) == (2, "shots[1].lock")
        assert problem["message"] == "b is locked, and this store has no take of it"
        assert "--store" in problem["remedy"]
    assert studio.submits == 0

    vendor = text.replace("shots:", "provider: modelark\nshots:")
    studio.run(BOARD, only=("b",))
    studio.env["SHOTCHAIN_MODELARK_BASE_URL"] = "https://modelark.example/api/v3"
    run = studio.prepare(vendor, yes=True)
    with pytest.raises(InvalidStoryboard, match="no take of it"):
        check_preconditions(run)
    assert outcomes(studio.run(text, only=("b",))) == {"a": "kept", "b": "kept"}
    assert studio.creates == 2


def test_lost_locked_shot_is_fetched_but_not_rendered(studio: Any, outcomes: Outcomes) -> None:
    """If the store and the vendor lost the clip of a locked shot, nothing is sent for it."""
    text = BOARD.replace("{id: b,", "{id: b, first_frame: none, lock: true,")
    first = studio.run(text.replace(" lock: true,", ""), only=("b",)).results[0]
    folder = studio.folder / "store" / "previz" / first.shot.key
    (folder / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{first.attempt.job}.json").unlink()
    assert studio.prepare(text, only=("b",)).status["b"].state == "in flight"
    report = studio.run(text, only=("b",))

    assert outcomes(report) == {"b": "unclear"}
    assert studio.creates == 1
    assert studio.prepare(text, only=("b",)).status["b"].state != "to render"
