"""Which shot continues which, and what may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import Board, Problem
from storyboards.chains import find_cycles, find_links

Read = Callable[[str], Board]
Refuse = Callable[[str | bytes], tuple[Problem, ...]]


def test_each_shot_continues_the_one_before_it_unless_it_says_otherwise(read: Read) -> None:
    """previous is the default; none, files, URLs and clips begin anew; other shots are named."""
    board = read(
        "shots:\n"
        "  - {id: a, prompt: x}\n"
        "  - {id: b, prompt: x}\n"
        "  - {id: c, prompt: x, first_frame: previous}\n"
        "  - {id: d, prompt: x, first_frame: none}\n"
        "  - {id: e, prompt: x, first_frame: {shot: b}}\n"
        "  - {id: f, prompt: x, first_frame: refs/a.png}\n"
        "  - {id: g, prompt: x, first_frame: 'https://example.org/a.png'}\n"
        "  - {id: h, clip: h.mp4}\n"
        "  - {id: i, prompt: x}\n"
        "  - {id: j, prompt: x, continue: clip}\n"
    )
    assert find_links(board.storyboard) == {
        "a": None,
        "b": "a",
        "c": "b",
        "d": None,
        "e": "b",
        "f": None,
        "g": None,
        "h": None,
        "i": "h",
        "j": "i",
    }


def test_a_shot_may_continue_a_later_one(read: Read) -> None:
    """The order of the film is not the order of rendering, as long as no shot waits for itself."""
    board = read(
        "shots:\n"
        "  - {id: flashback, prompt: x, first_frame: {shot: today}}\n"
        "  - {id: today, prompt: x, first_frame: none}\n"
    )
    assert find_links(board.storyboard) == {"flashback": "today", "today": None}


def test_a_take_of_another_shot_may_be_named(read: Read) -> None:
    """`{shot: ID, take: N}` names which one."""
    board = read("shots:\n  - {id: a, prompt: x}\n  - {id: b, first_frame: {shot: a, take: 2}}\n")
    start = board.storyboard.shots[1].first_frame
    assert start is not None
    assert not isinstance(start, str)
    assert (start.shot, start.take) == ("a", 2)


def test_every_ring_is_told_once_at_its_first_shot(refuse: Refuse) -> None:
    """Two rings are two problems, and shots that hang on a ring are none."""
    problems = refuse(
        "shots:\n"
        "  - {id: a, prompt: x, first_frame: {shot: b}}\n"
        "  - {id: b, prompt: x}\n"
        "  - {id: c, prompt: x, first_frame: {shot: d}}\n"
        "  - {id: d, prompt: x}\n"
        "  - {id: e, prompt: x}\n"
    )
    assert [problem.path for problem in problems] == [
        "shots[0].first_frame",
        "shots[2].first_frame",
    ]


def walk(links: dict[str, str | None], shot: str) -> bool:
    """Whether following the links from a shot comes to an end."""
    seen = set()
    at: str | None = shot
    while at is not None:
        if at in seen:
            return False
        seen.add(at)
        at = links.get(at)
    return True


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.sampled_from("abcdefghx")))
)
def test_there_is_a_loop_exactly_where_walking_never_ends(links: dict[str, str | None]) -> None:
    """Rings are found in any graph, each once, and nothing else is."""
    loops = find_cycles(links)
    assert bool(loops) == any(not walk(links, shot) for shot in links)
    told = [shot for loop in loops for shot in loop]
    assert len(told) == len(set(told))
    for loop in loops:
        for shot, continued in zip(loop, (*loop[1:], loop[0]), strict=True):
            assert links[shot] == continued


@pytest.mark.parametrize(
    "shot",
    [
        "first_frame: refs/a.png",
        "first_frame: https://example.org/a.png",
        "first_frame: {shot: dawn}",
        "references: {images: [refs/a.png]}",
        "references: {videos: [refs/a.mp4]}",
        "continue: clip",
        "clip: takes/a.mp4",
        "prompt: Waves",
    ],
)
def test_a_picture_a_clip_or_words_make_a_shot(read: Read, shot: str) -> None:
    """A shot needs a prompt only where nothing it names can stand for one."""
    read(f"shots:\n  - {{id: dawn, prompt: x}}\n  - id: dusk\n    {shot}\n")


@pytest.mark.parametrize(
    "shot", ["first_frame: none", "first_frame: previous", "seconds: 4", "references: {audio: [a]}"]
)
def test_a_shot_without_anything_to_show_asks_for_a_prompt(refuse: Refuse, shot: str) -> None:
    """Neither the chain alone nor a sound says what happens."""
    (problem,) = refuse(f"shots:\n  - {{id: dawn, prompt: x}}\n  - id: dusk\n    {shot}\n")
    assert problem.path == "shots[1]"


def test_a_clip_may_have_a_title_and_a_transition(read: Read) -> None:
    """What concerns the film, not the rendering, stands beside a clip."""
    shot = "{id: b, clip: b.mp4, title: B, transition: {crossfade: 0.5}, take: 1, lock: false}"
    board = read(f"shots:\n  - {{id: a, prompt: x}}\n  - {shot}\n")
    assert board.storyboard.shots[1].clip == "b.mp4"
