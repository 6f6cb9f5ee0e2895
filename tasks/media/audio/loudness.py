"""Loudness and true peaks of sound, as ITU-R BS.1770 and EBU R128 define them.

libavfilter's `ebur128` measures. `levelling` decides what is done with the result.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
from av.filter import Graph

from tasks.media.audio.reader import Samples
from tasks.media.audio.track import LAYOUTS, to_frame
from tasks.media.film_format import SAMPLES_PER_SECOND

SILENCE_LUFS = -70.0
"""The absolute gate of BS.1770: quieter sound is not measured."""


class Loudness(NamedTuple):
    """The loudness of a sound."""

    lufs: float
    """Integrated loudness; `SILENCE_LUFS` if nothing is above the gate."""
    true_peak_db: float
    """In dBTP; minus infinity in digital silence."""

    @property
    def is_silent(self) -> bool:
        """True if there is nothing to measure."""
        return self.lufs <= SILENCE_LUFS


def measure_loudness(
    blocks: Iterable[Samples], channels: int, *, with_peaks: bool = True
) -> Loudness:
    """Measure a sound.

    Args:
        blocks: The sound.
        channels: 1 or 2.
        with_peaks: Measure peaks between samples too, which takes most of the time.
    """
    meter = _Meter(channels, with_peaks=with_peaks)
    for block in blocks:
        meter.add(block)
    return meter.finish()


class _Meter:
    """Measures sound that is added block by block."""

    def __init__(self, channels: int, *, with_peaks: bool) -> None:
        self._graph = Graph()
        source = self._graph.add_abuffer(
            sample_rate=SAMPLES_PER_SECOND,
            format="fltp",
            layout=LAYOUTS[channels],
            time_base=Fraction(1, SAMPLES_PER_SECOND),
        )
        peak = "true" if with_peaks else "none"
        meter = self._graph.add("ebur128", f"metadata=1:peak={peak}:framelog=quiet")
        self._graph.link_nodes(source, meter, self._graph.add("abuffersink")).configure()
        self._position = 0
        self._lufs = SILENCE_LUFS
        self._true_peak = 0.0

    def add(self, samples: Samples) -> None:
        """Measure more samples."""
        if not samples.shape[1]:
            return
        frame = to_frame(samples, self._position)
        self._position += samples.shape[1]
        # The filter reports every 100 ms; of the last samples the sample peak counts.
        self._true_peak = max(self._true_peak, float(np.abs(samples[:, -4800:]).max()))
        self._graph.push(frame)
        self._pull()

    def finish(self) -> Loudness:
        """Return the loudness of all samples."""
        self._graph.push(None)
        self._pull()
        peak = self._true_peak
        return Loudness(self._lufs, 20 * math.log10(peak) if peak > 0 else -math.inf)

    def _pull(self) -> None:
        while True:
            try:
                metadata = self._graph.pull().metadata
            except (av.BlockingIOError, av.EOFError):
                return
            if "lavfi.r128.I" in metadata:
                self._lufs = max(SILENCE_LUFS, float(metadata["lavfi.r128.I"]))
                true_peak = float(metadata.get("lavfi.r128.true_peak", 0))
                self._true_peak = max(self._true_peak, true_peak)
