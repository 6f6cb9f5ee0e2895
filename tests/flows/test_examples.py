"""Every example board is valid and free and becomes the film of its plan."""

from __future__ import annotations

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
QUICK = ("end-card", "lighthouse")
"""Rendered with every run of the tests; the others take longer."""


def test_examples_are_at_least_five() -> None:
    """The boards are found; tests/test_documents.py compares them with their table."""
    assert len(BOARDS) >= 5


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(board, marks=[] if board.stem in QUICK else [pytest.mark.long])
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
