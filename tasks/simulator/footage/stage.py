"""The frame of a shot and the silhouettes in it, as values; `staging` decides where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tasks.simulator.footage.breakdown import Breakdown, Mention
from tasks.simulator.footage.silhouettes import THINGS

SIDES = {"left": 0.26, "right": 0.74, "centre": 0.5}
"""x of a place that a prompt names, as a fraction of the frame width."""
MAX_COPIES = 4
"""The most of one thing in a picture."""
_TIGHT_SIZES = frozenset({"MS", "MCU", "CU", "ECU"})
_WALL_FOOT = 0.80


@dataclass(frozen=True)
class Piece:
    """A silhouette in the frame."""

    shapes: str
    x: float
    """Of its foot, as a fraction of the frame width."""
    y: float
    """Of its foot, as a fraction of the frame height."""
    height: float
    """As a fraction of the frame height."""
    colour: str = ""
    """`#rrggbb`, or empty for a tone of the palette."""
    flip: int = 1
    """-1 if it faces left."""
    haze: float = 0.0
    """0 for near, 1 for lost in the distance."""
    is_far: bool = False
    """True if it moves with the backdrop."""
    travel: float = 0.0
    """Movement to the right during the shot, as a fraction of the frame width."""


@dataclass
class Stage:
    """The pieces of a shot, from back to front."""

    breakdown: Breakdown
    ratio: float
    """Width of the frame divided by its height."""
    light_x: float
    """x of the light; the subject stands on the other side."""
    rng: np.random.Generator
    metres: float = 2.4
    """Height of the frame where the people stand."""
    pieces: list[Piece] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    """x of what stands on the ground."""

    @property
    def is_tight(self) -> bool:
        """Return True if the frame is too close to show the ground."""
        return self.breakdown.size in _TIGHT_SIZES

    @property
    def has_ground(self) -> bool:
        """Return True if the nearest ground is in view, outdoors."""
        is_inside = self.breakdown.setting in {"room", "studio"}
        return not (self.is_tight or is_inside or self.breakdown.view == "top")

    @property
    def has_table(self) -> bool:
        """Return True if there is a table."""
        return any(mention.name == "table" for mention in self.breakdown.things)

    def tops(self) -> list[Mention]:
        """Return the small things, each as often as the prompt counts it, up to six."""
        things = (m for m in self.breakdown.things if THINGS[m.name].where == "top")
        return [replace(m, travel=0.0) for m in things for _ in range(min(m.count, MAX_COPIES))][:6]

    def free_x(self, *, window_x: float | None = None) -> float:
        """Return the place that is farthest from everything else, also from a window."""
        taken = [*self.taken, *([] if window_x is None else [window_x])]
        gaps = {
            x: min((abs(x - other) for other in taken), default=1.0)
            for x in (0.26, 0.74, 0.5, 0.88, 0.12)
        }
        x = next((x for x in (0.26, 0.74, 0.5) if gaps[x] > 0.3), max(gaps, key=lambda x: gaps[x]))
        self.taken.append(x)
        return x

    def add(self, mention: Mention, x: float, y: float, height: float, **options: Any) -> None:
        """Add a thing; it is reduced if it would be wider than most of the frame."""
        thing = THINGS[mention.name]
        if height < 1 and mention.name != "stairs":
            height = min(height, 0.72 * self.ratio / thing.aspect)
        flip = -1 if mention.travel < 0 else 1
        piece = Piece(thing.shapes, x - mention.travel / 2, y, height, mention.colour, flip)
        self.pieces.append(replace(piece, **{"travel": mention.travel, **options}))

    def add_to_wall(self, mention: Mention, height: float) -> None:
        """Add a thing on the wall of a room, or a door in it."""
        is_standing = mention.name == "door"
        window_x = 0.27 if self.light_x < 0.5 else 0.73
        x = SIDES.get(mention.place) or self.free_x(window_x=window_x)
        y, height = (_WALL_FOOT, height) if is_standing else (0.58, min(height, 0.45))
        self.add(mention, x, y, height, haze=0.12, is_far=True)
