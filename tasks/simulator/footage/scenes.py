"""The scene of a prompt as layers that the camera moves over.

The far layer is the backdrop and what stands in the distance; the layers in front of it hold the
ground, the people and the things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tasks.simulator.footage import backdrops
from tasks.simulator.footage.breakdown import Breakdown, break_down
from tasks.simulator.footage.colour import (
    Floats,
    Planes,
    choose_palette,
    mix,
    rgb,
    tint_palette,
    to_image,
    to_planes,
)
from tasks.simulator.footage.drawing import Canvas, film_grain, noise_line, screen
from tasks.simulator.footage.overlays import draw_title
from tasks.simulator.footage.silhouettes import THINGS, Rgb, draw_shapes
from tasks.simulator.footage.stage import Piece, Stage
from tasks.simulator.footage.staging import stage

MARGIN = 1.22
"""Size of the canvas relative to the frame, which leaves room for camera moves."""
_MAX_PIXELS = 640_000
_BACKDROPS = {
    "ridges": backdrops.draw_ridges,
    "sea": backdrops.draw_sea,
    "forest": backdrops.draw_forest,
    "city": backdrops.draw_city,
    "room": backdrops.draw_room,
    "studio": backdrops.draw_studio,
}
_BLUR = {"MS": 0.003, "MCU": 0.006, "CU": 0.010, "ECU": 0.014}
"""Blur of the far layer, as a fraction of the height: tight shots have a shallow focus."""
_ENLARGED = {"MS": 1.25, "MCU": 1.45, "CU": 1.7, "ECU": 2.0}
"""Enlargement of the backdrop in tight shots."""
_HORIZONS = {"low": 0.17, "aerial": -0.22}
_GROUND = {"room": 0.865, "city": 0.870, "sea": 0.875}
_SCALE = 2
"""Silhouettes are drawn larger and reduced for antialiasing."""


@dataclass(frozen=True)
class Layer:
    """Silhouettes that move together, on a canvas larger than the frame."""

    planes: Planes
    mask: Image.Image
    """Mode L."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom of what is not transparent."""
    travel: float = 0.0
    """Movement to the right during the shot, as a fraction of the frame width."""
    is_fixed: bool = False
    """True if the camera does not move over it."""


@dataclass(frozen=True)
class Scene:
    """The layers of a shot, from back to front."""

    far: Planes
    layers: tuple[Layer, ...]
    weather: str
    """`snow`, `rain`, `embers`, `dust` or empty."""


def draw_scene(
    prompt: str, size: tuple[int, int], seed: int, *, tint: Floats | None = None
) -> Scene:
    """Draw the scene of a prompt; the same arguments give the same scene.

    Args:
        prompt: Its keywords decide what is to be seen.
        size: Width and height of the frame in pixels.
        seed: Seed of the random generator.
        tint: sRGB colour from 0 to 1 that the palette is shifted towards.
    """
    rng = np.random.default_rng(seed)
    breakdown = break_down(prompt)
    canvas = _canvas(prompt, breakdown, size, rng)
    if tint is not None:
        canvas = replace(canvas, palette=tint_palette(canvas.palette, tint))
    staging = stage(breakdown, size[0] / size[1], canvas.sun[0], rng)
    layers, lit = _draw_layers(canvas, staging)
    pixels = _draw_far(canvas, staging, lit)
    # Grain prevents banding in the gradients after encoding.
    pixels = pixels + film_grain(rng, (canvas.width, canvas.height), 0.008)
    if breakdown.title is not None:
        layers.append(_draw_title(canvas, breakdown))
    scene = Scene(to_planes(to_image(pixels)), tuple(layers), breakdown.weather)
    return _without_colour(scene) if breakdown.is_monochrome else scene


def _without_colour(scene: Scene) -> Scene:
    grey = Image.new("L", scene.far.blue.size, 128)
    layers = (
        replace(layer, planes=replace(layer.planes, blue=grey, red=grey)) for layer in scene.layers
    )
    return replace(scene, far=replace(scene.far, blue=grey, red=grey), layers=tuple(layers))


def _canvas(
    prompt: str, breakdown: Breakdown, size: tuple[int, int], rng: np.random.Generator
) -> Canvas:
    width, height = size
    scale = min(MARGIN, (_MAX_PIXELS / (width * height)) ** 0.5)
    # Even, since the chroma planes have half the size.
    canvas_width, canvas_height = (2 * round(side * scale / 2) for side in (width, height))
    palette_value = float(rng.random())
    side = 0.345 if rng.random() < 0.5 else 0.655
    horizon = 0.60 + 0.05 * float(rng.random()) + (0.04 if width < height else 0.0)
    horizon += _HORIZONS.get(breakdown.view, 0.0)
    palette = choose_palette(prompt, palette_value)
    drop = 0.30 if palette.has_moon or palette.name in {"day", "snow"} else 0.17
    sun = (side, max(0.08, horizon - drop - 0.05 * float(rng.random())))
    is_rugged = bool(
        re.search(r"\b(?:mountain\w*|peaks?|alps|summit\w*|cliffs?)\b", prompt.lower())
    )
    return Canvas(canvas_width, canvas_height, palette, sun, horizon, rng, is_rugged=is_rugged)


def _draw_far(canvas: Canvas, staging: Stage, front_lit: Image.Image) -> Floats:
    """Draw the far layer, with the glow of everything lit, also of what is in front of it."""
    breakdown, pieces = staging.breakdown, [piece for piece in staging.pieces if piece.is_far]
    is_top = breakdown.view == "top"
    draw = backdrops.draw_surface if is_top else _BACKDROPS[breakdown.setting]
    image = _enlarge(to_image(draw(canvas)), _ENLARGED.get(breakdown.size, 1.0))
    if breakdown.setting == "room" and not is_top:
        pieces.insert(0, _room_window(canvas))
    picture, mask, lit = _paint(canvas, pieces)
    image.paste(picture, (0, 0), mask)
    blur = 0.0 if is_top else _BLUR.get(breakdown.size, 0.0)
    image = image.filter(ImageFilter.GaussianBlur(canvas.height * blur)) if blur else image
    small = (max(1, canvas.width // 4), max(1, canvas.height // 4))
    light = ImageChops.lighter(lit, front_lit).resize(small)
    light = light.filter(ImageFilter.GaussianBlur(small[1] * 0.06)).resize(lit.size)
    glow = np.asarray(light, np.float32)[..., None] / 255 * canvas.palette.light * 0.6
    return screen(np.asarray(image, np.float32) / 255, glow)


def _room_window(canvas: Canvas) -> Piece:
    top, bottom = (0.5 + (y - 0.5) * MARGIN for y in backdrops.WINDOW)
    x = 0.5 + (backdrops.window_x(canvas) - 0.5) * MARGIN
    return Piece(THINGS["window"].shapes, x, bottom, bottom - top)


def _enlarge(image: Image.Image, factor: float) -> Image.Image:
    """Enlarge the part around the horizon."""
    if factor <= 1:
        return image
    width, height = image.size
    left, top = width * (1 - 1 / factor) / 2, height * (1 - 1 / factor) * 0.6
    box = (left, top, left + width / factor, top + height / factor)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)


def _draw_layers(canvas: Canvas, staging: Stage) -> tuple[list[Layer], Image.Image]:
    """Draw the front layers: neighbours that travel alike share one. Also return what is lit."""
    pieces = [piece for piece in staging.pieces if not piece.is_far]
    groups = [(travel, list(group)) for travel, group in groupby(pieces, lambda p: p.travel)]
    if staging.has_ground and (not groups or groups[0][0]):
        groups.insert(0, (0.0, []))
    lit = Image.new("L", (canvas.width, canvas.height), 0)
    layers = []
    for number, (travel, group) in enumerate(groups):
        ground = staging.breakdown.setting if staging.has_ground and number == 0 else ""
        # Drawn in the middle of the way, so that the canvas cuts nothing off.
        group = [replace(piece, x=piece.x + travel / 2) for piece in group]
        picture, mask, group_lit = _paint(canvas, group, ground=ground)
        lit = ImageChops.lighter(lit, group_lit)
        picture.paste(_tones(canvas, "", 0.0)["r"], (0, 0, *picture.size), _rim_light(mask, canvas))
        box = mask.getbbox()
        if box is not None:
            layers.append(Layer(to_planes(picture), mask, box, travel))
    return layers, lit


def _paint(
    canvas: Canvas, pieces: list[Piece], *, ground: str = ""
) -> tuple[Image.Image, Image.Image, Image.Image]:
    """Paint pieces over the whole canvas: colours, mask, and the mask of what is lit."""
    size = (canvas.width * _SCALE, canvas.height * _SCALE)
    masks = (Image.new("L", size, 0), Image.new("L", size, 0))
    picture = Image.new("RGB", size, _tones(canvas, "", 0.0)["d"])
    draws = tuple(ImageDraw.Draw(image) for image in (*masks, picture))
    if ground:
        _draw_ground(canvas, draws[0], size, ground)
    for piece in pieces:
        unit = piece.height / MARGIN * size[1] / 100
        x, y = (0.5 + (at - 0.5) / MARGIN for at in (piece.x, piece.y))
        place = (x * size[0], y * size[1], unit, piece.flip)
        draw_shapes(piece.shapes, draws, place, _tones(canvas, piece.colour, piece.haze))
    return picture.reduce(_SCALE), masks[0].reduce(_SCALE), masks[1].reduce(_SCALE)


def _tones(canvas: Canvas, colour: str, haze: float) -> dict[str, Rgb]:
    """Return the tones of a piece, and `r`, the light on edges."""
    palette = canvas.palette
    dark, pale = palette.land * 0.62, mix(palette.land * 0.62, palette.low, 0.55)
    named = mix(dark, rgb(colour), 0.72) if colour else mix(dark, palette.middle, 0.2)
    tones = {
        "d": dark,
        "m": mix(dark, palette.middle, 0.38),
        "f": pale,
        "c": named,
        "k": mix(pale, rgb("#c98d66"), 0.5),
    }
    distance = mix(palette.low, palette.middle, 0.4)
    tones = {tone: mix(value, distance, haze) if haze else value for tone, value in tones.items()}
    lit = mix(palette.light, palette.low, 0.25)
    return {tone: _rgb8(value) for tone, value in {**tones, "l": lit, "r": lit}.items()}


def _rgb8(colour: Floats) -> Rgb:
    red, green, blue = (int(value * 255 + 0.5) for value in np.clip(colour, 0, 1))
    return red, green, blue


def _rim_light(mask: Image.Image, canvas: Canvas) -> Image.Image:
    """Return the mask of the lit edges of a layer."""
    coverage = np.asarray(mask, np.int16)
    offset = max(1, round(min(canvas.height, canvas.width * 9 / 16) * 0.004))
    dx = offset if canvas.sun[0] < 0.5 else -offset
    shifted = np.roll(np.roll(coverage, dx, axis=1), offset, axis=0)
    return Image.fromarray((np.clip(coverage - shifted, 0, 255) // 2).astype(np.uint8))


def _draw_ground(
    canvas: Canvas, draw: ImageDraw.ImageDraw, size: tuple[int, int], setting: str
) -> None:
    width, height = size
    line = noise_line(canvas.rng, width, 1.6, 0.42)
    positions = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    tilt = 0.05 if canvas.sun[0] < 0.5 else -0.05
    depth = _GROUND.get(setting, 0.835)
    swell = 0.0 if setting == "city" else 0.022
    ground = (depth - tilt * positions * (swell > 0) + swell * line) * height
    outline = [(float(x), float(y)) for x, y in enumerate(ground)]
    draw.polygon([(0.0, float(height)), *outline, (float(width), float(height))], fill=255)


def _draw_title(canvas: Canvas, breakdown: Breakdown) -> Layer:
    """Set the title in type: in the middle, or below the things."""
    mask = Image.new("L", (canvas.width, canvas.height), 0)
    y = 0.82 if breakdown.mentions else 0.5
    draw_title(mask, breakdown.title or "", 0.5 + (y - 0.5) / MARGIN)
    colour = _rgb8(mix(canvas.palette.light, rgb("#ffffff"), 0.4))
    planes = to_planes(Image.new("RGB", mask.size, colour))
    return Layer(planes, mask, mask.getbbox() or (0, 0, 0, 0), is_fixed=True)
