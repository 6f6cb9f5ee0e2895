"""Palettes chosen by prompt, colour mixing, and conversion between RGB and YUV 4:2:0 planes.

Colours are mixed in OKLab, where blending a warm and a cool colour does not turn grey.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
"""float32 at run time; numpy's stubs infer float64 for many of the operations."""

# BT.709 in limited range, as the rows of a Pillow colour matrix.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_LUMA, _CHROMA = 219 / 255, 224 / 255
_CB, _CR = _CHROMA / (2 * (1 - _BLUE)), _CHROMA / (2 * (1 - _RED))
_BT709 = (
    *(_LUMA * _RED, _LUMA * _GREEN, _LUMA * _BLUE, 16.0),
    *(-_CB * _RED, -_CB * _GREEN, _CHROMA / 2, 128.0),
    *(_CHROMA / 2, -_CR * _GREEN, -_CR * _BLUE, 128.0),
)

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


_COLOURS = {
    "dawn": ("#4f6ea3", "#c79aa9", "#ffd0a1", "#ffe9c4", "#26304a"),
    "day": ("#3f86c6", "#8fc3e6", "#e8f3ee", "#fffbe8", "#23484f"),
    "gold": ("#4a5f8f", "#e29a5c", "#ffd48c", "#fff0c2", "#3b2630"),
    "dusk": ("#26346b", "#8a5f9c", "#ff9f86", "#ffdcbc", "#1d1d3d"),
    "night": ("#0c1a42", "#1f3a75", "#5f86b8", "#eef4ff", "#0b1730"),
    "neon": ("#1a1145", "#5b2390", "#ff5fb0", "#8ff6ff", "#150f33"),
    "fire": ("#3a1420", "#b23a1e", "#ffb24f", "#ffe69a", "#260d16"),
    "sea": ("#2f7fae", "#7ec8d6", "#e9f6ee", "#fff8df", "#0f4257"),
    "forest": ("#4f8f86", "#a9cf9b", "#f4f0c0", "#fff6c9", "#14382d"),
    "snow": ("#86a9d2", "#c3d9ee", "#f7f5f4", "#fffdf6", "#41597c"),
    "storm": ("#2b3a50", "#5d7188", "#b4c3c8", "#eef3ee", "#18222f"),
    "desert": ("#5aa0cf", "#eec79a", "#ffe8bf", "#fff6d8", "#7c4127"),
    "lamp": ("#5b3a3a", "#b9774f", "#ffcf8f", "#ffedc0", "#2a1c26"),
}

# In order of precedence: the first match sets the palette, the second one tints it.
_KEYWORDS = (
    ("neon", r"neon|cyber\w*|synthwave|hologram\w*|nightclub|arcade"),
    ("fire", r"fire\w*|flame\w*|burn\w*|lava|volcano\w*|ember\w*|blaz\w*|inferno|explo\w+"),
    (
        "storm",
        r"storm\w*|thunder\w*|rain(?:s|y|ing|fall)?|grey sky|gray sky|tempest|overcast|hurricane",
    ),
    ("night", r"night\w*|midnight|moon\w*|star\w*|dark\w*|lantern\w*|space|galaxy"),
    ("dawn", r"dawn|sunrise|morning|daybreak|first light"),
    ("gold", r"gold\w*|sunset|honey|amber|autumn|harvest"),
    ("dusk", r"dusk|twilight|evening|blue hour"),
    ("snow", r"snow\w*|ice|icy|frost\w*|winter|glacier\w*|arctic|blizzard"),
    ("desert", r"desert\w*|dune\w*|sand\w*|canyon\w*|savanna\w*"),
    ("forest", r"forest\w*|wood|woods|tree\w*|jungle|leaf|leaves|moss\w*|garden\w*|meadow\w*"),
    (
        "sea",
        r"sea|ocean\w*|wave\w*|water\w*|lake\w*|river\w*|beach\w*|harbou?r\w*|boat\w*|coast\w*",
    ),
    ("lamp", r"lamp\w*|candle\w*|fireplace|cabin|tavern|warm light"),
    ("day", r"day(?:time|light)?|noon|sunny|summer|clear sky|blue sky"),
)
_DEFAULT_PALETTES = ("dawn", "day", "gold", "dusk", "sea", "forest", "desert")
_NIGHT_PALETTES = frozenset({"night", "neon"})


@dataclass(frozen=True)
class Planes:
    """One frame as yuv420p: luma in full size, both chroma planes in half."""

    luma: Image.Image
    blue: Image.Image
    """Cb."""
    red: Image.Image
    """Cr."""


@dataclass(frozen=True)
class Palette:
    """The colours of one scene, each as sRGB from 0 to 1."""

    name: str
    top: Floats
    """The sky at the zenith."""
    middle: Floats
    low: Floats
    """The sky at the horizon; also the colour of haze."""
    light: Floats
    """The sun, the moon, a lamp."""
    land: Floats
    """The nearest, darkest ground."""
    has_stars: bool = False
    has_moon: bool = False


def choose_palette(prompt: str, random_value: float) -> Palette:
    """Return the palette for a prompt.

    Args:
        prompt: The keywords in it decide; a second keyword tints the palette.
        random_value: 0 to 1; chooses a palette if there is no keyword, and varies the hue.
    """
    text = prompt.lower()
    matches = [name for name, pattern in _KEYWORDS if re.search(rf"\b(?:{pattern})\b", text)]
    default = _DEFAULT_PALETTES[int(random_value * 0.999 * len(_DEFAULT_PALETTES))]
    name = matches[0] if matches else default
    palette = _palette(name)
    if len(matches) > 1:
        palette = _blend_palettes(palette, _palette(matches[1]))
    return _vary_hue(palette, random_value)


def tint_palette(palette: Palette, tint: Floats) -> Palette:
    """Return the palette with sky and land shifted towards one colour."""
    return replace(
        palette,
        top=mix(palette.top, tint, 0.35),
        middle=mix(palette.middle, tint, 0.45),
        land=mix(palette.land, tint, 0.2),
    )


def rgb(code: str) -> Floats:
    """Convert `#rrggbb` to three values from 0 to 1."""
    return np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)], np.float32)


def to_oklab(colour: Floats) -> Floats:
    """Convert sRGB (…×3, 0 to 1) to OKLab."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: Floats) -> Floats:
    """Convert OKLab (…×3) to sRGB, clipped to 0..1."""
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(curve, np.float32)


def mix(first: Floats, second: Floats, weight: float) -> Floats:
    """Blend two colours; weight 0 gives the first, 1 the second."""
    start = to_oklab(first)
    return from_oklab(start + (to_oklab(second) - start) * np.float32(weight))


def rotate_hue(colour: Floats, hue_degrees: float, lightness: float = 0.0) -> Floats:
    """Rotate the hue of a colour and shift its lightness."""
    light, a, b = to_oklab(colour)
    angle = np.deg2rad(hue_degrees)
    rotated_a = a * np.cos(angle) - b * np.sin(angle)
    rotated_b = a * np.sin(angle) + b * np.cos(angle)
    return from_oklab(np.array([light + lightness, rotated_a, rotated_b], np.float32))


def gradient(stops: list[tuple[float, Floats]], positions: Floats) -> Floats:
    """Return the colours (n×3) at `positions` of a gradient with stops (position, colour)."""
    known = np.array([position for position, _ in stops], np.float32)
    labs = np.stack([to_oklab(colour) for _, colour in stops])
    channels = [np.interp(positions, known, labs[:, channel]) for channel in range(3)]
    return from_oklab(np.stack(channels, axis=-1).astype(np.float32))


def to_image(pixels: Floats) -> Image.Image:
    """Convert pixels (height×width×3, 0 to 1) to an 8-bit RGB image."""
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def to_planes(image: Image.Image) -> Planes:
    """Convert an RGB image with even sides to BT.709 planes in limited range."""
    luma, blue, red = image.convert("RGB").convert("RGB", _BT709).split()
    half = (image.width // 2, image.height // 2)
    # A box filter rounds up, which visibly changes the colour over ten chained shots.
    small = [plane.resize(half, Image.Resampling.BICUBIC) for plane in (blue, red)]
    return Planes(luma, *small)


def to_rgb(planes: Planes) -> Image.Image:
    """Convert planes that all have the same size to an RGB image."""
    luma, blue, red = (
        np.asarray(plane, np.float32) for plane in (planes.luma, planes.blue, planes.red)
    )
    light, cb, cr = (luma - 16) / _LUMA, (blue - 128) / _CB, (red - 128) / _CR
    red_part, blue_part = light + cr, light + cb
    green = (light - _RED * red_part - _BLUE * blue_part) / _GREEN
    pixels = np.stack((red_part, green, blue_part), axis=-1)
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def _palette(name: str) -> Palette:
    top, middle, low, light, land = (rgb(code) for code in _COLOURS[name])
    is_night = name in _NIGHT_PALETTES
    return Palette(
        name, top, middle, low, light, land, has_stars=is_night, has_moon=name == "night"
    )


def _blend_palettes(palette: Palette, tint: Palette) -> Palette:
    return replace(
        palette,
        middle=mix(palette.middle, tint.middle, 0.22),
        land=mix(palette.land, tint.land, 0.45),
        has_stars=palette.has_stars or tint.name == "night",
    )


def _vary_hue(palette: Palette, random_value: float) -> Palette:
    degrees = (random_value - 0.5) * 14
    return replace(
        palette,
        top=rotate_hue(palette.top, degrees),
        middle=rotate_hue(palette.middle, degrees),
        low=rotate_hue(palette.low, degrees / 2),
        land=rotate_hue(palette.land, degrees),
    )
