"""Broken boards, one file each, with what the author is told beside it.

``python tests/storyboards/regenerate.py`` writes the texts anew and prints what has changed; a
change in them is one on purpose.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storyboards import InvalidStoryboard, load

HERE = Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.yaml"))


def test_there_are_many_kinds_of_broken_boards() -> None:
    """At least thirty-two kinds are told apart, and no text stands without its board."""
    assert len(BROKEN) >= 32
    texts = {text.stem for text in (HERE / "broken").glob("*.txt")}
    assert texts == {board.stem for board in BROKEN}


@pytest.mark.parametrize("board", BROKEN, ids=lambda board: board.stem)
def test_a_broken_board_is_told_as_expected(board: Path) -> None:
    """The loader says exactly what stands beside the board."""
    with pytest.raises(InvalidStoryboard) as caught:
        load(board, shown_as=board.name)
    assert f"{caught.value}\n" == board.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("board", BROKEN, ids=lambda board: board.stem)
def test_every_problem_has_its_place_and_a_remedy(board: Path) -> None:
    """Each problem names file, line and column within the file, and ends with something to do."""
    lines = board.read_text(encoding="utf-8").splitlines()
    with pytest.raises(InvalidStoryboard) as caught:
        load(board, shown_as=board.name)
    for problem in caught.value.problems:
        assert problem.file == board.name
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.remedy.endswith((".", "?"))
        assert not problem.message.endswith(".")


def test_one_command_writes_the_expected_texts_anew(tmp_path: Path) -> None:
    """regenerate.py writes the text of a board that has none, and prints it as a diff."""
    board = tmp_path / "no-shots.yaml"
    board.write_text("title: Nothing yet\n", encoding="utf-8")
    code = (
        "import runpy, sys, pathlib\n"
        "script = runpy.run_path(sys.argv[1])\n"
        "script['regenerate'](pathlib.Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(HERE / "regenerate.py"), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    told = board.with_suffix(".txt").read_text(encoding="utf-8")
    assert told.startswith("no-shots.yaml:1:1: shots: `shots` is missing.")
    assert f"+{told}" in done.stdout
