"""The values of a plan: chains, seams, the order of dependencies and the critical path."""

from __future__ import annotations

import pytest

from tasks.plan import ExistingClip
from tasks.planning.planner import make_plan
from tests.support.boards import board_text, plan_shots, write_clip

TREE = board_text(
    "id: a, prompt: a",
    "id: b, prompt: b",
    "id: c, prompt: c, first_frame: none",
    "id: d, prompt: d, first_frame: {shot: a}",
    "id: e, prompt: e",
)


def test_chain_has_id_of_its_first_shot(make_board) -> None:
    """A chain is named by its first shot, also if a shot is continued by two others."""
    plan = make_plan(make_board(TREE))

    assert {shot.id: (shot.chain_id, shot.continues) for shot in plan.shots_to_render} == {
        "a": ("a", None),
        "b": ("a", "a"),
        "c": ("c", None),
        "d": ("a", "a"),
        "e": ("a", "d"),
    }


def test_is_seam_needs_the_shot_directly_before(make_board) -> None:
    """Only a shot that continues the shot before it in the film repeats a frame."""
    plan = make_plan(make_board(TREE))

    assert [plan.is_seam(index) for index in range(5)] == [False, True, False, False, True]


def test_path_to_lists_the_chain_up_to_a_shot(make_board) -> None:
    """It begins with the chain's first shot and ends with the shot."""
    plan = make_plan(make_board(TREE))

    assert plan.path_to("e") == ("a", "d", "e")
    assert plan.path_to("c") == ("c",)


def test_dependency_order_puts_a_parent_first(make_board) -> None:
    """A shot that continues a later shot of the film comes after it."""
    text = board_text(
        "id: a, prompt: a, first_frame: {shot: c}",
        "id: b, prompt: b, first_frame: none",
        "id: c, prompt: c, first_frame: none",
    )

    plan = make_plan(make_board(text))

    assert [shot.id for shot in plan.dependency_order()] == ["c", "a", "b"]


def test_critical_path_is_the_chain_that_takes_longest(make_board) -> None:
    """Two long shots outweigh three short ones."""
    text = board_text(
        "id: a, prompt: a, seconds: 2",
        "id: b, prompt: b, seconds: 2",
        "id: c, prompt: c, seconds: 2",
        "id: d, prompt: d, first_frame: none, seconds: 12",
        "id: e, prompt: e, seconds: 12",
    )

    assert make_plan(make_board(text)).critical_path == ("d", "e")


@pytest.mark.parametrize(
    ("shot", "seconds"),
    [
        ("seconds: 6", 6),
        ("frames: 49", 49 / 24),
        ("model: seedance-1.5-pro, seconds: auto", 289 / 24),
    ],
)
def test_duration_of_shot_to_render(make_board, shot: str, seconds: float) -> None:
    """It is the requested seconds, else the frames, which are the maximum for `auto`."""
    (planned,) = plan_shots(make_board(board_text(f"id: a, prompt: p, {shot}")))

    assert planned.duration_seconds == seconds


def test_existing_clip_is_a_chain_of_its_own(make_board, make_picture) -> None:
    """A clip is not rendered, and the next shot continues it by default."""
    write_clip(make_picture("a.png").with_name("c.mp4"), frames=24)
    plan = make_plan(make_board(board_text("id: a, clip: c.mp4", "id: b, prompt: p")))
    clip, following = plan.shots

    assert isinstance(clip, ExistingClip)
    assert clip.clip_path.name == "c.mp4"
    assert (clip.chain_id, clip.continues) == ("a", None)
    assert (following.chain_id, following.continues) == ("a", "a")
    assert plan.shots_to_render == (following,)
    assert plan.critical_path == ("a", "b")


def test_board_seed_of_the_shot_precedes_the_look(make_board) -> None:
    """The look's seed counts for shots without a seed of their own."""
    text = board_text("id: a, prompt: p, seed: 7", "id: b, prompt: q", look="seed: 3")
    plan = make_plan(make_board(text))

    assert [plan.board_seed(shot) for shot in plan] == [7, 3]


def test_shot_of_unknown_id_raises_key_error(make_board) -> None:
    """Callers check ids that a user gives."""
    with pytest.raises(KeyError):
        make_plan(make_board(TREE)).shot("z")
