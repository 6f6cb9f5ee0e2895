"""Boards with broken values: the rest is checked, and consequences are not reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from storyboards.loading import load_partial
from storyboards.problems import InvalidStoryboard
from tasks.planning.planner import make_plan
from tests.support.boards import board_text


def find_paths(folder: Path, text: str) -> list[str]:
    """Return the paths of all problems of a board, those of its file included."""
    file = folder / "board.yaml"
    file.write_text(text)
    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(load_partial(file))
    return [problem.path for problem in raised.value.problems]


@pytest.mark.parametrize(
    ("shot", "paths"),
    [
        # The key that is broken, and another problem that does not depend on it.
        ("seconds: abc, resolution: 4k", ["shots[0].seconds", "shots[0].resolution"]),
        ("first_frame: [a], seed: -5", ["shots[0].first_frame", "shots[0].seed"]),
        ("model: [a], first_frame: nowhere.png", ["shots[0].model", "shots[0].first_frame"]),
        # Without the broken key, the other one could be right.
        ("first_frame: [a], ratio: adaptive", ["shots[0].first_frame"]),
        ("model: [a], seconds: 99", ["shots[0].model"]),
        ("draft: maybe, resolution: 4k", ["shots[0].draft"]),
        ("seconds: abc, use: [{from: 99.0}]", ["shots[0].seconds"]),
    ],
)
def test_broken_key_hides_only_its_consequences(
    tmp_path: Path, shot: str, paths: list[str]
) -> None:
    """A check that reads a placeholder proves nothing; all other checks do."""
    assert find_paths(tmp_path, board_text(f"id: a, prompt: p, {shot}")) == paths


def test_shot_after_a_broken_shot_is_checked(tmp_path: Path) -> None:
    """Its length does not depend on the shot that it continues."""
    text = board_text("id: a, prompt: p", "id: b, prompt: q, seconds: 99")
    text = text.replace("{id: a, prompt: p}", "5")

    assert find_paths(tmp_path, text) == ["shots[0]", "shots[1].seconds"]


def test_size_of_a_broken_shot_is_not_checked(tmp_path: Path) -> None:
    """Its ratio is not known, so it contradicts no ratio of the shot that continues it."""
    first, second = "id: a, prompt: p, ratio: '1:1'", "id: b, prompt: q, ratio: '16:9'"
    text = board_text(first, second, model="seedance-2.5")

    assert find_paths(tmp_path, text) == ["shots[1].ratio"]
    assert find_paths(tmp_path, text.replace("'1:1'", "wide")) == ["shots[0].ratio"]


def test_broken_shot_hides_no_problem_of_the_film(tmp_path: Path) -> None:
    """The film's features do not depend on the model of the first shot."""
    text = board_text("id: a, prompt: p, model: [a]", extra="film: {music: {file: gone.mp3}}")

    assert find_paths(tmp_path, text) == ["film.music.file", "shots[0].model"]
