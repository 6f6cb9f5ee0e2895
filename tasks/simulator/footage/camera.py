"""Camera moves: chosen by keywords of the prompt, and their crop boxes at each moment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.simulator.footage.drawing import smoothstep

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""
Position = tuple[float, float, float]
"""x and y from -1 to 1 of the available margin, and the zoom factor."""


@dataclass(frozen=True)
class Move:
    """A camera move between two positions."""

    name: str
    """Empty for a slight move that the prompt does not ask for."""
    start: Position
    end: Position
    depth: float = 0.55
    """Motion of the far layer relative to the near one (parallax)."""

    def at(self, progress: float) -> Position:
        """Return the position at `progress` (0 to 1) of the shot, eased at both ends."""
        eased = smoothstep(0.0, 1.0, progress)
        x, y, zoom = (
            start + (end - start) * eased for start, end in zip(self.start, self.end, strict=True)
        )
        return x, y, zoom


_RIGHT, _UP = "ll9 -50,50 30,50;lp 16,24 54,50 16,76", "ll9 0,4 0,66;lp -26,60 0,98 26,60"
_LEFT, _DOWN = "ll9 50,50 -30,50;lp -16,24 -54,50 -16,76", "ll9 0,96 0,34;lp -26,40 0,2 26,40"
_CRANE, _WHEELS = ";ll7 -40,4 -40,96", ";lO 26,14 10,10"
ARROWS = {
    "static": "lp -24,26 24,26 24,74 -24,74",
    "push in": "lp -60,24 -18,50 -60,76;lp 60,24 18,50 60,76;lo 0,50 8,8",
    "pull out": "lp -20,24 -62,50 -20,76;lp 20,24 62,50 20,76;lo 0,50 8,8",
    "pan left": _LEFT, "pan right": _RIGHT, "tilt up": _UP, "tilt down": _DOWN,
    "crane up": _UP + _CRANE, "crane down": _DOWN + _CRANE,
    "track left": _LEFT + _WHEELS, "track right": _RIGHT + _WHEELS,
    "orbit": "ll8 -50,56 -42,30 -16,14 16,14 40,28 50,52;lp 26,44 56,86 74,38",
    "drift right": _RIGHT,
}  # fmt: skip
"""The arrow of each move on the slate, as shapes of `silhouettes`."""

_STATIC = Move("static", (0.0, 0.0, 1.0), (0.0, 0.0, 1.0))
_KEYWORD_MOVES = (
    (
        r"static|locked[- ]off|fixed (?:camera|shot)|still camera|camera (?:holds|is still|fixed)",
        _STATIC,
    ),
    (
        r"push(?:es|ing)? in|dolly(?:ing)? in|zoom(?:s|ing)? in|track(?:s|ing)? in|move(?:s)? in|"
        r"push to|close in",
        Move("push in", (0.0, 0.1, 1.0), (0.12, -0.8, 1.24)),
    ),
    (
        r"pull(?:s|ing)? (?:out|back)|dolly(?:ing)? (?:out|back)|zoom(?:s|ing)? out|reveal\w*",
        Move("pull out", (0.15, -0.8, 1.24), (0.0, 0.0, 1.0)),
    ),
    (r"pan(?:s|ning)? (?:\w+ )?left", Move("pan left", (0.9, 0.0, 1.06), (-0.9, 0.0, 1.06))),
    (r"(?<!frying )pan(?:s|ning)?(?! of)", Move("pan right", (-0.9, 0.0, 1.06), (0.9, 0.0, 1.06))),
    (r"tilt(?:s|ing)? down", Move("tilt down", (0.0, -0.85, 1.06), (0.0, 0.85, 1.06))),
    (r"tilt(?:s|ing)?", Move("tilt up", (0.0, 0.85, 1.06), (0.0, -0.85, 1.06))),
    (
        r"(?:crane|boom|pedestal)(?:s|ing)? down|descend\w*",
        Move("crane down", (0.0, -0.85, 1.02), (0.0, 0.75, 1.14), 0.4),
    ),
    (
        r"crane\w*|boom(?:s|ing)? up|drone|aerial|camera rises?|rises? above",
        Move("crane up", (0.0, 0.85, 1.14), (0.0, -0.75, 1.02), 0.4),
    ),
    (
        r"(?:track|truck|dolly|slid)\w* (?:shot )?(?:to the |right to )?left|right to left",
        Move("track left", (0.95, 0.05, 1.08), (-0.95, 0.05, 1.08), 0.25),
    ),
    (
        r"(?:track|dolly|follow|slide|steadicam|trucking)\w*",
        Move("track right", (-0.95, 0.05, 1.08), (0.95, 0.05, 1.08), 0.25),
    ),
    (r"orbit\w*|arc(?:s|ing)?", Move("orbit", (-0.9, 0.15, 1.05), (0.9, -0.1, 1.16), 0.3)),
    (r"drift\w*|float\w*|glid\w*", Move("drift right", (-0.6, 0.3, 1.03), (0.6, -0.3, 1.10))),
)
_DEFAULT_MOVES = (
    Move("", (-0.1, 0.1, 1.0), (0.15, 0.05, 1.16)),
    Move("", (0.2, 0.1, 1.16), (0.0, 0.0, 1.0)),
    Move("", (-0.7, 0.1, 1.05), (0.7, -0.1, 1.08)),
    Move("", (0.7, 0.1, 1.05), (-0.7, -0.1, 1.08)),
    Move("", (0.1, 0.6, 1.06), (-0.1, -0.5, 1.10)),
)


def choose_move(prompt: str, random_value: float, *, camera_fixed: bool) -> Move:
    """Return the camera move for a prompt.

    Args:
        prompt: The first keyword of the table that occurs in it decides.
        random_value: 0 to 1; chooses a move if the prompt has no keyword.
        camera_fixed: Always return the static move.
    """
    if camera_fixed:
        return _STATIC
    text = prompt.lower()
    for pattern, move in _KEYWORD_MOVES:
        if re.search(rf"\b(?:{pattern})\b", text):
            return move
    return _DEFAULT_MOVES[int(random_value * 0.999 * len(_DEFAULT_MOVES))]


def layer_box(
    size: tuple[int, int], margin: float, position: Position, *, depth: float = 1.0
) -> Box:
    """Return the visible box of a layer.

    Args:
        size: Width and height of the layer's canvas.
        margin: Size of the canvas relative to the frame.
        position: Position of the camera.
        depth: Motion of the layer relative to the camera.
    """
    width, height = size
    x, y, zoom = position
    visible = 1 / (margin * (1 + (zoom - 1) * depth))
    slack = (1 - visible) / 2
    # Limited by the margin at zoom 1, so that zooming in does not speed up a pan.
    travel = min(slack, (1 - 1 / margin) / 2) * depth
    left, top = slack + x * travel, slack + y * travel
    return left * width, top * height, (left + visible) * width, (top + visible) * height


def still_box(size: tuple[int, int], move: Move, progress: float) -> Box:
    """Return the visible box of a still: all of it at progress 0, then zoomed in by up to 9 %.

    Nothing lies beyond the edges of a still, so every move except a static one zooms in.
    """
    width, height = size
    if move.name == "static" or progress <= 0:
        return 0.0, 0.0, float(width), float(height)
    eased = smoothstep(0.0, 1.0, progress)
    visible = 1 / (1 + 0.09 * eased)
    slack = (1 - visible) / 2
    x = (move.end[0] - move.start[0]) * 0.5
    y = (move.end[1] - move.start[1]) * 0.5
    left, top = slack * (1 + max(-1, min(1, x))), slack * (1 + max(-1, min(1, y)))
    return left * width, top * height, (left + visible) * width, (top + visible) * height
