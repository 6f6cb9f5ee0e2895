"""Colour, symbols and widths of text in a terminal. Imports no library for it.

Text is painted when it is built, with `paint`, and printed with `print_styled`, which removes what
the stream cannot show: colours, and symbols that its encoding lacks. The code that builds a text
therefore does not need to know the stream.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TextIO

from storyboards.terminal_text import escape_control_chars
from tasks.settings import read_terminal_settings

DEFAULT_WIDTH = 80
"""Columns of a stream that is not a terminal."""

MIN_WIDTH = 60
"""Columns of the narrowest terminal that texts are fitted to."""

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_PAINTED = re.compile(r"(\x1b\[(?:0|[12]|3[1-6])(?:;(?:[12]|3[1-6]))*m)")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
"""A sequence of `paint`. Every other escape sequence is escaped when it is printed."""

_FALLBACKS = {
    "✓": "=",
    "▸": ">",
    "✗": "x",
    "·": ".",
    "…": "~",
    "–": "-",
    "×": "x",
    "≤": "<",
    "─": "-",
    "│": "|",
    "┌": ",",
    "├": "|",
    "└": "`",
}
"""A character of the same width for a stream whose encoding lacks the symbol."""


class StateStyle(NamedTuple):
    """The symbol and the colour of a state of a shot."""

    symbol: str
    colour: str


STATE_STYLES = {
    "kept": StateStyle("✓", "green"),
    "rendered": StateStyle("✓", "green"),
    "to render": StateStyle("+", "cyan"),
    "queued": StateStyle("·", ""),
    "waiting": StateStyle("·", ""),
    "in flight": StateStyle("▸", "yellow"),
    "rendering": StateStyle("▸", "yellow"),
    "unclear": StateStyle("?", "magenta"),
    "clip gone": StateStyle("✗", "red"),
    "lost": StateStyle("✗", "red"),
    "cleaned": StateStyle("–", ""),
    "failed": StateStyle("✗", "red"),
    "skipped": StateStyle("–", ""),
}
"""The style of each state by its word. `paint_state` shows the word as well: a colour alone is not
readable for everybody."""


def terminal_width(stream: TextIO) -> int:
    """Return the columns of a terminal: `COLUMNS`, else its own; 80 if it is not a terminal."""
    columns = read_terminal_settings().columns
    if columns:
        return columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or DEFAULT_WIDTH
    except (OSError, ValueError):
        return DEFAULT_WIDTH


def fit_width(stream: TextIO) -> int:
    """Return the columns for a text that is read like a page: 60 to 80."""
    return min(max(MIN_WIDTH, terminal_width(stream)), DEFAULT_WIDTH)


def use_colour(stream: TextIO) -> bool:
    """Return whether a stream shows colours.

    `NO_COLOR` decides first, then `FORCE_COLOR`; otherwise a terminal does, unless `TERM` is dumb.
    """
    settings = read_terminal_settings()
    if settings.no_color or settings.force_color:
        return not settings.no_color
    return stream.isatty() and settings.term != "dumb"


def paint(text: str, style: str) -> str:
    """Return the text in a style; print it with `print_styled`.

    Args:
        text: The text. Its control characters are escaped.
        style: Colours and weights with blanks between them, such as `bold red`; an empty style
            leaves it unpainted.
    """
    text = escape_control_chars(text)
    if not style or not text:
        return text
    codes = ";".join(_CODES[part] for part in style.split())
    return f"\x1b[{codes}m{text}\x1b[0m"


def paint_state(state: str, *, text: str = "") -> str:
    """Return the symbol and the word of a state in its colour.

    Args:
        state: A word of `STATE_STYLES`; another word has neither symbol nor colour.
        text: What is printed instead of the word, for example with a number after it.
    """
    style = STATE_STYLES.get(state, StateStyle(" ", ""))
    return paint(f"{style.symbol} {text or state}", style.colour)


def fit_to_stream(text: str, stream: TextIO) -> str:
    """Return the text as a stream can show it.

    Control characters other than line ends and the sequences of `paint` are escaped.
    """
    with_colour = use_colour(stream)
    parts = [
        (part if with_colour else "") if index % 2 else escape_control_chars(part, keep="\n")
        for index, part in enumerate(_PAINTED.split(text))
    ]
    return "".join(parts).translate(_missing_symbols(stream.encoding or "ascii"))


def _missing_symbols(encoding: str) -> dict[int, str]:
    return {
        ord(symbol): fallback
        for symbol, fallback in _FALLBACKS.items()
        if not _can_encode(symbol, encoding)
    }


def _can_encode(symbol: str, encoding: str) -> bool:
    try:
        symbol.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def print_styled(text: str, stream: TextIO) -> None:
    """Print a text to a stream as the stream can show it; see `fit_to_stream`."""
    print(fit_to_stream(text, stream), file=stream)


def cell_width(text: str) -> int:
    """Return the columns that a text takes: wide letters two, combining ones and colours none."""
    plain = _PAINTED.sub("", text) if "\x1b" in text else text
    if plain.isascii():
        return len(plain)
    # Only these may be other than one column: a plan of 500 shots has 60,000 characters.
    return len(plain) + sum(_char_width(char) - 1 for char in _NOT_ASCII.findall(plain))


@lru_cache(maxsize=1024)
def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def count_noun(count: int, noun: str) -> str:
    """Return a count with its noun: `1 shot`, `2 shots`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return the text with blanks up to a width; with `right` they stand before it."""
    blanks = " " * (width - cell_width(text))
    return blanks + text if right else text + blanks


def truncate(text: str, width: int) -> str:
    """Return the text in at most `width` columns, with an ellipsis if it was cut.

    Args:
        text: Text that is not painted.
        width: Columns, at least 1.
    """
    if cell_width(text) <= width:
        return text
    return _take(text, width - 1) + "…"


def _take(text: str, width: int) -> str:
    """Return the beginning of the text that fits, with the combining letters of its last one."""
    used = 0
    for index, char in enumerate(text):
        used += _char_width(char)
        if used > width:
            return text[:index]
    return text


def wrap(text: str, width: int, *, indent: str = "") -> list[str]:
    """Return the lines of a text that is not painted, broken between its words.

    Args:
        text: The text. Its control characters are escaped.
        width: Columns of a line, at least 2 more than those of `indent`.
        indent: What the second and the following lines begin with.
    """
    lines, line = [], ""
    for word in _breakable_words(escape_control_chars(text), width - cell_width(indent)):
        longer = f"{line} {word}" if line.strip() else line + word
        if cell_width(longer) > width and line.strip():
            lines.append(line)
            longer = indent + word
        line = longer
    return [*lines, line]


def _breakable_words(text: str, width: int) -> Iterator[str]:
    """Yield the words, those in parts that are longer than a line."""
    for word in text.split():
        rest = word
        while cell_width(rest) > width:
            part = _take(rest, width)
            yield part
            rest = rest[len(part) :]
        if rest:
            yield rest


def align_columns(table: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return the lines of a table with two blanks between its columns.

    Args:
        table: The cells of each line, which may be painted.
        right: Indexes of the columns that are aligned to the right, such as those of numbers.
    """
    widths = [max(map(cell_width, cells)) for cells in zip(*table, strict=True)]
    return [
        "  ".join(
            pad(cell, width, right=index in right)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in table
    ]
