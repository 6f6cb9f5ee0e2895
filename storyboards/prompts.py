"""What a shot's prompt says in full: names expanded, braces made plain, the style behind it.

``{name}`` is a member of the cast or a variable, ``{{`` and ``}}`` are braces. The words of a cast
member may hold variables; the words of a variable are taken as they stand. Which words a dialect
sends is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from storyboards.models import Shot, Storyboard

# Every branch begins with a brace that is written out, so that the search can skip to the next one.
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|\}")


class Prompt(NamedTuple):
    """The words of a shot as they are meant, and who appears in them."""

    text: str
    """Prompt and style; empty where the shot has neither."""
    cast: tuple[str, ...] = ()
    """Names of the cast, each once, in the order in which they appear."""


def resolve(storyboard: Storyboard, shot: Shot) -> Prompt:
    """The full prompt of a shot of this storyboard, whose names are all known."""
    style = storyboard.look.style if shot.style is None else shot.style
    written = [words.strip() for words in (shot.prompt, style) if words and words.strip()]
    if shot.clip is not None:
        written = []
    used = dict.fromkeys(
        name for words in written for name in names_in(words) if name in storyboard.cast
    )
    speak = _speaker(storyboard)
    spoken = [_expand(words, speak) for words in written]
    return Prompt(_join(spoken), tuple(used))


def names_in(words: str) -> Iterator[str]:
    """The names between braces, in order, repeated as often as they are used."""
    if "{" in words:
        for found in _BRACES.finditer(words):
            if found[1] is not None:
                yield found[1].strip()


def has_lone_brace(words: str) -> bool:
    """Whether a brace opens or closes nothing."""
    return _has_brace(words) and any(found[0] in ("{", "}") for found in _BRACES.finditer(words))


def _has_brace(words: str) -> bool:
    return "{" in words or "}" in words


def _speaker(storyboard: Storyboard) -> Callable[[str], str]:
    def speak(name: str) -> str:
        member = storyboard.cast.get(name)
        return _expand(member.is_, variables.__getitem__).strip() if member else variables[name]

    variables = storyboard.variables
    return speak


def _expand(words: str, speak: Callable[[str], str]) -> str:
    def replace(found: re.Match[str]) -> str:
        name: str | None = found[1]
        return found[0][0] if name is None else speak(name.strip())

    return _BRACES.sub(replace, words) if _has_brace(words) else words


def _join(sentences: list[str]) -> str:
    """One text; a part that ends without punctuation gets a full stop before the next."""
    text = ""
    for sentence in sentences:
        if text:
            text += " " if unicodedata.category(text[-1]).startswith("P") else ". "
        text += sentence
    return text
