"""The full text of a shot's prompt: names expanded, doubled braces resolved, the style appended.

``{name}`` is a member of the cast or a variable, ``{{`` and ``}}`` are braces. The text of a cast
member may contain variables; the text of a variable is inserted unchanged. What a dialect sends of
it is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from storyboards.models import Shot, Storyboard, normalise_name

# Every branch begins with a literal brace, so that the search can skip to the next one.
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\{|\}")


class Prompt(NamedTuple):
    """The expanded prompt of a shot, and the cast members it mentions."""

    text: str
    """Prompt and style; empty if the shot has neither."""
    cast: tuple[str, ...] = ()
    """Names of the cast, each once, in the order in which they appear."""


def resolve_prompt(storyboard: Storyboard, shot: Shot) -> Prompt:
    """Return the full prompt of a shot of this storyboard.

    Raises:
        KeyError: If a name in it is unknown, which validation rules out.
    """
    style = storyboard.look.style if shot.style is None else shot.style
    texts = [text.strip() for text in (shot.prompt, style) if text and text.strip()]
    if shot.clip is not None:
        texts = []
    mentioned = dict.fromkeys(
        name for text in texts for name in find_names(text) if name in storyboard.cast
    )
    look_up = _name_resolver(storyboard)
    return Prompt(_join([_expand(text, look_up) for text in texts]), tuple(mentioned))


def find_names(text: str) -> Iterator[str]:
    """Yield the names between braces, in order, as often as they are used."""
    if "{" in text:
        for match in _BRACES.finditer(text):
            if match[1] is not None:
                yield normalise_name(match[1].strip())


def has_lone_brace(text: str) -> bool:
    """Return whether a brace is neither doubled nor part of a pair."""
    return _has_brace(text) and any(match[0] in ("{", "}") for match in _BRACES.finditer(text))


def _has_brace(text: str) -> bool:
    return "{" in text or "}" in text


def _name_resolver(storyboard: Storyboard) -> Callable[[str], str]:
    variables = storyboard.variables

    def look_up(name: str) -> str:
        member = storyboard.cast.get(name)
        return _expand(member.text, variables.__getitem__).strip() if member else variables[name]

    return look_up


def _expand(text: str, look_up: Callable[[str], str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name: str | None = match[1]
        return match[0][0] if name is None else look_up(normalise_name(name.strip()))

    return _BRACES.sub(replace, text) if _has_brace(text) else text


def _join(sentences: list[str]) -> str:
    """Join the parts; a part without punctuation at its end gets a full stop before the next."""
    text = ""
    for sentence in sentences:
        if text:
            text += " " if unicodedata.category(text[-1]).startswith("P") else ". "
        text += sentence
    return text
