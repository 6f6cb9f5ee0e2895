"""Ranges of takes: what is shown, the frame that the next shot starts on, and what is paid for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storyboards.board import Board
from tasks.edit import InputFile
from tasks.plan import Plan, UsedRange
from tasks.planning.film_edit import build_edit, count_planned_frames
from tasks.planning.planner import make_plan
from tasks.providers import Provider
from tasks.store.board_records import Take
from tasks.store.receipts import Attempt, AttemptState, StoredFile
from tasks.store.takes import RecordedTake
from tests.support.boards import board_text, plan_keys, plan_problems, plan_warnings, write_clip

MakeBoard = Callable[..., Board]
NEXT = "id: b, prompt: q"
FRAMES = 97
"""Of a shot of four seconds."""


def recorded(number: int, frames: int | None = 73, **values: Any) -> RecordedTake:
    """A take of shot `a` in the store."""
    attempt = Attempt(
        state=AttemptState.KEPT,
        board="board",
        shot="a",
        take=number,
        provider="simulator",
        model="m",
        base_url="",
        request_sha256="r",
        intended_at="2026-11-01T00:00:00+00:00",
        frames=frames,
        clip=StoredFile("clip.mp4", f"{number}" * 64, 9),
        **values,
    )
    return RecordedTake("a", Take(number, f"{number}" * 64, "shots"), attempt, Path("nowhere"))


def find_take(shot: str, number: int, provider: Provider | None) -> RecordedTake | None:
    """Find takes 2 and 3 of shot `a`."""
    del shot, provider
    return recorded(number) if number in (2, 3) else None


def plan(make_board: MakeBoard, first: str, second: str = NEXT, **look: str) -> Plan:
    """Plan a board of two shots, the first with the fields `first`."""
    text = board_text(f"id: a, prompt: p, {first}", second, **look)
    return make_plan(make_board(text), find_take=find_take)


def start_of(planned: Plan) -> tuple[str | None, int | None, int | None]:
    """The shot, the recorded take and the frame that shot `b` starts on."""
    shot = planned.shots_to_render[1]
    take = shot.pinned_take.take.number if shot.pinned_take else None
    return shot.continues, take, shot.continues_frame


@pytest.mark.parametrize(
    ("use", "start"),
    [
        ("[{to: 48f}]", ("a", None, 48)),
        ("[{from: 24f}]", ("a", None, None)),
        ("[{take: 1, from: 3f, to: 48f}]", ("a", None, 48)),
        ("[{to: 48f}, {from: 60f}]", ("a", None, None)),
        # The last frame has the number 96: a range up to it, or beyond, starts on it anyway.
        ("[{to: 96f}]", ("a", None, None)),
        ("[{to: 97f}]", ("a", None, None)),
        ("[{to: 5.0}]", ("a", None, None)),
        ("[{to: 95f}]", ("a", None, 95)),
        ("[{take: 2, to: 24f}]", (None, 2, 24)),
        ("[{take: 2, to: 24f}, {take: 3, from: 12f}]", (None, 3, None)),
        ("[{take: 2, to: 72f}]", (None, 2, None)),
        ("[{take: 2, to: 71f}]", (None, 2, 71)),
        ("[{take: 2, from: 12f}, {to: 24f}]", ("a", None, 24)),
    ],
)
def test_next_shot_starts_at_last_out_point(make_board: MakeBoard, use: str, start: tuple) -> None:
    """It starts on the frame behind the last range, in the take that is shown last."""
    assert start_of(plan(make_board, f"use: {use}")) == start


@pytest.mark.parametrize(
    ("use", "frame", "start"),
    [
        ("[{to: 48f}]", "{shot: a, take: 1}", ("a", None, 48)),
        # A shot that is kept on an earlier take stays on its frame: `retake --keep-rest`.
        ("[{to: 48f}]", "{shot: a, take: 2}", (None, 2, 48)),
        ("[{take: 2, to: 24f}, {to: 48f}]", "{shot: a, take: 2}", (None, 2, 24)),
        ("[{take: 2, to: 24f}]", "{shot: a, take: 1}", ("a", None, None)),
        ("[{take: 2, to: 24f}]", "{shot: a, take: 3}", (None, 3, None)),
        ("[{take: 2, to: 24f}]", "{shot: a}", (None, 2, 24)),
    ],
)
def test_named_take_starts_at_its_out_point(
    make_board: MakeBoard, use: str, frame: str, start: tuple
) -> None:
    """A shot that names the take it continues starts on the frame at that take's out point."""
    planned = plan(make_board, f"use: {use}", f"{NEXT}, first_frame: {frame}")
    assert start_of(planned) == start


def test_key_contains_out_point_only(make_board: MakeBoard) -> None:
    """In points, and out points at the end or beyond, change no key; others change the next one."""

    def keys(first: str) -> tuple[str, str]:
        text = board_text(f"id: a, prompt: p{first}", NEXT)
        shot_keys = plan_keys(make_board(text), find_take=find_take)
        return shot_keys["a"], shot_keys["b"]

    whole, following = keys("")
    same = ["", ", use: [{}]", ", use: [{from: 9f}]", ", use: [{to: 97f}]", ", use: [{to: 5.0}]"]
    other = [", use: [{to: 48f}]", ", use: [{from: 9f, to: 49f}]", ", use: [{take: 2, to: 48f}]"]

    assert {keys(use) for use in same} == {(whole, following)}
    assert {keys(use)[0] for use in other} == {whole}
    assert len({following, *(keys(use)[1] for use in other)}) == 4


@pytest.mark.parametrize(
    ("use", "following", "needed"),
    [
        ("[{take: 2}]", NEXT, False),
        ("[{take: 2}, {take: 3}]", f"{NEXT}, first_frame: none", False),
        ("[{take: 2}, {from: 12f}]", NEXT, True),
        ("[{take: 1}]", NEXT, True),
        ("[{take: 2}]", f"{NEXT}, first_frame: {{shot: a, take: 1}}", True),
    ],
)
def test_take_is_rendered_only_if_used(
    make_board: MakeBoard, use: str, following: str, needed: bool
) -> None:
    """The present take is needed if the film shows it or a shot continues it."""
    planned = plan(make_board, f"use: {use}", following)
    assert [shot.is_needed for shot in planned.shots_to_render] == [needed, True]


def test_take_that_continues_unneeded_take_needs_nothing(make_board: MakeBoard) -> None:
    """A shot that is not rendered needs no shot before it; a requested one does."""
    shots = ("id: z, prompt: o, use: [{take: 2}]", "id: a, prompt: p, use: [{take: 3}], "
             "first_frame: {shot: z, take: 1}")  # fmt: skip
    board = make_board(board_text(*shots))
    planned = make_plan(board, find_take=find_take)
    requested = make_plan(board, find_take=find_take, requested=["a"])

    assert [shot.is_needed for shot in planned.shots_to_render] == [False, False]
    assert [shot.is_needed for shot in requested.shots_to_render] == [True, True]
    assert (planned.path_to("a"), requested.path_to("a")) == (("a",), ("z", "a"))


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        (
            "use: [{take: 7}]",
            "shots[0].use[0].take",
            "the store has no render of take 7 of a",
        ),
        (
            "use: [{to: 9f}, {from: 97f}]",
            "shots[0].use[1].from",
            "the range begins at frame 97 (4.04 s), and a has 97 frames",
        ),
        (
            "use: [{take: 2, from: 73f}]",
            "shots[0].use[0].from",
            "the range begins at frame 73 (3.04 s), and take 2 of a has 73 frames",
        ),
        (
            "use: [{to: 9f}, {from: 96f}]",
            "shots[0].use[1]",
            "the last range of a has a single frame, and b begins with it",
        ),
    ],
)
def test_impossible_range_is_a_problem(
    make_board: MakeBoard, fields: str, path: str, message: str
) -> None:
    """The place is that of the value, and the message has the numbers."""
    board = make_board(board_text(f"id: a, prompt: p, {fields}", NEXT))
    (problem,) = plan_problems(board, find_take=find_take)

    assert (problem.path, problem.message) == (path, message)
    assert problem.remedy


def test_rehearsed_take_is_not_shown_at_a_vendor(make_board: MakeBoard) -> None:
    """A take of a provider on this machine is never part of a film that is paid for."""
    rehearsed = recorded(2)._replace(take=Take(2, "2" * 64, "previz"))

    def find(shot: str, number: int, provider: Provider | None) -> RecordedTake | None:
        del shot, number
        return None if provider else rehearsed

    board = make_board(board_text("id: a, prompt: p, use: [{take: 2}]", provider="ark"))
    (problem,) = plan_problems(board, find_take=find)

    assert problem.message == "take 2 of a was only rehearsed on this machine"
    assert problem.remedy == "Set take: 2 and render a at ark, or remove take."


def test_range_beyond_clip_is_noted(make_board: MakeBoard) -> None:
    """It is shown to its end; a note has the numbers, and for `auto` the maximum."""
    board = make_board(board_text("id: a, prompt: p, use: [{to: 6.0}]", NEXT))
    expected = "the range ends at frame 144 (6 s), and a has 97 frames: it ends with the clip"
    assert expected in plan_warnings(board)

    auto = board_text(
        "id: a, prompt: p, seconds: auto, use: [{to: 100.0}]", model="seedance-1.5-pro"
    )
    assert any("a has at most 289 frames" in text for text in plan_warnings(make_board(auto)))


def test_range_of_file_is_measured(make_board: MakeBoard, tmp_path: Path) -> None:
    """The frames of the user's own clip are known; the next shot starts at its out point."""
    (tmp_path / "boards").mkdir()
    write_clip(tmp_path / "boards" / "own.mp4", frames=72)
    text = board_text("id: a, clip: own.mp4, use: [{from: 72f}]", NEXT)
    problems = plan_problems(make_board(text))
    fine = make_plan(make_board(board_text("id: a, clip: own.mp4, use: [{to: 24f}]", NEXT)))

    assert [problem.message for problem in problems] == [
        "the range begins at frame 72 (3 s), and own.mp4 has 72 frames",
    ]
    (following,) = fine.shots_to_render
    assert (following.continues, following.continues_frame) == ("a", 24)


@pytest.mark.parametrize("use", ["[{to: 96f}]", "[{take: 2}]"])
def test_trimmed_clip_is_not_extended(make_board: MakeBoard, use: str) -> None:
    """`continue: clip` extends the whole clip, so the film has to show its end."""
    first = f"id: a, prompt: p, use: {use}"
    text = board_text(first, f"{NEXT}, continue: clip", model="seedance-2.0")
    (problem,) = plan_problems(make_board(text), find_take=find_take)
    fine = text.replace(use, "[{from: 24f, to: 97f}]")

    assert problem.path == "shots[1].continue"
    assert problem.message.startswith("b continues the clip of a, and the film ")
    assert make_plan(make_board(fine)).shots_to_render[1].continues_clip


@pytest.mark.parametrize(
    ("use", "following", "seam"),
    [
        ("[{from: 9f}]", NEXT, True),
        ("[{to: 48f}]", NEXT, False),
        ("[{to: 97f}]", NEXT, True),
        # Frame 96 is shown by the next shot alone: nothing is left to drop.
        ("[{to: 96f}]", NEXT, False),
        ("[{}, {to: 24f}]", NEXT, False),
        ("[{take: 2}]", NEXT, True),
        ("[{take: 2, to: 24f}]", NEXT, False),
        ("[{}]", f"{NEXT}, use: [{{from: 1f}}]", False),
        ("[{take: 2}]", f"{NEXT}, first_frame: {{shot: a, take: 1}}", False),
        ("[{}]", f"{NEXT}, first_frame: {{shot: a, take: 2}}", False),
    ],
)
def test_seam_is_chained_only_on_the_frame_that_is_shown(
    make_board: MakeBoard, use: str, following: str, seam: bool
) -> None:
    """The film ends the earlier shot on the very frame that the next one begins with, or not."""
    planned = plan(make_board, f"use: {use}", following)
    assert planned.is_seam(1) is seam


def test_recorded_take_chains_to_what_it_started_on(make_board: MakeBoard) -> None:
    """A recorded take repeats the picture that it was rendered from, if the film shows that."""
    board = make_board(board_text("id: z, prompt: o", "id: a, prompt: p, use: [{take: 2}]"))
    key = make_plan(board, find_take=find_take).shot("z").key

    def is_seam(**values: Any) -> bool:
        return make_plan(board, find_take=lambda *_: recorded(2, **values)).is_seam(1)

    assert is_seam(continues_key=key)
    assert not is_seam(continues_key="other")
    assert not is_seam(continues_key=key, continues_frame=48)


@pytest.mark.parametrize(
    ("first", "second", "frames"),
    [
        ("use: [{from: 12f, to: 60f}]", NEXT, 48 + 97),
        ("use: [{to: 9f}, {from: 90f}]", NEXT, 9 + 7 - 1 + 97),
        ("use: [{take: 2, to: 24f}, {take: 3, from: 12f}]", NEXT, 24 + 61 - 1 + 97),
        ("use: [{}]", f"{NEXT}, use: [{{to: 30f}}]", 97 - 1 + 30),
    ],
)
def test_plan_counts_frames_of_ranges(
    make_board: MakeBoard, first: str, second: str, frames: int
) -> None:
    """The length of the film is known from requests and receipts, before anything is rendered."""
    assert count_planned_frames(plan(make_board, first, second)) == frames


def test_length_of_auto_shot_is_known_up_to_out_point(make_board: MakeBoard) -> None:
    """An out point gives a shot a length that the model would decide."""
    shots = ("id: a, prompt: p, use: [{to: 48f}]", "id: b, prompt: q, seconds: 4")
    text = board_text(*shots, look="seconds: auto", model="seedance-1.5-pro")
    whole = text.replace(", use: [{to: 48f}]", "")

    assert count_planned_frames(make_plan(make_board(text))) == 48 + 97
    assert count_planned_frames(make_plan(make_board(whole))) is None


def test_edit_has_each_range_and_one_chapter(make_board: MakeBoard) -> None:
    """The chapter of a shot is in its first range; a dropped frame is one of its last range."""
    planned = plan(make_board, "use: [{take: 2, from: 3f, to: 24f}, {from: 12f}]", NEXT)
    own = {shot.id: build_file(shot.key, shot.frames) for shot in planned}
    first, second, last = build_edit(planned, own).clips

    assert [clip.file.sha256 for clip in (first, second)] == ["2" * 64, planned.shot("a").key]
    assert [(clip.first_frame, clip.end_frame) for clip in (first, second)] == [(3, 24), (12, None)]
    assert (first.chapter_title, second.chapter_title, last.chapter_title) == ("a", None, "b")
    assert (first.drop_last_frame, second.drop_last_frame) == (False, True)
    assert first.file.path == Path("nowhere/clip.mp4")


def test_short_clip_ends_its_range(make_board: MakeBoard) -> None:
    """A clip with fewer frames than planned ends before its out point, so the seam is chained."""
    planned = plan(make_board, "use: [{to: 90f}]", NEXT)

    def first_clip(frames: int) -> tuple[int | None, bool]:
        files = {shot.id: build_file(shot.key, frames) for shot in planned}
        clip = build_edit(planned, files).clips[0]
        return clip.end_frame, clip.drop_last_frame

    assert first_clip(97) == (90, False)
    assert first_clip(90) == (None, True)
    assert first_clip(80) == (None, True)


def build_file(sha256: str, frames: int) -> InputFile:
    """A clip of so many frames."""
    return InputFile(Path("a.mp4"), sha256, frames)


def test_whole_clip_is_the_default() -> None:
    """A range without limits is the whole clip."""
    assert UsedRange().shows_end(None)
    assert UsedRange().count_frames(FRAMES) == FRAMES
