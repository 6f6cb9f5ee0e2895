"""Which colours a prompt asks for: a table of palettes and the words that call them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks.simulator.animatic.colour import Floats, mix, rgb, turned


@dataclass(frozen=True)
class Palette:
    """The colours of one scene, each three numbers from 0 to 1."""

    name: str
    top: Floats
    """The sky overhead."""
    middle: Floats
    low: Floats
    """The sky at the horizon; haze takes this colour too."""
    light: Floats
    """The sun, the moon, a lamp."""
    land: Floats
    """The nearest and darkest ground."""
    stars: bool = False
    moon: bool = False


_TABLE = {
    "dawn": ("#4f6ea3", "#c79aa9", "#ffd0a1", "#ffe9c4", "#26304a"),
    "day": ("#3f86c6", "#8fc3e6", "#e8f3ee", "#fffbe8", "#23484f"),
    "gold": ("#4a5f8f", "#e29a5c", "#ffd48c", "#fff0c2", "#3b2630"),
    "dusk": ("#26346b", "#8a5f9c", "#ff9f86", "#ffdcbc", "#1d1d3d"),
    "night": ("#0c1a42", "#1f3a75", "#5f86b8", "#eef4ff", "#0b1730"),
    "neon": ("#1a1145", "#5b2390", "#ff5fb0", "#8ff6ff", "#150f33"),
    "fire": ("#3a1420", "#b23a1e", "#ffb24f", "#ffe69a", "#260d16"),
    "sea": ("#2f7fae", "#7ec8d6", "#e9f6ee", "#fff8df", "#0f4257"),
    "forest": ("#4f8f86", "#a9cf9b", "#f4f0c0", "#fff6c9", "#14382d"),
    "snow": ("#86a9d2", "#c3d9ee", "#f7f5f4", "#fffdf6", "#41597c"),
    "storm": ("#2b3a50", "#5d7188", "#b4c3c8", "#eef3ee", "#18222f"),
    "desert": ("#5aa0cf", "#eec79a", "#ffe8bf", "#fff6d8", "#7c4127"),
    "lamp": ("#5b3a3a", "#b9774f", "#ffcf8f", "#ffedc0", "#2a1c26"),
}

# The first row that matches sets the light; the next one that matches tints it.
_WORDS = (
    ("neon", r"neon|cyber\w*|synthwave|hologram\w*|nightclub|arcade"),
    ("fire", r"fire\w*|flame\w*|burn\w*|lava|volcano\w*|ember\w*|blaz\w*|inferno|explo\w+"),
    (
        "storm",
        r"storm\w*|thunder\w*|rain(?:s|y|ing|fall)?|grey sky|gray sky|tempest|overcast|hurricane",
    ),
    ("night", r"night\w*|midnight|moon\w*|star\w*|dark\w*|lantern\w*|space|galaxy"),
    ("dawn", r"dawn|sunrise|morning|daybreak|first light"),
    ("gold", r"gold\w*|sunset|honey|amber|autumn|harvest"),
    ("dusk", r"dusk|twilight|evening|blue hour"),
    ("snow", r"snow\w*|ice|icy|frost\w*|winter|glacier\w*|arctic|blizzard"),
    ("desert", r"desert\w*|dune\w*|sand\w*|canyon\w*|savanna\w*"),
    ("forest", r"forest\w*|wood|woods|tree\w*|jungle|leaf|leaves|moss\w*|garden\w*|meadow\w*"),
    (
        "sea",
        r"sea|ocean\w*|wave\w*|water\w*|lake\w*|river\w*|beach\w*|harbou?r\w*|boat\w*|coast\w*",
    ),
    ("lamp", r"lamp\w*|candle\w*|fireplace|cabin|tavern|warm light"),
    ("day", r"day(?:time|light)?|noon|sunny|summer|clear sky|blue sky"),
)
_BY_CHANCE = ("dawn", "day", "gold", "dusk", "sea", "forest", "desert")
_NIGHTLY = frozenset({"night", "neon"})


def choose_palette(prompt: str, chance: float) -> Palette:
    """Return the prompt's palette; `chance` from 0 to 1 decides where it names none."""
    called = [name for name, words in _WORDS if re.search(rf"\b(?:{words})\b", prompt.lower())]
    name = called[0] if called else _BY_CHANCE[int(chance * 0.999 * len(_BY_CHANCE))]
    palette = _palette(name)
    if len(called) > 1:
        palette = _tinted(palette, _palette(called[1]))
    return _varied(palette, chance)


def lean_towards(palette: Palette, tint: Floats) -> Palette:
    """Return the palette with its sky and land leaning towards one colour."""
    return replace(
        palette,
        top=mix(palette.top, tint, 0.35),
        middle=mix(palette.middle, tint, 0.45),
        land=mix(palette.land, tint, 0.2),
    )


def _palette(name: str) -> Palette:
    top, middle, low, light, land = (rgb(code) for code in _TABLE[name])
    nightly = name in _NIGHTLY
    return Palette(name, top, middle, low, light, land, stars=nightly, moon=name == "night")


def _tinted(palette: Palette, tint: Palette) -> Palette:
    return replace(
        palette,
        middle=mix(palette.middle, tint.middle, 0.22),
        land=mix(palette.land, tint.land, 0.45),
        stars=palette.stars or tint.name == "night",
    )


def _varied(palette: Palette, chance: float) -> Palette:
    degrees = (chance - 0.5) * 14
    return replace(
        palette,
        top=turned(palette.top, degrees),
        middle=turned(palette.middle, degrees),
        low=turned(palette.low, degrees / 2),
        land=turned(palette.land, degrees),
    )
