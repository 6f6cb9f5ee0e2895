"""What a plain word in a storyboard means: only what looks like nothing else gets a type.

YAML's own rules turn ``16:9`` into 969, ``no`` into false, ``010`` into 8 and ``2026-08-01`` into
a date. Here ``true`` and ``false`` are truth values, ``null``, ``~`` and nothing at all are an
empty value, decimal numbers are numbers, and everything else is the text as it is written.
"""

from __future__ import annotations

import re

Plain = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER_STARTS = frozenset("0123456789+-.")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
"""At most 18 digits: a longer one is no number anybody means, and Python refuses very long ones."""
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,17})\.[0-9]{0,18}|\.[0-9]{1,18})")


def read_plain(text: str) -> Plain:
    """The value of a scalar that is written without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
