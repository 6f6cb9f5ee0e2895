"""Safe areas, the part of a picture in which text may stand, by the shape of the film.

Each has its source and date. The areas of social platforms are what their buttons and descriptions
leave free; they change often. One area serves all platforms of a shape, so that one master can be
published on each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SafeArea:
    """The margins of a safe area, as shares of the width and the height of the picture."""

    ratio: tuple[int, int]
    side: float
    """Left and right."""
    top: float
    bottom: float
    source: str
    dated: str
    """The day on which the source was read, ISO 8601."""

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return left, upper, right and lower side in pixels; all are even."""
        return (
            _even(math.ceil(self.side * width)),
            _even(math.ceil(self.top * height)),
            _even(math.floor((1 - self.side) * width) - 1),
            _even(math.floor((1 - self.bottom) * height) - 1),
        )


SAFE_AREAS = (
    SafeArea((21, 9), 0.05, 0.05, 0.05, "EBU R 95, title-safe area 90 %", "2026-11-25"),
    SafeArea((16, 9), 0.05, 0.05, 0.05, "EBU R 95, title-safe area 90 %", "2026-11-25"),
    SafeArea((4, 3), 0.05, 0.05, 0.05, "EBU R 95, title-safe area 90 %", "2026-11-25"),
    SafeArea((1, 1), 0.06, 0.06, 0.06, "Meta feed, 64 px of 1080", "2026-11-25"),
    SafeArea((4, 5), 0.06, 0.06, 0.06, "Meta feed, 64 px of 1080", "2026-11-25"),
    SafeArea((3, 4), 0.06, 0.06, 0.06, "Meta feed, 64 px of 1080", "2026-11-25"),
    SafeArea(
        (9, 16),
        0.06,
        0.14,
        0.35,
        "Meta Stories 14 % / 20 %, Reels 14 % / 35 % and sides 6 %; TikTok 160 and 440 px of 1280",
        "2026-11-25",
    ),
)


def find_safe_area(width: int, height: int) -> SafeArea:
    """Return the safe area of the shape that is nearest to that of a picture."""
    shape = math.log(width / height)
    return min(SAFE_AREAS, key=lambda area: abs(shape - math.log(area.ratio[0] / area.ratio[1])))


def _even(pixels: int) -> int:
    return pixels + pixels % 2
