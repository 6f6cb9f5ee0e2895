"""Fonts for the text of titles: which font draws which letters, in which order and direction.

The font of shotchain has the Latin, Greek and Cyrillic letters. Other letters are drawn with a
font of the system; a text with letters that no font has is rejected, never drawn with boxes.
Line breaks do not belong here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import ImageFont, features

from tasks.edit import InputFile
from tasks.errors import MediaError
from tasks.media.lettering import find_fallbacks, load_font_file

Direction = Literal["ltr", "rtl"]

_OWN_FILE = Path(__file__).parent / "font_files" / "NotoSans-SemiBold.ttf"
_EMOJI_SIZES = {"NotoColorEmoji.ttf": 109, "Apple Color Emoji.ttc": 160, "seguiemj.ttf": None}
"""Fonts with coloured pictures, and the only size that some of them have."""
_PROBE_SIZE = 16
_NOT_A_CHARACTER = "\uffff"
_JOINER = "\u200d"
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_EMOJI_SELECTOR = "\ufe0f"
_EMOJI_START = 0x1F000
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SHAPED_SCRIPTS = (range(0x0900, 0x10A0), range(0x1780, 0x1800))
"""Scripts of South and South-East Asia, whose letters change their shape and their order."""


@dataclass(frozen=True)
class FontFile:
    """A font that can be loaded in any size."""

    name: str
    """Of a font of the system its file; empty for the font of shotchain and of the board."""
    file: InputFile | None = None
    """The font that the board names."""

    @property
    def native_size(self) -> int | None:
        """The only size that the font has, or None."""
        return _EMOJI_SIZES.get(self.name)

    @property
    def is_emoji(self) -> bool:
        """True if its letters are coloured pictures."""
        return self.name in _EMOJI_SIZES

    def load(self, size: int) -> ImageFont.FreeTypeFont:
        """Return the font in a size in pixels, or in its only size.

        Raises:
            MediaError: The file of the board is not a font.
        """
        return _load(self, self.native_size or size)

    def has(self, letters: Iterable[str]) -> bool:
        """Return True if the font has all these letters."""
        return all(_has_letter(self, letter) for letter in letters)

    def identify(self) -> str:
        """Return a text that differs if the font draws other letters."""
        if self.file:
            return self.file.sha256
        family, style = self.load(_PROBE_SIZE).getname()
        return f"{self.name} {family} {style}"


@lru_cache(maxsize=128)
def _load(font: FontFile, size: int) -> ImageFont.FreeTypeFont:
    if font.name:
        loaded = load_font_file(font.name, size)
        if not isinstance(loaded, ImageFont.FreeTypeFont):
            raise TypeError(font.name)
        return loaded
    path = font.file.path if font.file else _OWN_FILE
    try:
        # As bytes: Pillow would look for a missing file among the fonts of the system.
        return ImageFont.truetype(BytesIO(path.read_bytes()), size)
    except (OSError, ValueError) as error:
        message = f"{path} is not a font that can be used"
        raise MediaError(message) from error


@cache
def _has_letter(font: FontFile, letter: str) -> bool:
    probe, missing = _load_probe(font)
    return bytes(probe.getmask(letter)) != missing


@cache
def _load_probe(font: FontFile) -> tuple[ImageFont.FreeTypeFont, bytes]:
    """Return a font for the search of letters, and the picture of a letter that it lacks."""
    loaded = font.load(_PROBE_SIZE)
    # Complex layout puts a dotted circle in place of a letter before marks that a font lacks.
    probe = loaded.font_variant(layout_engine=ImageFont.Layout.BASIC)
    return probe, bytes(probe.getmask(_NOT_A_CHARACTER))


class TextRun(NamedTuple):
    """A part of a line that one font draws in one direction."""

    font: FontFile
    text: str
    direction: Direction


@dataclass(frozen=True)
class FontSet:
    """The fonts that draw a text, the preferred ones first."""

    fonts: tuple[FontFile, ...]

    def find_missing(self, text: str) -> str:
        """Return the letters that no font has, each once."""
        missing = (
            letter
            for cluster in _split_clusters(text)
            if self._find_font([cluster]) is None
            for letter in _visible(cluster)
            if not any(font.has(letter) for font in self.fonts)
        )
        return "".join(dict.fromkeys(missing))

    def list_used(self, text: str) -> tuple[FontFile, ...]:
        """Return the fonts that draw a text, each once."""
        runs = (run for line in text.splitlines() for run in self.split(line, "ltr"))
        return tuple(dict.fromkeys(run.font for run in runs))

    def split(self, line: str, base: Direction) -> list[TextRun]:
        """Return the parts of a line from left to right as they are drawn.

        Args:
            line: A line of a text.
            base: The direction of the text.
        """
        if not line or (_EMOJI_SELECTOR not in line and self.fonts[0].has(_visible(set(line)))):
            # The usual case: the preferred font has everything.
            return [TextRun(self.fonts[0], line, base)] if line else []
        fonts = self._assign(line)
        if len(set(fonts)) < 2:
            return [TextRun(fonts[0], line, base)]
        # A font orders the letters of its own run only: the runs are ordered here.
        runs: list[TextRun] = []
        for direction, segment in _visual_groups(_find_directions(line, base), base):
            parts = [
                TextRun(font, "".join(line[index] for index in indices), direction)
                for font, indices in _group(segment, fonts)
            ]
            runs += reversed(parts) if direction == "rtl" else parts
        return runs

    def _assign(self, line: str) -> list[FontFile]:
        """Return the font of each character of a line."""
        assigned: list[FontFile] = []
        for word in re.findall(r"\s+|\S+", line):
            clusters = list(_split_clusters(word))
            whole = None if any(map(_is_emoji, clusters)) else self._find_font(clusters)
            previous = assigned[-1] if assigned and word.isspace() else None
            if previous and previous.is_emoji:
                previous = self.fonts[0]  # The blanks of emoji fonts are as wide as pictures.
            for cluster in clusters:
                font = previous or whole or self._find_font([cluster]) or self.fonts[0]
                assigned += [font] * len(cluster)
        return assigned

    def _find_font(self, clusters: Sequence[str]) -> FontFile | None:
        """Return the first font that has all letters, or None."""
        wants_emoji = any(map(_is_emoji, clusters))
        ordered = sorted(self.fonts, key=lambda font: font.is_emoji is not wants_emoji)
        letters = [letter for cluster in clusters for letter in _visible(cluster)]
        return next((font for font in ordered if font.has(letters)), None)


def choose_fonts(text: str, board_font: InputFile | None = None) -> FontSet:
    """Return the fonts for a text: that of the board, that of shotchain, those of the system.

    Raises:
        MediaError: The file of the board is not a font.
    """
    own = (*([FontFile("", board_font)] if board_font else ()), FontFile(""))
    fonts = FontSet(own)
    # The search through the folders of the system takes long.
    return FontSet((*own, *_find_system_fonts())) if fonts.find_missing(text) else fonts


@cache
def _find_system_fonts() -> tuple[FontFile, ...]:
    return tuple(map(FontFile, (*find_fallbacks(), *_find_emoji_fonts())))


def _find_emoji_fonts() -> Iterator[str]:
    for name, size in _EMOJI_SIZES.items():
        with suppress(OSError):
            load_font_file(name, size or _PROBE_SIZE)
            yield name


def find_direction(text: str) -> Direction:
    """Return the direction of a text: that of its first letter which has one."""
    strong = (_strong_direction(letter) for letter in text)
    return next((direction for direction in strong if direction), "ltr")


def needs_shaping(text: str) -> bool:
    """Return True if the letters of a text depend on their neighbours or run from right to left."""
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL", "AN")
        or any(ord(letter) in script for script in _SHAPED_SCRIPTS)
        for letter in text
    )


@cache
def can_shape() -> bool:
    """Return True if Pillow can shape letters and order them from right to left here."""
    return bool(features.check("raqm"))


def layout_direction(direction: Direction) -> Direction | None:
    """Return the direction as Pillow takes it: None if it can't order letters."""
    return direction if can_shape() else None


def _split_clusters(text: str) -> Iterator[str]:
    """Yield letters with their marks, and the sequences of an emoji."""
    cluster = ""
    for char in text:
        if cluster and _continues(cluster, char):
            cluster += char
            continue
        if cluster:
            yield cluster
        cluster = char
    if cluster:
        yield cluster


def _continues(cluster: str, char: str) -> bool:
    is_flag = ord(char) in _REGIONAL_INDICATORS and ord(cluster[0]) in _REGIONAL_INDICATORS
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")
        or ord(char) in _SKIN_TONES
        or (cluster[-1] == _JOINER and ord(char) > 0xFF)
        or (is_flag and len(cluster) == 1)
    )


def _is_emoji(cluster: str) -> bool:
    is_picture = ord(cluster[0]) >= _EMOJI_START and not cluster[0].isalnum()
    return is_picture or _EMOJI_SELECTOR in cluster


def _visible(chars: Iterable[str]) -> Iterator[str]:
    """Yield the characters that a font must have."""
    for char in chars:
        is_selector = ord(char) in _VARIATION_SELECTORS
        if not (char.isspace() or is_selector or unicodedata.category(char) == "Cf"):
            yield char


def _strong_direction(char: str) -> Direction | None:
    bidirectional = unicodedata.bidirectional(char)
    if bidirectional == "L":
        return "ltr"
    return "rtl" if bidirectional in ("R", "AL") else None


def _find_directions(line: str, base: Direction) -> list[Direction]:
    """Return the direction of each character: parts against the base begin and end with a letter.

    A bracket that was opened in such a part is closed in it. This is the Unicode bidirectional
    algorithm with one level of embedding.
    """
    directions: list[Direction] = [base] * len(line)
    start, brackets = -1, 0
    for index, char in enumerate(line):
        strong, category = _strong_direction(char), unicodedata.category(char)
        if strong == base:
            start = -1
        elif strong and start < 0:
            start, brackets = index, 0
        if start < 0:
            continue
        brackets += category == "Ps"
        is_closing = category == "Pe" and brackets > 0
        brackets -= is_closing
        # A number after Latin letters belongs to them.
        is_number = base == "rtl" and unicodedata.bidirectional(char) in ("EN", "ET")
        if strong or is_closing or is_number:
            directions[start : index + 1] = [_opposite(base)] * (index + 1 - start)
    return directions


def _opposite(direction: Direction) -> Direction:
    return "ltr" if direction == "rtl" else "rtl"


def _visual_groups(
    directions: Sequence[Direction], base: Direction
) -> list[tuple[Direction, list[int]]]:
    """Return the parts of a line with one direction each, from left to right."""
    indices = range(len(directions))
    groups = [
        (direction, list(group))
        for direction, group in groupby(indices, key=lambda index: directions[index])
    ]
    return groups[::-1] if base == "rtl" else groups


def _group(indices: Sequence[int], fonts: Sequence[FontFile]) -> list[tuple[FontFile, list[int]]]:
    return [(font, list(group)) for font, group in groupby(indices, key=lambda index: fonts[index])]
