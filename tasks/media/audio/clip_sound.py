"""The sound of a film's clips: each in sync with its picture, joined to the sample at the seams.

At a chained seam the sound of the dropped frame fades into the next clip, which shows the same
frame. At other cuts both sides fade for 10 ms, at crossfades and dips with equal power. Samples are
float32, 48 kHz, shape (channels, samples), 2000 per frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from tasks.edit import ClipPlace, FilmEdit
from tasks.media.audio.parts import Fade, SoundPart, SoundTrack, fade_in, fade_out
from tasks.media.audio.reader import AudioReader
from tasks.media.container import audio_stream, open_clip_file
from tasks.media.film_format import SAMPLES_PER_FRAME


@dataclass(frozen=True)
class AudioSource:
    """A clip whose sound goes into a film."""

    path: Path
    frames: int
    """Frames of the clip, including a dropped one."""
    start_seconds: Fraction
    """Timestamp of the first frame in the file."""
    has_audio: bool = True


def open_clip_reader(source: AudioSource, channels: int, first_frame: int = 0) -> AudioReader:
    """Return the sound of a clip from a frame on, aligned with its picture by timestamp.

    Raises:
        MediaError: The clip can't be opened.
    """
    container = open_clip_file(source.path, is_measured=True)
    stream = audio_stream(container) if source.has_audio else None
    first = first_frame * SAMPLES_PER_FRAME
    zero = source.start_seconds
    return AudioReader(container, stream, source.path, channels, zero=zero, first=first)


def count_clip_frames(edit: FilmEdit, total_frames: int) -> int:
    """Return the frame of a film at which its last clip ends."""
    card = edit.card
    if card is None:
        return total_frames
    return total_frames - card.frames + (card.transition.overlap if card.transition else 0)


class ClipSound:
    """The sound of the clips of a film, as parts of a track."""

    def __init__(
        self,
        edit: FilmEdit,
        places: Sequence[ClipPlace],
        sources: Sequence[AudioSource],
        total_frames: int,
        channels: int,
    ) -> None:
        """Describe the sound.

        Args:
            edit: The film.
            places: The place of each clip.
            sources: The file of each clip, as it is joined.
            total_frames: Frames of the film, its card included.
            channels: 1 or 2.
        """
        self._edit, self._places, self._sources = edit, places, sources
        self._total_frames, self._channels = total_frames, channels
        self._end_frame = count_clip_frames(edit, total_frames)

    def open(self) -> SoundTrack:
        """Return the track; files are opened when they are needed."""
        return SoundTrack(self._list_parts(), self._channels)

    def _list_parts(self) -> Iterator[SoundPart]:
        for index, (place, source) in enumerate(zip(self._places, self._sources, strict=True)):
            if not source.has_audio or place.first_frame >= self._end_frame:
                continue
            part = SoundPart(
                partial(open_clip_reader, source, self._channels, place.clip_first),
                place.first_frame * SAMPLES_PER_FRAME,
                min(place.end_frame, self._end_frame) * SAMPLES_PER_FRAME,
            )
            self._begin(part, index)
            self._end(part, index)
            self._fade_film(part)
            yield part

    def _begin(self, part: SoundPart, index: int) -> None:
        """Fade a clip in, or chain it to the one before."""
        transition = self._edit.clips[index].transition if index else None
        if transition:
            frames = transition.overlap or transition.frames - transition.frames // 2
            part.fades.append(_equal_power_in(part.first, frames))
        elif index and self._edit.clips[index - 1].drop_last_frame:
            part.is_chained = self._sources[index - 1].has_audio
            if not part.is_chained:
                part.fades.append(fade_in(part.first))
        elif not self._is_continuous(index):
            part.fades.append(fade_in(part.first))

    def _end(self, part: SoundPart, index: int) -> None:
        """Fade a clip out, or let it go on beneath the clip that is chained to it."""
        end = part.end or 0
        is_last = index + 1 == len(self._places) or self._places[index + 1].first_frame >= (
            self._end_frame
        )
        if is_last:
            self._end_last(part, index)
        elif transition := self._edit.clips[index + 1].transition:
            frames = transition.overlap or transition.frames // 2
            part.fades.append(_equal_power_out(end, frames))
        elif self._edit.clips[index].drop_last_frame:
            part.seam, part.end = end, end + SAMPLES_PER_FRAME
            if not self._sources[index + 1].has_audio:
                part.fades.append(fade_out(part.end, SAMPLES_PER_FRAME))
        elif not self._is_continuous(index + 1):
            part.fades.append(fade_out(end))

    def _end_last(self, part: SoundPart, index: int) -> None:
        """Fade the last clip out into the card, or if it is cut off."""
        place, card = self._places[index], self._edit.card
        if card and card.transition:
            frames = card.transition.overlap or card.transition.frames // 2
            part.fades.append(_equal_power_out(part.end or 0, frames))
        elif card or place.clip_first + place.frames < self._sources[index].frames:
            part.fades.append(fade_out(part.end or 0))

    def _is_continuous(self, index: int) -> bool:
        """Return True if the cut before a clip has no seam: two ranges of a file without a gap."""
        if index == 0:
            return not self._places[0].clip_first
        previous, place = self._places[index - 1], self._places[index]
        clips = self._edit.clips
        is_same_file = clips[index - 1].file.sha256 == clips[index].file.sha256
        return is_same_file and previous.clip_first + previous.frames == place.clip_first

    def _fade_film(self, part: SoundPart) -> None:
        """Fade the sound with the picture at both ends of the film."""
        if frames := self._edit.fade_in_frames:
            part.fades.append(_equal_power_in(0, frames))
        if frames := self._edit.fade_out_frames:
            part.fades.append(_equal_power_out(self._total_frames * SAMPLES_PER_FRAME, frames))


def _equal_power_in(start: int, frames: int) -> Fade:
    return fade_in(start, frames * SAMPLES_PER_FRAME, is_equal_power=True)


def _equal_power_out(end: int, frames: int) -> Fade:
    return fade_out(end, frames * SAMPLES_PER_FRAME, is_equal_power=True)
