"""Every example board checks, plans and renders, and the README names it."""

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


def test_there_are_at_least_five_and_the_readme_names_each() -> None:
    """What a stranger finds in the folder is what the README promises."""
    named = set(re.findall(r"\| `(\S+\.yaml)`", (ROOT / "README.md").read_text()))

    assert named == {board.name for board in BOARDS}
    assert len(BOARDS) >= 5


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(one, marks=[pytest.mark.long] if one.stem == "product-spot" else [])
        for one in BOARDS
    ],
    ids=lambda board: board.stem,
)
def test_an_example_board_becomes_the_film_that_its_plan_promised(
    board: Path, tmp_path: Path
) -> None:
    """Clean, free, rendered whole, and of exactly the frames that the plan told."""
    shutil.copytree(ROOT / "storyboards" / "refs", tmp_path / "refs")
    shutil.copy(board, tmp_path)
    loaded = load(tmp_path / board.name)
    production = prepare_run(loaded, RunOptions(), read_settings({}), working_folder=tmp_path)
    assert production.max_cost.is_free

    report = render_plainly(production)

    assert [(one.shot.id, one.error) for one in report.results if one.error] == []
    assert report.film.frame_count == count_film_frames(production) == decoded(report.film.path)


def decoded(film: Path) -> int:
    import av

    with av.open(str(film)) as container:
        return sum(1 for _ in container.decode(video=0))
