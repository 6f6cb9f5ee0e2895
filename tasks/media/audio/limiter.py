"""A limiter for true peaks: lowers the sound just before a peak, and lets it rise slowly after.

Peaks are found at four times the sample rate, as in ITU-R BS.1770, since a wave may be higher
between two samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from tasks.media.audio.reader import Samples, to_array
from tasks.media.audio.track import LAYOUTS, to_frame
from tasks.media.film_format import SAMPLES_PER_SECOND

_OVERSAMPLING = 4
_BLOCK = 48
"""1 ms, the resolution of the gain."""
_LOOK_AHEAD = 5
"""Blocks in which the gain falls before a peak."""
_RELEASE = 1 - np.exp(-1 / 80)
"""Share of the way back to full level in a block: a time constant of 80 ms."""
_FULL = 1 - 1e-4

Gains = NDArray[np.float64]


def limit(blocks: Iterable[Samples], factor: float, ceiling: float) -> Iterator[Samples]:
    """Yield amplified sound whose true peaks are not above a ceiling.

    Args:
        blocks: The sound.
        factor: The gain, as a factor.
        ceiling: The highest peak, full scale being 1.

    Yields:
        The same number of samples, in other blocks.
    """
    limiter = _Limiter(ceiling)
    for block in blocks:
        yield limiter.process(block * np.float32(factor))
    yield limiter.flush()


class _Limiter:
    """The state of a limiter between two blocks."""

    def __init__(self, ceiling: float) -> None:
        self._ceiling = ceiling
        self._peaks: _PeakReader | None = None
        self._held: list[Samples] = []
        """Samples that were not returned yet."""
        self._waiting = np.ones(0)
        """Gains that blocks need, after the last block whose gain is known."""
        self._released = 1.0
        self._recent = np.ones(0)
        """The last gains before they were smoothed."""
        self._gains = np.ones(0)
        """Of the blocks of the held samples, as far as they are known."""
        self._last: float | None = None
        """The gain at the end of the last block that was returned."""

    def process(self, samples: Samples) -> Samples:
        """Take more samples, and return those whose gain is known."""
        self._peaks = self._peaks or _PeakReader(len(samples))
        self._held.append(samples)
        self._add(self._peaks.read(samples))
        return self._emit(len(self._gains) - 1)

    def flush(self) -> Samples:
        """Return the rest of the samples."""
        if self._peaks is not None:
            self._add(self._peaks.flush())
        blocks = -(-sum(block.shape[1] for block in self._held) // _BLOCK)
        self._add(np.zeros(blocks + _LOOK_AHEAD + 1))
        return self._emit(blocks)

    def _add(self, peaks: Gains) -> None:
        """Compute the gains of the blocks whose following blocks are known."""
        needed = np.minimum(1, self._ceiling / np.maximum(peaks, 1e-9))
        known = np.concatenate([self._waiting, needed])
        count = max(0, len(known) - _LOOK_AHEAD)
        self._waiting = known[count:]
        if not count:
            return
        lowest = np.min([known[k : k + count] for k in range(_LOOK_AHEAD + 1)], axis=0)
        released = self._release(lowest)
        # The sound begins at the gain of its first block.
        recent = self._recent if len(self._recent) else np.full(_LOOK_AHEAD, released[0])
        gains = np.concatenate([recent, released])
        # Each mean has only gains that are low enough for the block, so it is low enough too.
        smooth = np.mean([gains[k : k + count] for k in range(_LOOK_AHEAD + 1)], axis=0)
        self._recent = gains[-_LOOK_AHEAD:]
        self._gains = np.concatenate([self._gains, smooth])

    def _release(self, lowest: Gains) -> Gains:
        """Return gains that fall at once and rise slowly."""
        if self._released > _FULL and lowest.min() == 1:
            return lowest
        gains = []
        for gain in lowest.tolist():
            self._released = min(gain, self._released + (1 - self._released) * _RELEASE)
            gains.append(self._released)
        return np.array(gains)

    def _emit(self, blocks: int) -> Samples:
        """Return the samples of the next blocks; the gain of one more is known."""
        held = np.concatenate(self._held, axis=1) if self._held else np.zeros((1, 0), np.float32)
        if blocks <= 0:
            return held[:, :0]
        samples = held[:, : blocks * _BLOCK]
        ends = np.minimum(self._gains[:blocks], self._gains[1 : blocks + 1])
        first = self._gains[0] if self._last is None else self._last
        points = np.concatenate([[first], ends])
        ramp = np.interp(np.arange(samples.shape[1]) / _BLOCK, np.arange(blocks + 1), points)
        self._last = float(ends[-1])
        self._gains = self._gains[blocks:]
        self._held = [held[:, samples.shape[1] :]]
        limited: Samples = samples * ramp.astype(np.float32)
        return limited


class _PeakReader:
    """Finds the true peak of each block of a sound."""

    def __init__(self, channels: int) -> None:
        rate = SAMPLES_PER_SECOND * _OVERSAMPLING
        self._resampler = AudioResampler("fltp", LAYOUTS[channels], rate)
        self._rest = np.zeros((channels, 0), np.float32)
        self._position = 0

    def read(self, samples: Samples) -> Gains:
        """Take more samples, and return the peaks of the blocks that are complete."""
        frame = to_frame(samples, self._position)
        self._position += samples.shape[1]
        return self._measure(self._resampler.resample(frame))

    def flush(self) -> Gains:
        """Return the peaks of the remaining blocks."""
        peaks = self._measure(self._resampler.resample(None))
        rest = np.abs(self._rest).max(initial=0)
        return np.append(peaks, rest)

    def _measure(self, frames: list[AudioFrame]) -> Gains:
        oversampled = np.concatenate([self._rest, *map(to_array, frames)], axis=1)
        length = _BLOCK * _OVERSAMPLING
        count = oversampled.shape[1] // length
        self._rest = oversampled[:, count * length :]
        blocks = np.abs(oversampled[:, : count * length]).reshape(len(oversampled), count, length)
        peaks: Gains = blocks.max(axis=(0, 2), initial=0).astype(np.float64)
        return peaks
