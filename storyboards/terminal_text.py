"""Text from boards, files and vendors made safe to print: control characters escaped, length cut.

Nothing here is specific to storyboards.
"""

from __future__ import annotations

import re
import unicodedata

MAX_QUOTED_LENGTH = 60
_LONG_WORD = re.compile(r"\S{201,}")
_JOINERS = "\u200c\u200d"
"""Zero-width (non-)joiners: part of Persian words and emoji sequences, harmless to a terminal."""
_PLAIN_KEY = re.compile(r"[^\W\d][\w-]*")


def quote(value: object) -> str:
    """Return the value in backticks, on one line, shortened to a readable length."""
    return f"`{shorten(value)}`"


def shorten(value: object) -> str:
    """Return the value on one line of at most 60 characters, control characters escaped."""
    text = value[: MAX_QUOTED_LENGTH + 1] if isinstance(value, str) else str(value)
    visible = "".join(map(_escape_unprintable, text))
    if len(visible) <= MAX_QUOTED_LENGTH:
        return visible
    return visible[: MAX_QUOTED_LENGTH - 1] + "…"


def shorten_words(text: str) -> str:
    """Return a message with each very long word in it cut: a name, a path or a value of a board."""
    return _LONG_WORD.sub(lambda word: f"{word[0][:MAX_QUOTED_LENGTH]}…", text)


def escape_control_chars(text: object, *, keep: str = "") -> str:
    r"""Return the text with every character escaped that a terminal would interpret.

    Letters of every script and all kinds of spaces stay.

    Args:
        text: Anything; its `str()` is used, at any length.
        keep: Characters that are not escaped, for example `"\n"`.
    """
    string = str(text)
    rest = string.translate({ord(char): None for char in keep}) if keep else string
    if rest.isprintable():
        return string
    return "".join(char if char in keep else _escape(char) for char in string)


def format_path(path: tuple[str | int, ...]) -> str:
    """Return a path in the YAML as authors read it, for example ``shots[2].seconds``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{shorten(part)}" if text else shorten(part)
        else:
            text += f'["{shorten(part)}"]'
    return text


def _escape(char: str) -> str:
    is_harmless = char in _JOINERS or unicodedata.category(char) == "Zs"
    return char if is_harmless else _escape_unprintable(char)


def _escape_unprintable(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
