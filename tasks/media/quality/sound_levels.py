"""Measures the sound of a clip for each frame of the film: level, true peak, samples at full scale.

Loudness does not belong here: it is a value of the whole film.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from tasks.media.container import to_fraction
from tasks.media.film_format import SAMPLES_PER_FRAME, SAMPLES_PER_SECOND
from tasks.media.probe import Clip

Samples = NDArray[np.float32]

SILENCE_DB = -120.0
"""The level of digital silence."""

_FULL_SCALE = 32767 / 32768
_OVERSAMPLING, _TAPS = 4, 12
"""As in ITU-R BS.1770-5, annex 2: 48 taps in 4 phases."""


def _build_phases() -> Samples:
    """Return a low-pass filter for four times the sampling rate, a line per phase."""
    times = (np.arange(_OVERSAMPLING * _TAPS) - (_OVERSAMPLING * _TAPS - 1) / 2) / _OVERSAMPLING
    taps = np.sinc(times) * np.kaiser(_OVERSAMPLING * _TAPS, 5)
    phases = taps.reshape(_TAPS, _OVERSAMPLING).T
    weights: Samples = (phases / phases.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


_PHASES = _build_phases()


class SoundMeter:
    """Measures samples as they are decoded; at most a second of them is in memory."""

    def __init__(self, clip: Clip, total_frames: int) -> None:
        self.start_seconds = Fraction(0)
        """Timestamp of the first frame of the picture."""
        self._has_sound = clip.has_audio
        self._total = total_frames
        self._resampler: AudioResampler | None = None
        self._pending = np.zeros((1, 0), np.float32)
        self._history = np.zeros((1, _TAPS - 1), np.float32)
        self._position: int | None = None
        """The place of the next sample on the clock of the picture."""
        self._levels: list[float] = []
        self._peaks: list[float] = []
        self._full_scale: list[int] = []

    def add(self, frame: AudioFrame) -> None:
        """Measure decoded samples."""
        if self._resampler is None:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            self._resampler = AudioResampler("fltp", layout, SAMPLES_PER_SECOND)
        if self._position is None and frame.pts is not None and frame.time_base:
            seconds = frame.pts * to_fraction(frame.time_base) - self.start_seconds
            self._begin_at(round(seconds * SAMPLES_PER_SECOND))
        for converted in self._resampler.resample(frame):
            self._append(_to_samples(converted))

    def end(self) -> None:
        """Measure what is left, with silence up to the end of its frame."""
        if self._resampler:
            for converted in self._resampler.resample(None):
                self._append(_to_samples(converted))
        if self._pending.shape[1]:
            missing = SAMPLES_PER_FRAME - self._pending.shape[1]
            self._append(np.zeros((len(self._pending), missing), np.float32))

    def finish(self, frames: int) -> dict[str, list[float]]:
        """Return a value for each frame, with silence after the sound; nothing of mute clips."""
        if not self._has_sound:
            return {}
        missing = frames - len(self._levels)
        return {
            "level": (self._levels + [SILENCE_DB] * missing)[:frames],
            "peak": (self._peaks + [SILENCE_DB] * missing)[:frames],
            "full_scale": ([*map(float, self._full_scale)] + [0.0] * missing)[:frames],
        }

    def _begin_at(self, position: int) -> None:
        """Put silence before sound that begins after the picture, and drop what is before it."""
        self._position = position
        limit = (self._total + 1) * SAMPLES_PER_FRAME
        if position > 0:
            self._pending = np.zeros((1, min(position, limit)), np.float32)

    def _append(self, block: Samples) -> None:
        position = self._position or 0
        self._position = position + block.shape[1]
        block = block[:, max(0, -position) :]
        if len(block) != len(self._pending):
            self._pending = np.repeat(self._pending[:1], len(block), axis=0)
            self._history = np.repeat(self._history[:1], len(block), axis=0)
        self._pending = np.concatenate((self._pending, block), axis=1)
        while self._pending.shape[1] >= SAMPLES_PER_FRAME and len(self._levels) < self._total:
            self._measure(self._pending[:, :SAMPLES_PER_FRAME])
            self._pending = self._pending[:, SAMPLES_PER_FRAME:]
        if len(self._levels) >= self._total:
            self._pending = self._pending[:, :0]

    def _measure(self, samples: Samples) -> None:
        """Measure the samples of one frame of the film."""
        joined = np.concatenate((self._history, samples), axis=1)
        self._history = samples[:, -(_TAPS - 1) :]
        windows = np.lib.stride_tricks.sliding_window_view(joined, _TAPS, axis=1)
        peak = max(float(np.abs(windows @ _PHASES.T).max()), float(np.abs(samples).max()))
        mean_square = float(np.mean(np.square(samples), axis=1).max())
        self._levels.append(round(_to_decibels(math.sqrt(mean_square)), 1))
        self._peaks.append(round(_to_decibels(peak), 2))
        self._full_scale.append(int((np.abs(samples) >= _FULL_SCALE).sum()))


def _to_samples(frame: AudioFrame) -> Samples:
    return np.asarray(frame.to_ndarray(), np.float32)


def _to_decibels(amplitude: float) -> float:
    return max(SILENCE_DB, 20 * math.log10(amplitude)) if amplitude > 0 else SILENCE_DB
