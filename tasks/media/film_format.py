"""Frame rate and sample rate of every film.

Imports nothing heavy, so that planning and providers can use it without loading av or numpy.
"""

from __future__ import annotations

from fractions import Fraction

from storyboards.frame_times import FRAMES_PER_SECOND as FRAMES_PER_SECOND

FRAME_SECONDS = Fraction(1, FRAMES_PER_SECOND)
SAMPLES_PER_SECOND = 48_000
SAMPLES_PER_FRAME = SAMPLES_PER_SECOND // FRAMES_PER_SECOND

_SAME_SHAPE = 0.025
"""The vendors' sizes of a ratio differ from it by up to 2 %, and ratios from each other by 4 %."""


def film_size(size: tuple[int, int], ratio: tuple[int, int] | None) -> tuple[int, int]:
    """Return the size of a film of another shape: its shorter side is that of the clips.

    A film of 1280x720 becomes 720x1280 in 9:16, which is the size of a 720p clip of that shape.
    Clips that have the shape already keep their size: vendors round the sides to multiples of 16.

    Args:
        size: Width and height of the clips.
        ratio: Width to height of the film; None keeps the shape of the clips.
    """
    width, height = size
    if ratio is None or abs(width * ratio[1] / (height * ratio[0]) - 1) < _SAME_SHAPE:
        return size
    shape = Fraction(*ratio)
    short = min(size)
    return (
        (_even(short * shape), _even(short)) if shape > 1 else (_even(short), _even(short / shape))
    )


def _even(length: Fraction | int) -> int:
    return max(2, round(Fraction(length) / 2) * 2)
