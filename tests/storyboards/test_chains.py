"""The links between shots, and which of them are not allowed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards import Board, Problem
from storyboards.chains import find_cycles, find_links
from storyboards.models import FromShot

Read = Callable[[str], Board]
Reject = Callable[[str | bytes], tuple[Problem, ...]]


def test_links_follow_first_frame(read: Read) -> None:
    """`previous` is the default; none, files, URLs and clips begin anew; shots can be named."""
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


def test_links_to_later_shot_are_allowed(read: Read) -> None:
    """The order of the film is not the order of rendering, as long as there is no cycle."""
    board = read(
        "shots:\n"
        "  - {id: flashback, prompt: x, first_frame: {shot: today}}\n"
        "  - {id: today, prompt: x, first_frame: none}\n"
    )
    assert find_links(board.storyboard) == {"flashback": "today", "today": None}


def test_first_frame_names_take(read: Read) -> None:
    """`{shot: ID, take: N}` names the take."""
    board = read("shots:\n  - {id: a, prompt: x}\n  - {id: b, first_frame: {shot: a, take: 2}}\n")
    assert board.storyboard.shots[1].first_frame == FromShot(shot="a", take=2)


def test_cycle_is_reported_at_first_shot(reject: Reject) -> None:
    """Two cycles are two problems, and shots that only continue a cycle are none."""
    problems = reject(
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


def ends(links: dict[str, str | None], start: str) -> bool:
    """Return whether following the links from a shot comes to an end."""
    seen = set()
    shot: str | None = start
    while shot is not None:
        if shot in seen:
            return False
        seen.add(shot)
        shot = links.get(shot)
    return True


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.sampled_from("abcdefghx")))
)
def test_cycles_exist_iff_walk_never_ends(links: dict[str, str | None]) -> None:
    """Cycles are found in any graph, each once, and nothing else is."""
    cycles = find_cycles(links)
    assert bool(cycles) == any(not ends(links, shot) for shot in links)
    members = [shot for cycle in cycles for shot in cycle]
    assert len(members) == len(set(members))
    for cycle in cycles:
        for shot, continued in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
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
def test_shot_with_picture_or_prompt_is_valid(read: Read, shot: str) -> None:
    """A shot needs a prompt only if it names no picture or clip."""
    read(f"shots:\n  - {{id: dawn, prompt: x}}\n  - id: dusk\n    {shot}\n")


@pytest.mark.parametrize(
    "shot", ["first_frame: none", "first_frame: previous", "seconds: 4", "references: {audio: [a]}"]
)
def test_shot_without_content_needs_prompt(reject: Reject, shot: str) -> None:
    """Neither the chain alone nor a sound replaces a prompt."""
    (problem,) = reject(f"shots:\n  - {{id: dawn, prompt: x}}\n  - id: dusk\n    {shot}\n")
    assert problem.path == "shots[1]"


def test_clip_takes_title_and_transition(read: Read) -> None:
    """Keys about the film, not the rendering, are allowed with a clip."""
    shot = "{id: b, clip: b.mp4, title: B, transition: {crossfade: 0.5}, take: 1, lock: false}"
    board = read(f"shots:\n  - {{id: a, prompt: x}}\n  - {shot}\n")
    assert board.storyboard.shots[1].clip == "b.mp4"
