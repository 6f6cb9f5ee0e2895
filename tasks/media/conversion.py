"""The rules of conversion, as ffmpeg's filters: the same for a film and for the frame handed on.

A picture is turned upright, gets square pixels and the colours of a film. `convert` runs the
filters over a clip, `frames` over one frame.
"""

from __future__ import annotations

from fractions import Fraction

from tasks.media.compatibility import resolve_matrix
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.probe import Clip

Filter = tuple[str, tuple[object, ...], dict[str, object]]
"""Name, values and options of a filter."""

ACCURATE = "accurate_rnd+full_chroma_int"
"""Flags of the scale filter. Without both, swscale darkens by a level at each pass."""

_TICKS_PER_SECOND = 240_000


def fit_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even size of the same shape that fits into a box."""
    width, height = size
    factor = min(Fraction(box[0], width), Fraction(box[1], height))
    return _even(width * factor, box[0]), _even(height * factor, box[1])


def _even(length: Fraction, limit: int) -> int:
    return max(2, min(round(length / 2) * 2, limit))


def timing_filters(clip: Clip) -> list[Filter]:
    """Return the filters that give a clip exactly `film_frames` frames, 24 a second.

    The last one shows the last picture of the clip. A chained seam drops it, and the next clip
    repeats it; any other picture would be dropped in vain.
    """
    last_slot = clip.film_frames - 1
    last_seconds = clip.last_frame_seconds * FRAMES_PER_SECOND
    # Squeezed by less than a frame if the last picture begins after the last slot.
    factor = float(last_slot / last_seconds) if last_seconds > last_slot else 1.0
    slot = _TICKS_PER_SECOND // FRAMES_PER_SECOND
    # `fps` rounds to the nearest slot. With this shift a slot shows the picture that is seen when
    # it begins, and times that were rounded to milliseconds do not move to another slot.
    times = f"(round(STARTPTS/{slot})+0.4)*{slot}+(PTS-STARTPTS)*{factor:.12f}"
    return [
        ("settb", (f"1/{_TICKS_PER_SECOND}",), {}),
        ("setpts", (times,), {}),
        # Without `pass`, a last picture that is shown for less than half a slot is left out.
        ("fps", (FRAMES_PER_SECOND,), {"round": "near", "eof_action": "pass"}),
        ("tpad", (), {"stop_mode": "clone", "stop": clip.film_frames}),
        ("trim", (), {"end_frame": clip.film_frames}),
    ]


def picture_filters(
    clip: Clip, size: tuple[int, int], *, flags: str, out: dict[str, object]
) -> list[Filter]:
    """Return the filters that turn a clip's frames upright and scale them to a size.

    Args:
        clip: The clip.
        size: The size of the upright picture.
        flags: The scaling algorithm.
        out: Options of the scale filter for the colours of the result.
    """
    filters: list[Filter] = [
        (name, (argument,) if argument else (), {}) for name, argument in clip.orientation.filters
    ]
    scaling: dict[str, object] = {
        "in_color_matrix": resolve_matrix(clip),
        "in_range": "pc" if clip.colour.is_full_range else "tv",
        **out,
        "flags": f"{flags}+{ACCURATE}",
    }
    stored = (
        (clip.height, clip.width) if clip.orientation.swaps_sides else (clip.width, clip.height)
    )
    return [*filters, ("scale", size if size != stored else (), scaling)]
