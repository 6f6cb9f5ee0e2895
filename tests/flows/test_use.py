"""`use`: ranges of takes are written into the board, and only what continues a shot is paid."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.cli.main import main

BOARD = """\
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2, ratio: "16:9"}
shots:
  - id: a            # the opening
    prompt: Dawn.
  - {id: b, prompt: "A lighthouse."}   # flow
  - id: x
    first_frame: none
    prompt: Waves.
"""
"""Clips of 49 frames."""

Command = Callable[..., SimpleNamespace]


@pytest.fixture
def board(studio: Any) -> Path:
    """Write the board to the studio's folder."""
    return studio.write(BOARD)


@pytest.fixture
def use(
    studio: Any, board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Run `use` on the board and return its exit code, its document or text, and stderr."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("SHOTCHAIN_STORE", str(studio.folder / "store"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*argv: str, as_json: bool = True) -> SimpleNamespace:
        code = main(["use", board.name, *argv, *["--json"] * as_json])
        out, err = capsys.readouterr()
        return SimpleNamespace(code=code, out=json.loads(out) if as_json else out, err=err)

    return run


def test_out_point_renders_what_continues_the_shot(studio: Any, board: Path, use: Command) -> None:
    """An in point is free; an out point pays for the next shot, and nothing else."""
    studio.run(BOARD)
    started = use("a", "--from", "12f")

    assert started.code == 0
    assert (started.out["frames"], started.out["moved"], started.out["to_render"]) == (37, [], [])
    assert board.read_text() == BOARD.replace("opening\n", "opening\n    use: [{from: 12f}]\n")
    assert "no shot is rendered again" in started.out["warnings"]

    ended = use("a", "--from", "12f", "--to", "1.5")
    assert (ended.out["frames"], ended.out["moved"], ended.out["to_render"]) == (24, ["b"], ["b"])
    assert ended.out["use"] == [{"take": None, "from_frame": 12, "to_frame": 36}]
    assert [(edit["path"], edit["value"]) for edit in ended.out["changed"]] == [
        ("shots[0].use[0].to", 1.5)
    ]

    creates = studio.creates
    studio.run(board.read_text())
    cleared = use("a", "--clear")
    assert studio.creates == creates + 1
    assert (cleared.out["moved"], cleared.out["to_render"]) == (["b"], [])
    assert board.read_text() == BOARD


def test_text_has_lines_length_and_price(studio: Any, use: Command) -> None:
    """The edited lines, the length in the film, and what is rendered again."""
    studio.run(BOARD)
    text = use("a", "--to", "36f", as_json=False).out

    assert text.splitlines()[:3] == [
        "board.yaml:5: shots[0].use: [{to: 36f}]",
        "a has 36 frames in the film, 1.5 s",
        "the out point moved: b is rendered again",
    ]
    assert "next: shotchain render board.yaml" in text
    assert use("a", "--to", "1.5", as_json=False).out.startswith("a shows this already\n")


def test_several_ranges_are_added_and_replaced(studio: Any, board: Path, use: Command) -> None:
    """`--add` appends; without it the ranges become one, and comments stay."""
    studio.run(BOARD)
    use("x", "--from", "0.5", "--to", "1")
    board.write_text(board.read_text().replace("to: 1.0}]", "to: 1.0}]  # best"))
    added = use("x", "--add", "--from", "36f")

    assert added.out["frames"] == 12 + 13
    assert "    use: [{from: 0.5, to: 1.0}, {from: 36f}]  # best\n" in board.read_text()

    use("x", "--take", "1", "--to", "24f")
    assert "    use: [{take: 1, to: 1.0}]  # best\n" in board.read_text()


def test_range_of_another_take(studio: Any, board: Path, use: Command) -> None:
    """A recorded take may be shown; a number that is missing is reported with those that exist."""
    studio.run(BOARD)
    studio.run(BOARD.replace("Waves.", "Waves.\n    take: 2"))
    board.write_text(BOARD.replace("Waves.", "Waves.\n    take: 2"))
    shown = use("x", "--take", "1", "--to", "1.0")
    missing = use("x", "--take", "7")

    assert (shown.code, shown.out["frames"], shown.out["to_render"]) == (0, 24, [])
    assert missing.code == 2
    assert "no render of take 7 of x; it has 1, 2" in missing.err


def test_file_has_ranges_and_no_takes(studio: Any, board: Path, use: Command) -> None:
    """A shot that is a file is shown to an out point, and can't name a take."""
    studio.run(BOARD)
    clip = next((studio.folder / "store").rglob("*.mp4"))
    (studio.folder / "own.mp4").write_bytes(clip.read_bytes())
    board.write_text(f"{BOARD}  - {{id: own, clip: own.mp4}}\n")

    assert use("own", "--to", "12f").out["frames"] == 12
    assert board.read_text().endswith("- {id: own, use: [{to: 12f}], clip: own.mp4}\n")
    assert "own is a file and has no takes" in use("own", "--take", "1").err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "give --take, --from or --to"),
        (("--clear", "--to", "1"), "--clear removes all ranges"),
        (("--from", "2", "--to", "1"), "--to 1.0 is not after --from 2.0"),
        (("--to", "0"), "--to 0.0 is not after --from 0"),
        (("--from", "1,5"), "1,5 is not a time; write seconds, like 1.5, or frames, like 36f"),
        (("--from=-1",), "is not a time"),
        (("--from", "nan"), "is not a time"),
        (("--add", "--clear"), "--clear"),
    ],
)
def test_contradicting_options_are_rejected(
    board: Path, use: Command, argv: tuple[str, ...], message: str
) -> None:
    """With exit code 2; the board stays unchanged."""
    result = use("a", *argv)

    assert result.code == 2
    assert message in result.err
    assert board.read_text() == BOARD


def test_range_outside_of_the_clip_is_rejected(studio: Any, board: Path, use: Command) -> None:
    """The changed board is planned before it is written."""
    studio.run(BOARD)
    result = use("a", "--from", "60f")

    assert result.code == 2
    assert "49 frames" in result.err
    assert board.read_text() == BOARD


def test_unknown_shot_is_rejected(use: Command) -> None:
    """As every command does."""
    assert use("c", "--to", "1").code == 2
