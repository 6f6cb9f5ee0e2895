"""Colours as the simulator mixes them, and the way from RGB to the planes that are encoded.

Mixing happens in OKLab, where the middle of warm and cool is a colour and not mud.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.floating[Any]]
"""Drawn in float32; numpy's own types call the half of it float64."""

# bt709 in limited range, as rows of a Pillow colour matrix.
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


@dataclass(frozen=True)
class Planes:
    """One picture as yuv420p: luma in full size, both chroma planes in half."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image


def rgb(code: str) -> Floats:
    """Return `#rrggbb` as three numbers from 0 to 1."""
    return np.array([int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)], np.float32)


def to_oklab(colour: Floats) -> Floats:
    """Return sRGB numbers (…×3, 0 to 1) in OKLab."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: Floats) -> Floats:
    """Return OKLab numbers (…×3) as sRGB from 0 to 1, clipped to what a screen shows."""
    linear = ((lab @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_LMS).T
    linear = np.clip(linear, 0, 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(curve, np.float32)


def mix(first: Floats, second: Floats, share: float) -> Floats:
    """Return the colour that lies `share` of the way from first to second."""
    start = to_oklab(first)
    return from_oklab(start + (to_oklab(second) - start) * np.float32(share))


def turned(colour: Floats, hue_degrees: float, lightness: float = 0.0) -> Floats:
    """Return the colour with its hue turned and its lightness moved."""
    light, a, b = to_oklab(colour)
    angle = np.deg2rad(hue_degrees)
    turned_a = a * np.cos(angle) - b * np.sin(angle)
    turned_b = a * np.sin(angle) + b * np.cos(angle)
    return from_oklab(np.array([light + lightness, turned_a, turned_b], np.float32))


def ramp(stops: list[tuple[float, Floats]], places: Floats) -> Floats:
    """Return the colours at `places` of a gradient through stops (place, colour): n×3."""
    known = np.array([place for place, _ in stops], np.float32)
    labs = np.stack([to_oklab(colour) for _, colour in stops])
    channels = [np.interp(places, known, labs[:, channel]) for channel in range(3)]
    return from_oklab(np.stack(channels, axis=-1).astype(np.float32))


def to_image(picture: Floats) -> Image.Image:
    """Return a drawn picture (height×width×3, 0 to 1) as 8-bit RGB."""
    return Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))


def to_planes(image: Image.Image) -> Planes:
    """Return an RGB picture with even sides as bt709 planes in limited range."""
    luma, blue, red = image.convert("RGB").convert("RGB", _BT709).split()
    half = (image.width // 2, image.height // 2)
    # Bicubic: a box filter rounds up, and ten chained shots would visibly change colour.
    small = [plane.resize(half, Image.Resampling.BICUBIC) for plane in (blue, red)]
    return Planes(luma, *small)


def to_rgb(planes: Planes) -> Image.Image:
    """Return planes of one size as an RGB picture."""
    luma, blue, red = (np.asarray(plane, np.float32) for plane in _each(planes))
    light, cb, cr = (luma - 16) / _LUMA, (blue - 128) / _CB, (red - 128) / _CR
    red_part, blue_part = light + cr, light + cb
    green = (light - _RED * red_part - _BLUE * blue_part) / _GREEN
    picture = np.stack((red_part, green, blue_part), axis=-1)
    return Image.fromarray(np.clip(picture + 0.5, 0, 255).astype(np.uint8))


def _each(planes: Planes) -> tuple[Image.Image, Image.Image, Image.Image]:
    return planes.luma, planes.blue, planes.red
