"""How the camera moves: the words of a prompt that say so, and where it stands at each moment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.simulator.animatic.noise import smoothstep

Box = tuple[float, float, float, float]
Place = tuple[float, float, float]
"""Across and down as shares of the room there is (-1 to 1), and the zoom."""


@dataclass(frozen=True)
class Move:
    """One camera move, from one place to another."""

    name: str
    start: Place
    end: Place
    depth: float = 0.55
    """How much less the distance moves than what is near."""

    def at(self, share: float) -> Place:
        """Return the camera's place after that share of the shot; it starts and ends at rest."""
        eased = smoothstep(0.0, 1.0, share)
        across, down, zoom = (
            start + (end - start) * eased for start, end in zip(self.start, self.end, strict=True)
        )
        return across, down, zoom


_STATIC = Move("static", (0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
_NAMED = (
    (
        r"static|locked[- ]off|fixed (?:camera|shot)|still camera|camera (?:holds|is still|fixed)",
        _STATIC,
    ),
    (
        r"push(?:es|ing)? in|dolly(?:ing)? in|zoom(?:s|ing)? in|track(?:s|ing)? in|move(?:s)? in|"
        r"push to|close in",
        Move("push in", (0.0, 0.1, 1.0), (0.12, 0.12, 1.24)),
    ),
    (
        r"pull(?:s|ing)? (?:out|back)|dolly(?:ing)? (?:out|back)|zoom(?:s|ing)? out|reveal\w*",
        Move("pull out", (0.15, 0.15, 1.24), (0.0, 0.0, 1.0)),
    ),
    (r"pan(?:s|ning)? (?:\w+ )?left", Move("pan left", (0.9, 0.0, 1.06), (-0.9, 0.0, 1.06))),
    (r"pan(?:s|ning)?", Move("pan right", (-0.9, 0.0, 1.06), (0.9, 0.0, 1.06))),
    (r"tilt(?:s|ing)? down", Move("tilt down", (0.0, -0.85, 1.06), (0.0, 0.85, 1.06))),
    (r"tilt(?:s|ing)?", Move("tilt up", (0.0, 0.85, 1.06), (0.0, -0.85, 1.06))),
    (
        r"(?:crane|boom|pedestal)(?:s|ing)? down|descend\w*",
        Move("crane down", (0.0, -0.85, 1.02), (0.0, 0.75, 1.14), 0.4),
    ),
    (
        r"crane\w*|boom(?:s|ing)? up|drone|aerial|rise(?:s)? above",
        Move("crane up", (0.0, 0.85, 1.14), (0.0, -0.75, 1.02), 0.4),
    ),
    (
        r"(?:track|truck|dolly|follow|slide)\w*",
        Move("track", (-0.95, 0.05, 1.08), (0.95, 0.05, 1.08), 0.25),
    ),
    (r"orbit\w*|arc(?:s|ing)?", Move("orbit", (-0.9, 0.15, 1.05), (0.9, -0.1, 1.16), 0.3)),
    (r"drift\w*|float\w*|glid\w*", Move("drift", (-0.6, 0.3, 1.03), (0.6, -0.3, 1.10))),
)
_BY_CHANCE = (
    Move("slow push", (-0.1, 0.1, 1.0), (0.15, 0.05, 1.16)),
    Move("slow pull", (0.2, 0.1, 1.16), (0.0, 0.0, 1.0)),
    Move("drift right", (-0.7, 0.1, 1.05), (0.7, -0.1, 1.08)),
    Move("drift left", (0.7, 0.1, 1.05), (-0.7, -0.1, 1.08)),
    Move("lift", (0.1, 0.6, 1.06), (-0.1, -0.5, 1.10)),
)


def choose_move(prompt: str, chance: float, *, fixed: bool) -> Move:
    """Return the move that the prompt names, else one by `chance` from 0 to 1."""
    if fixed:
        return _STATIC
    words = prompt.lower()
    for pattern, move in _NAMED:
        if re.search(rf"\b(?:{pattern})\b", words):
            return move
    return _BY_CHANCE[int(chance * 0.999 * len(_BY_CHANCE))]


def layer_box(size: tuple[int, int], margin: float, place: Place, *, depth: float = 1.0) -> Box:
    """Return what the camera sees of a layer whose canvas is `margin` times the frame."""
    width, height = size
    across, down, zoom = place
    seen = 1 / (margin * (1 + (zoom - 1) * depth))
    room = (1 - seen) / 2
    # The room at zoom 1 bounds every move, so that zooming in does not speed a pan up.
    reach = min(room, (1 - 1 / margin) / 2) * depth
    left, top = room + across * reach, room + down * reach
    return left * width, top * height, (left + seen) * width, (top + seen) * height


def picture_box(size: tuple[int, int], move: Move, share: float) -> Box:
    """Return what is seen of a given picture: all of it at share 0, then moved into by up to 9 %.

    Nothing lies beyond a given picture's edges, so every move but a still one goes inwards.
    """
    width, height = size
    if move.name == "static" or share <= 0:
        return 0.0, 0.0, float(width), float(height)
    eased = smoothstep(0.0, 1.0, share)
    seen = 1 / (1 + 0.09 * eased)
    room = (1 - seen) / 2
    across = (move.end[0] - move.start[0]) * 0.5
    down = (move.end[1] - move.start[1]) * 0.5
    left, top = room * (1 + max(-1, min(1, across))), room * (1 + max(-1, min(1, down)))
    return left * width, top * height, (left + seen) * width, (top + seen) * height
