"""Film-like footage with known defects: a moving scene with grain, encoded as a vendor does.

A still or synthetic picture would hide what a measure mistakes for a fault, such as grain that an
encoder smooths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Picture = NDArray[np.float32]
"""R, G and B of 0 to 255."""
Sound = NDArray[np.float32]

WIDTH, HEIGHT = 320, 180
_MARGIN = 60
_GRAIN = 4.0
_SAMPLES = 48_000


@lru_cache(maxsize=16)
def draw_scene(seed: int) -> Picture:
    """Return a picture with structure of every size, larger than a frame."""
    noise = np.random.default_rng(seed)
    size = (WIDTH + 2 * _MARGIN, HEIGHT + 2 * _MARGIN)
    scene = np.full((size[1], size[0], 3), 110, np.float32)
    for cell, amplitude in ((96, 28), (40, 18), (16, 11), (6, 8), (2, 5)):
        shape = (size[1] // cell + 2, size[0] // cell + 2)
        for channel in range(3):
            layer = Image.fromarray(noise.normal(0, amplitude, shape).astype(np.float32))
            scene[..., channel] += np.asarray(layer.resize(size, Image.Resampling.BICUBIC))
    return scene


@lru_cache(maxsize=4)
def film(
    seed: int = 1, frames: int = 48, *, speed: float = 0.6, grain: float = _GRAIN, start: int = 0
) -> tuple[Picture, ...]:
    """Return the pictures of a slow camera move over a scene, each with its own grain."""
    scene = Image.fromarray(np.clip(draw_scene(seed), 0, 255).astype(np.uint8))
    pictures = []
    for number in range(start, start + frames):
        corner = (20 + number * speed, 20 + number * speed / 2)
        matrix = (1, 0, corner[0], 0, 1, corner[1])
        moved = scene.transform(
            (WIDTH, HEIGHT), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC
        )
        noise = np.random.default_rng(1000 * seed + number).normal(0, grain, (HEIGHT, WIDTH, 1))
        pictures.append(np.clip(np.asarray(moved, np.float32) + noise, 0, 255).astype(np.float32))
    return tuple(pictures)


def blur(picture: Picture, radius: float) -> Picture:
    """Return a blurred picture."""
    image = Image.fromarray(picture.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)


def replace(
    pictures: Sequence[Picture], first: int, end: int, change: Callable[[int, Picture], Picture]
) -> list[Picture]:
    """Return the pictures with those of a range changed."""
    return [
        change(number, picture) if first <= number < end else picture
        for number, picture in enumerate(pictures)
    ]


def speech_like(seconds: float, *, level: float = 0.2, seed: int = 1) -> Sound:
    """Return noise in bursts, as speech has them."""
    noise = np.random.default_rng(seed)
    count = round(seconds * _SAMPLES)
    times = np.arange(count) / _SAMPLES
    envelope = 0.3 + 0.7 * np.abs(np.sin(2 * np.pi * 1.7 * times))
    smooth = np.convolve(noise.normal(0, 1, count), np.ones(24) / 24, mode="same")
    return (level * envelope * smooth / np.abs(smooth).max()).astype(np.float32)


def write_footage(
    path: Path,
    pictures: Sequence[Picture],
    *,
    sound: Sound | None = None,
    crf: int = 20,
    rate: int | Fraction = 24,
) -> Path:
    """Encode pictures, and sound if there is some, as MP4 in BT.709, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        audio = (
            container.add_stream("aac", rate=_SAMPLES, layout="mono") if sound is not None else None
        )
        for picture in pictures:
            for packet in stream.encode(_to_frame(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
        if audio is not None and sound is not None:
            for frame in _sound_frames(sound):
                for packet in audio.encode(frame):
                    container.mux(packet)
            for packet in audio.encode():
                container.mux(packet)
    return path


def _to_frame(picture: Picture) -> VideoFrame:
    """Convert a picture to BT.709 in limited range, without the bias of swscale."""
    red, green, blue = (picture[..., channel] / 255 for channel in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    planes: tuple[NDArray[Any], ...] = (
        16 + 219 * luma,
        _halve(128 + 224 * (blue - luma) / 1.8556),
        _halve(128 + 224 * (red - luma) / 1.5748),
    )
    frame = VideoFrame(picture.shape[1], picture.shape[0], "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = np.clip(np.round(values), 0, 255)
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = 1, 1
    return frame


def _halve(plane: NDArray[Any]) -> NDArray[Any]:
    halved: NDArray[Any] = plane.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
    return halved


def _sound_frames(sound: Sound) -> Iterator[AudioFrame]:
    for first in range(0, len(sound), 1024):
        block = sound[None, first : first + 1024]
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLES, first, Fraction(1, _SAMPLES)
        yield frame
