"""Stretches of sound in a film: where they begin and end, how they fade, and their sum.

Positions are samples of the film, 48,000 a second. A file is opened when its stretch begins and
closed when it ends, so that few files are open and little sound is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from tasks.media.audio.reader import Samples
from tasks.media.film_format import SAMPLES_PER_FRAME

FADE_SAMPLES = 480
"""10 ms: too short to be heard as a fade, long enough to prevent a click."""

# The end of a file has to be known before the fade that precedes it, and at a chained seam before
# the frame that the film drops.
_LOOK_AHEAD = SAMPLES_PER_FRAME + FADE_SAMPLES


class SoundReader(Protocol):
    """The sound of a file from a sample on; positions are counted from there."""

    @property
    def start(self) -> int | None:
        """The first sample with sound, once it is known."""

    @property
    def end(self) -> int | None:
        """The end of the sound, once it is known."""

    def look_ahead(self, count: int) -> None:
        """Decode the next samples, so that `start` and `end` are known if they are there."""

    def read(self, count: int) -> Samples:
        """Return the next samples, zeros before and after the sound."""

    def close(self) -> None:
        """Close the file."""


class Fade(NamedTuple):
    """A fade of a stretch of sound."""

    start: int
    length: int
    is_in: bool
    """True if the sound appears, and is silent before; else it is silent after."""
    is_equal_power: bool = False
    """True for different sounds, whose power adds up. Else the weights of both sides add up to 1,
    so that identical sounds keep their level."""

    def apply(self, block: Samples, position: int) -> None:
        """Fade a block that begins at `position`, in place."""
        first = self.start - position
        left = min(max(0, first), block.shape[1])
        right = min(max(0, first + self.length), block.shape[1])
        if self.is_in:
            block[:, :left] = 0
        else:
            block[:, right:] = 0
        block[:, left:right] *= self._weigh(left - first, right - first)

    def _weigh(self, left: int, right: int) -> Samples:
        angles = np.arange(left, right, dtype=np.float32) * np.float32(np.pi / 2 / self.length)
        weights: Samples = np.sin(angles) if self.is_in else np.cos(angles)
        return weights if self.is_equal_power else weights**2


def fade_in(start: int, length: int = FADE_SAMPLES, *, is_equal_power: bool = False) -> Fade:
    """Return a fade that begins at `start`."""
    return Fade(start, length, is_in=True, is_equal_power=is_equal_power)


def fade_out(end: int, length: int = FADE_SAMPLES, *, is_equal_power: bool = False) -> Fade:
    """Return a fade that ends at `end`."""
    return Fade(end - length, length, is_in=False, is_equal_power=is_equal_power)


@dataclass
class SoundPart:
    """A stretch of sound from one file."""

    open: Callable[[], SoundReader]
    """Opens the file, so that the sample at `first` is read first."""
    first: int
    end: int | None = None
    """None is the end of the file."""
    gain: float = 1.0
    fades: list[Fade] = field(default_factory=list)
    seam: int | None = None
    """Start of a chained part; this part goes on beneath it for a frame, up to `end`."""
    is_chained: bool = False
    """True if it begins at the seam of another part."""
    _reader: SoundReader | None = None
    _has_settled_start: bool = False
    _has_settled_end: bool = False

    @property
    def file_start(self) -> int | None:
        """Start of the sound of the file, once it is known."""
        start = self._reader.start if self._reader else None
        return None if start is None else self.first + start

    @property
    def file_end(self) -> int | None:
        """End of the sound of the file, once it is known."""
        end = self._reader.end if self._reader else None
        return None if end is None else self.first + end

    def is_over(self, position: int) -> bool:
        """Return True if it ends at `position` or before."""
        ends = [end for end in (self.end, self.file_end) if end is not None]
        return bool(ends) and min(ends) <= position

    def prepare(self, position: int, end: int) -> None:
        """Decode what is needed up to `end`, and find the ends of the file within.

        Args:
            position: The sample of the film that is read next.
            end: The end of the samples that are read next.

        Raises:
            MediaError: The file can't be opened or decoded.
        """
        if self._reader is None:
            self._reader = self.open()
        end = end if self.end is None else min(end, self.end)
        self._reader.look_ahead(end - max(position, self.first) + _LOOK_AHEAD)
        if not self._has_settled_start and self.file_start is not None and not self.is_chained:
            self._has_settled_start = True
            if self.file_start > self.first:
                self.fades.append(fade_in(self.file_start))
        if not self._has_settled_end and self.file_end is not None and not self._reaches_seam():
            self._has_settled_end = True
            if self.end is None or self.file_end < self.end:
                self.fades.append(fade_out(self.file_end))

    def add_to(self, block: Samples, position: int) -> None:
        """Add the samples of a block that begins at `position`.

        Raises:
            MediaError: The file can't be decoded.
        """
        end = position + block.shape[1]
        first, last = max(position, self.first), end if self.end is None else min(end, self.end)
        if self._reader is None or first >= last:
            return
        samples = self._reader.read(last - first)
        for fade in self.fades:
            fade.apply(samples, first)
        if self.gain != 1:
            samples *= self.gain
        block[:, first - position : last - position] += samples

    def cross_fade(self, following: SoundPart) -> None:
        """Fade over to the part that begins at the seam, where both have sound.

        Both show the same picture there, so that the sound of both is likely to be the same.
        """
        start, end = self.seam or 0, self.end or 0
        if self.file_end is not None:
            end = min(end, self.file_end)
        if following.file_start is not None:
            start = max(start, following.file_start)
        if end - start >= FADE_SAMPLES:
            self.fades.append(fade_out(end, end - start))
            following.fades.append(fade_in(start, end - start))
        else:
            if not self._has_settled_end:
                self.fades.append(fade_out(end))
            following.fades.append(fade_in(start))
        self._has_settled_end = True
        following._has_settled_start = following.file_start is not None
        following.is_chained = False

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()

    def _reaches_seam(self) -> bool:
        """Return True if there is enough sound after a chained seam to blend."""
        return (
            self.seam is not None
            and self.file_end is not None
            and self.file_end - self.seam >= FADE_SAMPLES
        )


class SoundTrack:
    """The sum of parts, read from its beginning."""

    def __init__(self, parts: Iterable[SoundPart], channels: int) -> None:
        """Describe the track.

        Args:
            parts: The parts in the order in which they begin; they are taken as they are needed.
            channels: 1 or 2.
        """
        self._parts = iter(parts)
        self._next = next(self._parts, None)
        self._active: list[SoundPart] = []
        self._channels = channels
        self._position = 0

    def read(self, count: int) -> Samples:
        """Return the next samples.

        Raises:
            MediaError: A file can't be opened or decoded.
        """
        block = np.zeros((self._channels, count), np.float32)
        end = self._position + count
        self._begin_parts(end)
        for part in self._active:
            part.add_to(block, self._position)
        self._position = end
        for part in [part for part in self._active if part.is_over(end)]:
            part.close()
            self._active.remove(part)
        return block

    def close(self) -> None:
        """Close the files."""
        for part in self._active:
            part.close()

    def _begin_parts(self, end: int) -> None:
        """Prepare the parts that sound before `end`."""
        for part in self._active:
            part.prepare(self._position, end)
        while self._next is not None and self._next.first < end:
            part = self._next
            part.prepare(self._position, end)
            if part.is_chained:
                self._chain(part)
            self._active.append(part)
            self._next = next(self._parts, None)

    def _chain(self, part: SoundPart) -> None:
        """Join a part to the one before it, if that still sounds."""
        previous = self._active[-1] if self._active else None
        if previous is not None and previous.seam == part.first:
            previous.cross_fade(part)
        else:
            part.fades.append(fade_in(part.file_start or part.first))
            part.is_chained = False
