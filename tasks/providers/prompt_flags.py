"""Parameters as flags at the end of the prompt, such as `--duration 5`.

Ark's create page calls this the weak form: a flag with a wrong name or value is silently ignored
or fails. Only documented flags are written, and a prompt that contains one is rejected, because
it could request a length that was not priced."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tasks.errors import InvalidRequest

# Every spelling that a page of Volcengine, CometAPI or kkiai names.
_KNOWN_FLAGS = (
    *("resolution", "rs", "ratio", "rt", "duration", "dur", "frames", "framespersecond"),
    *("framepersecond", "fps", "seed", "camerafixed", "camera_fixed", "cf", "watermark", "wm"),
)

# A word that begins so, also behind a bracket or a quote; a known one even within a word.
_FLAG_PATTERN = rf"(?i)(?<![\w-])--[A-Za-z][\w-]*|--(?:{'|'.join(sorted(_KNOWN_FLAGS, key=len, reverse=True))})\b"


def find_flag(text: str) -> str | None:
    """The first word of a text that a vendor could read as a parameter, or None."""
    found = re.search(_FLAG_PATTERN, text) if "--" in text else None
    return found[0] if found else None


def append_flags(text: str, flags: Iterable[tuple[str, str | int | bool | None]]) -> str:
    """The text with its flags behind it; those that are None are left out.

    Raises Rejected where the text holds a flag itself.
    """
    own = find_flag(text)
    if own is not None:
        msg = f"the prompt has the word {own!r}, which the vendor reads as a parameter; reword it"
        raise InvalidRequest(msg)
    said = (f"--{name} {_format_value(value)}" for name, value in flags if value is not None)
    return " ".join((text.rstrip(), *said))


def _format_value(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
