"""The shapes of things and people as data, and the function that draws them.

A shape is one letter for its tone, one for its kind, and points `x,y`; shapes are separated by `;`.
100 is the height of the thing, x is 0 in its middle, y is 0 at its foot. Tones: `d` dark, `m`
middle, `f` pale, `l` lit, `k` skin, `c` the colour that the prompt names. Kinds: `p` polygon, `s`
polygon with rounded corners, `o` ellipse (centre, radii), `l` line (its width first). A capital
kind is mirrored: joined with its mirror image if it starts at x 0, drawn twice otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageDraw

Point = tuple[float, float]
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class Thing:
    """Something that a prompt names."""

    pattern: str
    """The words for it, as a regular expression."""
    metres: float
    """Its height."""
    where: str
    """`ground`, `top` (of a table, or in a hand), `wall`, `sky` or `far`."""
    shapes: str

    @property
    def aspect(self) -> float:
        """Return its width divided by its height."""
        return max(abs(float(x)) for x in re.findall(r"(-?[\d.]+),", self.shapes)) / 50


_COAT = (
    "cS 0,29 9.5,29 13.4,30.5 11.6,50 12.6,68 12.8,76 10.6,80.4 4.6,83 2.7,84.5 2.5,88 0,88;"
    "dL.4 12,69 12.1,46;cl5 -12.4,75.5 -15.4,60 -14.8,45;ko -14.8,41.4 2.3,3;"
)
_DRESS = (
    "cS 0,33 9,33 12,34 9.4,49 8,57 9.4,67 10.8,76 9,80 4,82.4 2.3,84 2.1,88 0,88;"
    "cl4 -10.2,75.5 -13,60 -12.6,46;ko -12.6,43 2,2.6;"
)
_COAT_ARM = "cl5 12.4,75.5 15.4,60 14.8,45;ko 14.8,41.4 2.3,3;"
_DRESS_ARM = "cl4 10.2,75.5 13,60 12.6,46;ko 12.6,43 2,2.6;"
_STAND = "dP 0,44 1,2 .8,0 8.5,0 7,4 8,24 9.6,42 0,42;"
_SIT = "dS 0,47 11.5,47 13.4,43 10.4,38 9.4,26 8.6,25 2.4,25 2.6,27 2,38 0,39;"
_WALK = (
    "dp -8,44 8,44 8,36 9,22 14,3 20,2 20,0 10,0 4,20 0,33 -5,20 -15,6 -19,2 -21,5 -11,22 -8.5,36;"
)
_HEAD = "kS 0,82 2.6,82 2.6,86.4 4.3,89 5,93 4.9,96.5 3.4,99.6 0,100.2;"
_FACE = (
    "fO 1.95,93.4 .95,.5;dO 1.9,93.4 .48,.5;dL.34 .95,95 1.9,95.4 3,95;"
    "dl.26 .2,93 .62,91.5 -.3,91.2;dl.4 -1.5,89.2 0,88.9 1.5,89.2;"
)
_SHORT_HAIR = "dS 0,101.4 3.2,101.2 5.7,98 5.5,93 4.9,92 4.5,95.6 3.6,97 0,97.3;"
_LONG_HAIR = "dS 0,80 3.4,80 8,82.4 6.6,88 6.2,96 4.2,101 0,101.6;"
_FRINGE = "dS 0,101.4 4,100.6 6,95 6,88 4.7,89 4.6,94 3,97.4 .6,98.6 0,98.6;"
_RAISED = "cL4.6 11,77 16.5,90 14.5,108;kO 14.5,110 2.6,3;"
_BACK = "dS 0,82 2.4,82 3,86.4 5.2,90 5.6,95 3.8,100.4 0,101.4;"

FIGURES = {
    "man": (_COAT, _COAT_ARM, _HEAD, _FACE + _SHORT_HAIR),
    "woman": (_DRESS, _DRESS_ARM, _LONG_HAIR + _HEAD, _FACE + _FRINGE),
    "back": (_COAT, _COAT_ARM, _BACK, ""),
    "raised": (_COAT, _RAISED, _BACK, ""),
}
"""Body, right arm, head and face; the face moves sideways if the person looks to a side."""
LEGS = {"stand": _STAND, "walk": _WALK, "sit": _SIT}


def _read_things() -> dict[str, Thing]:
    lines = Path(__file__).with_name("things.txt").read_text("utf-8").splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    things = {}
    for head, shapes in zip(rows[::2], rows[1::2], strict=True):
        name, metres, where, pattern = head.split(maxsplit=3)
        things[name] = Thing(pattern, float(metres), where, shapes.strip())
    return things


THINGS = _read_things()


def draw_shapes(
    shapes: str,
    layers: tuple[ImageDraw.ImageDraw, ...],
    place: tuple[float, float, float, float],
    tones: dict[str, Rgb],
) -> None:
    """Draw shapes into masks and a picture.

    Args:
        shapes: See the module.
        layers: The drawing of the mask (L), and if wanted of the lit parts (L) and of the colours
            (RGB).
        place: x and y of the foot in pixels, pixels per 1 % of the height, and x's factor: -1
            mirrors.
        tones: The colour of each tone.
    """
    for shape in filter(None, (part.strip() for part in shapes.split(";"))):
        head, *rest = shape.split()
        tone, kind = head[0], head[1]
        points = [tuple(map(float, point.split(","))) for point in rest]
        width = float(head[2:] or 0)
        for outline in _mirrored(kind, [(x, y) for x, y in points]):
            fills = (255, 255 if tone == "l" else 0, tones.get(tone, (0, 0, 0)))
            _draw_outline(
                kind.lower(), outline, width, list(zip(layers, fills, strict=False)), place
            )


def _mirrored(kind: str, points: list[Point]) -> list[list[Point]]:
    if kind.islower():
        return [points]
    size = slice(0, 1) if kind == "O" else slice(None)
    mirror = [(-x, y) for x, y in points[size]] + ([] if kind != "O" else points[1:])
    if kind in "PS" and points[0][0] == 0:
        return [points + mirror[::-1]]
    return [points, mirror]


def _draw_outline(
    kind: str,
    points: list[Point],
    width: float,
    drawings: list[tuple[ImageDraw.ImageDraw, int | Rgb]],
    place: tuple[float, float, float, float],
) -> None:
    foot_x, foot_y, unit, factor = place
    at = [(foot_x + x * unit * factor, foot_y - y * unit) for x, y in points]
    for draw, fill in drawings:
        if kind == "o":
            (x, y), (radius_x, radius_y) = at[0], (points[1][0] * unit, points[1][1] * unit)
            draw.ellipse((x - radius_x, y - radius_y, x + radius_x, y + radius_y), fill=fill)
        elif kind == "l":
            thick = width * unit
            draw.line(at, fill=fill, width=max(1, round(thick)), joint="curve")
            for x, y in at if thick > 3 else ():
                box = (x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2)
                draw.ellipse(box, fill=fill)
        else:
            draw.polygon(_round_corners(at) if kind == "s" else at, fill=fill)


def _round_corners(points: list[Point], iterations: int = 2) -> list[Point]:
    """Cut every corner of a polygon (Chaikin's algorithm)."""
    for _ in range(iterations):
        after = [*points[1:], points[0]]
        points = [
            (start[0] + (end[0] - start[0]) * t, start[1] + (end[1] - start[1]) * t)
            for start, end in zip(points, after, strict=True)
            for t in (0.25, 0.75)
        ]
    return points
