"""Every example board is valid and free and becomes the film of its plan; the README lists it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from flows.documents import count_film_frames
from flows.run import RunOptions, prepare_run
from storyboards import load
from tasks.settings import read_settings
from tests.support.plain_tasks import render_plainly

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "storyboards").glob("*.yaml"))


def test_readme_lists_every_example() -> None:
    """The README's table and the folder have the same boards, at least five."""
    listed = set(re.findall(r"\| `(\S+\.yaml)`", (ROOT / "README.md").read_text()))

    assert listed == {board.name for board in BOARDS}
    assert len(BOARDS) >= 5


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(board, marks=[pytest.mark.long] if board.stem == "product-spot" else [])
        for board in BOARDS
    ],
    ids=lambda board: board.stem,
)
def test_example_becomes_planned_film(board: Path, tmp_path: Path, decode) -> None:
    """The board is free, no shot fails, and the film has the planned number of frames."""
    shutil.copytree(ROOT / "storyboards" / "refs", tmp_path / "refs")
    shutil.copy(board, tmp_path)
    loaded = load(tmp_path / board.name)
    run = prepare_run(loaded, RunOptions(), read_settings({}), working_folder=tmp_path)
    assert run.max_cost.is_free

    report = render_plainly(run)

    assert report.errors == ()
    assert report.film.frame_count == count_film_frames(run) == decode(report.film.path).frames
