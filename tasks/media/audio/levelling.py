"""Brings a film's mix to its loudness, measured after encoding.

The gain is found by measuring the mix itself, with the limiter that keeps its peaks. Then the sound
is encoded as the film has it, decoded and measured again, because the encoder changes both loudness
and peaks; what it adds is taken off in the next round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from tasks.edit import LoudnessEdit
from tasks.errors import MediaError
from tasks.media.audio.limiter import limit
from tasks.media.audio.loudness import Loudness, measure_loudness
from tasks.media.audio.reader import AudioReader, Samples
from tasks.media.audio.spool import SoundSpool
from tasks.media.audio.track import AudioTrack
from tasks.media.container import audio_stream, open_clip_file
from tasks.media.film_file import open_film
from tasks.media.film_format import SAMPLES_PER_SECOND

TOLERANCE_LU = 0.3
"""Half of what broadcasters allow: EBU R128 has 0.5 LU."""
TRIAL_NAME = "trial.m4a"
"""The file that is measured, not written if the mix is silent."""
_AIM_LU = 0.1
"""The rounds end below this distance, so that a meter of another make is within the tolerance."""
_PEAK_MARGIN_DB = 0.5
"""Distance of the limiter from the highest peak at first: the encoder adds about as much."""
_PEAK_STEP_DB = 0.1
_MIN_SLOPE = 0.2
"""Of loudness over gain: the limiter takes the rest."""
_MAX_LIMITING_DB = 20.0
"""Gain that the limiter takes off again; a sound that needs more is only noise."""
_PCM_TOLERANCE_LU = 0.04
_GAIN_TOLERANCE_DB = 0.05
_PCM_ROUNDS = 8
_ENCODED_ROUNDS = 5


class Level(NamedTuple):
    """The gain and the limit that bring a mix to its loudness."""

    gain_db: float
    ceiling_db: float | None
    """Of the limiter; None if no peak reaches it."""

    def apply(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        """Yield a mix at its level."""
        factor = 10 ** (self.gain_db / 20)
        if self.ceiling_db is None:
            return (block * factor for block in blocks)
        return limit(blocks, factor, 10 ** (self.ceiling_db / 20))


def find_level(
    mix: SoundSpool, channels: int, target: LoudnessEdit, folder: Path
) -> tuple[Level, Loudness]:
    """Return the level at which a mix has its loudness, and its loudness in the film.

    Silence is not changed.

    Args:
        mix: The mix.
        channels: 1 or 2.
        target: The loudness and the highest peak.
        folder: An existing folder for `TRIAL_NAME`, which has the encoded mix at its level.

    Raises:
        MediaError: The mix needs more gain than is allowed, or can't be that loud.
    """
    original = measure_loudness(mix.read(), channels)
    if original.is_silent:
        return Level(0.0, None), original
    return _Search(mix, channels, target, original, folder).run()


class _Search:
    """The search for the level of one mix."""

    def __init__(
        self,
        mix: SoundSpool,
        channels: int,
        target: LoudnessEdit,
        original: Loudness,
        folder: Path,
    ) -> None:
        self._mix, self._channels, self._target = mix, channels, target
        self._original = original
        self._trial = folder / TRIAL_NAME
        self._extra_db = 0.0
        """Gain that the limiter takes off again."""

    def run(self) -> tuple[Level, Loudness]:
        """Return the level, and the loudness after encoding.

        Raises:
            MediaError: It needs too much gain, or does not exist.
        """
        target = self._target
        aim, ceiling = target.target_lufs, target.peak_db - _PEAK_MARGIN_DB
        for number in range(1, _ENCODED_ROUNDS + 1):
            level = self._find_gain(aim, ceiling)
            measured = self._encode(level)
            difference = target.target_lufs - measured.lufs
            excess = measured.true_peak_db - target.peak_db
            tolerance = _AIM_LU if number < _ENCODED_ROUNDS else TOLERANCE_LU
            if abs(difference) <= tolerance and excess <= 0:
                return level, measured
            aim += difference
            if excess > 0:
                ceiling -= excess + _PEAK_STEP_DB
        raise self._unreachable(measured)

    def _find_gain(self, aim: float, ceiling: float) -> Level:
        """Return the gain at which the mix itself has a loudness, with its peaks limited."""
        linear = aim - self._original.lufs
        self._require_gain(linear)
        if self._original.true_peak_db + linear <= ceiling:
            return Level(linear, None)
        gain, previous = linear + self._extra_db, None
        for _ in range(_PCM_ROUNDS):
            self._require_gain(gain)
            blocks = Level(gain, ceiling).apply(self._mix.read())
            measured = measure_loudness(blocks, self._channels, with_peaks=False)
            lufs = measured.lufs
            missing = aim - lufs
            if gain - linear > _MAX_LIMITING_DB:
                raise self._unreachable(measured)
            if abs(missing) <= _PCM_TOLERANCE_LU:
                break
            slope = (lufs - previous[1]) / (gain - previous[0]) if previous else 1.0
            previous = gain, lufs
            gain += missing / min(1.0, max(_MIN_SLOPE, slope))
            gain = min(gain, linear + _MAX_LIMITING_DB + 1)
        self._extra_db = gain - linear
        return Level(gain, ceiling)

    def _encode(self, level: Level) -> Loudness:
        """Measure the mix at a level as it is in a film."""
        with open_film(self._trial) as film:
            track = AudioTrack(film, self._channels)
            for block in level.apply(self._mix.read()):
                track.append(block)
            track.finish()
        return measure_loudness(_decode(self._trial, self._channels), self._channels)

    def _require_gain(self, gain_db: float) -> None:
        """Check that a gain is allowed.

        Raises:
            MediaError: It is not.
        """
        allowed, target = self._target.max_gain_db, self._target.target_lufs
        if gain_db <= allowed + _GAIN_TOLERANCE_DB:
            return
        message = (
            f"the film's sound has {self._original.lufs:.1f} LUFS, so that {target:g} LUFS need "
            f"{gain_db:.1f} dB of gain, and {allowed:g} dB are allowed; choose a lower loudness, "
            f"or allow it with loudness: {{target: {target:g} LUFS, max_gain_db: "
            f"{math.ceil(gain_db)}}}"
        )
        raise MediaError(message)

    def _unreachable(self, measured: Loudness) -> MediaError:
        target = self._target
        return MediaError(
            f"the film's sound can't have {target.target_lufs:g} LUFS with true peaks of at most "
            f"{target.peak_db:g} dBTP: it has {measured.lufs:.1f} LUFS at "
            f"{measured.true_peak_db:.1f} dBTP; choose a lower loudness or a higher peak_db"
        )


def _decode(path: Path, channels: int) -> Iterator[Samples]:
    """Yield the sound of a file that was just written."""
    container = open_clip_file(path)
    reader = AudioReader(container, audio_stream(container), path, channels, zero=Fraction(0))
    try:
        while reader.end is None:
            reader.look_ahead(SAMPLES_PER_SECOND)
            yield reader.read(min(SAMPLES_PER_SECOND, reader.available))
    finally:
        reader.close()
