"""The sound of a film at another rate: stretched with the picture, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from tasks.film_rates import FilmRate
from tasks.media.audio.reader import Samples
from tasks.media.audio.track import LAYOUTS, to_frame
from tasks.media.film_format import SAMPLES_PER_SECOND

ReadSamples = Callable[[int], Samples]
"""Returns the samples of the next frames of a film at 24 per second."""


class RateSound:
    """The sound of a film at a rate, read from its beginning to its end.

    At 23.976 and 29.97 it is resampled by 0.1 %, with the pitch, as the picture is slower by as
    much; otherwise it is unchanged. It ends with the last frame of the film.
    """

    def __init__(self, read: ReadSamples, frames: int, rate: FilmRate, channels: int) -> None:
        """Describe the sound; nothing is read yet.

        Args:
            read: Returns the next samples at 24 frames per second.
            frames: The number of frames at 24 per second.
            rate: The rate of the film.
            channels: The number of channels.
        """
        self._read = read
        self._remaining = round(rate.duration(frames) * SAMPLES_PER_SECOND)
        self._unread = frames
        self._stretcher = None if rate.stretch == 1 else _Stretcher(rate.stretch, channels)

    @property
    def unread_frames(self) -> int:
        """Frames at 24 per second that were not read yet."""
        return self._unread

    def read(self, frames: int) -> Samples:
        """Return the samples of the next frames at 24 per second.

        They are a few more or less than those of the frames, except in sum.
        """
        frames = min(frames, self._unread)
        self._unread -= frames
        samples = self._read(frames)
        if self._stretcher:
            samples = self._stretcher.stretch(samples)
        if self._unread == 0:
            samples = self._complete(samples)
        self._remaining -= samples.shape[1]
        return samples

    def _complete(self, samples: Samples) -> Samples:
        if self._stretcher:
            samples = np.concatenate([samples, self._stretcher.finish()], axis=1)
        samples = samples[:, : self._remaining]
        return np.pad(samples, ((0, 0), (0, self._remaining - samples.shape[1])))


class _Stretcher:
    """Resamples to more samples, which are played at the same rate."""

    def __init__(self, stretch: Fraction, channels: int) -> None:
        rate = int(SAMPLES_PER_SECOND * stretch)
        self._resampler = AudioResampler(format="fltp", layout=LAYOUTS[channels], rate=rate)
        self._nothing = np.zeros((channels, 0), np.float32)
        self._position = 0

    def stretch(self, samples: Samples) -> Samples:
        frame = to_frame(samples, self._position)
        self._position += samples.shape[1]
        return self._collect(self._resampler.resample(frame))

    def finish(self) -> Samples:
        return self._collect(self._resampler.resample(None))

    def _collect(self, frames: Sequence[AudioFrame]) -> Samples:
        blocks = [frame.to_ndarray().astype(np.float32, copy=False) for frame in frames]
        return np.concatenate([self._nothing, *blocks], axis=1)
