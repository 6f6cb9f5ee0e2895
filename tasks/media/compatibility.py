"""Decides if clips can be joined unchanged, and which of them the others are converted to match.

Only compares what `probe` measured; `convert` does the conversion. Audio never has to match, since
the join resamples all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from tasks.edit import PictureEdit
from tasks.errors import MediaError
from tasks.media.film_format import FRAMES_PER_SECOND, film_size
from tasks.media.orientation import Orientation
from tasks.media.probe import HLG, PQ, Clip, Colour

BT709, UNSPECIFIED, BT601_625, BT601_525, BT2020 = 1, 2, 5, 6, 9
"""Colour matrices, as numbered in ISO/IEC 23091-2; both of BT.601 have the same coefficients."""

SCALE_MATRICES = {
    BT709: "bt709",
    BT601_625: "smpte170m",
    BT601_525: "smpte170m",
    BT2020: "bt2020",
}
"""Names of the matrices in ffmpeg's scale filter, valid in old and new versions."""

MATRIX_NAMES = {BT709: "BT.709", BT601_625: "BT.601", BT601_525: "BT.601", BT2020: "BT.2020"}

HDR_NAMES = {PQ: "PQ", HLG: "HLG"}


class Coding(NamedTuple):
    """The codec and the pixel format of a film's picture."""

    codec: str = "h264"
    pix_fmt: str = "yuv420p"


H264_CODING = Coding()
KEPT_CODINGS = tuple(
    Coding(codec, pix_fmt) for codec in ("h264", "hevc") for pix_fmt in ("yuv420p", "yuv420p10le")
)
"""The codings of clips that a film can keep."""

_PLAIN = PictureEdit()


def find_obstacles(clip: Clip, coding: Coding = H264_CODING) -> tuple[str, ...]:
    """Return the reasons, one clause each, why a clip can't be in any film without conversion."""
    return tuple(_obstacles(clip, coding))


def find_mismatches(clip: Clip, target: Clip) -> tuple[str, ...]:
    """Return the reasons, one clause each, why a clip can't be joined with `target` unchanged."""
    coding = Coding(target.codec, target.pix_fmt)
    return (*_obstacles(clip, coding), *_mismatches(clip, target))


def describe_conversion(clip: Clip, target: Clip, picture: PictureEdit = _PLAIN) -> tuple[str, ...]:
    """Return what `convert` changes in a clip, as descriptions such as `29.97 to 24 fps`."""
    return tuple(_conversions(clip, target, is_cropped=is_cropped(picture)))


def is_cropped(picture: PictureEdit) -> bool:
    """Return True if clips of another shape are cropped; otherwise they get bars."""
    return picture.ratio is not None and picture.fit == "crop"


def choose_channels(clips: Sequence[Clip]) -> int:
    """Return the film's audio channels: 2 if any clip has several, 1 if all are mono, else 0."""
    return min(2, max((clip.channels for clip in clips if clip.has_audio), default=0))


def choose_target(clips: Sequence[Clip], picture: PictureEdit = _PLAIN) -> Clip:
    """Return the clip that all others have to match.

    It is the first clip of the most frequent size that needs no conversion. If every clip of that
    size needs one, the result describes the first of them as it will be after conversion. Of two
    equally frequent sizes, the size that occurs first counts. If the film has another shape, the
    result has that shape.

    Args:
        clips: The clips of the film.
        picture: The shape and the coding of the film. H.264 in 8 bits, unless it keeps the codec of
            the clips, or is a master, which keeps their bits.

    Raises:
        MediaError: `clips` is empty.
    """
    if not clips:
        message = "There is no clip to join"
        raise MediaError(message)
    size, _ = Counter(clip.display_size for clip in clips).most_common(1)[0]
    candidates = [clip for clip in clips if clip.display_size == size]
    coding = H264_CODING if picture.codec == "h264" else _usual_coding(clips)
    matching = (clip for clip in candidates if not find_obstacles(clip, coding) and clip.sar == 1)
    target = next(matching, None) or _converted(candidates[0], coding)
    width, height = film_size(size, picture.ratio)
    return target if (width, height) == size else replace(target, width=width, height=height)


def _usual_coding(clips: Sequence[Clip]) -> Coding:
    """Return the coding that most clips have, of those that films can have; else H.264."""
    codings = [Coding(clip.codec, clip.pix_fmt) for clip in clips if not clip.is_hdr]
    usable = [coding for coding in codings if coding in KEPT_CODINGS]
    return Counter(usable).most_common(1)[0][0] if usable else H264_CODING


def resolve_matrix(clip: Clip) -> str:
    """Return ffmpeg's name of a clip's colour matrix, or the usual one if it has no tag.

    That is BT.601 for clips below 480 lines and 850 columns, and BT.709 for all others.
    """
    if clip.colour.matrix in SCALE_MATRICES:
        return SCALE_MATRICES[clip.colour.matrix]
    return "bt709" if clip.height >= 480 or clip.width >= 850 else "smpte170m"


def _converted(clip: Clip, coding: Coding) -> Clip:
    width, height = clip.display_size
    return replace(
        clip,
        width=max(2, width // 2 * 2),
        height=max(2, height // 2 * 2),
        rate=Fraction(FRAMES_PER_SECOND),
        codec=coding.codec,
        pix_fmt=coding.pix_fmt,
        sar=Fraction(1),
        colour=Colour(BT709, BT709, BT709),
        is_constant=True,
        hidden_frames=0,
        is_interlaced=False,
        starts_on_idr=True,
        orientation=Orientation.UPRIGHT,
    )


def _obstacles(clip: Clip, coding: Coding) -> Iterator[str]:
    if clip.codec != coding.codec:
        yield f"is {clip.codec}, the film is {coding.codec}"
    yield from _colour_obstacles(clip, coding)
    if not clip.is_constant and not clip.hidden_frames:
        yield "has a variable frame rate"
    elif clip.rate != FRAMES_PER_SECOND:
        yield f"has {float(clip.rate):.6g} frames per second, the film has {FRAMES_PER_SECOND}"
    if clip.hidden_frames:
        yield f"has {clip.hidden_frames} frames that an edit list hides"
    if clip.is_interlaced:
        yield "is interlaced"
    if clip.orientation.description:
        yield f"has to be {clip.orientation.description}"
    if clip.codec == coding.codec and not clip.starts_on_idr:
        yield "does not start with an IDR frame"


def _colour_obstacles(clip: Clip, coding: Coding) -> Iterator[str]:
    if clip.is_hdr:
        yield f"is in HDR ({HDR_NAMES[clip.colour.transfer]})"
    if clip.pix_fmt != coding.pix_fmt:
        yield f"has pixel format {clip.pix_fmt}, the film has {coding.pix_fmt}"
    elif clip.colour.is_full_range:
        yield "has full range colour, the film has limited range"


def _mismatches(clip: Clip, target: Clip) -> Iterator[str]:
    width, height = clip.display_size if clip.orientation.swaps_sides else (clip.width, clip.height)
    if (width, height) != (target.width, target.height):
        yield f"is {width}×{height}, the film is {target.width}×{target.height}"
    if clip.sar != target.sar:
        yield f"has a pixel aspect ratio of {clip.sar.numerator}:{clip.sar.denominator}"
    matrices = _matrix(clip), _matrix(target)
    # A clip without a colour tag is shown like its neighbours.
    if UNSPECIFIED not in matrices and matrices[0] != matrices[1]:
        names = [MATRIX_NAMES.get(matrix, f"matrix {matrix}") for matrix in matrices]
        yield f"has {names[0]} colours, the film has {names[1]}"


def _conversions(clip: Clip, target: Clip, *, is_cropped: bool) -> Iterator[str]:
    if clip.orientation.description:
        yield clip.orientation.description
    yield from _colour_conversions(clip, target)
    if clip.is_interlaced:
        yield "interlaced to progressive"
    if clip.hidden_frames:
        yield f"{clip.hidden_frames} hidden frames left out"
    elif not clip.is_constant:
        yield f"variable frame rate to {FRAMES_PER_SECOND} fps"
    if clip.is_constant and clip.rate != FRAMES_PER_SECOND:
        yield f"{float(clip.rate):.5g} to {FRAMES_PER_SECOND} fps"
    if clip.sar != 1:
        yield f"pixels of {clip.sar.numerator}:{clip.sar.denominator} made square"
    width, height = clip.display_size
    if (width, height) != (target.width, target.height):
        how = "cropped to" if is_cropped else "scaled into"
        yield f"{width}x{height} {how} {target.width}x{target.height}"
    if clip.codec != target.codec:
        yield f"{clip.codec} to {target.codec}"
    elif not clip.starts_on_idr:
        yield "encoded again, since it does not start with an IDR frame"


def _colour_conversions(clip: Clip, target: Clip) -> Iterator[str]:
    matrices = _matrix(clip), _matrix(target)
    if clip.is_hdr:
        yield f"{HDR_NAMES[clip.colour.transfer]} to SDR"
    elif UNSPECIFIED not in matrices and matrices[0] != matrices[1]:
        names = [MATRIX_NAMES.get(matrix, f"matrix {matrix}") for matrix in matrices]
        yield f"{names[0]} to {names[1]}"
    if clip.pix_fmt != target.pix_fmt and not clip.is_hdr:
        yield f"{clip.pix_fmt} to {target.pix_fmt}"
    elif clip.colour.is_full_range:
        yield "full to limited range"


def _matrix(clip: Clip) -> int:
    matrix = clip.colour.matrix
    return BT601_525 if matrix == BT601_625 else matrix
