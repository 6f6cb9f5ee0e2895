"""Layers over the frames: particles in the air, the slate and the watermark.

The slate shows the prompt and the facts of the request at the bottom. It is not on the first and
last frames, since the next shot would start with it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tasks.media.lettering import Font, has_letter
from tasks.simulator.footage.colour import Floats, Planes
from tasks.simulator.footage.drawing import smoothstep
from tasks.simulator.footage.silhouettes import draw_shapes

CLEAR_FRAMES = 10
"""Frames at each end without a slate."""
_FADE_FRAMES = 8
_MAX_LINES = 3

_PHASES = 4
"""Sub-pixel positions per axis, without which slow dust moves in visible steps."""


@dataclass(frozen=True)
class ParticleStyle:
    """Motion and look of one kind of particle."""

    count: int
    velocity_x: float
    """Frame heights per second, as is `velocity_y`, which is negative for upwards."""
    velocity_y: float
    sway: float
    radius: tuple[float, float]
    """Smallest and largest, as fractions of the frame height."""
    luma: int
    strength: float
    chroma: tuple[int, int] | None = None
    streak: float = 0.0
    """Length of a streak as a fraction of the frame height; 0 draws dots."""


_STYLES = {
    "snow": ParticleStyle(150, -0.03, 0.11, 0.012, (0.0016, 0.0060), 228, 0.85),
    "rain": ParticleStyle(130, -0.22, 1.5, 0.0, (0.0012, 0.0022), 205, 0.34, streak=0.055),
    "embers": ParticleStyle(70, 0.02, -0.13, 0.02, (0.0014, 0.0042), 205, 0.9, (82, 176)),
    "dust": ParticleStyle(44, 0.012, 0.010, 0.014, (0.0012, 0.0030), 222, 0.42),
}


class Particles:
    """The snow, rain, embers or dust of one shot, as a function of time."""

    def __init__(self, kind: str, size: tuple[int, int], seed: int) -> None:
        self._style = _STYLES.get(kind)
        self._size = size
        rng = np.random.default_rng(seed + 7)
        count = self._style.count if self._style else 0
        self._start: Floats = rng.random((count, 2)).astype(np.float32)
        self._nearness: Floats = rng.beta(1.2, 2.6, count).astype(np.float32)
        self._phase: Floats = rng.uniform(0, 6.28, count).astype(np.float32)
        self._sprites = self._draw_sprites() if self._style else {}

    def draw(self, planes: Planes, seconds: float, strength: float) -> None:
        """Draw the particles at `seconds` into the planes; strength 0 to 1 fades them."""
        if self._style is None or strength <= 0.01:
            return
        x, y = self._positions(self._style, seconds)
        fade = [int(value * strength) for value in range(256)] if strength < 0.99 else None
        for index, nearness in enumerate(self._nearness):
            place = (float(x[index]), float(y[index]))
            self._draw_particle(planes, place, int(nearness * 7.99), fade)

    def _positions(self, style: ParticleStyle, seconds: float) -> tuple[Floats, Floats]:
        width, height = self._size
        speed = 0.45 + 0.9 * self._nearness
        sway = style.sway * np.sin(self._phase + seconds * (0.7 + self._nearness))
        x = self._start[:, 0] * width + (style.velocity_x * speed * seconds + sway) * height
        y = self._start[:, 1] * height * 1.1 + style.velocity_y * speed * seconds * height
        return x % width, y % (height * 1.1) - height * 0.05

    def _draw_particle(
        self, planes: Planes, position: tuple[float, float], grade: int, fade: list[int] | None
    ) -> None:
        style = self._style
        if style is None:
            return
        x, y = position
        phase = (int(x * _PHASES) % _PHASES, int(y * _PHASES) % _PHASES)
        sprite = self._sprites[grade, phase]
        if fade is not None:
            sprite = sprite.point(fade)
        corner = (int(x) - sprite.width // 2, int(y) - sprite.height // 2)
        planes.luma.paste(style.luma, corner, sprite)
        if style.chroma is not None:
            small = sprite.resize((max(1, sprite.width // 2), max(1, sprite.height // 2)))
            half = (corner[0] // 2, corner[1] // 2)
            planes.blue.paste(style.chroma[0], half, small)
            planes.red.paste(style.chroma[1], half, small)

    def _draw_sprites(self) -> dict[tuple[int, tuple[int, int]], Image.Image]:
        return {
            (grade, (x, y)): self._sprite(grade, x / _PHASES, y / _PHASES)
            for grade in range(8)
            for x in range(_PHASES)
            for y in range(_PHASES)
        }

    def _sprite(self, grade: int, dx: float, dy: float) -> Image.Image:
        style = self._style or _STYLES["dust"]
        small, large = style.radius
        radius = max(0.55, (small + (large - small) * grade / 7) * self._size[1])
        strength = style.strength * (0.55 + 0.45 * grade / 7)
        if style.streak:
            return self._streak(style, grade, radius, strength)
        side = int(radius * 2.6 + 3) // 2 * 2 + 1
        offsets = np.arange(side, dtype=np.float32) - side // 2
        distance = np.hypot(offsets[None, :] - dx, offsets[:, None] - dy)
        soft = np.clip(1.35 - distance / radius, 0, 1) ** 1.2 * strength
        return Image.fromarray((soft * 255).astype(np.uint8))

    def _streak(
        self, style: ParticleStyle, grade: int, radius: float, strength: float
    ) -> Image.Image:
        scale = 4
        length = style.streak * self._size[1] * (0.5 + grade / 10)
        lean = length * style.velocity_x / style.velocity_y
        size = (int(abs(lean) + radius * 2 + 3), int(length + 3))
        image = Image.new("L", (size[0] * scale, size[1] * scale), 0)
        line = [(image.width - scale, scale), (image.width - scale + lean * scale, length * scale)]
        ImageDraw.Draw(image).line(line, fill=int(255 * strength), width=int(radius * scale) + 1)
        return image.resize(size, Image.Resampling.BOX)


@dataclass(frozen=True)
class Overlay:
    """A block of text over a frame: luma, alpha and position."""

    corner: tuple[int, int]
    luma: Image.Image
    alpha: Image.Image
    chroma_alpha: Image.Image
    """`alpha` in half size."""

    def draw(self, planes: Planes, strength: float) -> None:
        """Draw the text over the planes; strength 0 to 1 fades it."""
        if strength <= 0:
            return
        fade = [int(value * strength + 0.5) for value in range(256)]
        planes.luma.paste(self.luma, self.corner, self.alpha.point(fade))
        half = (self.corner[0] // 2, self.corner[1] // 2)
        small = self.chroma_alpha.point(fade)
        planes.blue.paste(128, (*half, half[0] + small.width, half[1] + small.height), small)
        planes.red.paste(128, (*half, half[0] + small.width, half[1] + small.height), small)


@dataclass(frozen=True)
class Heading:
    """The first line of the slate."""

    shot_id: str
    """Empty if it is not known."""
    size: str
    """The shot size."""
    move: str
    """The name of the camera move."""
    arrow: str
    """The shapes of its arrow."""


def slate_opacity(frame: int, frames: int) -> float:
    """Return the opacity of the slate on a frame: 0 on the first and last ten of `frames`."""
    first, last = CLEAR_FRAMES - 1, frames - CLEAR_FRAMES
    appear = smoothstep(first, first + _FADE_FRAMES, frame)
    return appear * (1 - smoothstep(last - _FADE_FRAMES, last, frame))


def layout_slate(size: tuple[int, int], prompt: str, facts: str, heading: Heading) -> Overlay:
    """Lay out the slate: the heading, up to three balanced lines of the prompt, a line of facts."""
    width, height = size
    unit = _unit(size)
    prompt_font, facts_font = _font(unit * 2.35), _font(unit * 1.7)
    lines = _balance_lines(_printable(prompt, prompt_font), prompt_font, width * 0.86 - unit * 2)
    line_height, gap = unit * 3.1, unit * 1.1
    text_height = _even(line_height * len(lines) + unit * 2.4 + gap + unit * 11)
    text = Image.new("L", (width, text_height), 0)
    draw = ImageDraw.Draw(text)
    left, y = unit * 4.2, unit * 4.6
    bar = (left - unit * 1.5, y + unit * 0.35, left - unit * 1.22, text_height - unit * 3.4)
    draw.rectangle(bar, fill=215)
    _draw_heading(draw, heading, (left, y), unit)
    y += unit * 3.6
    for line in lines:
        draw.text((left, y), line, fill=245, font=prompt_font)
        y += line_height
    draw.text((left, y + gap * 0.45), facts, fill=185, font=facts_font)
    return _over_scrim(text, (0, height - text_height))


def _draw_heading(
    draw: ImageDraw.ImageDraw, heading: Heading, corner: tuple[float, float], unit: float
) -> None:
    (x, y), font = corner, _font(unit * 2.0)
    shot_id = _printable(heading.shot_id, font) if heading.shot_id else ""
    label = "    ".join(part for part in (shot_id, heading.size) if part not in {"", "…"})
    draw.text((x, y), label, fill=245, font=font)
    x += font.getlength(label) + unit * 4.4
    draw_shapes(heading.arrow, (draw,), (x, y + unit * 2.75, unit * 0.032, 1), {})
    draw.text((x + unit * 3, y), heading.move, fill=215, font=font)


def layout_watermark(size: tuple[int, int]) -> Overlay:
    """Lay out the watermark that the vendors put at the bottom right."""
    width, height = size
    unit = _unit(size)
    font = _font(unit * 1.9)
    label = "AI generated"
    text_width, text_height = _even(font.getlength(label) + unit * 1.2), _even(unit * 3.4)
    text = Image.new("L", (text_width, text_height), 0)
    ImageDraw.Draw(text).text((unit * 0.6, unit * 0.5), label, fill=190, font=font)
    corner = (_even(width - text_width - unit * 1.6), _even(height - text_height - unit * 1.6))
    alpha = text.point([int(value * 0.9) for value in range(256)])
    return _overlay(corner, Image.new("L", text.size, 225), alpha)


def draw_title(mask: Image.Image, text: str, y: float) -> None:
    """Set a text in large type around `y`, a fraction of the height; bars stand for no text.

    Args:
        mask: Where the letters are drawn.
        text: The title; its further lines are set smaller below the first one.
        y: The middle of the text.
    """
    unit, centre, middle = _unit(mask.size), mask.width / 2, y * mask.height
    draw = ImageDraw.Draw(mask)
    first, *further = [_printable(line, _font(40)) for line in text.split("\n")]
    if first in ("", "…"):
        for half, top in ((17, middle - unit * 4), (10, middle + unit)):
            draw.rectangle((centre - half * unit, top, centre + half * unit, top + unit * 2.6), 200)
        return
    size = unit * min(9.0, max(3.4, 110 / len(first)))
    rows = _fit_lines(first, size, mask.width)
    for line in further:
        if line not in ("", "…"):
            rows += _fit_lines(line, size * 0.45, mask.width)
    bottom = middle - sum(1.25 * row_size for _, row_size in rows) / 2
    for line, row_size in rows:
        bottom += 1.25 * row_size
        draw.text(
            (centre, bottom - row_size * 0.6), line, fill=255, font=_font(row_size), anchor="mm"
        )


def _fit_lines(text: str, size: float, width: int) -> list[tuple[str, float]]:
    """Return the lines of a wrapped text, each with the size of type at which the widest fits."""
    lines = _balance_lines(text, _font(size), width * 0.62)
    widest = max(_font(size).getlength(line) for line in lines)
    return [(line, size * min(1.0, width * 0.66 / widest)) for line in lines]


def _over_scrim(text: Image.Image, corner: tuple[int, int]) -> Overlay:
    """Put white letters on a shade that fades in from the top, without a hard edge."""
    letters = np.asarray(text, np.float32) / 255
    rows = np.linspace(0, 1, text.height, dtype=np.float32)[:, None]
    shade = 0.66 * np.clip(rows / 0.75, 0, 1) ** 1.1 * np.ones((1, text.width), np.float32)
    alpha = shade + (1 - shade) * letters
    luma = (20 * shade * (1 - letters) + 228 * letters) / np.maximum(alpha, 1e-3)
    return _overlay(
        corner,
        Image.fromarray(np.clip(luma, 16, 235).astype(np.uint8)),
        Image.fromarray((alpha * 255).astype(np.uint8)),
    )


def _overlay(corner: tuple[int, int], luma: Image.Image, alpha: Image.Image) -> Overlay:
    half = (alpha.width // 2, alpha.height // 2)
    return Overlay(corner, luma, alpha, alpha.resize(half, Image.Resampling.BOX))


def _balance_lines(text: str, font: Font, max_width: float) -> list[str]:
    """Wrap the text into as few lines of similar length as possible; truncate the rest."""
    lines = _wrap(text, font, max_width)
    if len(lines) <= _MAX_LINES:
        options = (_wrap(text, font, max_width * share / 20) for share in range(6, 20))
        fitting = (
            option
            for option in options
            if len(option) == len(lines) and max(map(font.getlength, option)) <= max_width
        )
        return next(fitting, lines)
    kept = lines[:_MAX_LINES]
    while kept[-1] and font.getlength(kept[-1] + " …") > max_width:
        kept[-1] = kept[-1].rpartition(" ")[0]
    return [*kept[:-1], kept[-1].rstrip(" ,.;:") + " …"]


def _wrap(text: str, font: Font, max_width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= max_width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _printable(text: str, font: Font) -> str:
    """Remove the characters that Pillow's built-in font has no glyph for."""
    normalised = re.sub(r"\s+", " ", text).strip()
    if normalised.isascii():
        return normalised
    kept = [char for char in normalised if char == " " or has_letter(font, char)]
    return re.sub(r"\s+", " ", "".join(kept)).strip() or "…"


def _unit(size: tuple[int, int]) -> float:
    """Return 1 % of the width of a 16:9 frame with the same area, for portrait frames too."""
    return math.sqrt(size[0] * size[1]) * 0.0132


def _font(size: float) -> Font:
    return ImageFont.load_default(max(9.0, size))


def _even(value: float) -> int:
    return max(2, int(value) // 2 * 2)
