"""The value that an author probably meant, for values that do not fit the language.

Only read for a wrong value. Names of providers, models and shots are compared in `problems`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping

_CURRENCIES = {
    **dict.fromkeys(("$", "dollar", "dollars", "us$", "usd"), "USD"),
    **dict.fromkeys(("€", "euro", "euros", "eur"), "EUR"),
    **dict.fromkeys(("£", "pound", "pounds", "gbp"), "GBP"),
    **dict.fromkeys(("¥", "￥", "元", "yuan", "rmb", "cny"), "CNY"),
}
_RESOLUTIONS = {
    **dict.fromkeys(("480", "480p", "854x480", "864x496", "sd"), "480p"),
    **dict.fromkeys(("720", "720p", "1280x720", "hd"), "720p"),
    **dict.fromkeys(("1080", "1080p", "1920x1080", "fullhd", "fhd"), "1080p"),
    **dict.fromkeys(("4k", "2160", "2160p", "3840x2160", "uhd"), "4k"),
}
_RATIOS = {
    **dict.fromkeys(("widescreen", "wide", "landscape", "horizontal"), "16:9"),
    **dict.fromkeys(("portrait", "vertical", "tall", "reels", "tiktok"), "9:16"),
    "square": "1:1",
    "cinemascope": "21:9",
    "auto": "adaptive",
}
_FIRST_FRAMES = {
    **dict.fromkeys(("last", "last_frame", "prev", "before", "previous_frame"), "previous"),
    **dict.fromkeys(("no", "false", "off", "null", "nothing", "cut", "new"), "none"),
}
_LENGTH = re.compile(r"(\d{1,3})(?:[.,](\d+))?\s*(?:s|sec|secs|second|seconds)?\.?", re.IGNORECASE)
_SIDES = re.compile(r"(\d{1,2})\s*[x×/:：*-]\s*(\d{1,2})")
_AMOUNT = re.compile(r"\d+(?:[.,]\d{1,2})?")
_MAX_LENGTH = 64


def suggest_value(key: str, text: str) -> str:
    """Return a sentence with the value to write for a key instead of a text, or "".

    Args:
        key: The key.
        text: Its value as it is written, which does not fit.
    """
    suggest = _SUGGESTIONS.get(key)
    return suggest(text.strip()) if suggest and len(text) <= _MAX_LENGTH else ""


def suggest_first_frame(text: str) -> str:
    """Return the keyword that a `first_frame` was probably meant to be, or ""."""
    # Only a wrong value needs difflib.
    from difflib import get_close_matches

    word = text.strip().lower()
    near = get_close_matches(word, ("previous", "none"), n=1, cutoff=0.75)
    return _FIRST_FRAMES.get(word, "") or next(iter(near), "")


def _suggest_seconds(text: str) -> str:
    if not (match := _LENGTH.fullmatch(text)):
        return ""
    whole = int(match[1])
    if not whole:
        return ""
    if match[2] and int(match[2]):
        return f"Write whole seconds: {whole} or {whole + 1}."
    return f"Write {whole}, the seconds without a unit."


def _suggest_resolution(text: str) -> str:
    word = re.sub(r"[\s×*-]", lambda blank: "x" if blank[0] in "×*" else "", text.lower())
    return _write(_RESOLUTIONS, word)


def _suggest_ratio(text: str) -> str:
    if sides := _SIDES.fullmatch(text):
        ratio = f"{int(sides[1])}:{int(sides[2])}"
        known = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
        return f"Write {ratio}." if ratio in known else ""
    return _write(_RATIOS, text.lower())


def _suggest_budget(text: str) -> str:
    amounts = _AMOUNT.findall(text)
    if len(amounts) != 1:
        return ""
    amount = amounts[0].replace(",", ".")
    rest = text.replace(amounts[0], "", 1).strip(" .").lower()
    if not rest:
        return f"Write the currency as well: {amount} USD."
    currency = _CURRENCIES.get(rest)
    return f"Write {amount} {currency}." if currency else ""


def _suggest_id(text: str) -> str:
    chars = (
        char if char in "-_" or unicodedata.category(char)[0] in "LMN" else "-" for char in text
    )
    name = re.sub("-+", "-", "".join(chars)).strip("-_")
    return f"Write {name}: only letters, digits, - and _ are possible." if name else ""


def _write(values: Mapping[str, str], word: str) -> str:
    return f"Write {values[word]}." if word in values else ""


_SUGGESTIONS: Mapping[str, Callable[[str], str]] = {
    "seconds": _suggest_seconds,
    "resolution": _suggest_resolution,
    "ratio": _suggest_ratio,
    "budget": _suggest_budget,
    "id": _suggest_id,
    "name": _suggest_id,
    "shot": _suggest_id,
}
