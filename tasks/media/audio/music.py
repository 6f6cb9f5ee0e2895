"""The music of a film and its recorded voices, as tracks of the film's length.

Whether the music is lowered under speech is decided in `ducking`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from storyboards.frame_times import format_time
from tasks.edit import ClipPlace, FilmEdit, MusicEdit
from tasks.errors import MediaError
from tasks.media.audio.files import decode_audio, open_audio, require_audio, without_sound
from tasks.media.audio.parts import (
    FADE_SAMPLES,
    SoundPart,
    SoundTrack,
    fade_in,
    fade_out,
)
from tasks.media.audio.reader import AudioReader, Samples
from tasks.media.film_format import SAMPLES_PER_FRAME, SAMPLES_PER_SECOND

_MIN_LOOP_SAMPLES = SAMPLES_PER_SECOND // 2
"""A shorter file is not music, and a film would open it thousands of times."""


def open_music(music: MusicEdit, total_frames: int, channels: int) -> SoundTrack:
    """Return the music of a film with its fades; it is not lowered under speech here.

    Args:
        music: The music.
        total_frames: Frames of the film.
        channels: 1 or 2.
    """
    end = total_frames * SAMPLES_PER_FRAME
    opener = partial(_open_reader, music.file.path, channels, music.start_frame)
    part = SoundPart(partial(LoopReader, opener) if music.loop else opener, 0, end)
    part.gain = _to_factor(music.gain_db)
    lengths = [
        frames * SAMPLES_PER_FRAME for frames in (music.fade_in_frames, music.fade_out_frames)
    ]
    # Music may begin or end anywhere in a file.
    part.fades.append(fade_in(0, max(FADE_SAMPLES, lengths[0]), is_equal_power=True))
    part.fades.append(fade_out(end, max(FADE_SAMPLES, lengths[1]), is_equal_power=True))
    return SoundTrack([part], channels)


def open_voices(
    edit: FilmEdit, places: Sequence[ClipPlace], total_frames: int, channels: int
) -> SoundTrack:
    """Return the recorded voices of a film: over the whole film, and from shots on.

    A voice goes on over the following shots, and ends with the film.

    Args:
        edit: The film.
        places: The place of each clip.
        total_frames: Frames of the film.
        channels: 1 or 2.
    """
    voices = [
        (place.first_frame + clip.voice_frame, clip.voice.path, clip.voice_gain_db)
        for clip, place in zip(edit.clips, places, strict=True)
        if clip.voice
    ]
    if edit.sound.voice:
        sound = edit.sound
        voices.append((sound.voice_frame, edit.sound.voice.path, sound.voice_gain_db))
    end = total_frames * SAMPLES_PER_FRAME
    parts = []
    for frame, path, gain_db in sorted(voices):
        first = frame * SAMPLES_PER_FRAME
        part = SoundPart(partial(_open_reader, path, channels), first, end, _to_factor(gain_db))
        part.fades.extend([fade_in(first), fade_out(end)])
        parts.append(part)
    return SoundTrack(parts, channels)


class LoopReader:
    """A sound file that is repeated without end; its end fades into its beginning."""

    start = 0
    end: int | None = None

    def __init__(self, open_reader: Callable[[], AudioReader]) -> None:
        """Open the file.

        Raises:
            MediaError: The file can't be opened, or is too short.
        """
        self._open = open_reader
        self._reader = open_reader()
        self._reader.look_ahead(_MIN_LOOP_SAMPLES)
        if self._reader.end is not None and self._reader.end < _MIN_LOOP_SAMPLES:
            self._reader.close()
            message = f"{self._reader.path} is shorter than half a second, too short to be repeated"
            raise MediaError(message)
        self._position = 0
        self._blend: Samples | None = None

    def look_ahead(self, count: int) -> None:
        """Do nothing: the end of the file is found while it is read."""

    def read(self, count: int) -> Samples:
        """Return the next samples.

        Raises:
            MediaError: The file can't be opened or decoded.
        """
        blocks: list[Samples] = []
        while count > 0:
            block = self._read_some(count)
            blocks.append(block)
            count -= block.shape[1]
        return np.concatenate(blocks, axis=1)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _read_some(self, count: int) -> Samples:
        """Return at most `count` samples: up to the end of the file, or from the blend."""
        if self._blend is not None:
            block, rest = self._blend[:, :count], self._blend[:, count:]
            self._blend = rest if rest.shape[1] else None
            return block
        self._reader.look_ahead(count + FADE_SAMPLES)
        if self._reader.end is not None:
            before_blend = self._reader.end - FADE_SAMPLES - self._position
            if before_blend <= 0:
                self._repeat()
                return self._read_some(count)
            count = min(count, before_blend)
        self._position += count
        return self._reader.read(count)

    def _repeat(self) -> None:
        """Open the file again, and blend its beginning with the end."""
        ending = self._reader.read(FADE_SAMPLES)
        self._reader.close()
        self._reader = self._open()
        beginning = self._reader.read(FADE_SAMPLES)
        fade_out(FADE_SAMPLES, is_equal_power=True).apply(ending, 0)
        fade_in(0, is_equal_power=True).apply(beginning, 0)
        self._blend = ending + beginning
        self._position = FADE_SAMPLES


def _open_reader(path: Path, channels: int, first_frame: int = 0) -> AudioReader:
    """Return the sound of a file from a frame on.

    Raises:
        MediaError: It can't be read, or ends before.
    """
    with ExitStack() as stack:
        container = stack.enter_context(open_audio(path))
        stream = require_audio(container, path)
        first = first_frame * SAMPLES_PER_FRAME
        decode = partial(decode_audio, path=path)
        reader = AudioReader(container, stream, path, channels, decode=decode, first=first)
        reader.look_ahead(1)
        if reader.end == 0:
            raise _without_rest(path, first_frame)
        stack.pop_all()
    return reader


def _without_rest(path: Path, first_frame: int) -> MediaError:
    if not first_frame:
        return without_sound(path)
    return MediaError(f"{path} ends before {format_time(first_frame)}, where the music begins")


def _to_factor(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))
