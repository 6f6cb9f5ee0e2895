"""Whether clips can be joined as they are, and which of them the others have to fit.

Only measured facts are compared here. Making a clip fit is `fit.py`'s work; sound never has to
fit, since the join brings all of it into one shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from tasks.errors import MediaError
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.probe import Clip, Colour

BT709, UNSPECIFIED, BT601_625, BT601_525, BT2020 = 1, 2, 5, 6, 9
"""Colour matrices by their numbers in ISO/IEC 23091-2; both BT.601 ones compute alike."""

SCALE_MATRICES = {
    BT709: "bt709",
    BT601_625: "smpte170m",
    BT601_525: "smpte170m",
    BT2020: "bt2020",
}
"""The names that ffmpeg's scale filter has for them, in its old versions as in its new."""

MATRIX_NAMES = {BT709: "BT.709", BT601_625: "BT.601", BT601_525: "BT.601", BT2020: "BT.2020"}


def find_obstacles(clip: Clip) -> tuple[str, ...]:
    """Return what keeps a clip out of any film as it is, one clause each; empty for none."""
    return tuple(_obstacles(clip))


def find_mismatches(clip: Clip, like: Clip) -> tuple[str, ...]:
    """Return what keeps a clip from standing beside `like` as it is, one clause each."""
    return (*_obstacles(clip), *_differences(clip, like))


def choose_channels(clips: Sequence[Clip]) -> int:
    """Return 2 if any clip has more than one channel, 1 if all are mono, 0 if all are mute."""
    return min(2, max((clip.channels for clip in clips if clip.has_audio), default=0))


def choose_target(clips: Sequence[Clip]) -> Clip:
    """Return what the clips have to be like: the first of the most frequent size that can be
    joined as it is. Where no clip of that size can, its values are what fitting would make of it.

    Of sizes that are equally frequent the one seen first counts.
    """
    if not clips:
        message = "There is no clip to join"
        raise MediaError(message)
    size, _ = Counter((clip.width, clip.height) for clip in clips).most_common(1)[0]
    sized = [clip for clip in clips if (clip.width, clip.height) == size]
    for clip in sized:
        if not find_obstacles(clip) and clip.sar == 1:
            return clip
    return _fitted(sized[0])


def resolve_matrix(clip: Clip) -> str:
    """Return the matrix that a clip's colours follow, by ffmpeg's name: what it says, else BT.709.

    Only small old formats, under 480 lines and narrow, follow BT.601 without saying so.
    """
    if clip.colour.matrix in SCALE_MATRICES:
        return SCALE_MATRICES[clip.colour.matrix]
    return "bt709" if clip.height >= 480 or clip.width >= 850 else "smpte170m"


def _fitted(clip: Clip) -> Clip:
    return replace(
        clip,
        width=clip.width // 2 * 2,
        height=clip.height // 2 * 2,
        rate=Fraction(FRAMES_PER_SECOND),
        codec="h264",
        pix_fmt="yuv420p",
        sar=Fraction(1),
        colour=Colour(BT709, BT709, BT709),
        is_constant=True,
        hidden_frames=0,
        is_interlaced=False,
        starts_on_idr=True,
    )


def _obstacles(clip: Clip) -> Iterator[str]:
    if clip.codec != "h264":
        yield f"is {clip.codec}, the film h264"
    if clip.pix_fmt != "yuv420p":
        yield f"has pixels as {clip.pix_fmt}, the film as yuv420p"
    if clip.colour.is_full_range and clip.pix_fmt == "yuv420p":
        yield "has full range colour, the film limited range"
    if not clip.is_constant and not clip.hidden_frames:
        yield "has its pictures at uneven times"
    elif clip.rate != FRAMES_PER_SECOND:
        yield f"runs at {float(clip.rate):.6g} pictures a second, the film at {FRAMES_PER_SECOND}"
    if clip.hidden_frames:
        yield f"hides {clip.hidden_frames} of its pictures by an edit list"
    if clip.is_interlaced:
        yield "is interlaced"
    if clip.codec == "h264" and not clip.starts_on_idr:
        yield "does not begin with a picture that stands alone (an IDR)"


def _differences(clip: Clip, like: Clip) -> Iterator[str]:
    if (clip.width, clip.height) != (like.width, like.height):
        yield f"is {clip.width}×{clip.height}, the film {like.width}×{like.height}"
    if clip.sar != like.sar:
        yield f"has pixels {clip.sar.numerator}:{clip.sar.denominator} wide"
    ours, theirs = _matrix(clip), _matrix(like)
    # A clip that says nothing about its colour is shown like its neighbours.
    if UNSPECIFIED not in (ours, theirs) and ours != theirs:
        names = [MATRIX_NAMES.get(matrix, f"matrix {matrix}") for matrix in (ours, theirs)]
        yield f"has colours by {names[0]}, the film by {names[1]}"


def _matrix(clip: Clip) -> int:
    matrix = clip.colour.matrix
    return BT601_525 if matrix == BT601_625 else matrix
