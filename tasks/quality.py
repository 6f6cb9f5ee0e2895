"""Measures of clips, and of the seams and chains that they make. Values only.

`media.measure` makes the measures, `store.measured_clips` keeps them, and `quality_faults` compares
them with limits. Nothing here imports
numpy, so that a board whose clips were measured before is examined at once.

Frames count from 0 in the clip, 24 to a second, and a range excludes its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tasks.edit import EditClip
from tasks.media.film_format import FRAMES_PER_SECOND

Range = tuple[int, int]
"""The first frame of a stretch, and the frame after its last."""

_BLACK_SHARE = 0.99
_MIN_STILL_LEVELS, _MAX_STILL_LEVELS, _STILL_SHARE = 0.5, 0.7, 0.2
"""A frame is still if no block of it differs from the frame before by as many levels of luma, or by
that share of the usual movement: where grain moves, encoders change a still picture by more."""
_SETTLING_FRAMES, _SETTLING_SHARE = 3, 0.35
"""An encoder refines a still picture over so many frames, by at most this part of a movement."""
_MOVING_LEVELS = 0.5
_MIN_STILL_FRAMES = 6
"""Shorter stretches are pauses of a slow movement; they are not extended."""
_SILENT_DB = -60.0
_SAME_SCENE = 0.97
"""Pictures whose thumbnails correlate with at least this show the same, so levels compare."""


@dataclass(frozen=True)
class ClipMeasures:
    """Values of every frame of a clip."""

    frames: int
    values: Mapping[str, tuple[float, ...]]
    """By name; those of the sound are missing for mute clips."""
    flashes: tuple[tuple[int, int, float], ...] = ()
    """Changes of luminance: frame, direction (1 is brighter), share of the picture."""
    cuts: tuple[int, ...] = ()
    """The first frame of each scene that begins inside of the clip."""
    first_thumbnail: bytes = b""
    last_thumbnail: bytes = b""
    is_hdr: bool = False
    """True if levels are those of HDR and can't be compared with others."""

    @property
    def has_sound(self) -> bool:
        """True if the clip has a sound track."""
        return "peak" in self.values

    def at(self, name: str, frame: int) -> float:
        """Return the value of a frame; -1 is the last."""
        return self.values[name][frame]


def find_frame(number: int, frames: int) -> int:
    """Return the number of a frame: the last for -1, and for a number behind a short clip."""
    return number if 0 <= number < frames else frames - 1


class Step(NamedTuple):
    """The change from one picture to another that should be the same."""

    luma: float
    blue: float
    red: float
    contrast: float
    sharpness: float
    """In percent; negative is softer."""

    def plus(self, other: Step) -> Step:
        """Return both changes one after the other."""
        factor = (1 + self.sharpness / 100) * (1 + other.sharpness / 100)
        return Step(
            self.luma + other.luma,
            self.blue + other.blue,
            self.red + other.red,
            self.contrast + other.contrast,
            (factor - 1) * 100,
        )


NO_STEP = Step(0, 0, 0, 0, 0)


def measure_step(before: ClipMeasures, frame: int, after: ClipMeasures, other: int) -> Step:
    """Return the change from a frame of a clip to a frame of another clip."""
    return build_step(lambda name: (before.at(name, frame), after.at(name, other)))


def build_step(values_of: Callable[[str], tuple[float, float]]) -> Step:
    """Return the change between the two values that a function returns by their name."""

    def difference(name: str) -> float:
        before, after = values_of(name)
        return after - before

    softer, sharper = values_of("sharpness")
    return Step(
        difference("luma"),
        difference("blue"),
        difference("red"),
        difference("contrast"),
        (sharper / softer - 1) * 100 if softer else 0.0,
    )


def shows_same_scene(before: ClipMeasures, after: ClipMeasures) -> bool:
    """Return True if the last picture of a clip shows what the first of another one does."""
    pictures = before.first_thumbnail, after.last_thumbnail
    if not all(pictures) or len(pictures[0]) != len(pictures[1]):
        return False
    return _correlate(*pictures) >= _SAME_SCENE


def _correlate(picture: bytes, other: bytes) -> float:
    means = sum(picture) / len(picture), sum(other) / len(other)
    pairs = [(a - means[0], b - means[1]) for a, b in zip(picture, other, strict=True)]
    scale = sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs)
    return float(sum(a * b for a, b in pairs) / scale**0.5) if scale else 0.0


@dataclass(frozen=True)
class ShotQuality:
    """The measures of a range of a clip that the film shows."""

    shot: str
    clip: EditClip
    measures: ClipMeasures
    shown: Range

    def mean(self, name: str) -> float:
        """Return the mean of a value over the range."""
        values = self._select(name)
        return sum(values) / len(values) if values else 0.0

    def highest(self, name: str) -> float:
        """Return the highest value of the range."""
        return max(self._select(name), default=0.0)

    def total(self, name: str) -> float:
        """Return the sum of a value over the range."""
        return sum(self._select(name))

    @property
    def peak_db(self) -> float | None:
        """The highest true peak of the sound in dBTP; None without sound."""
        return self.highest("peak") if self.measures.has_sound else None

    def _select(self, name: str) -> tuple[float, ...]:
        return self.measures.values.get(name, ())[slice(*self.shown)]

    @property
    def black(self) -> list[Range]:
        """The black stretches."""
        return self._stretches("black", lambda share: share >= _BLACK_SHARE)

    @property
    def frozen(self) -> list[Range]:
        """The stretches that show the same picture, black ones left out."""
        usual = _median(value for value in self.measures.values["motion"] if value)
        limit = min(_MAX_STILL_LEVELS, max(_MIN_STILL_LEVELS, _STILL_SHARE * usual))
        stretches = self._stretches("motion", lambda levels: levels < limit)
        still = (self._with_first_picture(stretch) for stretch in stretches)
        return [
            stretch
            for stretch in still
            if not any(first <= stretch[0] and stretch[1] <= end for first, end in self.black)
        ]

    def _with_first_picture(self, stretch: Range) -> Range:
        """Return a stretch of unchanged frames with the picture that they repeat."""
        differences = self.measures.values["difference"]
        limit = _SETTLING_SHARE * _median(value for value in differences if value > _MOVING_LEVELS)
        settling = _SETTLING_FRAMES if stretch[1] - stretch[0] >= _MIN_STILL_FRAMES else 0
        first, lowest = stretch[0], max(self.shown[0] + 1, stretch[0] - settling)
        while first > lowest and differences[first - 1] < limit:
            first -= 1
        return max(self.shown[0], first - 1), stretch[1]

    @property
    def silent(self) -> list[Range]:
        """The silent stretches of a clip with sound."""
        return self._stretches("level", lambda level: level <= _SILENT_DB)

    def full_scale(self, samples: int) -> list[Range]:
        """Return the frames with more than so many samples at full scale."""
        return self._stretches("full_scale", lambda count: count > samples)

    @property
    def cuts(self) -> list[int]:
        """The first frame of each scene that begins inside of the range."""
        return [cut for cut in self.measures.cuts if self.shown[0] < cut < self.shown[1]]

    def bright(self, share: float) -> list[Range]:
        """Return the stretches in which more than a share of the picture is at its maximum."""
        return self._stretches("bright", lambda value: value > share)

    def flash_windows(self) -> list[tuple[Range, int]]:
        """Return the changes of luminance within each second, as a range, and their flashes."""
        changes: list[tuple[int, int]] = []
        for frame, direction, _ in self.measures.flashes:
            is_opposing = not changes or changes[-1][1] != direction
            if is_opposing and self.shown[0] < frame < self.shown[1]:
                changes.append((frame, direction))
        frames = [frame for frame, _ in changes]
        windows = []
        for index, first in enumerate(frames):
            last = max(frame for frame in frames if frame < first + FRAMES_PER_SECOND)
            count = (frames.index(last) - index + 1) // 2
            windows.append(((first, last + 1), count))
        return windows

    @property
    def max_flashes(self) -> int:
        """The most flashes within a second."""
        return max((count for _, count in self.flash_windows()), default=0)

    def _stretches(self, name: str, matches: Callable[[float], bool]) -> list[Range]:
        """Return the longest ranges of frames whose value matches."""
        series = self.measures.values.get(name, ())
        stretches: list[Range] = []
        for frame in range(*self.shown):
            # The first frame of a clip is compared with none.
            if frame >= len(series) or (name == "motion" and frame == self.shown[0]):
                continue
            if not matches(series[frame]):
                continue
            if stretches and stretches[-1][1] == frame:
                stretches[-1] = (stretches[-1][0], frame + 1)
            else:
                stretches.append((frame, frame + 1))
        return stretches


@dataclass(frozen=True)
class SeamQuality:
    """The change from a shot to the next one, or to another shot that starts on a frame of it."""

    before: str
    after: str
    step: Step
    difference: float | None = None
    """Mean levels of luma between the two pictures; None unless they should be the same."""
    is_visible: bool = True
    """True if the film shows both sides next to each other."""

    @property
    def is_linked(self) -> bool:
        """True if both pictures should be the same."""
        return self.difference is not None


@dataclass(frozen=True)
class ChainQuality:
    """The changes along a chain."""

    id: str
    """Id of its first shot."""
    shots: tuple[str, ...]
    """Those that were measured, in order."""
    drift: Step
    """From its beginning to its end."""
    is_same_scene: bool
    """True if its first and its last picture are compared; else the seams are added up."""
    change: Step
    """From the mean of its first shot to that of its last, whatever they show."""

    @property
    def softening(self) -> float:
        """The mean step of sharpness at a seam, in percent: a new scene is sharp again."""
        factor = max(0.0, 1 + self.drift.sharpness / 100)
        return (math.pow(factor, 1 / max(1, len(self.shots) - 1)) - 1) * 100


def _median(values: Iterable[float]) -> float:
    """Return the middle of values, or 0 if there are none."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
