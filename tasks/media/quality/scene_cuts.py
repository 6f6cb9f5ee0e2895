"""Finds cuts inside of a clip from small pictures of its frames.

PySceneDetect does the same with OpenCV, which has 90 MB.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Thumbnail = NDArray[np.float32]

GRID = 24
"""Blocks of a picture in each direction."""

# Measured: neighbouring frames of simulated and film-like footage with fast pans correlate with
# more than 0.9, and change by at most 2.5 times as much as those beside them; at cuts 0.05 and 20.
_MAX_CORRELATION = 0.85
_MIN_RATIO = 3.5
_MIN_LEVELS = 2.0
_MIN_CONTRAST = 2.0
"""Levels by which the blocks of a picture vary; black has no structure that could be compared."""
_NEIGHBOURS = 3
_FLASH_FRAMES, _SAME_SCENE = 12, 0.95
"""A change is a flash if the picture before it is back after so many frames."""


def block_means(picture: NDArray[Any]) -> Thumbnail:
    """Return the means of the blocks of a picture."""
    rows, columns = (
        np.linspace(0, size, min(GRID, size) + 1).astype(np.int64) for size in picture.shape
    )
    lines = np.add.reduceat(picture, rows[:-1], axis=0, dtype=np.float32)
    sizes = np.outer(np.diff(rows), np.diff(columns))
    means: Thumbnail = (np.add.reduceat(lines, columns[:-1], axis=1) / sizes).astype(np.float32)
    return means


def correlate(picture: Thumbnail, other: Thumbnail) -> float:
    """Return the correlation of two small pictures: 1 if only brightness and contrast differ."""
    scale = float(picture.std() * other.std())
    covariance = float(((picture - picture.mean()) * (other - other.mean())).mean())
    return covariance / scale if scale else 0.0


class _Candidate(NamedTuple):
    """A change after which another scene may have begun."""

    place: int
    """Of the change."""
    before: Thumbnail
    """The last picture before it."""


class CutFinder:
    """Finds the frames at which another scene begins, from each new picture of a clip."""

    def __init__(self) -> None:
        self._previous: Thumbnail | None = None
        self._numbers: list[int] = []
        self._changes: list[float] = []
        """Levels by which each picture differs from the one before."""
        self._recent: list[_Candidate] = []
        self._candidates: list[int] = []

    def add(self, number: int, thumbnail: Thumbnail) -> None:
        """Add the next picture; frames that repeat a picture are left out."""
        previous, self._previous = self._previous, thumbnail
        if previous is None:
            return
        index = len(self._changes)
        self._numbers.append(number)
        self._changes.append(float(np.abs(thumbnail - previous).mean()))
        is_return = self._settle(index, thumbnail)
        if not is_return and self._is_other_scene(previous, thumbnail):
            self._recent.append(_Candidate(index, previous))

    def finish(self) -> tuple[int, ...]:
        """Return the first frame of each scene that begins within the clip."""
        candidates = [*self._candidates, *(candidate.place for candidate in self._recent)]
        return tuple(self._numbers[index] for index in candidates if self._is_sudden(index))

    def _settle(self, index: int, thumbnail: Thumbnail) -> bool:
        """Forget the flashes that end here, and return True if one does; settle old candidates."""
        flashes = [
            candidate
            for candidate in self._recent
            if correlate(candidate.before, thumbnail) >= _SAME_SCENE
        ]
        if flashes:
            self._recent = [
                candidate for candidate in self._recent if candidate.place < flashes[0].place
            ]
        settled = [other for other in self._recent if index - other.place >= _FLASH_FRAMES]
        self._candidates += [candidate.place for candidate in settled]
        del self._recent[: len(settled)]
        return bool(flashes)

    def _is_other_scene(self, previous: Thumbnail, thumbnail: Thumbnail) -> bool:
        return (
            self._changes[-1] >= _MIN_LEVELS
            and min(float(previous.std()), float(thumbnail.std())) >= _MIN_CONTRAST
            and correlate(previous, thumbnail) <= _MAX_CORRELATION
        )

    def _is_sudden(self, index: int) -> bool:
        """Return True if a change is much larger than those beside it, as in no camera move."""
        start = max(0, index - _NEIGHBOURS)
        beside = self._changes[start:index] + self._changes[index + 1 : index + 1 + _NEIGHBOURS]
        return self._changes[index] >= _MIN_RATIO * max(beside, default=0.0)
