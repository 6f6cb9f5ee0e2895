r"""Characters that JSON writes as two escapes: `\ud83d\ude00` is one emoji.

YAML parsers reject these escapes, and `json.dumps` writes them by default. They are replaced by
escapes of the same length before parsing, so that lines and columns stay, and joined after it.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\\\|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PLACEHOLDER = re.compile(r"\\u[eE][0-7][0-9a-fA-F]{2}")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

# Surrogates are U+D800 to U+DFFF. The placeholders are characters without a meaning.
_OFFSET = 0xE000 - 0xD800
_PLACEHOLDERS = {point + _OFFSET: point for point in range(0xD800, 0xE000)}
_PLACEHOLDER_CHARACTER = re.compile("[\ue000-\ue7ff]")


def hide_surrogates(text: str) -> str:
    """Return a YAML text whose escapes of surrogates are replaced by escapes of placeholders.

    A text that has placeholders of its own is returned unchanged.
    """
    if not re.search(r"\\u[dD][89a-fA-F]", text):
        return text
    if _PLACEHOLDER.search(text) or _PLACEHOLDER_CHARACTER.search(text):
        return text
    return _ESCAPE.sub(_hide, text)


def _hide(match: re.Match[str]) -> str:
    escape = match[0]
    if escape == r"\\":
        return escape
    return rf"\u{int(escape[2:], 16) + _OFFSET:04x}"


def show_surrogates(value: str) -> str:
    """Return a parsed text of a hidden YAML text with the characters that its escapes stand for.

    Half of a pair stays a surrogate, which no board may contain.
    """
    # Outside of double quotes an escape is text.
    plain = _PLACEHOLDER.sub(lambda match: rf"\u{int(match[0][2:], 16) - _OFFSET:04x}", value)
    halves = plain.translate(_PLACEHOLDERS)
    return _PAIR.sub(
        lambda match: match[0].encode("utf-16", "surrogatepass").decode("utf-16"), halves
    )
