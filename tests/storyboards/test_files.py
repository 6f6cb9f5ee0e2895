"""Files that are not boards: folders, missing files, wrong encodings, files that are too large."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storyboards import InvalidStoryboard, Problem, load

Reject = Callable[[str | bytes], tuple[Problem, ...]]


def problem_of(path: Path, shown_as: str | None = None) -> Problem:
    """Return the only problem of a file."""
    with pytest.raises(InvalidStoryboard) as caught:
        load(path, shown_as=shown_as)
    (problem,) = caught.value.problems
    assert problem.remedy
    return problem


def test_missing_file_is_named_as_typed(tmp_path: Path) -> None:
    """The message has the user's own spelling of the path, and offers init."""
    problem = problem_of(tmp_path / "nope.yaml", "../nope.yaml")
    assert str(problem).startswith("../nope.yaml: there is no such file. ")
    assert "shotchain init" in problem.remedy


def test_folder_is_rejected(tmp_path: Path) -> None:
    """A folder is reported as one."""
    assert problem_of(tmp_path).message == "this is a folder"


def test_pipe_is_rejected_without_waiting(tmp_path: Path) -> None:
    """A named pipe without a writer does not block."""
    os.mkfifo(tmp_path / "pipe.yaml")
    assert problem_of(tmp_path / "pipe.yaml").message == "this is not a regular file"


def test_impossible_path_is_rejected() -> None:
    """A NUL in the path and a path that is too long are problems, not exceptions."""
    assert "can't be read" in problem_of(Path("board\0.yaml")).message
    assert "can't be read" in problem_of(Path("/" + "a" * 5000)).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_unreadable_file_names_permissions(tmp_path: Path) -> None:
    """A missing permission is reported as one."""
    board = tmp_path / "board.yaml"
    board.write_text("shots: []\n", encoding="utf-8")
    board.chmod(0)
    assert problem_of(board).message == "there is no permission to read the file"


def test_large_file_is_rejected_before_reading(tmp_path: Path) -> None:
    """The size alone is reason enough, whatever is in the file."""
    board = tmp_path / "board.yaml"
    board.write_bytes(b"\xff" * 10_000_000)
    assert problem_of(board).message == "the board is larger than 2 MB"


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ("shots: []".encode("utf-16"), "1:1", "the file is UTF-16"),
        (b"title: x\nlook: \xe9t\xe9\n", "2:7", "the byte 0xE9 is not valid UTF-8"),
        (
            "title: é\n# \ud83d".encode("utf-8", "surrogatepass"),
            "2:3",
            "the byte 0xED is not valid UTF-8",
        ),
        (b"title: a\x00b\n", "1:9", "the character U+0000 is not allowed in a board"),
        (b"title: x\n\x1b[31m\n", "2:1", "the character U+001B is not allowed in a board"),
        (b"", "1:1", "the board is empty"),
        (b"\xef\xbb\xbf", "1:1", "the board is empty"),
        (b"---\n", "1:1", "the board is empty"),
    ],
)
def test_undecodable_bytes_have_a_place(
    reject: Reject, data: bytes, place: str, message: str
) -> None:
    """The first invalid byte or character is reported with line and column."""
    (problem,) = reject(data)
    assert str(problem).startswith(f"board.yaml:{place}: {message}. ")


def test_windows_file_keeps_line_numbers(tmp_path: Path) -> None:
    """A board with a byte order mark and CRLF loads, with the line numbers of its editor."""
    board = tmp_path / "board.yaml"
    board.write_bytes(b'\xef\xbb\xbfshots:\r\n  - id: dawn\r\n    prompt: "Waves."\r\n')
    assert load(board).locate(("shots", 0, "prompt")) == (3, 13)
