"""Boards in JSON, and texts in double quotes, whose characters are escaped as JSON does it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storyboards.loading import parse
from storyboards.problems import InvalidStoryboard
from storyboards.yaml_editor import Edit, apply_edits

TEXT = "Dawn \U0001f600 over \U00024b62, \\ud83d\\ude00 and U+2028 \u2029 \xe9."
BOARD: dict[str, Any] = {
    "title": TEXT,
    "model": "seedance-1.0-pro",
    "shots": [{"id": "one", "prompt": TEXT}, {"id": "two", "prompt": "Dusk."}],
}


def test_json_board_is_read_as_json_reads_it() -> None:
    """Escaped pairs are one character each; an escaped backslash begins none."""
    storyboard = parse(json.dumps(BOARD).encode(), file="board.json").storyboard

    assert storyboard.title == storyboard.shots[0].prompt == TEXT


@pytest.mark.parametrize("text", [r"\ud83d", r"\ude00 x", r"\ude00\ud83d", r"a \ud83d\u0041"])
def test_half_of_pair_is_reported(text: str) -> None:
    """Text with a half can't be encoded, so it can't be sent or stored."""
    board = f'shots:\n  - {{id: one, prompt: "{text}"}}\n'
    with pytest.raises(InvalidStoryboard) as caught:
        parse(board.encode(), file="board.yaml")
    (problem,) = caught.value.problems

    assert (problem.line, problem.path) == (2, "shots[0].prompt")
    assert "U+D" in problem.message


@pytest.mark.parametrize("text", [r"'\ud83d\ude00'", r"\ud83d\ude00", r'"\\ud83d\\ude00"'])
def test_escape_outside_of_double_quotes_is_text(text: str) -> None:
    """A backslash is a letter there, also beside a board's real escapes."""
    board = f'title: "\\ud83d\\ude00"\nshots:\n  - id: one\n    prompt: {text}\n'
    storyboard = parse(board.encode(), file="board.yaml").storyboard

    assert storyboard.title == "\U0001f600"
    assert storyboard.shots[0].prompt == r"\ud83d\ude00"


def test_board_with_escapes_is_edited_in_place() -> None:
    """The edit changes its value only."""
    edit = Edit(("shots", 1, "take"), 2)
    edited = apply_edits(json.dumps(BOARD).encode(), [edit], file="board.json")

    shots = [BOARD["shots"][0], {**BOARD["shots"][1], "take": 2}]
    assert json.loads(edited) == {**BOARD, "shots": shots}


def test_problem_after_escapes_has_its_column() -> None:
    """Lines and columns are those of the file."""
    line = '{"shots": [{"id": "one", "prompt": "\\ud83d\\ude00", "secconds": 2}]}'
    with pytest.raises(InvalidStoryboard) as caught:
        parse(line.encode(), file="board.json")
    (problem,) = caught.value.problems

    assert line[problem.column - 1 :].startswith('"secconds"')
