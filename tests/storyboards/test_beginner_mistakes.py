"""Messages about mistakes of beginners: their places, words and lengths.

Two mistakes in one board are both reported: a board is corrected in one go, not in ten.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.storyboards.beginner_mistakes import (
    FILE,
    MISTAKES,
    Mistake,
    find_problems,
    write_board,
)

MAX_LENGTH = 240
"""Three lines of 80 columns."""
WITH_A_SHOT = [mistake for mistake in MISTAKES if mistake.shot]
STEPS = (1, 19)
"""Distances in the table between the two mistakes of a pair."""


def test_table_has_a_hundred_mistakes() -> None:
    """Each has a name of its own."""
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 100


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistake_is_reported_with_place_and_remedy(tmp_path: Path, mistake: Mistake) -> None:
    """One problem per mistake, unless another one follows from it, of at most three lines."""
    problems, is_warning = find_problems(tmp_path, write_board(mistake))
    printed = "\n".join(map(str, problems))
    place = f"{FILE}:{mistake.place}: " if mistake.place else f"{FILE}: "

    assert is_warning is mistake.is_warning, printed
    assert len(problems) == 1 + mistake.extra, printed
    (problem,) = (each for each in problems if str(each).startswith(place))
    assert mistake.message in problem.message
    assert mistake.remedy in problem.remedy
    assert max(len(str(each)) for each in problems) <= MAX_LENGTH


@pytest.mark.parametrize("step", STEPS)
def test_mistakes_do_not_hide_one_another(tmp_path: Path, step: int) -> None:
    """Each with a later one of the table, in either order."""
    hidden = []
    mistakes = [each for each in WITH_A_SHOT if not each.is_warning]
    for index, first in enumerate(mistakes):
        second = mistakes[(index + step) % len(mistakes)]
        # In front of another shot than the last one it is not a mistake.
        if "a later one" in first.name + second.name:
            continue
        for pair in (_with_own_ids(first, second), _with_own_ids(second, first)):
            problems, _ = find_problems(tmp_path, write_board(*pair))
            printed = "\n".join(map(str, problems))
            hidden += [
                f"{each.name!r} of {pair[0].name!r} and {pair[1].name!r} in:\n{printed}"
                for each in pair
                if each.message not in printed
            ]

    assert hidden == []


def _with_own_ids(first: Mistake, second: Mistake) -> tuple[Mistake, Mistake]:
    """Return two mistakes in shots of different ids."""
    shot = second.shot.replace("id: fox", "id: owl").replace("shot: fox", "shot: owl")
    return first, second._replace(shot=shot, message=second.message.replace("`fox`", "`owl`"))
