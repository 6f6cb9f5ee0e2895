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
    key_every: int = 250,
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
        key_every: Frames from one key frame to the next.
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
        options = {"preset": "veryfast", "crf": "12", "threads": "1", "bf": "0"}
        context.options = {**options, "g": str(key_every)}
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


def difference(image: bytes, expected: NDArray[Any]) -> float:
    """Return the mean absolute difference of an image file and a picture of the same size."""
    pixels = read_pixels(image)
    assert pixels.shape == expected.shape
    return float(np.abs(pixels - expected.astype(np.int16)).mean())


_BT709_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)
"""Linear RGB, as in ITU-R BT.2087."""
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593])
HDR_WHITE_NITS = 203
"""The brightness of SDR white in HDR, as in ITU-R BT.2408."""


def write_hdr_clip(
    path: Path,
    picture: Pixels,
    transfer: str,
    *,
    frames: int = 4,
    orientation: Orientation = Orientation.UPRIGHT,
) -> Path:
    """Write an SDR picture as a 10-bit HEVC clip in HDR that shows the same.

    Args:
        path: The file.
        picture: The picture, RGB.
        transfer: `pq` or `hlg`.
        frames: The number of frames.
        orientation: How the frames are stored.
    """
    planes = _to_hdr_planes(store_turned(picture, orientation), transfer)
    height, width = planes[0].shape
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.colorspace = 9, 9
        context.color_trc = {"pq": 16, "hlg": 18}[transfer]
        context.color_range = 1
        context.options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:crf=8"}
        for number in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p10le")
            for plane, values in zip(frame.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
                rows[:, : values.shape[1]] = values
                plane.update(rows.tobytes())
            frame.pts, frame.time_base = number, Fraction(1, 24)
            frame.colorspace, frame.color_range = 9, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    set_display_matrix(path, orientation)
    return path


def _to_hdr_planes(picture: Pixels, transfer: str) -> list[NDArray[np.uint16]]:
    """Return the planes of a picture in BT.2020, by the formulas of BT.2100 and BT.1886."""
    nits = HDR_WHITE_NITS * (picture / 255.0) ** 2.4 @ _BT709_TO_BT2020.T
    encode = {"pq": _encode_pq, "hlg": _encode_hlg}[transfer]
    signal = encode(np.clip(nits, 0, None))
    luma = signal @ _BT2020_LUMA
    chroma = [(signal[..., 2] - luma) / 1.8814, (signal[..., 0] - luma) / 1.4746]
    halved = [(c[::2, ::2] + c[1::2, ::2] + c[::2, 1::2] + c[1::2, 1::2]) / 4 for c in chroma]
    return [
        np.round(64 + 876 * luma).astype(np.uint16),
        *(np.round(512 + 896 * c).astype(np.uint16) for c in halved),
    ]


def _encode_pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    power = (nits / 10_000) ** 0.1593017578125
    signal: NDArray[np.float64] = (
        (0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)
    ) ** 78.84375
    return signal


def _encode_hlg(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    display = nits / 1000
    luminance = (display @ _BT2020_LUMA)[..., None]
    scene = display * np.where(luminance > 0, luminance, 1) ** (1 / 1.2 - 1)
    low = np.sqrt(3 * scene)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    signal: NDArray[np.float64] = np.where(scene <= 1 / 12, low, high)
    return signal


def write_size_change(path: Path, sizes: Sequence[tuple[int, int]], *, frames: int = 6) -> Path:
    """Write a clip whose size changes midway: new parameter sets inside the track."""
    packets: list[bytes] = []
    for size in sizes:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 24), Fraction(24)
        encoder.options = {"preset": "veryfast", "bf": "0", "x264-params": "repeat-headers=1"}
        for number in range(frames):
            frame = _to_yuv(draw_scene(size, number))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            packets += map(bytes, encoder.encode(frame))
        packets += map(bytes, encoder.encode(None))
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = *sizes[0], "yuv420p"
        for number, data in enumerate(packets):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 24)
            packet.pts = packet.dts = number
            packet.is_keyframe = number % frames == 0
            container.mux(packet)
    return path


def damage_middle(path: Path) -> Path:
    """Overwrite a part of a clip's pictures with zeros; header and index stay intact."""
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov", start) if b"moov" in data[start:] else len(data)
    middle, length = (start + end) // 2, max(64, (end - start) // 8)
    data[middle : middle + length] = bytes(length)
    path.write_bytes(data)
    return path


def write_sound_only(path: Path) -> Path:
    """Write an MP4 without a picture."""
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=48_000)
        sound.codec_context.layout = "mono"
        _write_tone(container, sound, 440, 1)
    return path
