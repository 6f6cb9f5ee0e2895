"""The weak form of parameters: words such as `--duration 5` at the end of the text.

Source: Volcengine create page ("weak check"). A flag with a wrong value is ignored, and so is
one that the model does not take: the vendor gives the default and says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAMES = {
    "resolution": "resolution",
    "rs": "resolution",
    "ratio": "ratio",
    "rt": "ratio",
    "duration": "duration",
    "dur": "duration",
    "framespersecond": "framespersecond",
    "framepersecond": "framespersecond",
    "fps": "framespersecond",
    "seed": "seed",
    "camerafixed": "camera_fixed",
    "camera_fixed": "camera_fixed",
    "cf": "camera_fixed",
    "watermark": "watermark",
    "wm": "watermark",
}
_BOOLEAN = frozenset({"camera_fixed", "watermark"})
_INTEGER = frozenset({"duration", "framespersecond", "seed"})
_LAST = re.compile(r"(?:^|\s)--([A-Za-z_]+)\s+([^\s-]\S*|-\d+)\s*$")


def split_flags(text: str) -> tuple[str, Mapping[str, Any]]:
    """Return the text without the flags at its end, and what they say by their JSON names."""
    prompt, words = split_words(text)
    flags = {name: _value(name, word) for name, word in words.items()}
    return prompt, {name: value for name, value in flags.items() if value is not None}


def split_words(text: str) -> tuple[str, Mapping[str, str]]:
    """Return the same with each flag's word as it stands there, right or wrong.

    Of a flag that stands there twice, the last one counts.
    """
    words: dict[str, str] = {}
    while (match := _LAST.search(text)) and (name := _NAMES.get(match[1].lower())):
        words.setdefault(name, match[2])
        text = text[: match.start()]
    return text.strip(), words


def _value(name: str, word: str) -> Any:
    if name in _BOOLEAN:
        return {"true": True, "false": False}.get(word.lower())
    if name in _INTEGER:
        return int(word) if re.fullmatch(r"-?\d{1,12}", word) else None
    return word
