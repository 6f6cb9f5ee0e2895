"""Fixtures of the storyboard tests: read a board from text, and the problems of a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from storyboards import Board, InvalidStoryboard, Problem, parse

# No deadline: a test that is slow on a busy machine is not a counterexample.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

EXAMPLES = Path(__file__).parents[2] / "storyboards"


@pytest.fixture
def read() -> Callable[[str], Board]:
    """Read a board from its text."""
    return lambda text: parse(text.encode(), file="board.yaml")


@pytest.fixture
def reject() -> Callable[[str | bytes], tuple[Problem, ...]]:
    """Read a board that is wrong, and return its problems."""

    def read_problems(text: str | bytes) -> tuple[Problem, ...]:
        data = text.encode() if isinstance(text, str) else text
        with pytest.raises(InvalidStoryboard) as caught:
            parse(data, file="board.yaml")
        return caught.value.problems

    return read_problems


@pytest.fixture(params=sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def example(request: pytest.FixtureRequest) -> Path:
    """Each example board in turn."""
    return Path(request.param)
