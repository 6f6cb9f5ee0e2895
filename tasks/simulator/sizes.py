"""How many pixels a clip has: the vendors' table of resolution, ratio and family.

Source: the Volcengine create page, table of output sizes. Most are no multiples of 16.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

Size = tuple[int, int]

_SHARED_720P = ((1280, 720), (1112, 834), (960, 960), (834, 1112), (720, 1280), (1470, 630))
_SHARED_1080P = (
    *((1920, 1080), (1664, 1248), (1440, 1440)),
    *((1248, 1664), (1080, 1920), (2206, 946)),
)
# In the order of the columns: 16:9, 4:3, 1:1, 3:4, 9:16, 21:9.
_COLUMNS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9")
_TABLE: Mapping[str, Mapping[str, tuple[Size, ...]]] = {
    "2.5": {
        "480p": ((854, 480), (752, 560), (640, 640), (560, 752), (480, 854), (992, 432)),
        "720p": _SHARED_720P,
        "1080p": _SHARED_1080P,
    },
    "2.0": {
        "480p": ((864, 496), (752, 560), (640, 640), (560, 752), (496, 864), (992, 432)),
        "720p": _SHARED_720P,
        "1080p": _SHARED_1080P,
        "4k": (
            *((3840, 2160), (3326, 2494), (2880, 2880)),
            *((2494, 3326), (2160, 3840), (4398, 1886)),
        ),
    },
    "1.0": {
        "480p": ((864, 480), (736, 544), (640, 640), (544, 736), (480, 864), (960, 416)),
        "720p": ((1248, 704), (1120, 832), (960, 960), (832, 1120), (704, 1248), (1504, 640)),
        "1080p": (
            *((1920, 1088), (1664, 1248), (1440, 1440)),
            *((1248, 1664), (1088, 1920), (2176, 928)),
        ),
    },
}


def pixel_size(sizes: str, resolution: str, ratio: str) -> Size:
    """Return width and height; `sizes` is the column a family names."""
    return _TABLE[sizes][resolution][_COLUMNS.index(ratio)]


def closest_ratio(width: float, height: float) -> str:
    """Return the listed ratio that a picture of that size comes closest to."""
    told = math.log(width / height)
    return min(_COLUMNS, key=lambda ratio: abs(math.log(_quotient(ratio)) - told))


def _quotient(ratio: str) -> float:
    across, down = ratio.split(":")
    return int(across) / int(down)
