"""Text in several lines: broken into lines of even width, shrunk into a box, drawn in a colour.

Which fonts draw it is decided in `fonts`; where it stands, in `layout`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

from PIL import Image, ImageDraw

from tasks.media.titles.fonts import (
    Direction,
    FontSet,
    TextRun,
    find_direction,
    layout_direction,
)

_MIN_LINE_HEIGHT = 1.2
"""Of the size of the font."""
_SHRINK = 0.96
_BLANK_SEPARATED = re.compile(r"[^ \t]+")
"""Separated by blanks; no-break spaces do not separate."""
_ZERO_WIDTH_SPACE = "\u200b"
_OPENING, _CLOSING = r"[(\[{（「『【〈《“‘]", r"[)\]}）」』】〉》”’、。，．！？：；…ー]"
_EMOJI_PARTS = r"(?:[\ufe0f\u20e3\U0001F3FB-\U0001F3FF\U000E0020-\U000E007F]|\u200d.)*"
_UNBROKEN = re.compile(
    rf"(?:[\u0021-\u2fff]+|[\U0001F1E6-\U0001F1FF]{{2}}|{_OPENING}*.{_EMOJI_PARTS}){_CLOSING}*"
)
"""A word, or one letter of the scripts that have no blanks between their words."""


class TextLine(NamedTuple):
    """A line of a text."""

    text: str
    direction: Direction
    """The direction of its paragraph."""


@dataclass(frozen=True)
class TextBlock:
    """A text in lines, in one size."""

    lines: tuple[TextLine, ...]
    size: int
    """Of the font, in pixels."""
    fonts: FontSet

    @property
    def text(self) -> str:
        """The text with its line breaks."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def line_height(self) -> int:
        """The distance of two base lines in pixels."""
        return max(self._ascent + self._descent, round(_MIN_LINE_HEIGHT * self.size))

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The width of each line in pixels."""
        return tuple(int(self.measure(line)) + 1 for line in self.lines)

    @property
    def width(self) -> int:
        """The width of the widest line."""
        return max(self.widths, default=0)

    @property
    def height(self) -> int:
        """The height of all lines."""
        return self.line_height * len(self.lines)

    def measure(self, line: TextLine) -> float:
        """Return the width of a line in pixels."""
        return sum(self._measure_run(run) for run in self.fonts.split(*line))

    def draw(self, colour: str, margin: int) -> Image.Image:
        """Return the text, centred, as a picture with transparency and a margin on each side.

        The margin holds the parts of letters that reach over the ends of their lines.
        """
        mask = Image.new("L", (self.width + 2 * margin, self.height + 2 * margin))
        pictures = Image.new("RGBA", mask.size)
        canvas = ImageDraw.Draw(mask)
        gap = (self.line_height - self._ascent - self._descent) // 2
        for number, (line, width) in enumerate(zip(self.lines, self.widths, strict=True)):
            x = margin + (self.width - width) / 2
            base = margin + number * self.line_height + gap + self._ascent
            for run in self.fonts.split(*line):
                if run.font.is_emoji:
                    self._draw_emoji(pictures, run, x, base)
                else:
                    self._draw_text(canvas, run, x, base)
                x += self._measure_run(run)
        text = Image.new("RGBA", mask.size, colour)
        text.putalpha(mask)
        return Image.alpha_composite(text, pictures)

    def _draw_text(self, canvas: ImageDraw.ImageDraw, run: TextRun, x: float, base: int) -> None:
        canvas.text(
            (x, base),
            run.text,
            fill=255,
            font=run.font.load(self.size),
            anchor="ls",
            direction=layout_direction(run.direction),
        )

    def _draw_emoji(self, image: Image.Image, run: TextRun, x: float, base: int) -> None:
        """Draw coloured letters; a font that has one size only is scaled."""
        font = run.font.load(self.size)
        ascent, descent = font.getmetrics()
        native = Image.new("RGBA", (int(font.getlength(run.text)) + 1, ascent + descent))
        ImageDraw.Draw(native).text(
            (0, ascent), run.text, font=font, anchor="ls", embedded_color=True
        )
        scale = self._scale(run)
        size = (max(1, round(native.width * scale)), max(1, round(native.height * scale)))
        scaled = native.resize(size, Image.Resampling.LANCZOS)
        image.alpha_composite(scaled, (max(0, round(x)), max(0, base - round(ascent * scale))))

    def _measure_run(self, run: TextRun) -> float:
        font = run.font.load(self.size)
        return font.getlength(run.text, direction=layout_direction(run.direction)) * self._scale(
            run
        )

    def _scale(self, run: TextRun) -> float:
        native = run.font.native_size
        return self.size / native if native else 1.0

    @cached_property
    def _ascent(self) -> int:
        return max(ascent for ascent, _ in self._metrics())

    @cached_property
    def _descent(self) -> int:
        return max(descent for _, descent in self._metrics())

    def _metrics(self) -> Iterator[tuple[int, int]]:
        for font in self.fonts.list_used(self.text) or self.fonts.fonts[:1]:
            if not font.is_emoji:
                yield font.load(self.size).getmetrics()
        yield self.size, self.size // 4


def fit_text(
    text: str, fonts: FontSet, sizes: tuple[int, int], box: tuple[int, int], max_lines: int
) -> TextBlock | None:
    """Return a text in the largest size in which it fits into a box, or None.

    Args:
        text: The text; its line breaks are kept.
        fonts: The fonts for it.
        sizes: The size of the font to begin with, and the smallest one, in pixels.
        box: Width and height in pixels.
        max_lines: The most lines.
    """
    largest, smallest = sizes
    size = float(largest)
    while round(size) > smallest:
        if block := _wrap_into(text, fonts, round(size), box, max_lines):
            return block
        size *= _SHRINK
    return _wrap_into(text, fonts, smallest, box, max_lines)


def _wrap_into(
    text: str, fonts: FontSet, size: int, box: tuple[int, int], max_lines: int
) -> TextBlock | None:
    width, height = box
    empty = TextBlock((), size, fonts)
    lines: list[TextLine] = []
    for paragraph in text.strip().splitlines():
        wrapped = _wrap(empty, paragraph, width)
        if wrapped is None or len(lines) + len(wrapped) > max_lines:
            return None
        lines += wrapped
    block = replace(empty, lines=tuple(lines))
    return block if block.height <= height else None


def _wrap(block: TextBlock, paragraph: str, width: int) -> list[TextLine] | None:
    """Return the fewest lines, as even as possible; None if a word is wider than a line."""
    parts = _split_parts(unicodedata.normalize("NFC", paragraph))
    direction = find_direction(paragraph)

    @cache
    def measure(line: str) -> float:
        return block.measure(TextLine(line, direction))

    lines = _fill(measure, parts, width)
    low, high = 0, width
    while lines and len(lines) > 1 and high - low > max(2, width // 100):
        middle = (low + high) // 2
        narrower = _fill(measure, parts, middle)
        if narrower is not None and len(narrower) == len(lines):
            lines, high = narrower, middle
        else:
            low = middle
    return None if lines is None else [TextLine(line, direction) for line in lines]


def _fill(measure: Callable[[str], float], parts: list[str], width: int) -> list[str] | None:
    lines: list[str] = []
    for part in parts:
        if lines and measure((lines[-1] + part).rstrip()) <= width:
            lines[-1] += part
        elif measure(part.rstrip()) <= width:
            lines.append(part)
        else:
            return None
    return [line.strip(" ") for line in lines] or [""]


def _split_parts(line: str) -> list[str]:
    """Return the parts of a line between which it may be broken, with the blanks after them."""
    parts: list[str] = []
    for word in _BLANK_SEPARATED.findall(line):
        for piece in word.split(_ZERO_WIDTH_SPACE):
            parts += _UNBROKEN.findall(piece)
        if parts:
            parts[-1] += " "
    return parts
