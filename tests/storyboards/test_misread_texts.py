"""Texts without quotes that a comment cuts or curly quotes surround."""

from __future__ import annotations

import pytest

from storyboards.board import Board
from storyboards.loading import load_partial
from tests.support.boards import plan_warnings

CUT = "which YAML reads as a comment"


def load_text(folder, text: str) -> Board:
    path = folder / "b.yaml"
    path.write_text(text)
    return load_partial(path)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("shots:\n  - id: a\n    prompt: Fox #1 runs\n", "3:17: shots[0].prompt"),
        ("title: Fox #fast\nshots: [{id: a, prompt: p}]\n", "1:12: title"),
        (
            "cast: {fox: {is: a fox}}\nlook:\n  style: film #400\nshots: [{id: a, prompt: p}]\n",
            "3:15: look.style",
        ),
        ("variables:\n  hall: a hall #2\nshots: [{id: a, prompt: p}]\n", "2:16: variables.hall"),
        (
            "shots:\n  - id: a\n    prompt: A fox\n      runs\n      home #1\n",
            "5:12: shots[0].prompt",
        ),
        (
            "shots:\r\n  - id: a\r\n    prompt: A fox\r\n\r\n      runs #1\r\n",
            "5:12: shots[0].prompt",
        ),
        ("shots:\n  - {id: a, prompt: a fox\n     runs #1\n     }\n", "3:11: shots[0].prompt"),
        ("shots:\n  - id: a\n    prompt: #1 fan\n", "3:13: shots[0].prompt"),
    ],
)
def test_hash_before_a_word_is_a_problem(tmp_path, text: str, place: str) -> None:
    """A comment begins with a blank; what follows the # directly belongs to the text."""
    (problem,) = load_text(tmp_path, text).problems

    assert f"b.yaml:{place}: the text" in str(problem)
    assert CUT in problem.message or "is empty" in problem.message
    assert problem.remedy.startswith('Put the whole text in "quotes"')


@pytest.mark.parametrize(
    "line",
    ["prompt: A fox # slowly", "prompt: A fox\n      runs  # slowly", "title: Fox # slowly"],
)
def test_comment_behind_a_text_is_a_warning(tmp_path, line: str) -> None:
    """It may be an honest comment; quotes around the text show it."""
    prompt = "" if line.startswith("prompt") else "    prompt: p\n"
    board = load_text(tmp_path, f"shots:\n  - id: a\n    {line}\n{prompt}")

    assert [CUT in warning for warning in plan_warnings(board)] == [True]
    assert board.problems == ()


@pytest.mark.parametrize(
    "line",
    [
        'prompt: "A fox" # slowly',
        "prompt: 'Fox #1'",
        "prompt: Fox#1 runs",
        "prompt: >\n      Fox #1\n      runs",
        "prompt: p\n    seconds: 5 #short",
        "prompt: p\n    # a comment\n    seconds: 5",
        "prompt: p\n#comment",
        "prompt: p\n    title: # later",
        "prompt: p\n\n    #comment",
    ],
)
def test_comment_elsewhere_is_not_reported(tmp_path, line: str) -> None:
    """Behind quotes, on a line of its own, behind a number, or inside a text."""
    board = load_text(tmp_path, f"shots:\n  - id: a\n    {line}\n")

    assert (board.problems, board.warnings) == ((), ())


@pytest.mark.parametrize("text", ["“A fox”", "„A fox“", "‘A fox’", "«A fox»", "”A fox”", "「狐」"])
def test_curly_quotes_around_a_prompt_are_a_warning(tmp_path, text: str) -> None:
    """Only another prompt can solve it, and that is paid again."""
    board = load_text(tmp_path, f"shots:\n  - id: a\n    prompt: {text}\n")

    assert ["curly quotes" in warning for warning in plan_warnings(board)] == [True]


@pytest.mark.parametrize("text", ["“Go” and “now”", '"“A fox”"', "it’s", "“", "a “fox”"])
def test_curly_quotes_inside_a_text_are_not_reported(tmp_path, text: str) -> None:
    """Speech in a prompt has them, and quotes of YAML around them show that they are meant."""
    board = load_text(tmp_path, f"shots:\n  - id: a\n    prompt: {text}\n")

    assert (board.problems, board.warnings) == ((), ())


@pytest.mark.parametrize("key", ["provider: “ark”", "model: “seedance-2.0”", "name: “fox”"])
def test_curly_quotes_around_a_name_are_a_problem(tmp_path, key: str) -> None:
    """The value is wrong with them, and is reported once."""
    (problem,) = load_text(tmp_path, f"{key}\nshots:\n  - id: a\n    prompt: p\n").problems

    assert "curly quotes" in problem.message
    assert (problem.line, problem.path) == (1, key.partition(":")[0])


def test_text_behind_a_cut_is_explained(tmp_path) -> None:
    """A text can't continue behind a comment: the error is where the comment is."""
    text = "shots:\n  - id: a\n    prompt: A fox # runs\n      over the hill\n"
    (problem,) = load_text(tmp_path, text).problems

    assert (problem.line, problem.column) == (3, 19)
    assert CUT in problem.message


def test_cut_text_of_an_alias_is_reported_once(tmp_path) -> None:
    """Its place is that of the text, not of the alias."""
    text = "shots:\n  - id: a\n    prompt: &p Fox #1\n  - id: b\n    prompt: *p\n"

    assert [problem.line for problem in load_text(tmp_path, text).problems] == [3]


def test_unknown_shot_is_reported_beside_a_missing_id(tmp_path) -> None:
    """A name that is like a known one is not that of the shot without an id."""
    text = (
        "shots:\n  - prompt: p\n  - {id: dawn, prompt: q}\n"
        "  - {id: b, prompt: r, first_frame: {shot: dwan}}\n"
        "  - {id: c, prompt: s, first_frame: {shot: noon}}\n"
    )

    assert [problem.line for problem in load_text(tmp_path, text).problems] == [2, 4]
