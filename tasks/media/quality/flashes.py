"""Finds the changes of luminance that flashes consist of.

The rule is that of ITU-R BT.1702-3 and of Ofcom's guidance note 2 annex 1 (HardingFPA) for general
flashes on a screen of 200 cd/m2: a flash is a pair of opposing changes of luminance of 20 cd/m2 or
more, the darker picture is below 160 cd/m2, and more than a quarter of the screen changes at the
same time. More than three flashes within a second are a fault; they are counted in `tasks.quality`.
Red flashes and regular patterns are not examined, and this is not a certified test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.media.quality.scene_cuts import Thumbnail, block_means

_MIN_CHANGE, _MAX_DARKER = 20.0, 160.0
_MIN_AREA = 0.25
_SPAN = 3
"""Frames within which changes count as being at the same time: encoders soften them."""

_PEAK, _GAMMA = 200.0, 2.4
_SIGNAL = np.clip((np.arange(256) - 16) / 219, 0, 1)
_LUMINANCE = (_PEAK * _SIGNAL**_GAMMA).astype(np.float32)
"""Luminance in cd/m2 of each level of luma (ITU-R BT.1886)."""


class FlashMeter:
    """Finds the frames at which a quarter of the picture becomes brighter or darker."""

    def __init__(self) -> None:
        self._lowest: Thumbnail | None = None
        self._highest: Thumbnail | None = None
        self._directions: NDArray[np.int8] | None = None
        """Of the last change of each block: 1 is brighter, -1 is darker."""
        self._recent: list[tuple[int, dict[int, NDArray[np.bool_]]]] = []
        """The blocks that changed in the last frames, by direction."""
        self._changes: list[tuple[int, int, float]] = []

    def add(self, number: int, luma: NDArray[np.uint8]) -> None:
        """Add a frame; frames that repeat a picture may be left out."""
        luminance = block_means(_LUMINANCE[luma])
        if self._lowest is None or self._highest is None or self._directions is None:
            self._lowest, self._highest = luminance.copy(), luminance.copy()
            self._directions = np.zeros(luminance.shape, np.int8)
            return
        self._lowest = np.minimum(self._lowest, luminance)
        self._highest = np.maximum(self._highest, luminance)
        brighter = (luminance - self._lowest >= _MIN_CHANGE) & (self._lowest < _MAX_DARKER)
        darker = (self._highest - luminance >= _MIN_CHANGE) & (luminance < _MAX_DARKER)
        brighter &= self._directions <= 0
        darker &= (self._directions >= 0) & ~brighter
        self._directions[brighter], self._directions[darker] = 1, -1
        # The next change begins at the extreme that this one leads to.
        self._highest[brighter] = luminance[brighter]
        self._lowest[darker] = luminance[darker]
        self._record(number, {1: brighter, -1: darker})

    def finish(self) -> tuple[tuple[int, int, float], ...]:
        """Return the frame, the direction (1 is brighter) and the area of each change."""
        return tuple(self._changes)

    def _record(self, number: int, blocks: dict[int, NDArray[np.bool_]]) -> None:
        self._recent = [item for item in self._recent if item[0] > number - _SPAN]
        self._recent.append((number, blocks))
        for direction in blocks:
            changed = [(frame, item[direction]) for frame, item in self._recent]
            area = float(np.logical_or.reduce([block for _, block in changed]).mean())
            if area > _MIN_AREA:
                first = next(frame for frame, block in changed if block.any())
                self._changes.append((first, direction, round(area, 3)))
                for _, block in changed:
                    block[:] = False
