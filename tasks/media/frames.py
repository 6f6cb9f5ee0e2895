"""Frames of clips as PNG, with exact colours; images: turned, compared."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import av.filter
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tasks.media.conversion import (
    find_shown_time,
    fit_size,
    format_arguments,
    limit_sides,
    rgb_filters,
    split_at_tone_mapping,
)
from tasks.media.convert import map_to_sdr
from tasks.media.decode import decode_first_frame, decode_frames, decode_last_frame
from tasks.media.ffmpeg_binary import find_ffmpeg
from tasks.media.mime import sniff_mime
from tasks.media.orientation import Orientation, read_image_orientation
from tasks.media.probe import Clip, probe_with_timeline
from tasks.media.titles.picture_files import PILLOW_FORMATS, open_image

Pixels = NDArray[np.uint8]

BLACK_LUMA = 24
"""Pixels with a luma below this, of 255, count as black."""
BLACK_FRACTION = 0.99
"""An image with at least this fraction of black pixels is black."""

_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "image/jpeg": {"quality": 95, "subsampling": 0},
    "image/webp": {"lossless": True},
    "image/png": {"compress_level": 1},
}

_PNG_LEVEL = 1  # takes a sixth of the time of level 6 and a sixth more bytes


def last_frame(
    clip: Path, *, ffmpeg: str | None = None, sides: tuple[int, int] | None = None
) -> bytes:
    """Return the frame that a clip shows last, as PNG: as it is seen in a film.

    Args:
        clip: The clip.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.
        sides: Minimum and maximum of both sides in pixels; the frame is scaled into them.

    Raises:
        MediaError: The clip can't be read or decoded.
        NotConfigured: The clip is in HDR, and ffmpeg can't convert it.
    """
    info, timeline = probe_with_timeline(clip)
    size = limit_sides(info.display_size, sides) if sides else info.display_size
    return _to_png(_to_rgb(decode_last_frame(clip, timeline), info, ffmpeg, size))


def read_frame(
    clip: Path, number: int, *, ffmpeg: str | None = None, sides: tuple[int, int] | None = None
) -> bytes:
    """Return a frame that a clip shows, as PNG: as it is seen in a film.

    Args:
        clip: The clip.
        number: The number of the frame in a film that shows the whole clip, 24 a second; behind the
            last one it is the last one.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.
        sides: Minimum and maximum of both sides in pixels; the frame is scaled into them.

    Raises:
        MediaError: The clip can't be read or decoded.
        NotConfigured: The clip is in HDR, and ffmpeg can't convert it.
    """
    info, timeline = probe_with_timeline(clip)
    size = limit_sides(info.display_size, sides) if sides else info.display_size
    time = find_shown_time(info, timeline, number)
    (frame,) = decode_frames(clip, timeline, [time])
    return _to_png(_to_rgb(frame, info, ffmpeg, size))


def first_frame(clip: Path, *, ffmpeg: str | None = None) -> bytes:
    """Return the frame that a clip shows first, as PNG: as it is seen in a film.

    Args:
        clip: The clip.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.

    Raises:
        MediaError: The clip can't be read or decoded.
        NotConfigured: The clip is in HDR, and ffmpeg can't convert it.
    """
    info, timeline = probe_with_timeline(clip)
    frame = decode_first_frame(clip, timeline)
    return _to_png(_to_rgb(frame, info, ffmpeg, info.display_size))


class SampledFrame(NamedTuple):
    """A small picture of a clip, and when the clip shows it."""

    seconds: float
    """Counted from the first frame."""
    image: Image.Image


def sample_frames(
    clip: Path,
    *,
    count_of: Callable[[float, tuple[int, int]], int],
    box_of: Callable[[int], tuple[int, int]],
    ffmpeg: str | None = None,
) -> list[SampledFrame]:
    """Return small pictures of a clip at even distances, its first and last frame included.

    They keep the shape of the clip, and look as in a film.

    Args:
        clip: The clip.
        count_of: Returns how many pictures to take of a clip of this length in seconds and size.
        box_of: Returns the largest width and height of each of so many pictures.
        ffmpeg: The configured ffmpeg program, if any; only HDR needs one.

    Raises:
        MediaError: The clip can't be read or decoded.
        NotConfigured: The clip is in HDR, and ffmpeg can't convert it.
    """
    info, timeline = probe_with_timeline(clip)
    shown = sorted(
        time for index, time in enumerate(timeline.times) if index not in timeline.hidden
    )
    count = min(count_of(float(info.end_seconds), info.display_size), len(shown))
    places = [round(number * (len(shown) - 1) / max(1, count - 1)) for number in range(count)]
    times = [shown[place] for place in places]
    size = fit_size(info.display_size, box_of(count))
    return [
        SampledFrame(
            float((time - shown[0]) * timeline.time_base),
            Image.fromarray(_to_rgb(frame, info, ffmpeg, size)),
        )
        for time, frame in zip(times, decode_frames(clip, timeline, times), strict=True)
    ]


def is_black(image: bytes) -> bool:
    """Return True if at least 99 % of the pixels of an image file are black.

    Raises:
        MediaError: The image can't be decoded.
    """
    luma = np.asarray(_decode(image).convert("L"))
    return bool(np.mean(luma < BLACK_LUMA) >= BLACK_FRACTION)


def mean_difference(a: bytes, b: bytes) -> float:
    """Return the mean absolute difference of two image files, in levels from 0 to 255.

    The second is scaled to the size of the first.

    Raises:
        MediaError: One of them can't be decoded.
    """
    first, second = _decode(a), _decode(b)
    if second.size != first.size:
        second = second.resize(first.size, Image.Resampling.LANCZOS)
    difference = np.asarray(first, np.int16) - np.asarray(second, np.int16)
    return float(np.mean(np.abs(difference)))


def _to_rgb(frame: VideoFrame, clip: Clip, ffmpeg: str | None, size: tuple[int, int]) -> Pixels:
    """Convert a decoded frame to RGB of a width and height, in full range, without bias.

    It is turned upright, gets square pixels, and is converted to SDR, as a film does it.
    """
    width, height = size
    filters, _ = split_at_tone_mapping(rgb_filters(clip, size))
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    nodes = [
        graph.add(name, format_arguments(*values, **options)) for name, values, options in filters
    ]
    graph.link_nodes(source, *nodes, graph.add("buffersink")).configure()
    graph.vpush(frame)
    result = graph.vpull()
    if not clip.is_hdr:
        return np.asarray(result.to_ndarray(), np.uint8)
    planes = b"".join(_read_plane(plane) for plane in result.planes)
    rgb = map_to_sdr(planes, (width, height), clip, ffmpeg=find_ffmpeg(ffmpeg))
    return np.frombuffer(rgb, np.uint8).reshape(height, width, 3)


def _read_plane(plane: VideoPlane) -> bytes:
    rows = np.frombuffer(bytes(plane), np.uint16).reshape(plane.height, plane.line_size // 2)
    return bytes(rows[:, : plane.width].tobytes())


def upright_image(image: bytes) -> bytes:
    """Return an image file turned by its EXIF orientation; unchanged if it is upright.

    Raises:
        MediaError: The image can't be decoded.
    """
    if read_image_orientation(image) is Orientation.UPRIGHT:
        return image
    file = BytesIO()
    with open_image(image) as decoded:
        mime, profile = sniff_mime(image) or "", decoded.info.get("icc_profile")
        turned = ImageOps.exif_transpose(decoded)
    # The format stays, because vendors do not accept every format.
    turned.save(file, PILLOW_FORMATS[mime], icc_profile=profile, **_SAVE_OPTIONS.get(mime, {}))
    return file.getvalue()


def _to_png(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()


def _decode(image: bytes) -> Image.Image:
    with open_image(image) as decoded:
        return decoded.convert("RGB")
