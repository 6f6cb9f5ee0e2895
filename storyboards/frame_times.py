"""Times in a storyboard: seconds (`1.5`) or frames (`36f`), as whole frames, 24 per second."""

from __future__ import annotations

import math
import re
from typing import Any

FRAMES_PER_SECOND = 24
"""The frame rate of every clip that a model renders, and of every film before it is conformed."""

MAX_TIME_FRAMES = 3600 * FRAMES_PER_SECOND
"""An hour: a longer time in a board is a mistake."""

_FRAMES = re.compile(r"^\s*([0-9]{1,7})\s*f\s*$")
TIME_PATTERN = r"^ *[0-9]{1,7} *f *$"


def parse_time(value: Any) -> Any:
    """Return the frames of a time: of `36f`, or those nearest to a number of seconds.

    Anything else is returned unchanged, so that the model rejects it.
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return round(value * FRAMES_PER_SECOND) if math.isfinite(value) else str(value)
    if isinstance(value, str) and (match := _FRAMES.match(value)):
        return int(match[1])
    return value


def format_time(frames: int) -> str:
    """Return a number of frames as it is written in a board, such as `36f`."""
    return f"{frames}f"
