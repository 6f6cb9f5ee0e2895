"""The sound of a film: the clips, voices and music, mixed and brought to its loudness.

Samples are float32, 48 kHz, shape (channels, samples), 2000 per frame, and are read in order, so
that a film is never in memory. Nothing is encoded into the film here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tasks.edit import ClipPlace, FilmEdit
from tasks.media.compatibility import choose_channels
from tasks.media.film_format import FRAME_SECONDS, SAMPLES_PER_FRAME
from tasks.media.probe import Clip
from tasks.media.sound import AudioSource, Samples, mix_film_audio


@dataclass(frozen=True)
class SoundReport:
    """Measurements of the sound of a film."""

    loudness_lufs: float | None = None
    """Integrated loudness of the encoded sound; None if the edit has no target, or in silence."""
    true_peak_db: float | None = None
    """In dBTP."""
    gain_db: float | None = None
    """The gain of the mix."""
    is_silent: bool = False
    """True if the edit has a target, and there is nothing to measure."""
    stems: tuple[Path, ...] = ()
    """Files in the folder, if the edit asks for stems."""


def count_film_channels(edit: FilmEdit, clips: Sequence[Clip]) -> int:
    """Return the channels of a film's sound: 2, 1, or 0 if it has none.

    Raises:
        MediaError: The file of the music or of a voice can't be read.
    """
    del edit
    return choose_channels(clips)


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
        self.edit, self.places, self.sources = edit, places, sources
        self.total_frames, self.channels, self.folder = total_frames, channels, folder
        self.report = SoundReport()
        """Complete after the last frame was read."""
        self._clips = mix_film_audio(self._trimmed_sources(), channels)
        self._pending: Samples = np.zeros((channels, 0), np.float32)

    def read(self, frames: int) -> Samples:
        """Return the samples of the next frames, exactly 2000 of each.

        Raises:
            MediaError: A file can't be decoded, or the loudness can't be reached.
        """
        needed = frames * SAMPLES_PER_FRAME
        while self._pending.shape[1] < needed:
            silence = np.zeros((self.channels, needed), np.float32)
            self._pending = np.concatenate([self._pending, next(self._clips, silence)], axis=1)
        block, self._pending = self._pending[:, :needed], self._pending[:, needed:]
        return block

    def _trimmed_sources(self) -> Iterator[AudioSource]:
        places = self.places
        ends = [place.first_frame for place in places[1:]] + [places[-1].end_frame]
        for source, place, end in zip(self.sources, places, ends, strict=True):
            yield replace(
                source,
                frames=source.frames - place.clip_first,
                start_seconds=source.start_seconds + place.clip_first * FRAME_SECONDS,
                kept_frames=end - place.first_frame,
            )

    def close(self) -> None:
        """Close the files and remove temporary ones; stems remain."""

    def __enter__(self) -> FilmSound:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
