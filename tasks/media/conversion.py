"""The rules of conversion, as ffmpeg's filters: the same for a film and for the frame handed on.

A picture is turned upright, gets square pixels and the colours of a film. `convert` runs the
filters over a clip, `frames` over one frame.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction

from tasks.media.compatibility import BT709, resolve_matrix
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.probe import HLG, PQ, Clip
from tasks.media.timeline import Timeline

Filter = tuple[str, tuple[object, ...], dict[str, object]]
"""Name, values and options of a filter."""

ACCURATE = "accurate_rnd+full_chroma_int"
"""Flags of the scale filter. Without both, swscale darkens by a level at each pass."""

HDR_FORMAT = "yuv444p10le"
"""The pixel format in which frames are mapped to SDR; zscale takes no odd sizes in 4:2:0."""

_TICKS_PER_SECOND = 240_000
_SHIFT = "0.4"
"""Frames by which times are shifted before they are rounded to slots."""
_SDR_WHITE_NITS = 203
_TRANSFERS = {PQ: "smpte2084", HLG: "arib-std-b67"}
_PRIMARIES = {1: "bt709", 9: "bt2020", 12: "smpte432"}
"""Names in ffmpeg, by numbers of ISO/IEC 23091-2."""


def fit_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the largest even size of the same shape that fits into a box."""
    width, height = size
    factor = min(Fraction(box[0], width), Fraction(box[1], height))
    return _even(width * factor, box[0]), _even(height * factor, box[1])


def cover_size(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the smallest even size of the same shape that covers a box of even sides."""
    width, height = size
    factor = max(Fraction(box[0], width), Fraction(box[1], height))
    return _even_above(width * factor, box[0]), _even_above(height * factor, box[1])


def crop_filter(size: tuple[int, int], box: tuple[int, int], focus: tuple[float, float]) -> Filter:
    """Return the filter that cuts a box out of a picture, with the focus as near to its centre.

    Args:
        size: Width and height of the picture.
        box: Width and height of the box.
        focus: The point of interest, as shares of width and height. It is in the box.
    """
    left, top = (
        _even(Fraction(max(0.0, share * length - side / 2)), length - side, smallest=0)
        for share, length, side in zip(focus, size, box, strict=True)
    )
    return "crop", (*box, left, top), {}


def limit_sides(size: tuple[int, int], sides: tuple[int, int]) -> tuple[int, int]:
    """Return a size scaled so that the shorter side has a minimum and the longer a maximum."""
    smallest, largest = sides
    factor = max(Fraction(1), Fraction(smallest, min(size)))
    factor = min(factor, Fraction(largest, max(size)))
    return (round(size[0] * factor), round(size[1] * factor)) if factor != 1 else size


def _even(length: Fraction, limit: int, *, smallest: int = 2) -> int:
    return max(smallest, min(round(length / 2) * 2, limit))


def _even_above(length: Fraction, minimum: int) -> int:
    return max(minimum, round(length / 2) * 2)


def timing_filters(clip: Clip) -> list[Filter]:
    """Return the filters that give a clip exactly `film_frames` frames, 24 a second.

    The last one shows the last picture of the clip. A chained seam drops it, and the next clip
    repeats it; any other picture would be dropped in vain.
    """
    factor = float(_squeeze(clip))
    slot = _TICKS_PER_SECOND // FRAMES_PER_SECOND
    # `fps` rounds to the nearest slot. With this shift a slot shows the picture that is seen when
    # it begins, and times that were rounded to milliseconds do not move to another slot.
    times = f"(round(STARTPTS/{slot})+{_SHIFT})*{slot}+(PTS-STARTPTS)*{factor:.12f}"
    return [
        ("settb", (f"1/{_TICKS_PER_SECOND}",), {}),
        ("setpts", (times,), {}),
        # Without `pass`, a last picture that is shown for less than half a slot is left out.
        ("fps", (FRAMES_PER_SECOND,), {"round": "near", "eof_action": "pass"}),
        ("tpad", (), {"stop_mode": "clone", "stop": clip.film_frames}),
        ("trim", (), {"end_frame": clip.film_frames}),
    ]


def find_shown_time(clip: Clip, timeline: Timeline, number: int) -> int:
    """Return the timestamp of the picture that frame `number` of a film of this clip shows.

    Behind the last frame it is the last picture. `timing_filters` gives a film these pictures.
    """
    shown = sorted(
        time for index, time in enumerate(timeline.times) if index not in timeline.hidden
    )
    if number >= clip.film_frames - 1:
        return shown[-1]
    scale = timeline.time_base * FRAMES_PER_SECOND * _squeeze(clip)
    slots = [
        math.floor((time - shown[0]) * scale + Fraction(_SHIFT) + Fraction(1, 2)) for time in shown
    ]
    return shown[max(0, bisect_right(slots, number) - 1)]


def _squeeze(clip: Clip) -> Fraction:
    """Return the factor for times that lets the last picture begin in the last slot at the latest.

    It is less than 1 by less than a frame.
    """
    last_slot = clip.film_frames - 1
    last_seconds = clip.last_frame_seconds * FRAMES_PER_SECOND
    return last_slot / last_seconds if last_seconds > last_slot else Fraction(1)


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
    turned: list[Filter] = [
        (name, (argument,) if argument else (), {}) for name, argument in clip.orientation.filters
    ]
    width, height = clip.width, clip.height
    stored = (height, width) if clip.orientation.swaps_sides else (width, height)
    resized = size if size != stored else ()
    flags = f"{flags}+{ACCURATE}"
    matrix, colour_range = resolve_matrix(clip), "pc" if clip.colour.is_full_range else "tv"
    source: dict[str, object] = {"in_color_matrix": matrix, "in_range": colour_range}
    if not clip.is_hdr:
        return [*turned, ("scale", resized, {**source, **out, "flags": flags})]
    # Scaled first: tone mapping takes ten times as long for a 4K frame as for a 480p frame. Without
    # both matrices, PyAV's scale filter converts from the tagged matrix to another one.
    same = {**source, "out_color_matrix": matrix, "out_range": colour_range}
    mapped: dict[str, object] = {"in_color_matrix": "bt709", "in_range": "tv"}
    return [
        *turned,
        ("scale", resized, {**same, "flags": flags}),
        ("format", (HDR_FORMAT,), {}),
        *tone_mapping_filters(clip),
        ("scale", (), {**mapped, **out, "flags": flags}),
    ]


def tone_mapping_filters(clip: Clip) -> list[Filter]:
    """Return the filters that map frames in `HDR_FORMAT` from HDR to SDR, in 8 bits of BT.709.

    SDR white is at 203 nits (ITU-R BT.2408). Only highlights are compressed.
    """
    colour = clip.colour
    tags: dict[str, object] = {
        "color_primaries": _PRIMARIES.get(colour.primaries, "bt2020"),
        "color_trc": _TRANSFERS[colour.transfer],
        "colorspace": "bt709" if colour.matrix == BT709 else "bt2020nc",
        "range": "pc" if colour.is_full_range else "tv",
    }
    # Without agamma=0 each colour of HLG is treated separately, which saturates them.
    to_linear: dict[str, object] = {"transfer": "linear", "npl": _SDR_WHITE_NITS, "agamma": 0}
    to_sdr: dict[str, object] = {"transfer": "bt709", "matrix": "bt709", "range": "limited"}
    return [
        ("setparams", (), tags),
        ("zscale", (), to_linear),
        ("format", ("gbrpf32le",), {}),
        ("zscale", (), {"primaries": "bt709"}),
        # The peak is fixed, because a peak that a file names would change every brightness.
        ("tonemap", (), {"tonemap": "mobius", "param": 0.8, "peak": 10}),
        ("zscale", (), to_sdr),
        ("format", ("yuv444p",), {}),
    ]


def rgb_filters(clip: Clip, size: tuple[int, int]) -> list[Filter]:
    """Return the filters that make a frame of a clip RGB in full range, without bias."""
    filters = picture_filters(clip, size, flags="bicubic", out={"out_range": "pc"})
    return [*filters, ("format", ("rgb24",), {})]


def split_at_tone_mapping(filters: list[Filter]) -> tuple[list[Filter], list[Filter]]:
    """Split filters into those that PyAV has, and the tone mapping with all that follows it."""
    names = [name for name, _, _ in filters]
    start = names.index("setparams") if "setparams" in names else len(names)
    return filters[:start], filters[start:]


def format_arguments(*values: object, **options: object) -> str:
    """Return the arguments of a filter as ffmpeg reads them."""
    return ":".join([*map(str, values), *(f"{name}={value}" for name, value in options.items())])
