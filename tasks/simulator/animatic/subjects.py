"""What stands in front: a slope, and on it a figure, a tower, a boat or pines, as dark shapes."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from tasks.simulator.animatic.colour import Floats
from tasks.simulator.animatic.noise import profile
from tasks.simulator.animatic.skies import Canvas

Points = list[tuple[float, float]]

_PEOPLE = (
    r"man|woman|men|women|girl|boy|child|children|person|people|keeper|figure|he|she|hero\w*|"
    r"traveller|traveler|hiker|sailor|fisherman|astronaut|detective|king|queen|couple|worker|"
    r"dancer|soldier|actor|actress|guard|mother|father|friend\w*|climb\w*|walk\w*"
)
_SUBJECTS = (
    ("tower", r"lighthouse\w*|tower\w*|castle\w*|church|chapel"),
    ("boat", r"boat\w*|ship\w*|sail\w*|yacht|vessel|canoe"),
    ("figure", _PEOPLE),
    ("pines", r"pine\w*|fir\w*|forest\w*|trees?|woods|mountain\w*"),
)


# As a share of the canvas, whose lowest tenth only a tilt or a crane shows.
_GROUND = {"room": 0.865, "stair": 0.875, "city": 0.870, "sea": 0.875}


def find_subject(prompt: str) -> str:
    """Return which of the known shapes the prompt names first in rank, or an empty string."""
    for name, words in _SUBJECTS:
        if re.search(rf"\b(?:{words})\b", prompt.lower()):
            return name
    return ""


def draw_front(canvas: Canvas, setting: str, subject: str) -> Image.Image:
    """Return the front layer's shape as a mask (L) over the whole canvas."""
    scale = 2
    mask = Image.new("L", (canvas.width * scale, canvas.height * scale), 0)
    draw = ImageDraw.Draw(mask)
    place = 0.665 if canvas.sun[0] < 0.5 else 0.335
    ground = _draw_slope(canvas, draw, mask.size, setting)
    foot = (place * mask.width, float(ground[int(place * (len(ground) - 1))]))
    if subject == "boat":
        foot = (foot[0], (canvas.horizon + 0.12) * mask.height)
    drawer = _DRAWERS.get(subject)
    if drawer is not None:
        # In a tall frame a figure is measured by the width, or it would fill it.
        drawer(draw, foot, min(mask.height, mask.width * 1.15), canvas.chance)
    return mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)


def rim_light(mask: Image.Image, canvas: Canvas) -> Floats:
    """Return where the front layer's edges catch the light, 0 to 1."""
    shape = np.asarray(mask, np.float32) / 255
    reach = max(1, round(min(canvas.height, canvas.width * 9 / 16) * 0.004))
    towards = reach if canvas.sun[0] < 0.5 else -reach
    covered = np.roll(np.roll(shape, towards, axis=1), reach, axis=0)
    return np.asarray(np.clip(shape - covered, 0, 1), np.float32)


def _draw_slope(
    canvas: Canvas, draw: ImageDraw.ImageDraw, size: tuple[int, int], setting: str
) -> Floats:
    width, height = size
    line = profile(canvas.chance, width, 1.6, 0.42)
    places = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    tilt = 0.05 if canvas.sun[0] < 0.5 else -0.05
    depth = _GROUND.get(setting, 0.835)
    swell = 0.0 if setting in {"room", "stair", "city"} else 0.022
    ground = np.asarray((depth - tilt * places * (swell > 0) + swell * line) * height, np.float32)
    if setting not in {"room", "stair"}:
        outline: Points = [(float(x), float(y)) for x, y in enumerate(ground)]
        draw.polygon([(0.0, float(height)), *outline, (float(width), float(height))], fill=255)
    return ground


def _draw_figure(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, chance: np.random.Generator
) -> None:
    tall = height * 0.27
    x, y = foot[0], foot[1] + tall * 0.015
    coat = [
        *((0.028, -0.86), (0.05, -0.83), (0.125, -0.80), (0.15, -0.70), (0.165, -0.50)),
        *((0.16, -0.42), (0.13, -0.40), (0.155, -0.26), (0.10, -0.24)),
    ]
    legs = [(0.095, -0.10), (0.085, 0.0), (0.02, 0.0), (0.012, -0.22)]
    half = coat + legs
    stride = chance.uniform(0.0, 0.03)
    right = [(x + (across + stride * (up > -0.3)) * tall, y + up * tall) for across, up in half]
    left = [(x - (across - stride * (up > -0.3)) * tall, y + up * tall) for across, up in half]
    draw.polygon(_rounded(right + left[::-1]), fill=255)
    _disc(draw, (x + 0.004 * tall, y - 0.925 * tall), (0.062 * tall, 0.078 * tall))


def _draw_tower(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, chance: np.random.Generator
) -> None:
    tall = height * chance.uniform(0.46, 0.52)
    x, y = foot[0], foot[1] + tall * 0.06
    body = [(-0.105, 0.0), (-0.062, -0.78), (0.062, -0.78), (0.105, 0.0)]
    deck = [(-0.088, -0.785), (-0.088, -0.81), (0.088, -0.81), (0.088, -0.785)]
    lamp = [(-0.046, -0.81), (-0.046, -0.90), (0.046, -0.90), (0.046, -0.81)]
    roof = [(-0.066, -0.90), (-0.02, -0.965), (0.0, -1.0), (0.02, -0.965), (0.066, -0.90)]
    for part in (body, deck, lamp, roof):
        draw.polygon([(x + across * tall, y + up * tall) for across, up in part], fill=255)
    for post in (-0.084, -0.042, 0.0, 0.042, 0.084):
        at = x + post * tall
        draw.line([(at, y - 0.81 * tall), (at, y - 0.842 * tall)], fill=255, width=3)
    rail = y - 0.842 * tall
    draw.line([(x - 0.088 * tall, rail), (x + 0.088 * tall, rail)], fill=255, width=3)


def _draw_boat(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, chance: np.random.Generator
) -> None:
    long = height * chance.uniform(0.20, 0.24)
    x, y = foot
    hull = [(-0.5, -0.10), (-0.40, 0.03), (0.36, 0.03), (0.54, -0.13), (0.3, -0.095)]
    sail = [(0.03, -0.14), (0.03, -0.98), (0.12, -0.62), (0.43, -0.17)]
    jib = [(-0.03, -0.15), (-0.02, -0.90), (-0.16, -0.55), (-0.42, -0.15)]
    draw.polygon([(x + across * long, y + up * long) for across, up in hull], fill=255)
    for part in (sail, jib):
        draw.polygon(_rounded([(x + a * long, y + up * long) for a, up in part], 1), fill=225)
    draw.line([(x, y - 0.08 * long), (x, y - 1.0 * long)], fill=255, width=4)


def _draw_pines(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, chance: np.random.Generator
) -> None:
    for shift, size in ((0.0, 1.0), (-0.34, 0.72), (0.30, 0.82), (0.62, 0.55), (-0.58, 0.5)):
        tall = height * 0.34 * size * chance.uniform(0.9, 1.1)
        _draw_pine(draw, (foot[0] + shift * height * 0.30, foot[1] + tall * 0.05), tall, chance)


def _draw_pine(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], tall: float, chance: np.random.Generator
) -> None:
    x, y = foot
    tiers = 9
    left: Points = []
    right: Points = []
    for tier in range(tiers):
        up = 1.0 - 0.9 * (tier + 1) / tiers
        reach = 0.20 * ((tier + 1) / tiers) ** 0.85
        for side, branch in ((-1, left), (1, right)):
            wide = reach * chance.uniform(0.8, 1.15)
            branch.append((x + side * wide * tall, y - up * tall))
            branch.append((x + side * wide * 0.45 * tall, y - (up + 0.012) * tall))
    draw.polygon([(x, y - tall), *right, (x, y), *left[::-1]], fill=255)
    draw.rectangle((x - 0.018 * tall, y - 0.12 * tall, x + 0.018 * tall, y), fill=255)


def _disc(
    draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: tuple[float, float]
) -> None:
    (x, y), (across, down) = centre, radius
    draw.ellipse((x - across, y - down, x + across, y + down), fill=255)


def _rounded(points: Points, times: int = 2) -> Points:
    """Chaikin: cuts every corner, so that a coat does not look like a box."""
    for _ in range(times):
        after = [*points[1:], points[0]]
        points = [
            (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
            for start, end in zip(points, after, strict=True)
            for share in (0.25, 0.75)
        ]
    return points


_Drawer = Callable[[ImageDraw.ImageDraw, tuple[float, float], float, np.random.Generator], None]
_DRAWERS: dict[str, _Drawer] = {
    "figure": _draw_figure,
    "tower": _draw_tower,
    "boat": _draw_boat,
    "pines": _draw_pines,
}
