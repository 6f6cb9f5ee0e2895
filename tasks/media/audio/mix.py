"""Mixes the sound of a film from the clips, the voices and the music, before its loudness is set.

Music is lowered under voices and clips; all three are written as stems if the edit asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tasks.edit import ClipPlace, FilmEdit
from tasks.media.audio.clip_sound import AudioSource, ClipSound
from tasks.media.audio.ducking import (
    BLOCK_SAMPLES,
    CLIP_THRESHOLD_DB,
    VOICE_THRESHOLD_DB,
    Activity,
    compute_gain,
    detect_sound,
)
from tasks.media.audio.music import open_music, open_voices
from tasks.media.audio.parts import SoundTrack
from tasks.media.audio.reader import Samples
from tasks.media.audio.stems import StemWriter
from tasks.media.film_format import SAMPLES_PER_FRAME, SAMPLES_PER_SECOND

_BLOCK = SAMPLES_PER_SECOND


class Mixer:
    """The mix of one film."""

    def __init__(
        self,
        edit: FilmEdit,
        places: Sequence[ClipPlace],
        sources: Sequence[AudioSource],
        total_frames: int,
        channels: int,
        folder: Path,
    ) -> None:
        """Describe the mix.

        Args:
            edit: The film.
            places: The place of each clip.
            sources: The file of each clip, as it is joined.
            total_frames: Frames of the film, its card included.
            channels: 1 or 2.
            folder: An existing folder for the stems.
        """
        self._samples = total_frames * SAMPLES_PER_FRAME
        music = edit.sound.music
        self._ducks = bool(music and music.duck)
        self._tracks: dict[str, SoundTrack] = {}
        if any(source.has_audio for source in sources):
            clips = ClipSound(edit, places, sources, total_frames, channels)
            self._tracks["clips"] = clips.open()
        if edit.sound.voice or any(clip.voice for clip in edit.clips):
            self._tracks["voice"] = open_voices(edit, places, total_frames, channels)
        if music:
            self._tracks["music"] = open_music(music, total_frames, channels)
        self._channels = channels
        self._stems = (
            {name: StemWriter(folder / f"{name}.wav", channels) for name in self._tracks}
            if edit.sound.stems
            else {}
        )

    @property
    def adds_sound(self) -> bool:
        """True if there is other sound than that of the clips."""
        return bool(self._tracks.keys() - {"clips"})

    @property
    def stems(self) -> tuple[Path, ...]:
        """The files of the stems."""
        return tuple(stem.path for stem in self._stems.values())

    def mix(self) -> Iterator[Samples]:
        """Yield the mix, in blocks of a second.

        Raises:
            MediaError: A file can't be decoded, or a stem can't be written.
        """
        blocks = self._read_tracks()
        for tracks in _duck(blocks) if self._ducks else blocks:
            for name, samples in tracks.items():
                if name in self._stems:
                    self._stems[name].write(samples)
            mixed, *others = tracks.values()
            for samples in others:
                mixed += samples
            yield mixed

    def close(self) -> None:
        """Close all files.

        Raises:
            MediaError: A stem can't be completed.
        """
        for track in self._tracks.values():
            track.close()
        for stem in self._stems.values():
            stem.close()

    def _read_tracks(self) -> Iterator[dict[str, Samples]]:
        """Yield the samples of each track, in blocks of a second."""
        for position in range(0, self._samples, _BLOCK):
            count = min(_BLOCK, self._samples - position)
            tracks = {name: track.read(count) for name, track in self._tracks.items()}
            yield tracks or {"": np.zeros((self._channels, count), np.float32)}


def _duck(blocks: Iterator[dict[str, Samples]]) -> Iterator[dict[str, Samples]]:
    """Lower the music of each block; the blocks before and after it are needed too."""
    quiet = np.zeros(_BLOCK // BLOCK_SAMPLES, np.bool_)
    before, current = quiet, next(blocks, None)
    activity = _detect(current) if current else quiet
    while current:
        following = next(blocks, None)
        after = _detect(following) if following else quiet
        music = current["music"]
        around = np.concatenate([before, activity, after])
        music *= compute_gain(around, len(before), music.shape[1])
        yield current
        before, current, activity = activity, following, after


def _detect(tracks: dict[str, Samples]) -> Activity:
    """Return where a voice or a clip sounds."""
    count = -(-tracks["music"].shape[1] // BLOCK_SAMPLES)
    activity: Activity = np.zeros(count, np.bool_)
    for name, threshold_db in (("voice", VOICE_THRESHOLD_DB), ("clips", CLIP_THRESHOLD_DB)):
        if name in tracks:
            activity |= detect_sound(tracks[name], threshold_db)
    return activity
