"""A whole scene for a prompt: where it plays, and its two layers, ready to be filmed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from tasks.simulator.animatic.colour import Floats, Planes, mix, to_image, to_planes
from tasks.simulator.animatic.grounds import draw_city, draw_ridges, draw_sea, draw_wood
from tasks.simulator.animatic.noise import grain
from tasks.simulator.animatic.palettes import choose_palette, lean_towards
from tasks.simulator.animatic.rooms import draw_room, draw_stair
from tasks.simulator.animatic.skies import Canvas
from tasks.simulator.animatic.subjects import draw_front, find_subject, rim_light

MARGIN = 1.22
"""How much larger than the frame a scene is drawn, so that the camera has somewhere to go."""
_MOST_PIXELS = 640_000

_SETTINGS = (
    ("stair", r"stair\w*|steps|staircase"),
    (
        "room",
        r"rooms?|doors?|doorway|kitchen|corridor|hall|hallway|house|office|desk|tables?|inside|"
        r"interior|lamp\w*|windows?|bed|bedroom|studio|product|packshot|pack shot|logo|shop|"
        r"library|workshop|cabin|tavern|candle\w*|laborator\w*|lab",
    ),
    (
        "city",
        r"cit(?:y|ies)|street\w*|skyline|neon|building\w*|rooftop\w*|alley\w*|downtown|traffic|"
        r"station|metro|tokyo|car|cars|taxi|bridge|urban|cyberpunk|hologram\w*",
    ),
    (
        "sea",
        r"seas?|ocean\w*|waves?|beach\w*|boat\w*|ships?|harbou?r\w*|lakes?|river\w*|shore\w*|"
        r"coast\w*|sail\w*|island\w*|rocks|cliffs?|bay",
    ),
    ("wood", r"forest\w*|woods?|jungle|grove|trees|birch\w*"),
)
_DRAWERS = {
    "ridges": draw_ridges,
    "sea": draw_sea,
    "wood": draw_wood,
    "city": draw_city,
    "room": draw_room,
    "stair": draw_stair,
}


@dataclass(frozen=True)
class Scene:
    """Two layers on a canvas larger than the frame."""

    far: Planes
    front: Image.Image
    """The front layer's luma."""
    front_colour: tuple[int, int]
    """Its two chroma values: a dark shape has one colour."""
    shape: Image.Image
    """Where the front layer is (L)."""
    reach: tuple[int, int, int, int]
    """The front layer's left, top, right and bottom on the canvas."""
    weather: str


def find_setting(prompt: str) -> str:
    """Return where the prompt plays: the place it names first, else ridges."""
    found = [
        (match.start(), name)
        for name, words in _SETTINGS
        if (match := re.search(rf"\b(?:{words})\b", prompt.lower()))
    ]
    return min(found)[1] if found else "ridges"


def draw_scene(
    prompt: str, size: tuple[int, int], seed: int, *, tint: Floats | None = None
) -> Scene:
    """Draw the prompt's scene for a frame of that size; the same seed draws the same scene.

    A tint (three numbers from 0 to 1) is what reference pictures lend to its colours.
    """
    chance = np.random.default_rng(seed)
    canvas = _canvas(prompt, size, chance)
    if tint is not None:
        canvas = replace(canvas, palette=lean_towards(canvas.palette, tint))
    setting = find_setting(prompt)
    picture = _DRAWERS[setting](canvas)
    # Shrunk grain keeps the gradients from showing steps after encoding.
    picture = picture + grain(chance, (canvas.width, canvas.height), 0.008)
    shape = draw_front(canvas, setting, find_subject(prompt))
    front = _front_planes(canvas, shape)
    return Scene(
        far=to_planes(to_image(picture)),
        front=front.luma,
        front_colour=_main_colour(front),
        shape=shape,
        reach=shape.getbbox() or (0, 0, 0, 0),
        weather=find_weather(prompt, setting),
    )


def find_weather(prompt: str, setting: str) -> str:
    """Return what floats in the air: snow, rain, embers, dust, or nothing."""
    words = prompt.lower()
    for name, pattern in (
        ("snow", r"\bsnow(?:s|ing|fall|flakes|y)?\b|\bblizzard\b"),
        ("rain", r"\brain(?:s|y|ing|fall)?\b|\bstorm\w*\b|\bdownpour\b"),
        ("embers", r"\bfire\w*\b|\bflame\w*\b|\bember\w*\b|\bburn\w*\b|\blava\b"),
    ):
        if re.search(pattern, words):
            return "dust" if name != "embers" and setting in {"room", "stair"} else name
    return "dust" if setting in {"room", "stair", "wood"} else ""


def _canvas(prompt: str, size: tuple[int, int], chance: np.random.Generator) -> Canvas:
    width, height = size
    scale = min(MARGIN, (_MOST_PIXELS / (width * height)) ** 0.5)
    # Nearest even number: half the canvas is the chroma plane.
    across, down = (2 * round(side * scale / 2) for side in (width, height))
    luck = float(chance.random())
    side = 0.345 if chance.random() < 0.5 else 0.655
    tall = width < height
    horizon = 0.60 + 0.05 * float(chance.random()) + (0.04 if tall else 0.0)
    palette = choose_palette(prompt, luck)
    drop = 0.30 if palette.moon or palette.name in {"day", "snow"} else 0.17
    sun = (side, horizon - drop - 0.05 * float(chance.random()))
    rugged = bool(re.search(r"\b(?:mountain\w*|peaks?|alps|summit\w*|cliffs?)\b", prompt.lower()))
    return Canvas(across, down, palette, sun, horizon, chance, rugged=rugged)


def _front_planes(canvas: Canvas, shape: Image.Image) -> Planes:
    palette = canvas.palette
    base = np.broadcast_to(palette.land * 0.62, (canvas.height, canvas.width, 3))
    rim = rim_light(shape, canvas)[..., None] * 0.5
    lit = mix(palette.light, palette.low, 0.4)
    return to_planes(to_image(np.asarray(base * (1 - rim) + lit * rim, np.float32)))


def _main_colour(front: Planes) -> tuple[int, int]:
    blue, red = (int(np.argmax(plane.histogram())) for plane in (front.blue, front.red))
    return blue, red
