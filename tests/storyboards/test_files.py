"""What is no board at all: folders, missing files, wrong encodings, files that are too large."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from storyboards import InvalidStoryboard, Problem, load

Refuse = Callable[[str | bytes], tuple[Problem, ...]]


def problem_of(path: Path, shown_as: str | None = None) -> Problem:
    """The one problem of a file that is no board."""
    with pytest.raises(InvalidStoryboard) as caught:
        load(path, shown_as=shown_as)
    (problem,) = caught.value.problems
    assert problem.remedy
    return problem


def test_a_missing_file_is_named_as_the_user_typed_it(tmp_path: Path) -> None:
    """The message has the user's own spelling of the path, and offers init."""
    problem = problem_of(tmp_path / "nope.yaml", "../nope.yaml")
    assert str(problem).startswith("../nope.yaml: there is no such file. ")
    assert "shotchain init" in problem.remedy


def test_a_folder_is_no_board(tmp_path: Path) -> None:
    """A folder is told as one."""
    assert problem_of(tmp_path).message == "this is a folder"


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    """A named pipe that nobody writes to does not stop the program."""
    os.mkfifo(tmp_path / "pipe.yaml")
    assert problem_of(tmp_path / "pipe.yaml").message == "this is no regular file"


def test_a_path_that_no_file_can_have_is_refused() -> None:
    """A NUL and an endless name in the path are told, not thrown."""
    assert "can't be read" in problem_of(Path("board\0.yaml")).message
    assert "can't be read" in problem_of(Path("/" + "a" * 5000)).message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_so(tmp_path: Path) -> None:
    """Missing permission is a sentence about permissions."""
    board = tmp_path / "board.yaml"
    board.write_text("shots: []\n", encoding="utf-8")
    board.chmod(0)
    assert problem_of(board).message == "the file may not be read"


def test_a_board_of_ten_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """The size alone is reason enough, whatever the file holds."""
    board = tmp_path / "board.yaml"
    board.write_bytes(b"\xff" * 10_000_000)
    assert problem_of(board).message == "the board is larger than 2 MB"


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ("shots: []".encode("utf-16"), "1:1", "the file is UTF-16"),
        (b"title: x\nlook: \xe9t\xe9\n", "2:7", "the byte 0xE9 is no UTF-8"),
        ("title: é\n# \ud83d".encode("utf-8", "surrogatepass"), "2:3", "the byte 0xED is no UTF-8"),
        (b"title: a\x00b\n", "1:9", "the character U+0000 is not allowed in a board"),
        (b"title: x\n\x1b[31m\n", "2:1", "the character U+001B is not allowed in a board"),
        (b"", "1:1", "the board is empty"),
        (b"\xef\xbb\xbf", "1:1", "the board is empty"),
        (b"---\n", "1:1", "the board is empty"),
    ],
)
def test_bytes_that_are_no_text_are_told_with_their_place(
    refuse: Refuse, data: bytes, place: str, message: str
) -> None:
    """The first wrong byte or character is named with line and column."""
    (problem,) = refuse(data)
    assert str(problem).startswith(f"board.yaml:{place}: {message}. ")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    """A board from Windows loads, and its lines are counted as its editor counts them."""
    board = tmp_path / "board.yaml"
    board.write_bytes(b'\xef\xbb\xbfshots:\r\n  - id: dawn\r\n    prompt: "Waves."\r\n')
    assert load(board).locate(("shots", 0, "prompt")) == (3, 13)
