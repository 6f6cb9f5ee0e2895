"""The sound of a film: its mix, brought to its loudness.

Samples are float32, 48 kHz, shape (channels, samples), 2000 per frame, and are read in order, so
that a film is never in memory. Nothing is encoded into the film here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tasks.edit import ClipPlace, FilmEdit
from tasks.media.audio.clip_sound import AudioSource
from tasks.media.audio.files import probe_audio
from tasks.media.audio.levelling import TRIAL_NAME, Level, find_level
from tasks.media.audio.limiter import limit
from tasks.media.audio.loudness import Loudness
from tasks.media.audio.mix import Mixer
from tasks.media.audio.reader import Samples
from tasks.media.audio.spool import SoundSpool
from tasks.media.compatibility import choose_channels
from tasks.media.film_format import SAMPLES_PER_FRAME
from tasks.media.probe import Clip
from tasks.sound_report import SoundReport

_MIX_CEILING = 10 ** (-1 / 20)
"""-1 dBTP: music and voices may add up to more than full scale with the sound of the clips."""


def count_film_channels(edit: FilmEdit, clips: Sequence[Clip]) -> int:
    """Return the channels of a film's sound: 2, 1, or 0 if it has none.

    Raises:
        MediaError: The file of the music or of a voice can't be read.
    """
    voices = [clip.voice for clip in edit.clips if clip.voice]
    if edit.sound.voice:
        voices.append(edit.sound.voice)
    files = {file.path for file in voices}
    if edit.sound.music:
        files.add(edit.sound.music.file.path)
    channels = (probe_audio(path).channels for path in sorted(files))
    return min(2, max(choose_channels(clips), max(channels, default=0)))


class FilmSound:
    """The sound of a film, read from its beginning to its end."""

    def __init__(
        self,
        edit: FilmEdit,
        places: Sequence[ClipPlace],
        sources: Sequence[AudioSource],
        total_frames: int,
        channels: int,
        folder: Path,
    ) -> None:
        """Describe the sound; files are opened when the first frames are read.

        Args:
            edit: The film.
            places: The place of each clip, as `lay_out` returns it.
            sources: The file of each clip, as it is joined.
            total_frames: Frames of the film at 24 per second, its card included.
            channels: See `count_film_channels`; at least 1.
            folder: An existing folder for temporary files and stems.
        """
        self._edit, self._channels, self._folder = edit, channels, folder
        self._mixer = Mixer(edit, places, sources, total_frames, channels, folder)
        self._spool: SoundSpool | None = None
        self._level: Level | None = None
        self._loudness: Loudness | None = None
        self._blocks: Iterator[Samples] | None = None
        self._rest = np.zeros((channels, 0), np.float32)

    @property
    def report(self) -> SoundReport | None:
        """The measurements, once the first frames were read; None without a loudness to reach."""
        level, loudness = self._level, self._loudness
        if level is None or loudness is None:
            return None
        if loudness.is_silent:
            return SoundReport()
        return SoundReport(loudness.lufs, loudness.true_peak_db, level.gain_db)

    @property
    def stems(self) -> tuple[Path, ...]:
        """The files of the stems in the folder, complete after `close`."""
        return self._mixer.stems

    @property
    def encoded(self) -> Path | None:
        """A file with the encoded sound at 24 frames per second, if `prepare` had to make one."""
        path = self._folder / TRIAL_NAME
        return path if self._level is not None and path.exists() else None

    def prepare(self) -> None:
        """Mix and measure the whole film if it has a loudness to reach; `read` does so too.

        Raises:
            MediaError: A file can't be decoded, or the loudness can't be reached.
        """
        if self._blocks is None:
            self._blocks = self._open()

    def read(self, frames: int) -> Samples:
        """Return the samples of the next frames, exactly 2000 of each.

        If the film has a loudness, the first call mixes and measures the whole film.

        Raises:
            MediaError: A file can't be decoded, or the loudness can't be reached.
        """
        self.prepare()
        count = frames * SAMPLES_PER_FRAME
        parts, available = [self._rest], self._rest.shape[1]
        while available < count and self._blocks is not None:
            part = next(self._blocks)
            parts.append(part)
            available += part.shape[1]
        samples = np.concatenate(parts, axis=1) if len(parts) > 1 else self._rest
        self._rest = samples[:, count:]
        return samples[:, :count]

    def close(self) -> None:
        """Close the files and remove temporary ones; stems remain.

        Raises:
            MediaError: A stem can't be completed.
        """
        self._mixer.close()
        if self._spool:
            self._spool.close()
            (self._folder / TRIAL_NAME).unlink(missing_ok=True)

    def __enter__(self) -> FilmSound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Iterator[Samples]:
        """Return the sound of the film in blocks."""
        loudness = self._edit.sound.loudness
        if loudness is None:
            mix = self._mixer.mix()
            return limit(mix, 1.0, _MIX_CEILING) if self._mixer.adds_sound else mix
        self._spool = SoundSpool(self._mixer.mix(), self._channels, self._folder)
        self._level, self._loudness = find_level(
            self._spool, self._channels, loudness, self._folder
        )
        return self._level.apply(self._spool.read())
