"""The words over a shot: prompt, seconds and digest at the bottom, and the vendor's watermark.

The slate stays away from the first and last frames: it must never enter the chain.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tasks.simulator.animatic.colour import Planes
from tasks.simulator.animatic.noise import smoothstep

CLEAR_FRAMES = 10
"""How many frames at each end carry no slate."""
_FADE_FRAMES = 8
_LONGEST_LINES = 3

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Overlay:
    """A piece of lettering: what to lay over the luma, where, and how much of it."""

    corner: tuple[int, int]
    luma: Image.Image
    share: Image.Image
    small_share: Image.Image
    """The share for the chroma planes, in half size."""

    def lay(self, planes: Planes, strength: float) -> None:
        """Lay the lettering over the planes; strength 0 to 1 fades it."""
        if strength <= 0:
            return
        fade = [int(value * strength + 0.5) for value in range(256)]
        planes.luma.paste(self.luma, self.corner, self.share.point(fade))
        half = (self.corner[0] // 2, self.corner[1] // 2)
        small = self.small_share.point(fade)
        planes.blue.paste(128, (*half, half[0] + small.width, half[1] + small.height), small)
        planes.red.paste(128, (*half, half[0] + small.width, half[1] + small.height), small)


def slate_strength(frame: int, frames: int) -> float:
    """Return how visible the slate is on that frame: 0 on the first and last ten."""
    first, last = CLEAR_FRAMES - 1, frames - CLEAR_FRAMES
    appear = smoothstep(first, first + _FADE_FRAMES, frame)
    return appear * (1 - smoothstep(last - _FADE_FRAMES, last, frame))


def make_slate(size: tuple[int, int], prompt: str, facts: str) -> Overlay:
    """Return the slate: up to three balanced lines of the prompt over one line of facts."""
    width, height = size
    unit = _unit(size)
    words, small = _font(unit * 2.35), _font(unit * 1.7)
    lines = _balanced(_printable(prompt, words), words, width * 0.86 - unit * 2)
    line_height, gap = unit * 3.1, unit * 1.1
    tall = _even(line_height * len(lines) + unit * 2.4 + gap + unit * 7.5)
    text = Image.new("L", (width, tall), 0)
    draw = ImageDraw.Draw(text)
    left, y = unit * 4.2, unit * 4.6
    bar = (left - unit * 1.5, y + unit * 0.35, left - unit * 1.22, tall - unit * 3.4)
    draw.rectangle(bar, fill=215)
    for line in lines:
        draw.text((left, y), line, fill=245, font=words)
        y += line_height
    draw.text((left, y + gap * 0.45), facts, fill=185, font=small)
    return _over_scrim(text, (0, height - tall))


def make_watermark(size: tuple[int, int]) -> Overlay:
    """Return the mark that the vendors put at the bottom right."""
    width, height = size
    unit = _unit(size)
    font = _font(unit * 1.9)
    words = "AI generated"
    wide, tall = _even(font.getlength(words) + unit * 1.2), _even(unit * 3.4)
    text = Image.new("L", (wide, tall), 0)
    ImageDraw.Draw(text).text((unit * 0.6, unit * 0.5), words, fill=190, font=font)
    corner = (_even(width - wide - unit * 1.6), _even(height - tall - unit * 1.6))
    share = text.point([int(value * 0.9) for value in range(256)])
    return _overlay(corner, Image.new("L", text.size, 225), share)


def _over_scrim(text: Image.Image, corner: tuple[int, int]) -> Overlay:
    """White letters over a shade that begins at nothing: no plate with a hard edge."""
    letters = np.asarray(text, np.float32) / 255
    down = np.linspace(0, 1, text.height, dtype=np.float32)[:, None]
    shade = 0.66 * np.clip(down / 0.75, 0, 1) ** 1.1 * np.ones((1, text.width), np.float32)
    share = shade + (1 - shade) * letters
    luma = (20 * shade * (1 - letters) + 228 * letters) / np.maximum(share, 1e-3)
    return _overlay(
        corner,
        Image.fromarray(np.clip(luma, 16, 235).astype(np.uint8)),
        Image.fromarray((share * 255).astype(np.uint8)),
    )


def _overlay(corner: tuple[int, int], luma: Image.Image, share: Image.Image) -> Overlay:
    half = (share.width // 2, share.height // 2)
    return Overlay(corner, luma, share, share.resize(half, Image.Resampling.BOX))


def _balanced(text: str, font: _Font, room: float) -> list[str]:
    """Break the text into the fewest lines, about equally long; cut what does not fit."""
    for count in range(1, _LONGEST_LINES + 1):
        lines = _broken(text, font, max(room * 0.2, font.getlength(text) / count * 1.04))
        widest = max((font.getlength(line) for line in lines), default=0.0)
        if len(lines) <= count and widest <= room:
            return lines
        lines = _broken(text, font, room)
        if len(lines) <= count:
            return _evened(text, font, room, len(lines))
    kept = _broken(text, font, room)[:_LONGEST_LINES]
    while kept[-1] and font.getlength(kept[-1] + " …") > room:
        kept[-1] = kept[-1].rpartition(" ")[0]
    return [*kept[:-1], kept[-1].rstrip(" ,.;:") + " …"]


def _evened(text: str, font: _Font, room: float, count: int) -> list[str]:
    """Narrow the lines as far as their number stays."""
    best = _broken(text, font, room)
    for narrower in np.linspace(0.95, 0.5, 10):
        lines = _broken(text, font, room * float(narrower))
        if len(lines) > count or max(map(font.getlength, lines)) > room:
            break
        best = lines
    return best


def _broken(text: str, font: _Font, room: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _printable(text: str, font: _Font) -> str:
    """Return the text without what the only font at hand has no letter for."""
    plain = re.sub(r"\s+", " ", text).strip()
    if plain.isascii():
        return plain
    missing = bytes(font.getmask("\uffff"))
    kept = [char for char in plain if char == " " or bytes(font.getmask(char)) != missing]
    return re.sub(r"\s+", " ", "".join(kept)).strip() or "…"


def _unit(size: tuple[int, int]) -> float:
    """A hundredth of the width of a 16:9 frame of that area: upright frames read as well."""
    return math.sqrt(size[0] * size[1]) * 0.0132


def _font(size: float) -> _Font:
    return ImageFont.load_default(max(9.0, size))


def _even(value: float) -> int:
    return max(2, int(value) // 2 * 2)
