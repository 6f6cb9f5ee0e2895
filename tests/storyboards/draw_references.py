"""Draw the reference pictures, clip and sound of `storyboards/fruit-tea.yaml`.

They replace the originals, which belong to the vendor whose page the board is from. Run
``python tests/storyboards/draw_references.py`` from the repository to draw them again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

REFS = Path(__file__).parents[2] / "storyboards" / "refs"
SIZE = WIDTH, HEIGHT = 864, 496
FRAMES = 96
SECONDS, RATE = 4, 44_100
WOOD, LEAF, RED, TEA, CREAM, SKIN = "#d9b98c", "#5f8f3e", "#c22f35", "#d98b3a", "#fbf3df", "#e3b48f"


def draw_all(folder: Path) -> None:
    """Write the four files."""
    apple().save(folder / "tea-apple.jpg", quality=82)
    cup().save(folder / "tea-cup.jpg", quality=82)
    film(folder / "tea-hands.mp4")
    beat(folder / "tea-beat.mp3")


def table() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", SIZE, "#f4e7cf")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 330, WIDTH, HEIGHT), fill=WOOD)
    return image, pen


def apple() -> Image.Image:
    """Image 1: a red apple with dew on it."""
    image, pen = table()
    pen.ellipse((300, 120, 560, 390), fill=RED)
    pen.ellipse((340, 150, 420, 230), fill="#e0676a")
    pen.line((430, 130, 445, 70), fill="#6b4a2b", width=10)
    pen.ellipse((445, 66, 530, 104), fill=LEAF)
    for x, y in ((360, 300), (420, 340), (500, 260), (470, 200), (390, 250), (520, 320)):
        pen.ellipse((x, y, x + 12, y + 14), fill="#f3c9c4")
    return image.filter(ImageFilter.GaussianBlur(1))


def cup() -> Image.Image:
    """Image 2: the finished tea, tea below and cream on top, a label on the cup."""
    image, pen = table()
    draw_cup(pen, 432, full=1.0)
    return image.filter(ImageFilter.GaussianBlur(1))


def draw_cup(pen: ImageDraw.ImageDraw, x: int, *, full: float) -> None:
    pen.polygon(((x - 95, 110), (x + 95, 110), (x + 70, 410), (x - 70, 410)), fill="#eef3f2")
    top = round(400 - 240 * full)
    pen.polygon(((x - 80, top), (x + 80, top), (x + 66, 400), (x - 66, 400)), fill=TEA)
    if full > 0.9:
        pen.rectangle((x - 84, 130, x + 84, 180), fill=CREAM)
        pen.rectangle((x - 45, 250, x + 45, 330), fill="#e98aa0")


def hands(step: float) -> Image.Image:
    """A picture of the clip: two hands from below, the cup filling between them."""
    image, pen = table()
    draw_cup(pen, 432, full=0.1 + 0.8 * step)
    lift = round(40 * math.sin(step * 2 * math.pi))
    for x in (210, 654):
        pen.polygon(((x - 60, 496), (x + 60, 496), (x + 40, 330 - lift), (x - 40, 330 - lift)),
                    fill=SKIN)  # fmt: skip
        pen.ellipse((x - 62, 250 - lift, x + 62, 360 - lift), fill=SKIN)
    return image


def film(path: Path) -> None:
    """Video 1: four seconds, seen through the eyes of the person who makes the tea."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "30", "preset": "veryslow"}
        for number in range(FRAMES):
            frame = av.VideoFrame.from_image(hands(number / FRAMES))
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def beat(path: Path) -> None:
    """Audio 1: four seconds of an upbeat figure."""
    with av.open(str(path), "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE)
        stream.layout, stream.bit_rate = "mono", 32_000
        for samples in _chunks(_tune()):
            frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16p", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tune() -> np.ndarray:
    time = np.arange(SECONDS * RATE) / RATE
    step = (time * 4).astype(int)
    pitch = np.array([392.0, 493.9, 587.3, 493.9])[step % 4]
    within = time * 4 % 1
    tone = np.sin(2 * np.pi * pitch * time) * np.exp(-4 * within)
    drum = np.sin(2 * np.pi * 70 * time) * np.exp(-18 * (time * 2 % 1))
    return ((0.35 * tone + 0.5 * drum) * 20_000).astype(np.int16)


def _chunks(samples: np.ndarray, size: int = 1152) -> Iterator[np.ndarray]:
    for at in range(0, len(samples), size):
        yield samples[at : at + size]


if __name__ == "__main__":
    draw_all(REFS)
