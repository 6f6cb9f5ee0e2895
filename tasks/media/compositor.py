"""Makes the frames of a film from its clips: mixes them, and blends the overlays over them.

The mixes are computed in the planes of the clips, without a conversion of colours.
`composition` has the recipe of each frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tasks.media.compatibility import resolve_matrix
from tasks.media.composition import Composition, Picture, Recipe
from tasks.media.decode import ClipReader
from tasks.media.probe import Clip
from tasks.media.timeline import Timeline
from tasks.media.titles.overlays import draw_card

if TYPE_CHECKING:
    from tasks.media.titles.overlay_planes import OverlayPlanes

Samples = NDArray[Any]
"""The planes of a frame one after the other: whole numbers of 8 bits, or of 16 for 10 bits."""

_Mix = NDArray[np.float32]

_LUMA = {"black": 16, "white": 235}
_NEUTRAL = 128


class ClipPictures(NamedTuple):
    """The pictures of a clip as it is joined."""

    clip: Clip
    timeline: Timeline
    sha256: str
    """Digest of the file."""


class Compositor:
    """Makes frames of a film by number; ascending numbers are fastest. Not for several threads."""

    def __init__(self, composition: Composition, clips: Sequence[ClipPictures]) -> None:
        self._composition = composition
        self._clips = clips
        self._format = clips[0].clip.pix_fmt
        self._size = (clips[0].clip.width, clips[0].clip.height)
        self._scale = 4 if self._format.endswith("10le") else 1
        self._readers: dict[int, ClipReader] = {}
        self._overlays: dict[int, OverlayPlanes] = {}

    def make_frame(self, number: int) -> VideoFrame:
        """Return a frame of the film.

        Raises:
            MediaError: A frame of a clip can't be decoded, or an overlay can't be drawn.
        """
        recipe = self._composition.recipe(number)
        self._close_unused(recipe)
        picture = recipe.plain_picture
        if picture and picture.clip < len(self._clips):
            return self._readers[picture.clip].read(picture.frame)
        samples = self._mix(recipe)
        self._blend_overlays(samples, recipe)
        if recipe.brightness < 1:
            mix = _weighted(samples, recipe.brightness) + self._colour(
                "black", 1 - recipe.brightness
            )
            samples = _round(mix, samples)
        frame = VideoFrame.from_ndarray(samples, format=self._format)
        colour = self._clips[0].clip.colour
        frame.colorspace, frame.color_range = colour.matrix, colour.range_tag
        return frame

    def close(self) -> None:
        """Close the clips."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        self._overlays.clear()

    def _close_unused(self, recipe: Recipe) -> None:
        """Open the clips of a frame and close all others, so that few are open at a time."""
        needed = {picture.clip for picture in recipe.pictures if picture.clip < len(self._clips)}
        for clip in self._readers.keys() - needed:
            self._readers.pop(clip).close()
        for clip in needed - self._readers.keys():
            source = self._clips[clip]
            self._readers[clip] = ClipReader(source.clip.path, source.timeline)
        for overlay in self._overlays.keys() - {number for number, _ in recipe.overlays}:
            del self._overlays[overlay]

    def _mix(self, recipe: Recipe) -> Samples:
        pictures = [(self._read(picture), picture.share) for picture in recipe.pictures]
        rest = 1 - sum(share for _, share in pictures)
        if len(pictures) == 1 and not rest:
            return pictures[0][0]
        mix = self._colour(recipe.colour, Fraction(rest))
        for samples, share in pictures:
            mix += _weighted(samples, share)
        return _round(mix, pictures[0][0])

    def _read(self, picture: Picture) -> Samples:
        """Return the planes of a picture in an array of their own."""
        if picture.clip == len(self._clips):
            return self._card.copy()
        return self._readers[picture.clip].read(picture.frame).to_ndarray()

    @cached_property
    def _card(self) -> Samples:
        width, height = self._size
        edit = self._composition.edit
        places = self._composition.places[: len(edit.clips)]
        planes = self._convert(draw_card(edit, places, width, height))
        parts = [plane.ravel() for plane in (planes.luma, planes.blue, planes.red)]
        return np.concatenate(parts).reshape(height * 3 // 2, width)

    def _blend_overlays(self, samples: Samples, recipe: Recipe) -> None:
        planes = _split_planes(samples, *self._size)
        for number, opacity in recipe.overlays:
            if number not in self._overlays:
                overlay = self._composition.overlays[number].draw()
                self._overlays[number] = self._convert(overlay)
            self._overlays[number].blend(planes, opacity)

    def _convert(self, planes: OverlayPlanes) -> OverlayPlanes:
        """Return planes of 8 bits in BT.709 in the bits and the colour matrix of the film."""
        if resolve_matrix(self._clips[0].clip) == "smpte170m":
            planes = _to_bt601(planes)
        if self._scale == 1:
            return planes
        luma, blue, red = (self._in_bits(plane) for plane in (planes.luma, planes.blue, planes.red))
        return planes._replace(luma=luma, blue=blue, red=red)

    def _in_bits(self, plane: Samples) -> Samples:
        scaled: Samples = plane.astype(np.uint16) * self._scale
        return scaled

    def _colour(self, colour: str, share: Fraction) -> _Mix:
        """Return a whole frame of a colour, weighted with its share."""
        width, height = self._size
        weight = float(share * self._scale)
        frame = np.full((height * 3 // 2, width), _NEUTRAL * weight, np.float32)
        frame[:height] = _LUMA[colour] * weight
        return frame


def iterate_frames(composition: Composition, clips: Sequence[ClipPictures]) -> Iterator[VideoFrame]:
    """Yield all frames of a film in order, as they are seen.

    Raises:
        MediaError: A frame of a clip can't be decoded, or an overlay can't be drawn.
    """
    with closing(Compositor(composition, clips)) as compositor:
        for number in range(composition.total_frames):
            yield compositor.make_frame(number)


def _to_bt601(planes: OverlayPlanes) -> OverlayPlanes:
    """Return premultiplied planes of BT.709 with the luma and chroma of BT.601."""
    neutral = planes.chroma_alpha.astype(np.float32) * (_NEUTRAL / 255)
    blue, red = planes.blue - neutral, planes.red - neutral
    # Of full size, for luma.
    wide_blue, wide_red = (np.kron(plane, np.ones((2, 2), np.float32)) for plane in (blue, red))
    # ITU-R BT.709 item 3.2 and BT.601 table 3, both for narrow range.
    luma = planes.luma + 0.1016 * wide_blue + 0.1961 * wide_red
    rounded = [
        np.rint(plane).clip(0, 255).astype(np.uint8)
        for plane in (
            luma,
            0.9899 * blue - 0.1107 * red + neutral,
            0.9834 * red - 0.0725 * blue + neutral,
        )
    ]
    return planes._replace(luma=rounded[0], blue=rounded[1], red=rounded[2])


def _weighted(samples: Samples, share: Fraction) -> _Mix:
    return samples.astype(np.float32) * np.float32(share)


def _round(mix: _Mix, like: Samples) -> Samples:
    rounded: Samples = np.rint(mix).astype(like.dtype)
    return rounded


def _split_planes(samples: Samples, width: int, height: int) -> tuple[Samples, Samples, Samples]:
    """Return views of luma, blue and red."""
    flat, size = samples.reshape(-1), width * height
    half = (height // 2, width // 2)
    blue, red = flat[size : size * 5 // 4], flat[size * 5 // 4 :]
    return flat[:size].reshape(height, width), blue.reshape(half), red.reshape(half)
