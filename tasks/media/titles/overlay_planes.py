"""Pictures with transparency as planes of video: BT.709, limited range, half-size chroma.

The planes are premultiplied: blending adds them to what the alpha leaves of the frame, so that
soft edges have no fringe in luma or in chroma.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.uint8]
_Samples = NDArray[np.floating[Any]]

_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
"""Luma of the primaries, ITU-R BT.709."""
_BLACK, _LUMA_RANGE, _NEUTRAL, _CHROMA_RANGE = 16.0, 219.0, 128.0, 224.0
"""Limited range with 8 bits: luma 16 to 235, chroma 16 to 240."""


class OverlayPlanes(NamedTuple):
    """A picture over a part of a frame, its planes premultiplied with its alpha."""

    x: int
    """Left side in the frame, even."""
    y: int
    """Upper side in the frame, even."""
    luma: Plane
    blue: Plane
    """Half the size of luma, as in yuv420p."""
    red: Plane
    alpha: Plane
    """The size of luma; 255 is opaque."""
    chroma_alpha: Plane
    """The size of blue and red."""

    def blend(self, planes: Sequence[Plane], opacity: float = 1.0) -> None:
        """Blend it into a frame, in place.

        Args:
            planes: Luma, blue and red difference of the whole frame: 8 bits, limited range, chroma
                half the size of luma.
            opacity: From 0, which changes nothing, to 1.
        """
        height, width = self.luma.shape
        top, left = self.y // 2, self.x // 2
        luma, *chroma = planes
        part = luma[self.y : self.y + height, self.x : self.x + width]
        _blend(part, self.luma, self.alpha, opacity)
        for plane, own in zip(chroma, (self.blue, self.red), strict=True):
            part = plane[top : top + height // 2, left : left + width // 2]
            _blend(part, own, self.chroma_alpha, opacity)


def _blend(frame: Plane, picture: Plane, alpha: Plane, opacity: float) -> None:
    # In whole numbers of 1/65280, so that no plane of floats is needed.
    share = round(opacity * 256)
    kept = 255 * 256 - alpha.astype(np.uint32) * share
    total = frame * kept + picture.astype(np.uint32) * (255 * share)
    frame[...] = (total + 32640) // 65280


def to_planes(image: Image.Image, x: int, y: int) -> OverlayPlanes:
    """Return an sRGB picture with transparency as planes at a place in the frame.

    Args:
        image: The picture, RGBA, not premultiplied, with even sides.
        x: Its left side in the frame, even.
        y: Its upper side in the frame, even.
    """
    red, green, blue, alpha = np.moveaxis(np.asarray(image, np.float32) / 255, -1, 0)
    luma = _RED * red + _GREEN * green + _BLUE * blue
    blue_difference = (blue - luma) / (2 * (1 - _BLUE))
    red_difference = (red - luma) / (2 * (1 - _RED))
    chroma_alpha = _halve(alpha)
    return OverlayPlanes(
        x,
        y,
        _to_bytes((_BLACK + _LUMA_RANGE * luma) * alpha),
        _to_bytes(_NEUTRAL * chroma_alpha + _CHROMA_RANGE * _halve(blue_difference * alpha)),
        _to_bytes(_NEUTRAL * chroma_alpha + _CHROMA_RANGE * _halve(red_difference * alpha)),
        _to_bytes(255 * alpha),
        _to_bytes(255 * chroma_alpha),
    )


def _halve(plane: _Samples) -> _Samples:
    """Return a plane of half the size, with samples where H.264 has them by default.

    They lie on the columns with even numbers, between two rows.
    """
    rows = (plane[0::2] + plane[1::2]) / 2
    left = np.concatenate([rows[:, :1], rows[:, 1:-1:2]], axis=1)
    return rows[:, 0::2] / 2 + (left + rows[:, 1::2]) / 4


def _to_bytes(samples: _Samples) -> Plane:
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)
