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
_TRANSITIONS = {
    **dict.fromkeys(
        ("crossfade", "dissolve", "crossdissolve", "xfade", "fade", "mix"), "{crossfade: 12f}"
    ),
    **dict.fromkeys(("dip", "diptoblack", "fadetoblack", "black", "fadeblack"), "{dip: black}"),
    **dict.fromkeys(("diptowhite", "fadetowhite", "white", "flash"), "{dip: white}"),
    **dict.fromkeys(("none", "no", "hard", "hardcut", "straight", "false"), "cut"),
}
_COLOURS = {
    **dict.fromkeys(("white", "#fff", "ffffff", "rgb(255,255,255)"), '"#ffffff"'),
    **dict.fromkeys(("black", "#000", "000000", "rgb(0,0,0)"), '"#000000"'),
    **dict.fromkeys(("yellow", "#ff0"), '"#ffff00"'),
    **dict.fromkeys(("red", "#f00"), '"#ff0000"'),
}
_PLACES = {
    **dict.fromkeys(("bottom", "lowerthird", "low", "down"), "lower"),
    **dict.fromkeys(("top", "high", "up"), "upper"),
    **dict.fromkeys(("middle", "centre", "centered", "centred"), "center"),
    **dict.fromkeys(("disclaimer", "small", "smallprint"), "legal"),
}
_FITS = {
    **dict.fromkeys(("fill", "cover", "zoom", "panscan"), "crop"),
    **dict.fromkeys(("letterbox", "pillarbox", "contain", "bars", "blur", "fit"), "pad"),
    **dict.fromkeys(("rerender", "generate", "regenerate"), "render"),
}
_CODECS = {
    **dict.fromkeys(("h.264", "x264", "avc", "mp4"), "h264"),
    **dict.fromkeys(("copy", "same", "original", "h265", "hevc", "h.265"), "keep"),
    **dict.fromkeys(("prores422", "proreshq", "prores422hq", "mov"), "prores"),
    **dict.fromkeys(("dnxhd", "dnx", "avid"), "dnxhr"),
}
_RATES = {
    **dict.fromkeys(("23.98", "23,976", "24000/1001"), "23.976"),
    **dict.fromkeys(("30", "29,97", "30000/1001"), "29.97"),
    **dict.fromkeys(("50", "25p", "pal"), "25"),
}
_LANGUAGES = {
    **dict.fromkeys(("english", "eng_us", "en_us"), "en"),
    **dict.fromkeys(("german", "deutsch"), "de"),
    **dict.fromkeys(("french", "français", "francais"), "fr"),
    **dict.fromkeys(("spanish", "español", "espanol"), "es"),
    **dict.fromkeys(("chinese", "mandarin", "中文"), "zh-Hans"),
    **dict.fromkeys(("japanese", "日本語"), "ja"),
}
_LUFS = re.compile(r"[-–−]?\s*(\d{1,2}(?:[.,]\d{1,2})?)\s*(?:LUFS|LKFS|LU|dB)?", re.IGNORECASE)
_DECIBELS = re.compile(r"([+-]?\d{1,2}(?:[.,]\d{1,2})?) ?dB", re.IGNORECASE)
_LENGTH = re.compile(r"(\d{1,3})(?:[.,](\d+))?\s*(?:s|sec|secs|second|seconds)?\.?", re.IGNORECASE)
_TIME_OF_DAY = re.compile(r"(?:00:)?(\d{1,2}):(\d{2})([.,]\d{1,3})?")
_FRAMES = re.compile(r"(\d{1,6}) ?(?:frames?|fr|F)")
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


def suggest_time(text: str) -> str:
    """Return a sentence with the time that a text was probably meant to be, or ""."""
    if match := _TIME_OF_DAY.fullmatch(text.strip()):
        minutes, seconds, rest = int(match[1]), int(match[2]), match[3] or ""
        return f"Write the seconds: {minutes * 60 + seconds}{rest.replace(',', '.')}."
    if match := _FRAMES.fullmatch(text.strip()):
        return f"Write {match[1]}f, a number of frames."
    if match := _LENGTH.fullmatch(text.strip()):
        return f"Write {match[1]}{'.' + match[2] if match[2] else ''}, the seconds without a unit."
    return ""


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


def _suggest_transition(text: str) -> str:
    word = re.sub(r"[\s_-]", "", text.lower())
    return _write(_TRANSITIONS, word)


def _suggest_loudness(text: str) -> str:
    match = _LUFS.fullmatch(text)
    return f"Write -{match[1].replace(',', '.')} LUFS." if match else ""


def _suggest_gain(text: str) -> str:
    match = _DECIBELS.fullmatch(text)
    return f"Write {match[1].replace(',', '.')}, the decibels without a unit." if match else ""


def _suggest_from(values: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: _write(values, re.sub(r"[\s_-]", "", text.lower()))


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
    "transition": _suggest_transition,
    "join": _suggest_transition,
    "loudness": _suggest_loudness,
    "target": _suggest_loudness,
    "gain_db": _suggest_gain,
    "colour": _suggest_from(_COLOURS),
    "background": _suggest_from(_COLOURS),
    "place": _suggest_from(_PLACES),
    "fit": _suggest_from(_FITS),
    "codec": _suggest_from(_CODECS),
    "rate": _suggest_from(_RATES),
    "language": _suggest_from(_LANGUAGES),
}
