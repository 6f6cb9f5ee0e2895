"""Letters in pictures: fonts for the text of every script, the width of text, and line breaks.

Pillow's own font has Latin letters only. Text of other scripts is drawn with a font of the system;
if it has none, those letters are left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from PIL import ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FALLBACK_FILES = (
    # Linux
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansBengali-Regular.ttf",
    "NotoSansTamil-Regular.ttf",
    "NotoSansTelugu-Regular.ttf",
    "NotoSansGujarati-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansKhmer-Regular.ttf",
    "NotoSansGeorgian-Regular.ttf",
    "NotoSansArmenian-Regular.ttf",
    "NotoSansSymbols2-Regular.ttf",
    "DejaVuSans.ttf",
    # macOS
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc",
    "AppleSDGothicNeo.ttc",
    "Arial Unicode.ttf",
    "GeezaPro.ttc",
    "Kohinoor.ttc",
    # Windows
    "msyh.ttc",
    "YuGothM.ttc",
    "malgun.ttf",
    "segoeui.ttf",
    "Nirmala.ttc",
    "Nirmala.ttf",
    "LeelawUI.ttf",
    "seguisym.ttf",
)
"""Fonts of the systems with letters that Pillow's own font lacks; Pillow finds their folders."""

_OWN_FONT = ""
"""The name of Pillow's own font here."""

_PLAIN_FORMS = {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "ß": "ss", "ø": "o"}

_PROBE_SIZE = 16
_NO_CHARACTER = "\uffff"
_ELLIPSIS = "…"
_UNBROKEN = re.compile(r"[\u0020-\u2fff]+|.")
"""A word, or one letter of the scripts that have no blanks between their words."""


@dataclass(frozen=True)
class Lettering:
    """Text of one size."""

    size: int
    """In pixels."""

    def width(self, text: str) -> float:
        """Return the width of a line in pixels."""
        return sum(font.getlength(run) for font, run in self._runs(text))

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        corner: tuple[float, float],
        text: str,
        fill: str,
    ) -> None:
        """Draw a line.

        Args:
            canvas: The canvas.
            corner: The left end of the base line.
            text: The text.
            fill: The colour.
        """
        x, y = corner
        for font, run in self._runs(text):
            canvas.text((x, y), run, fill=fill, font=font, anchor="ls")
            x += font.getlength(run)

    def cut(self, text: str, max_width: float) -> str:
        """Return the beginning of a text that fits into a width, with an ellipsis if it is cut."""
        return next(iter(self.wrap(text, max_width, max_lines=1)), "")

    def wrap(self, text: str, max_width: float, *, max_lines: int) -> list[str]:
        """Return the lines of a text in a width; what exceeds the last line becomes an ellipsis."""
        lines: list[str] = []
        parts = list(_breakable_parts(keep_drawable(text)))
        for index, part in enumerate(parts):
            if lines and self.width(lines[-1] + part.rstrip()) <= max_width:
                lines[-1] += part
            elif len(lines) < max_lines:
                lines.append(part)
            else:
                lines[-1] = self._end(lines[-1], max_width, is_cut=True)
                return [line.strip() for line in lines]
            if self.width(lines[-1].rstrip()) > max_width:
                # A word that is longer than a line.
                lines[-1] = self._end(lines[-1], max_width, is_cut=index + 1 < len(parts))
        return [line.strip() for line in lines]

    def _end(self, line: str, max_width: float, *, is_cut: bool) -> str:
        """Return a line with an ellipsis at its end."""
        line = line.rstrip()
        if is_cut or self.width(line) > max_width:
            while line and self.width(line + _ELLIPSIS) > max_width:
                line = line[:-1]
            return line.rstrip(" ,.;:") + _ELLIPSIS
        return line

    def _runs(self, text: str) -> Iterator[tuple[Font, str]]:
        """Yield the parts of a text with the font that has their letters."""
        named = [(_font_of_word(word), word) for word in re.findall(r"\S+|\s+", text)]
        for name, group in groupby(named, key=itemgetter(0)):
            yield load_font_file(name, self.size), "".join(word for _, word in group)


def keep_drawable(text: str) -> str:
    """Return a text on one line, without the letters that no font here has.

    An accent that no font has is left out alone. Of a text that loses most of its letters nothing
    is left: some punctuation would explain nothing.
    """
    line = " ".join(text.split())
    if line.isascii():
        return line
    letters = [char for char in line if char.isalnum()]
    if 2 * sum(map(_is_lost, letters)) > len(letters):
        return ""
    return " ".join("".join(map(_drawable_form, line)).split())


def _is_lost(letter: str) -> bool:
    return not _drawable_form(letter)


def is_drawable(letter: str) -> bool:
    """Return whether a font here has a letter."""
    return letter.isprintable() and _find_font(letter) is not None


def _drawable_form(letter: str) -> str:
    """Return a letter, or what can be drawn of it: without its accent, or nothing."""
    if is_drawable(letter):
        return letter
    plain = unicodedata.normalize("NFKD", _PLAIN_FORMS.get(letter, letter))
    return "".join(part for part in plain if part != letter and is_drawable(part))


def _breakable_parts(line: str) -> Iterator[str]:
    """Yield the parts of a line between which it may be broken, with the blanks after them."""
    for word in re.findall(r"\S+\s*|\s+", line):
        yield from _UNBROKEN.findall(word)


def _font_of_word(word: str) -> str:
    """Return the name of the font of a word: a single one for all its letters if possible."""
    if word.isascii():
        return _OWN_FONT
    has_all = (name for name in _list_fonts() if all(_has_letter(name, char) for char in word))
    first = next((name for char in word if (name := _find_font(char))), _OWN_FONT)
    return next(has_all, first)


def _find_font(letter: str) -> str | None:
    """Return the name of the first font that has a letter, or None."""
    return next((name for name in _list_fonts() if _has_letter(name, letter)), None)


@cache
def _has_letter(name: str, letter: str) -> bool:
    if letter.isspace() or (name == _OWN_FONT and letter.isascii()):
        return True
    return has_letter(load_font_file(name, _PROBE_SIZE), letter)


def has_letter(font: Font, letter: str) -> bool:
    """Return whether a font can draw a letter."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_CHARACTER))


def _list_fonts() -> tuple[str, ...]:
    return (_OWN_FONT, *find_fallbacks())


@cache
def find_fallbacks() -> tuple[str, ...]:
    """Return the names of the fonts that this machine has."""
    names = []
    for name in _FALLBACK_FILES:
        with suppress(OSError):
            load_font_file(name, _PROBE_SIZE)
            names.append(name)
    return tuple(names)


@cache
def load_font_file(name: str, size: int) -> Font:
    """Return a font of the system by the name of its file, or Pillow's own font.

    Raises:
        OSError: The system does not have it, or not in this size.
    """
    if name == _OWN_FONT:
        return ImageFont.load_default(size)
    # Pillow looks in the working folder before the folders of the system, and a font there may be a
    # stranger's. In this module, which is not a folder, it surely finds none.
    return ImageFont.truetype(str(Path(__file__) / name), size)
