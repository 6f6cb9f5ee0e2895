"""How an author's own words appear in a message: short, on one line, and harmless to a terminal."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 60
_JOINERS = "\u200c\u200d"
"""Persian words and emoji families are written with them, and they move nothing."""
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def quote(value: object) -> str:
    """The value between backticks, on one line, cut to a readable length."""
    return f"`{shorten(value)}`"


def shorten(value: object) -> str:
    """The value on one line of at most 60 characters, with nothing a terminal would obey."""
    text = value[: _LONGEST + 1] if isinstance(value, str) else str(value)
    visible = "".join(map(_show, text))
    return visible if len(visible) <= _LONGEST else visible[: _LONGEST - 1] + "…"


def disarm(text: object, *, keep: str = "") -> str:
    """The text, however long, with nothing a terminal would obey; ``keep`` stays as it is.

    Letters of every script stay, and the spaces between them.
    """
    words = str(text)
    if words.isascii() and words.isprintable():
        return words
    return "".join(one if one in keep else _disarm(one) for one in words)


def write_path(path: tuple[str | int, ...]) -> str:
    """A place in the YAML as an author reads it: ``shots[2].seconds``."""
    written = ""
    for part in path:
        if isinstance(part, int):
            written += f"[{part}]"
        elif _KEY.fullmatch(part):
            written += f".{shorten(part)}" if written else shorten(part)
        else:
            written += f'["{shorten(part)}"]'
    return written


def _disarm(character: str) -> str:
    harmless = character in _JOINERS or unicodedata.category(character) == "Zs"
    return character if harmless else _show(character)


def _show(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
