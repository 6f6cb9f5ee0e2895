"""The look of titles, small print and captions by their place: sizes, limits, outline or box.

All sizes are in percent of the shorter side of the picture, so that a text has the same size in a
wide and in an upright version of a film.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class TextStyle(NamedTuple):
    """The look of the text of a place."""

    percent: float
    """Size of the font."""
    min_percent: float
    """The size to which a text is shrunk before it is rejected."""
    max_lines: int
    edge: Literal["top", "middle", "bottom"]
    """The side of the safe area from which texts of this place are stacked."""
    backing: Literal["outline", "box", "none"] = "outline"
    """Keeps the text readable on any picture."""


STYLES: dict[str, TextStyle] = {
    "upper": TextStyle(6.0, 3.5, 3, "top"),
    "center": TextStyle(8.0, 3.5, 4, "middle"),
    "lower": TextStyle(6.0, 3.5, 3, "bottom"),
    # Clearcast, "Legal supers text size" (read 2026-11-29): 30 lines of 1080, at the least 26. The
    # capitals of the font of shotchain have 0.714 of its size.
    "legal": TextStyle(3.9, 3.4, 4, "bottom"),
    "caption": TextStyle(5.0, 3.5, 3, "bottom", "box"),
    "card": TextStyle(8.0, 3.0, 12, "middle", "none"),
    "card with picture": TextStyle(8.0, 3.0, 4, "bottom"),
}

MAX_PICTURE_PERCENT = 20.0
"""Height of a picture that a title shows, of the film's height, unless the board sets one."""

_MARGIN = 0.3


def margin_of(size: int) -> int:
    """Return the space around a text of a size that its outline, shadow or box needs."""
    return max(4, round(size * _MARGIN))
