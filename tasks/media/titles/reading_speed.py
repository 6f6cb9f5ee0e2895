"""The time that viewers need to read a text, and the most text that a line may have.

The limits are those of subtitling guides and of broadcast clearance; a text beyond them is shown,
with a warning.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata

MAX_LINE_CHARACTERS = 42
"""Netflix, Timed Text Style Guide: General Requirements (read 2026-11-25); wide letters count 2."""
MAX_LINES = 3
MAX_CHARACTERS_PER_SECOND = 20.0
"""Netflix, English Timed Text Style Guide: adult programmes."""
MIN_CAPTION_SECONDS = 5 / 6
"""Netflix, General Requirements: 20 frames at 24 per second."""
MIN_TITLE_SECONDS = 1.0

_WIDE_SHARE = 1.5
_LEGAL_SECONDS_PER_WORD = 0.2
_LEGAL_RECOGNITION_SECONDS = 2.0
_LEGAL_LONG_RECOGNITION_SECONDS = 3.0
_LEGAL_LONG_WORDS = 10
"""Clearcast and BCAP, Duration of Hold: 0.2 s a word, and 2 s, or 3 s from 10 words on."""


def count_characters(text: str) -> int:
    """Return the length of a text on the screen: wide letters count twice, marks not at all."""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
        if char != "\n" and unicodedata.category(char) not in ("Mn", "Me", "Cf", "Cc")
    )


def divide_line(line: str) -> list[str]:
    """Return a spoken line as the texts of captions, each of two lines at most."""
    is_wide = count_characters(line) > _WIDE_SHARE * len(line)
    rows = textwrap.wrap(line, MAX_LINE_CHARACTERS // (2 if is_wide else 1))
    return ["\n".join(rows[number : number + 2]) for number in range(0, len(rows), 2)]


def count_words(text: str) -> int:
    """Return the number of words; of scripts without blanks, two letters count as a word."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return max(len(text.split()), math.ceil(wide / 2))


def caption_seconds(text: str) -> float:
    """Return how long a caption is shown at the least."""
    return max(MIN_CAPTION_SECONDS, count_characters(text) / MAX_CHARACTERS_PER_SECOND)


def title_seconds(text: str) -> float:
    """Return how long a title is shown at the least."""
    return max(MIN_TITLE_SECONDS, count_characters(text) / MAX_CHARACTERS_PER_SECOND)


def legal_seconds(text: str) -> float:
    """Return how long small print is shown at the least."""
    count = count_words(text)
    is_long = count >= _LEGAL_LONG_WORDS
    recognition = _LEGAL_LONG_RECOGNITION_SECONDS if is_long else _LEGAL_RECOGNITION_SECONDS
    return count * _LEGAL_SECONDS_PER_WORD + recognition
