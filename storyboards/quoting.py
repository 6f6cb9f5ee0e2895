"""How an author's own words appear in a message: short, on one line, and harmless to a terminal."""

from __future__ import annotations

import re

_LONGEST = 60
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def quote(value: object) -> str:
    """The value between backticks, on one line, cut to a readable length."""
    return f"`{shorten(value)}`"


def shorten(value: object) -> str:
    """The value on one line of at most 60 characters, with nothing a terminal would obey."""
    text = value[: _LONGEST + 1] if isinstance(value, str) else str(value)
    visible = "".join(map(_show, text))
    return visible if len(visible) <= _LONGEST else visible[: _LONGEST - 1] + "…"


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


def _show(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")
