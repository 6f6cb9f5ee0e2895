"""Broken boards, one file each, with the expected problems in a text file beside it.

``python tests/storyboards/regenerate.py`` writes the texts anew and prints what changed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from storyboards import InvalidStoryboard, load

HERE = Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.yaml"))


def test_broken_boards_and_texts_are_paired() -> None:
    """There are at least 32 broken boards, and every text file has its board."""
    assert len(BROKEN) >= 32
    texts = {text.stem for text in (HERE / "broken").glob("*.txt")}
    assert texts == {board.stem for board in BROKEN}


@pytest.mark.parametrize("board", BROKEN, ids=lambda board: board.stem)
def test_load_broken_board_reports_expected(board: Path) -> None:
    """The loader reports exactly the text beside the board."""
    with pytest.raises(InvalidStoryboard) as caught:
        load(board, shown_as=board.name)
    assert f"{caught.value}\n" == board.with_suffix(".txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("board", BROKEN, ids=lambda board: board.stem)
def test_problem_has_place_and_remedy(board: Path) -> None:
    """Each problem names file, line and column within the file, and ends with a remedy."""
    lines = board.read_text(encoding="utf-8").splitlines()
    with pytest.raises(InvalidStoryboard) as caught:
        load(board, shown_as=board.name)
    for problem in caught.value.problems:
        assert problem.file == board.name
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.remedy.endswith((".", "?"))
        assert not problem.message.endswith(".")


@pytest.mark.parametrize("board", BROKEN, ids=lambda board: board.stem)
def test_problems_are_sorted_and_unique(board: Path) -> None:
    """Problems come in the order of the file, and none twice."""
    with pytest.raises(InvalidStoryboard) as caught:
        load(board, shown_as=board.name)
    places = [(problem.line, problem.column) for problem in caught.value.problems]
    assert places == sorted(places)
    assert len(set(caught.value.problems)) == len(caught.value.problems)


def test_regenerate_new_board_writes_and_prints(tmp_path: Path) -> None:
    """regenerate.py writes the text of a board that has none, and prints it as a diff."""
    board = tmp_path / "no-shots.yaml"
    board.write_text("title: Nothing yet\n", encoding="utf-8")
    code = (
        "import runpy, sys, pathlib\n"
        "script = runpy.run_path(sys.argv[1])\n"
        "script['regenerate'](pathlib.Path(sys.argv[2]))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, str(HERE / "regenerate.py"), str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
    )
    text = board.with_suffix(".txt").read_text(encoding="utf-8")
    assert text.startswith("no-shots.yaml:1:1: shots: `shots` is missing.")
    assert f"+{text}" in finished.stdout
