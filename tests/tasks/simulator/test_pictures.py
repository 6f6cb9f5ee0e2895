"""The pictures of a scene, by what is visible: sizes, places, movement, text, slate, colours."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tasks.simulator.footage.breakdown import break_down
from tasks.simulator.footage.camera import ARROWS, choose_move
from tasks.simulator.footage.colour import Planes
from tasks.simulator.footage.renderer import ClipSpec, FrameRenderer
from tasks.simulator.footage.scenes import draw_scene
from tasks.simulator.footage.silhouettes import THINGS, draw_shapes

FRAMES = 49
SIZE = (320, 180)


def render(prompt: str, *indices: int, **fields: Any) -> list[Planes]:
    """Return the frames with these indices; the first one by default."""
    size = fields.pop("size", SIZE)
    spec = ClipSpec(prompt, size[0], size[1], frames=FRAMES, seed=3, label="2 s", **fields)
    renderer = FrameRenderer(spec)
    return [renderer.render(index) for index in indices or (0,)]


def red_mask(planes: Planes) -> np.ndarray:
    """Return where the picture is red, in half size."""
    return np.asarray(planes.red, int) > 160


def red_x(planes: Planes) -> float:
    """Return the middle of what is red, as a fraction of the width."""
    columns = np.nonzero(red_mask(planes))[1]
    assert columns.size > 20
    return float(columns.mean() / planes.red.width)


def test_tighter_shot_has_more_of_the_subject() -> None:
    """From wide to close-up, the same coat takes more of the picture."""
    areas = [
        red_mask(render(f"{size} of a woman in a red dress. Static. Blue sky.")[0]).mean()
        for size in ("Extreme wide shot", "Wide shot", "Full shot", "Medium shot")
    ]

    assert areas == sorted(areas)
    assert areas[-1] > 3 * areas[1] > 0


@pytest.mark.parametrize("size", [(320, 180), (180, 320), (420, 180), (240, 240), (240, 320)])
def test_places_are_visible_in_every_ratio(size: tuple[int, int]) -> None:
    """A red car is on the left or on the right, as the prompt asks."""
    left, right = (
        red_x(render(f"A red car on the {side}. Wide shot, static, snow.", size=size)[0])
        for side in ("left", "right")
    )

    assert left < 0.42
    assert right > 0.58


def test_subject_moves_across_the_frame_without_a_jump() -> None:
    """A car that drives from left to right moves evenly in every frame."""
    prompt = "A red car drives from left to right. Wide shot, static camera, snow."
    places = [red_x(planes) for planes in render(prompt, *range(0, FRAMES, 4))]

    steps = np.diff(places)
    assert places[0] < 0.4
    assert places[-1] > 0.6
    assert steps.min() > 0
    assert steps.max() < 2 * steps.mean()


def test_end_card_shows_its_text() -> None:
    """A text card depends on the text, and bars stand for a text that the prompt does not quote."""
    pictures = [
        np.asarray(render(f"End card: the logo {text}appears. Static.")[0].luma, int)
        for text in ('"NORDWIND" ', '"EMBER" ', "", "「海风」")
    ]

    assert all((picture > 200).mean() > 0.005 for picture in pictures)
    assert np.abs(pictures[0] - pictures[1]).max() > 100
    assert np.abs(pictures[0] - pictures[2]).max() > 100
    assert np.abs(pictures[2] - pictures[3]).max() < 40


def test_end_card_text_stays_in_the_middle() -> None:
    """The camera moves over the backdrop, and not over the text."""
    frames = render('End card: the logo "NORDWIND" appears. Pan left.', 0, FRAMES - 1)
    columns = [np.nonzero(np.asarray(frame.luma)[:110] > 215)[1] for frame in frames]

    assert columns[0].mean() == pytest.approx(columns[1].mean(), abs=4)
    assert columns[0].mean() == pytest.approx(SIZE[0] / 2, abs=8)


def test_slate_shows_shot_id_except_at_both_ends() -> None:
    """The shot's id changes the slate in the middle, and nothing of the first and last frames."""
    named, unnamed = (
        [
            np.asarray(p.luma, int)
            for p in render("A cat, pan left.", 0, 24, FRAMES - 1, shot_id=shot)
        ]
        for shot in ("lamp", "")
    )

    differences = [np.abs(a - b).max() for a, b in zip(named, unnamed, strict=True)]
    assert differences[0] == differences[2] == 0
    assert differences[1] > 60
    assert np.array_equal(named[1][:90], unnamed[1][:90])


def test_slate_accepts_a_shot_id_without_glyphs() -> None:
    """An id in a script that the font lacks is left out."""
    chinese, unnamed = (
        np.asarray(render("A cat.", 24, shot_id=shot)[0].luma) for shot in ("灯塔", "")
    )

    assert np.array_equal(chinese, unnamed)


def test_black_and_white_has_no_colour() -> None:
    """A black and white picture has no colour, not even that of clothes."""
    (planes,) = render("A woman in a red dress, black and white.")

    for plane in (planes.blue, planes.red):
        assert np.asarray(plane).min() == np.asarray(plane).max() == 128


def test_lit_things_shine_on_the_backdrop() -> None:
    """The backdrop behind a phone is lighter than behind a box."""
    phone, box = (
        np.asarray(draw_scene(f"A {thing} in a studio at night.", SIZE, 3).far.luma, int)
        for thing in ("phone", "box")
    )

    assert phone.mean() > box.mean() + 2


def test_thing_wider_than_the_canvas_moves() -> None:
    """A train that is larger than the frame can pass."""
    frames = render("Macro: a train moves from left to right. Static.", 0, 24, FRAMES - 1)

    assert len({np.asarray(frame.luma).tobytes() for frame in frames}) == 3


@pytest.mark.parametrize("name", sorted(THINGS))
def test_thing_is_found_and_drawn(name: str) -> None:
    """Each thing is found by a word for it, stands on its foot, and fills its height."""
    nouns = {"drone": "helicopter", "camera": "pair of binoculars", "can": "soda can"}
    prompt = f"A {nouns.get(name, name).replace('_', ' ').replace('screen', 'big screen')}"
    picture = Image.new("L", (800, 300), 0)
    draw_shapes(THINGS[name].shapes, (ImageDraw.Draw(picture),), (400, 200, 1, 1), {})
    left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)

    assert [mention.name for mention in break_down(prompt).mentions] == [name]
    assert 85 <= 200 - top <= 150
    assert bottom >= 180
    assert left < 400 < right


def test_every_move_has_an_arrow() -> None:
    """The slate has an arrow for each camera move that a prompt can ask for."""
    prompts = "static,push in,pull back,pan left,pan right,tilt up,tilt down,crane up,crane down"
    prompts += ",tracking,track left,orbit,drift"
    moves = [choose_move(prompt, 0.5, camera_fixed=False).name for prompt in prompts.split(",")]

    assert set(moves) == set(ARROWS)
    assert len({ARROWS[move] for move in moves}) > 9
    assert choose_move("A quiet sea.", 0.5, camera_fixed=False).name == ""


def test_shapes_name_known_kinds_and_tones() -> None:
    """All shapes use the tones and kinds of the drawing."""
    for thing in THINGS.values():
        for shape in thing.shapes.split(";"):
            assert re.match(r"[dmflkc][psolPSOL]\d*\.?\d* ", shape.strip()), shape
