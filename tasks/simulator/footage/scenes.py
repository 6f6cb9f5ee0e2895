"""The scene of a prompt: its setting, its subject and the two layers that the camera moves over.

The far layer is a landscape or an interior; the front layer is a dark silhouette of the ground and
the subject.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from tasks.simulator.footage.colour import (
    Floats,
    Planes,
    choose_palette,
    mix,
    tint_palette,
    to_image,
    to_planes,
)
from tasks.simulator.footage.drawing import Canvas, film_grain, noise_line
from tasks.simulator.footage.interiors import draw_room, draw_staircase
from tasks.simulator.footage.landscapes import draw_city, draw_forest, draw_ridges, draw_sea

Points = list[tuple[float, float]]

MARGIN = 1.22
"""Size of the canvas relative to the frame, which leaves room for camera moves."""
_MAX_PIXELS = 640_000

_SETTINGS = (
    ("staircase", r"stair\w*|steps|staircase"),
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
    ("forest", r"forest\w*|woods?|jungle|grove|trees|birch\w*"),
)
_BACKGROUNDS = {
    "ridges": draw_ridges,
    "sea": draw_sea,
    "forest": draw_forest,
    "city": draw_city,
    "room": draw_room,
    "staircase": draw_staircase,
}
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

# Fraction of the canvas height; its lowest tenth is visible only in tilt and crane moves.
_GROUND = {"room": 0.865, "staircase": 0.875, "city": 0.870, "sea": 0.875}


@dataclass(frozen=True)
class Scene:
    """Two layers on a canvas larger than the frame."""

    far: Planes
    front: Image.Image
    """The front layer's luma."""
    front_chroma: tuple[int, int]
    """Cb and Cr of the front layer, which has a single colour."""
    front_mask: Image.Image
    """Mask of the front layer (mode L)."""
    front_box: tuple[int, int, int, int]
    """Left, top, right and bottom of the front layer on the canvas."""
    weather: str
    """`snow`, `rain`, `embers`, `dust` or empty."""


def find_setting(prompt: str) -> str:
    """Return the setting that the prompt mentions first, `ridges` if it mentions none."""
    matches = [
        (match.start(), name)
        for name, pattern in _SETTINGS
        if (match := re.search(rf"\b(?:{pattern})\b", prompt.lower()))
    ]
    return min(matches)[1] if matches else "ridges"


def draw_scene(
    prompt: str, size: tuple[int, int], seed: int, *, tint: Floats | None = None
) -> Scene:
    """Draw the scene of a prompt; the same arguments give the same scene.

    Args:
        prompt: Its keywords decide setting, subject, palette and weather.
        size: Width and height of the frame in pixels.
        seed: Seed of the random generator.
        tint: sRGB colour from 0 to 1 that the palette is shifted towards.
    """
    rng = np.random.default_rng(seed)
    canvas = _canvas(prompt, size, rng)
    if tint is not None:
        canvas = replace(canvas, palette=tint_palette(canvas.palette, tint))
    setting = find_setting(prompt)
    pixels = _BACKGROUNDS[setting](canvas)
    # Grain prevents banding in the gradients after encoding.
    pixels = pixels + film_grain(rng, (canvas.width, canvas.height), 0.008)
    mask = _draw_front(canvas, setting, find_subject(prompt))
    front = _front_planes(canvas, mask)
    return Scene(
        far=to_planes(to_image(pixels)),
        front=front.luma,
        front_chroma=_main_chroma(front),
        front_mask=mask,
        front_box=mask.getbbox() or (0, 0, 0, 0),
        weather=find_weather(prompt, setting),
    )


def find_subject(prompt: str) -> str:
    """Return the first subject of the table that the prompt mentions, empty if there is none."""
    for name, pattern in _SUBJECTS:
        if re.search(rf"\b(?:{pattern})\b", prompt.lower()):
            return name
    return ""


def find_weather(prompt: str, setting: str) -> str:
    """Return the kind of particles in the air: `snow`, `rain`, `embers`, `dust` or empty."""
    text = prompt.lower()
    for name, pattern in (
        ("snow", r"\bsnow(?:s|ing|fall|flakes|y)?\b|\bblizzard\b"),
        ("rain", r"\brain(?:s|y|ing|fall)?\b|\bstorm\w*\b|\bdownpour\b"),
        ("embers", r"\bfire\w*\b|\bflame\w*\b|\bember\w*\b|\bburn\w*\b|\blava\b"),
    ):
        if re.search(pattern, text):
            return "dust" if name != "embers" and setting in {"room", "staircase"} else name
    return "dust" if setting in {"room", "staircase", "forest"} else ""


def _canvas(prompt: str, size: tuple[int, int], rng: np.random.Generator) -> Canvas:
    width, height = size
    scale = min(MARGIN, (_MAX_PIXELS / (width * height)) ** 0.5)
    # Even, since the chroma planes have half the size.
    canvas_width, canvas_height = (2 * round(side * scale / 2) for side in (width, height))
    palette_value = float(rng.random())
    side = 0.345 if rng.random() < 0.5 else 0.655
    is_portrait = width < height
    horizon = 0.60 + 0.05 * float(rng.random()) + (0.04 if is_portrait else 0.0)
    palette = choose_palette(prompt, palette_value)
    drop = 0.30 if palette.has_moon or palette.name in {"day", "snow"} else 0.17
    sun = (side, horizon - drop - 0.05 * float(rng.random()))
    is_rugged = bool(
        re.search(r"\b(?:mountain\w*|peaks?|alps|summit\w*|cliffs?)\b", prompt.lower())
    )
    return Canvas(canvas_width, canvas_height, palette, sun, horizon, rng, is_rugged=is_rugged)


def _front_planes(canvas: Canvas, mask: Image.Image) -> Planes:
    palette = canvas.palette
    base = np.broadcast_to(palette.land * 0.62, (canvas.height, canvas.width, 3))
    rim = _rim_light(mask, canvas)[..., None] * 0.5
    lit = mix(palette.light, palette.low, 0.4)
    return to_planes(to_image(np.asarray(base * (1 - rim) + lit * rim, np.float32)))


def _main_chroma(front: Planes) -> tuple[int, int]:
    blue, red = (int(np.argmax(plane.histogram())) for plane in (front.blue, front.red))
    return blue, red


def _draw_front(canvas: Canvas, setting: str, subject: str) -> Image.Image:
    """Draw the mask (mode L) of the front layer over the whole canvas."""
    scale = 2
    mask = Image.new("L", (canvas.width * scale, canvas.height * scale), 0)
    draw = ImageDraw.Draw(mask)
    x = 0.665 if canvas.sun[0] < 0.5 else 0.335
    ground = _draw_ground(canvas, draw, mask.size, setting)
    foot = (x * mask.width, float(ground[int(x * (len(ground) - 1))]))
    if subject == "boat":
        foot = (foot[0], (canvas.horizon + 0.12) * mask.height)
    draw_subject = _SUBJECT_DRAWERS.get(subject)
    if draw_subject is not None:
        # In a portrait frame the width limits the subject, which would fill it otherwise.
        draw_subject(draw, foot, min(mask.height, mask.width * 1.15), canvas.rng)
    return mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)


def _rim_light(mask: Image.Image, canvas: Canvas) -> Floats:
    """Return the lit edges of the front layer, 0 to 1."""
    coverage = np.asarray(mask, np.float32) / 255
    offset = max(1, round(min(canvas.height, canvas.width * 9 / 16) * 0.004))
    dx = offset if canvas.sun[0] < 0.5 else -offset
    shifted = np.roll(np.roll(coverage, dx, axis=1), offset, axis=0)
    return np.asarray(np.clip(coverage - shifted, 0, 1), np.float32)


def _draw_ground(
    canvas: Canvas, draw: ImageDraw.ImageDraw, size: tuple[int, int], setting: str
) -> Floats:
    width, height = size
    line = noise_line(canvas.rng, width, 1.6, 0.42)
    positions = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    tilt = 0.05 if canvas.sun[0] < 0.5 else -0.05
    depth = _GROUND.get(setting, 0.835)
    swell = 0.0 if setting in {"room", "staircase", "city"} else 0.022
    ground = np.asarray(
        (depth - tilt * positions * (swell > 0) + swell * line) * height, np.float32
    )
    if setting not in {"room", "staircase"}:
        outline: Points = [(float(x), float(y)) for x, y in enumerate(ground)]
        draw.polygon([(0.0, float(height)), *outline, (float(width), float(height))], fill=255)
    return ground


def _draw_figure(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, rng: np.random.Generator
) -> None:
    size = height * 0.27
    x, y = foot[0], foot[1] + size * 0.015
    coat = [
        *((0.028, -0.86), (0.05, -0.83), (0.125, -0.80), (0.15, -0.70), (0.165, -0.50)),
        *((0.16, -0.42), (0.13, -0.40), (0.155, -0.26), (0.10, -0.24)),
    ]
    legs = [(0.095, -0.10), (0.085, 0.0), (0.02, 0.0), (0.012, -0.22)]
    half = coat + legs
    stride = rng.uniform(0.0, 0.03)
    right = [(x + (dx + stride * (dy > -0.3)) * size, y + dy * size) for dx, dy in half]
    left = [(x - (dx - stride * (dy > -0.3)) * size, y + dy * size) for dx, dy in half]
    draw.polygon(_round_corners(right + left[::-1]), fill=255)
    _disc(draw, (x + 0.004 * size, y - 0.925 * size), (0.062 * size, 0.078 * size))


def _draw_tower(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, rng: np.random.Generator
) -> None:
    size = height * rng.uniform(0.46, 0.52)
    x, y = foot[0], foot[1] + size * 0.06
    body = [(-0.105, 0.0), (-0.062, -0.78), (0.062, -0.78), (0.105, 0.0)]
    deck = [(-0.088, -0.785), (-0.088, -0.81), (0.088, -0.81), (0.088, -0.785)]
    lamp = [(-0.046, -0.81), (-0.046, -0.90), (0.046, -0.90), (0.046, -0.81)]
    roof = [(-0.066, -0.90), (-0.02, -0.965), (0.0, -1.0), (0.02, -0.965), (0.066, -0.90)]
    for part in (body, deck, lamp, roof):
        draw.polygon([(x + dx * size, y + dy * size) for dx, dy in part], fill=255)
    for post in (-0.084, -0.042, 0.0, 0.042, 0.084):
        post_x = x + post * size
        draw.line([(post_x, y - 0.81 * size), (post_x, y - 0.842 * size)], fill=255, width=3)
    rail = y - 0.842 * size
    draw.line([(x - 0.088 * size, rail), (x + 0.088 * size, rail)], fill=255, width=3)


def _draw_boat(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, rng: np.random.Generator
) -> None:
    size = height * rng.uniform(0.20, 0.24)
    x, y = foot
    hull = [(-0.5, -0.10), (-0.40, 0.03), (0.36, 0.03), (0.54, -0.13), (0.3, -0.095)]
    sail = [(0.03, -0.14), (0.03, -0.98), (0.12, -0.62), (0.43, -0.17)]
    jib = [(-0.03, -0.15), (-0.02, -0.90), (-0.16, -0.55), (-0.42, -0.15)]
    draw.polygon([(x + dx * size, y + dy * size) for dx, dy in hull], fill=255)
    for part in (sail, jib):
        draw.polygon(
            _round_corners([(x + dx * size, y + dy * size) for dx, dy in part], 1), fill=225
        )
    draw.line([(x, y - 0.08 * size), (x, y - 1.0 * size)], fill=255, width=4)


def _draw_pines(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], height: float, rng: np.random.Generator
) -> None:
    for offset, scale in ((0.0, 1.0), (-0.34, 0.72), (0.30, 0.82), (0.62, 0.55), (-0.58, 0.5)):
        size = height * 0.34 * scale * rng.uniform(0.9, 1.1)
        _draw_pine(draw, (foot[0] + offset * height * 0.30, foot[1] + size * 0.05), size, rng)


def _draw_pine(
    draw: ImageDraw.ImageDraw, foot: tuple[float, float], size: float, rng: np.random.Generator
) -> None:
    x, y = foot
    tiers = 9
    left: Points = []
    right: Points = []
    for tier in range(tiers):
        up = 1.0 - 0.9 * (tier + 1) / tiers
        reach = 0.20 * ((tier + 1) / tiers) ** 0.85
        for side, branch in ((-1, left), (1, right)):
            width = reach * rng.uniform(0.8, 1.15)
            branch.append((x + side * width * size, y - up * size))
            branch.append((x + side * width * 0.45 * size, y - (up + 0.012) * size))
    draw.polygon([(x, y - size), *right, (x, y), *left[::-1]], fill=255)
    draw.rectangle((x - 0.018 * size, y - 0.12 * size, x + 0.018 * size, y), fill=255)


def _disc(
    draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: tuple[float, float]
) -> None:
    (x, y), (radius_x, radius_y) = centre, radius
    draw.ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=255)


def _round_corners(points: Points, iterations: int = 2) -> Points:
    """Cut every corner of a polygon (Chaikin's algorithm)."""
    for _ in range(iterations):
        after = [*points[1:], points[0]]
        points = [
            (start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t)
            for start, end in zip(points, after, strict=True)
            for t in (0.25, 0.75)
        ]
    return points


_Drawer = Callable[[ImageDraw.ImageDraw, tuple[float, float], float, np.random.Generator], None]
_SUBJECT_DRAWERS: dict[str, _Drawer] = {
    "figure": _draw_figure,
    "tower": _draw_tower,
    "boat": _draw_boat,
    "pines": _draw_pines,
}
