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


def _read_data() -> tuple[dict[str, Thing], dict[str, str]]:
    """Return the things, and the shapes of the parts of people."""
    lines = Path(__file__).with_name("things.txt").read_text("utf-8").splitlines()
    rows = [line for line in lines if line and not line.startswith(("#", "@"))]
    things = {}
    for head, shapes in zip(rows[::2], rows[1::2], strict=True):
        name, metres, where, pattern = head.split(maxsplit=3)
        things[name] = Thing(pattern, float(metres), where, shapes.strip())
    parts = (line[1:].split(maxsplit=1) for line in lines if line.startswith("@"))
    return things, {name: f"{shapes};" for name, shapes in parts}


THINGS, _PARTS = _read_data()
LEGS = {pose: _PARTS[pose] for pose in ("standing", "walking", "sitting")}
_FIGURE_PARTS = {
    "man": ("coat", "coat_arm", "head", "face short_hair"),
    "woman": ("dress", "dress_arm", "long_hair head", "face fringe"),
    "back": ("coat", "coat_arm", "back_of_head", ""),
    "raised": ("coat", "raised_arm", "back_of_head", ""),
}
FIGURES = {
    figure: tuple("".join(_PARTS[name] for name in names.split()) for names in group)
    for figure, group in _FIGURE_PARTS.items()
}
"""Body, right arm, head and face; the face moves sideways if the person looks to a side."""


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
