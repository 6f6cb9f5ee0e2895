"""Problems: their order, and the names that a message offers."""

from __future__ import annotations

import pytest

from storyboards.problems import MAX_PROBLEMS, Problem, did_you_mean, find_similar, merge_problems

MODELS = (
    "seedance-2.5",
    "seedance-2.0",
    "seedance-2.0-fast",
    "seedance-2.0-mini",
    "seedance-1.5-pro",
    "seedance-1.0-pro",
    "seedance-1-5-pro-251215",
)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("seedance 1.5", "Did you mean seedance-1.5-pro?"),
        ("Seedance-1.5-Pro", "Did you mean seedance-1.5-pro?"),
        ("seedance_2.0_fast", "Did you mean seedance-2.0-fast?"),
        (
            "seedance-2.0-",
            "Did you mean seedance-2.0-fast or seedance-2.0-mini?",
        ),
        ("kling", ""),
        ("", ""),
        ("x" * 100, ""),
    ],
)
def test_did_you_mean_offers_nearest(name: str, sentence: str) -> None:
    """Names that begin with the given one come first, then similar ones."""
    assert did_you_mean(name, MODELS) == sentence


def test_did_you_mean_lists_at_most_three() -> None:
    """However many names are similar, three are offered."""
    assert len(find_similar("seedance", MODELS)) == 3
    sentence = did_you_mean("seedance", MODELS)
    assert sentence == "Did you mean seedance-2.5, seedance-2.0 or seedance-1.5-pro?"


def test_did_you_mean_without_similar_names_command() -> None:
    """If no name is similar, the caller's sentence names the command that lists all."""
    sentence = did_you_mean("kling", MODELS, otherwise="`shotchain providers` lists them.")
    assert sentence == "`shotchain providers` lists them."


def test_merge_problems_sorts_and_drops_duplicates() -> None:
    """Problems come by line and column, and a problem that is found twice comes once."""
    early = Problem("empty", line=2, column=1, keys=("a",))
    late = Problem("long", line=9, column=1, keys=("b",))
    other = Problem("short", line=2, column=1, keys=("a",))
    merged = merge_problems([late, early, other, early], file="board.yaml")
    assert [problem.message for problem in merged] == ["empty", "short", "long"]
    assert {problem.file for problem in merged} == {"board.yaml"}


def test_merge_problems_is_bounded() -> None:
    """More than 200 problems end with a line that states it."""
    merged = merge_problems([Problem("x", line=n) for n in range(1, 500)])
    assert len(merged) == MAX_PROBLEMS + 1
    assert merged[-1].message == "more problems are not shown, at least 299"
