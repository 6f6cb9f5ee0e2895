"""Clips and pictures as phones, cameras and editors write them: turned, in HDR, damaged."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.media.orientation import Orientation

Pixels = NDArray[np.uint8]
ACCURATE = "bicubic+accurate_rnd+full_chroma_int"

_UNIT = 1 << 16
# a, b, c and d of the display matrix, as in Apple's QuickTime File Format.
MATRICES = {
    Orientation.UPRIGHT: (1, 0, 0, 1),
    Orientation.MIRRORED: (-1, 0, 0, 1),
    Orientation.ROTATED_180: (-1, 0, 0, -1),
    Orientation.UPSIDE_DOWN: (1, 0, 0, -1),
    Orientation.TRANSPOSED: (0, 1, 1, 0),
    Orientation.ROTATED_90: (0, 1, -1, 0),
    Orientation.TRANSVERSED: (0, -1, -1, 0),
    Orientation.ROTATED_270: (0, -1, 1, 0),
}
_FROM_UPRIGHT = {
    Orientation.MIRRORED: Image.Transpose.FLIP_LEFT_RIGHT,
    Orientation.ROTATED_180: Image.Transpose.ROTATE_180,
    Orientation.UPSIDE_DOWN: Image.Transpose.FLIP_TOP_BOTTOM,
    Orientation.TRANSPOSED: Image.Transpose.TRANSPOSE,
    # Pillow turns to the left: a picture that is shown turned right is stored turned left.
    Orientation.ROTATED_90: Image.Transpose.ROTATE_90,
    Orientation.TRANSVERSED: Image.Transpose.TRANSVERSE,
    Orientation.ROTATED_270: Image.Transpose.ROTATE_270,
}


def draw_scene(size: tuple[int, int], step: int = 0) -> Pixels:
    """Draw a picture that looks different in every orientation, with a mark at `step` of 24."""
    width, height = size
    picture = np.full((height, width, 3), 120, np.uint8)
    picture[: height // 2, : width // 2] = (200, 60, 40)
    picture[: height // 2, width // 2 :] = (50, 150, 70)
    picture[height // 2 :, : width // 2] = (60, 80, 190)
    picture[height // 8 : height // 4, width // 8 : width // 4] = 235
    left = width * (step % 24) // 24
    picture[height * 3 // 4 :, left : left + max(2, width // 24)] = (240, 220, 60)
    return picture


def store_turned(picture: Pixels, orientation: Orientation) -> Pixels:
    """Return an upright picture as it is stored with an orientation."""
    how = _FROM_UPRIGHT.get(orientation)
    image = Image.fromarray(picture)
    return np.asarray(image if how is None else image.transpose(how), np.uint8)


def write_clip(
    path: Path,
    pictures: Sequence[Pixels],
    *,
    rate: Fraction = Fraction(24),
    times: Sequence[float] | None = None,
    orientation: Orientation = Orientation.UPRIGHT,
    sar: Fraction = Fraction(1),
    tones: Sequence[float] = (),
    default_tone: int = 0,
) -> Path:
    """Write upright pictures as an H.264 clip whose frames are stored turned.

    Args:
        path: The file.
        pictures: The pictures, RGB.
        rate: Pictures per second.
        times: The seconds at which they are shown, for a variable rate.
        orientation: How they are stored; the display matrix turns them back.
        sar: Width of a pixel over its height.
        tones: Frequency of each audio track.
        default_tone: The audio track that is marked as default.
    """
    stored = [store_turned(picture, orientation) for picture in pictures]
    height, width = stored[0].shape[:2]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = Fraction(1, 90_000)
        context.sample_aspect_ratio = sar
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        # Like phones: no B-frames.
        context.options = {"preset": "veryfast", "crf": "12", "threads": "1", "bf": "0"}
        sounds = [container.add_stream("aac", rate=48_000) for _ in tones]
        for number, sound in enumerate(sounds):
            sound.codec_context.layout = "mono"
            sound.disposition = (
                av.stream.Disposition.default
                if number == default_tone
                else av.stream.Disposition(0)
            )
        for number, picture in enumerate(stored):
            frame = _to_yuv(picture)
            seconds = times[number] if times else number / rate
            frame.pts, frame.time_base = round(seconds * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for hertz, sound in zip(tones, sounds, strict=True):
            _write_tone(container, sound, hertz, len(stored) / float(rate))
    set_display_matrix(path, orientation)
    return path


def _to_yuv(picture: Pixels) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 24)
    )
    scale = graph.add("scale", f"out_color_matrix=bt709:out_range=tv:flags={ACCURATE}")
    nodes = (source, scale, graph.add("format", "yuv420p"), graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    frame.pts, frame.time_base = 0, Fraction(1, 24)
    graph.vpush(frame)
    return graph.vpull()


def _write_tone(container: Any, sound: Any, hertz: float, seconds: float) -> None:
    samples = 0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 48_000)) / 48_000)
    frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def set_display_matrix(path: Path, orientation: Orientation) -> None:
    """Write an orientation into the header of the first track of an MP4, as phones do."""
    a, b, c, d = (value * _UNIT for value in MATRICES[orientation])
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4
    assert data[start] == 0
    struct.pack_into(">5i", data, start + 40, a, b, 0, c, d)
    path.write_bytes(data)


def read_pixels(image: bytes) -> NDArray[np.int16]:
    """Decode an image file as it is stored: RGB."""
    return np.asarray(Image.open(BytesIO(image)).convert("RGB"), np.int16)


def difference(image: bytes, expected: Pixels) -> float:
    """Return the mean absolute difference of an image file and a picture of the same size."""
    pixels = read_pixels(image)
    assert pixels.shape == expected.shape
    return float(np.abs(pixels - expected.astype(np.int16)).mean())
