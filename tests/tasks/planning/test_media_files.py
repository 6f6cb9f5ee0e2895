"""Files that a board names: which are read, and which vendors accept."""

from __future__ import annotations

import pytest

from storyboards.board import Board
from storyboards.models import Storyboard
from tests.support.boards import board_text, plan_problems, plan_shots, write_clip


@pytest.mark.parametrize(
    ("shot", "message", "remedy"),
    [
        (
            "prompt: p, first_frame: nowhere.png",
            "there is no file nowhere.png",
            "Otherwise put it into",
        ),
        ("prompt: p, first_frame: small.png", "is 100x100", "Make both sides 300 to"),
        ("prompt: p, first_frame: wide.png", "3000x400, too narrow or too wide", "0.4"),
        ("prompt: p, first_frame: text.png", "text.png is not an image", "PNG or JPEG"),
        ("prompt: p, first_frame: folder", "folder is not a regular file", "Name a file."),
        ("clip: nowhere.mp4", "there is no file nowhere.mp4", "correct the name"),
        ("clip: text.png", "text.png", "Give an MP4 or QuickTime clip."),
    ],
)
def test_unusable_file_is_a_problem_at_its_key(
    make_board, make_picture, shot: str, message: str, remedy: str
) -> None:
    """The message names the file as written, and the remedy what vendors accept."""
    make_picture("small.png", 100, 100)
    make_picture("wide.png", 3000, 400)
    make_picture("text.png").write_text("not an image")
    make_picture("folder/a.png")
    (problem,) = plan_problems(make_board(board_text(f"id: a, {shot}")))

    assert problem.path == ("shots[0].clip" if "clip" in shot else "shots[0].first_frame")
    assert message in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("size", "frames", "message"),
    [((200, 200), 72, "both sides must be 300"), ((864, 496), 24, "lasts 1.0 s")],
)
def test_reference_clip_has_limits(
    make_board, make_picture, size: tuple[int, int], frames: int, message: str
) -> None:
    """Clips that are too small or too short are rejected before they are uploaded."""
    write_clip(
        make_picture("a.png").with_name("c.mp4"), width=size[0], height=size[1], frames=frames
    )
    text = board_text("id: a, prompt: p, references: {videos: [c.mp4]}", model="seedance-2.0")
    (problem,) = plan_problems(make_board(text))

    assert problem.path == "shots[0].references"
    assert message in problem.message


def test_file_outside_the_folder_is_not_read(make_board, make_picture, tmp_path) -> None:
    """`..`, absolute paths and symbolic links do not lead out of the board's folder."""
    secret = make_picture("../secret.png")
    inside = make_picture("a.png")
    (tmp_path / "boards").mkdir(exist_ok=True)
    (tmp_path / "boards" / "link.png").symlink_to(secret)

    for reference in ("../secret.png", str(secret), "link.png", str(inside)):
        board = make_board(board_text(f"id: a, prompt: p, first_frame: '{reference}'"))
        (problem,) = plan_problems(board)
        assert problem.message == f"{reference} is outside the board's folder"


def test_board_passed_as_value_reads_no_files(make_picture, monkeypatch) -> None:
    """A deployment run with an inline board must not read files of the worker."""
    monkeypatch.chdir(make_picture("a.png").parent)
    shots = [{"id": "a", "prompt": "p", "first_frame": "a.png"}]
    (problem,) = plan_problems(Board.of(Storyboard.model_validate({"shots": shots})))

    assert "reads no local file such as a.png" in problem.message


def test_same_file_is_read_once(make_board, make_picture, monkeypatch) -> None:
    """A board may name one large file in every shot."""
    reads = []
    path = make_picture("a.png")
    original = type(path).read_bytes

    def read_bytes(self):
        reads.append(self.name)
        return original(self)

    board = make_board(
        board_text(*(f"id: s{n}, prompt: p{n}, first_frame: a.png" for n in range(3)))
    )
    monkeypatch.setattr(type(path), "read_bytes", read_bytes)
    shots = plan_shots(board)

    assert len(shots) == 3
    assert reads.count("a.png") == 1
