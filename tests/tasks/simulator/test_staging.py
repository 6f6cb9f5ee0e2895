"""The staging of a prompt: how large people and things are, and where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.simulator.footage.breakdown import break_down
from tasks.simulator.footage.silhouettes import FIGURES, THINGS
from tasks.simulator.footage.stage import Piece
from tasks.simulator.footage.staging import stage

WIDE, TALL = 16 / 9, 9 / 16


def stage_prompt(prompt: str, ratio: float = WIDE, seed: int = 1) -> list[Piece]:
    return stage(break_down(prompt), ratio, 0.345, np.random.default_rng(seed)).pieces


def heads(pieces: list[Piece]) -> list[Piece]:
    shapes = tuple(head for _, _, head, _ in FIGURES.values())
    return [piece for piece in pieces if piece.shapes.endswith(shapes)]


def thing(pieces: list[Piece], name: str) -> Piece:
    return next(piece for piece in pieces if piece.shapes == THINGS[name].shapes)


@pytest.mark.parametrize("subject", ["a man", "a bottle", "a car", "a house"])
def test_tighter_shot_shows_subject_larger(subject: str) -> None:
    """From an extreme wide shot to an extreme close-up, people and things grow."""
    sizes = ["Extreme wide shot", "Wide shot", "Full shot", "Medium shot", "Close-up", "Macro"]

    heights = [stage_prompt(f"{size} of {subject}.")[0].height for size in sizes]

    assert heights == sorted(heights)
    assert heights[-1] > 3 * heights[1]


@pytest.mark.parametrize("ratio", [WIDE, 21 / 9, 1.0, TALL])
@pytest.mark.parametrize("size", ["Full shot", "Medium shot", "Close-up"])
def test_head_is_in_frame(size: str, ratio: float) -> None:
    """The top of every head is in the upper part of the frame, in every ratio."""
    for who in ("a man", "a woman and a man", "a family at a table"):
        for piece in heads(stage_prompt(f"{size} of {who}.", ratio)):
            assert 0.0 <= piece.y - piece.height < 0.7
            assert 0.0 < piece.x < 1.0


@pytest.mark.parametrize(
    ("prompt", "count"),
    [("a man", 1), ("two women", 2), ("a couple", 2), ("a family", 4), ("three children", 3)],
)
def test_number_of_people(prompt: str, count: int) -> None:
    """Each person has a head, and no two stand at the same place."""
    places = [round(piece.x, 3) for piece in heads(stage_prompt(prompt))]

    assert len(places) == len(set(places)) == count


def test_crowd_fills_the_width() -> None:
    """A crowd has many people at all distances, and reaches from edge to edge."""
    people = heads(stage_prompt("A crowd at a concert."))

    assert len(people) > 40
    assert min(piece.x for piece in people) < 0.1
    assert max(piece.x for piece in people) > 0.9
    assert len({round(piece.haze, 2) for piece in people}) == 5


@pytest.mark.parametrize("ratio", [WIDE, 1.0, TALL])
def test_left_is_left_and_right_is_right(ratio: float) -> None:
    """A place of the prompt is the place in the frame, and people turn to one another."""
    pieces = stage_prompt("A man on the right and a woman in a red dress on the left.", ratio)
    man, woman = heads(pieces)

    assert woman.colour == "#d0312d"
    assert woman.x < 0.45 < 0.55 < man.x
    assert man.x - woman.x > 0.3
    assert (woman.flip, man.flip) == (1, -1)
    assert thing(stage_prompt("A car on the right, wide shot."), "car").x > 0.6


def test_background_is_smaller_and_hazy() -> None:
    """Things in the background are smaller, move with the backdrop, and are hazy."""
    near = thing(stage_prompt("A man, a car."), "car")
    far = thing(stage_prompt("A man, a car in the background."), "car")

    assert far.height < near.height
    assert far.haze > near.haze
    assert (near.is_far, far.is_far) == (False, True)


def test_children_are_smaller() -> None:
    """A child beside a woman is smaller."""
    woman, child = (p for p in stage_prompt("A woman and a child.") if p.shapes[:2] == "dP")

    assert child.height < 0.8 * woman.height
    heights = [head.height for head in heads(stage_prompt("A woman and a child."))]
    assert heights[1] / child.height > 1.15 * heights[0] / woman.height


def test_cup_is_in_hand_or_on_the_table() -> None:
    """A person holds what is small; with a table, it stands on it."""
    in_hand = stage_prompt("A woman with a cup. Medium shot.")
    on_table = stage_prompt("A woman at a table with a cup. Medium shot.")

    body = in_hand[0]
    assert abs(thing(in_hand, "cup").x - body.x) < 0.2
    assert thing(in_hand, "cup").y < body.y
    assert on_table.index(thing(on_table, "cup")) == len(on_table) - 1


def test_rider_moves_with_the_bicycle() -> None:
    """A cyclist is above the bicycle, and both move to the named side."""
    pieces = stage_prompt("A cyclist crosses the street from right to left.")
    bicycle, (head,) = thing(pieces, "bicycle"), heads(pieces)

    assert head.x == pytest.approx(bicycle.x, abs=0.02)
    assert head.y - head.height < bicycle.y - bicycle.height
    assert head.travel == bicycle.travel == -0.5
    assert bicycle.flip == -1


def test_climber_stands_on_the_stairs() -> None:
    """A person on stairs stands higher than on the floor."""
    on_stairs, on_floor = (
        heads(stage_prompt(f"Wide shot, a man in a room{where}."))[0]
        for where in (" on the stairs", "")
    )

    assert on_stairs.y < on_floor.y - 0.1
    stairs = thing(stage_prompt("Wide shot, a man on the stairs."), "stairs")
    assert stairs.height * THINGS["stairs"].aspect > 0.8 * WIDE


def test_eyes_are_in_the_middle_of_an_extreme_close_up() -> None:
    """An extreme close-up of a face shows the eyes."""
    (head,) = heads(stage_prompt("ECU of her eyes."))

    assert 0.35 < head.y - 0.934 * head.height < 0.6


def test_shoulder_is_nearer_than_the_other_person() -> None:
    """Over a shoulder, the nearer person is larger, at the edge, and seen from behind."""
    far, near = heads(stage_prompt("Over-the-shoulder shot: a woman looks at a man."))

    assert near.shapes.endswith(FIGURES["back"][2])
    assert near.height > 1.5 * far.height
    assert abs(near.x - 0.5) > 0.3


def test_sitter_is_on_the_seat() -> None:
    """A seated person is lower than a standing one; seen from behind, the bench is in front."""
    standing = stage_prompt("A man beside a bench. Full shot.")
    seated = stage_prompt("A man sits on a bench. Full shot.")
    behind = stage_prompt("A couple sits on a bench, seen from behind. Full shot.")

    assert heads(seated)[0].y > heads(standing)[0].y + 0.1
    assert thing(seated, "bench").x == pytest.approx(heads(seated)[0].x)
    assert seated.index(thing(seated, "bench")) < seated.index(heads(seated)[0])
    assert behind.index(thing(behind, "bench")) > behind.index(heads(behind)[-1])


def test_things_stay_on_the_table() -> None:
    """Several things share the width of a table."""
    pieces = stage_prompt("Two kids at a table with three candles, a cake and a cup. Full shot.")
    table = thing(pieces, "table")
    half = table.height * THINGS["table"].aspect / WIDE / 2

    for name in ("candle", "cake", "cup"):
        assert abs(thing(pieces, name).x - table.x) < half


@pytest.mark.parametrize("ratio", [21 / 9, WIDE, 1.0, TALL])
@pytest.mark.parametrize("name", ["train", "car", "table", "dog"])
def test_thing_is_not_wider_than_the_frame(name: str, ratio: float) -> None:
    """A wide thing is reduced until it fits into the frame."""
    piece = thing(stage_prompt(f"Full shot of a {name}.", ratio), name)

    assert piece.height * THINGS[name].aspect < 0.73 * ratio
