"""The edit of a film as values: the frames of the clips that it shows, and what lies over them.

No code here reads a file, so that plans know the length of a film without its clips.
`planning.film_edit` makes an edit from a plan, and `media` makes a film from an edit.

Frames count from 0, 24 to a second, and a range excludes its end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tasks.film_rates import find_rate

EDIT_FORMAT_VERSION = 3
"""Part of the identity of a film: another number lets every film be joined again."""


STEM_SUFFIXES = (".clips.wav", ".voice.wav", ".music.wav")
"""Of the files beside a film that has stems."""


class TransitionKind(StrEnum):
    """The way in which one clip of a film becomes the next."""

    CROSSFADE = "crossfade"
    """Both are visible, so that the film is shorter by the frames of the transition."""
    DIP_TO_BLACK = "dip to black"
    DIP_TO_WHITE = "dip to white"


@dataclass(frozen=True)
class Transition:
    """A transition from the clip before into a clip; a cut is none."""

    kind: TransitionKind
    frames: int
    """Of a crossfade the overlap; of a dip both fades together, the earlier clip's first half."""

    @property
    def overlap(self) -> int:
        """Frames by which the two clips overlap."""
        return self.frames if self.kind is TransitionKind.CROSSFADE else 0


@dataclass(frozen=True)
class InputFile:
    """A file that an edit reads, named by its content in identities."""

    path: Path
    sha256: str
    frames: int | None = None
    """Number of frames of a clip in a film, 24 per second, if they were counted."""


@dataclass(frozen=True)
class Title:
    """A text or picture over a range of frames."""

    text: str = ""
    """Without placeholders; empty if `image` is drawn."""
    image: InputFile | None = None
    first_frame: int = 0
    """From the beginning of the clip in the film, or of the film."""
    end_frame: int | None = None
    """None is the end of the clip, or of the film."""
    place: Literal["upper", "center", "lower", "legal", "caption", "card", "card with picture"] = (
        "lower"
    )
    font: InputFile | None = None
    size_percent: float | None = None
    """Height of a line of text, or of the picture, in percent of the film's height."""
    colour: str = "#ffffff"
    """sRGB, #rrggbb."""
    fade_frames: int = 0


@dataclass(frozen=True)
class EditClip:
    """A range of a clip in a film."""

    file: InputFile
    shot: str
    """Id of the shot."""
    chapter_title: str | None
    """None if it continues the chapter before, as a second range of a shot does."""
    first_frame: int = 0
    end_frame: int | None = None
    """None is the end of the clip."""
    drop_last_frame: bool = False
    """True at a chained seam: the next clip begins with the same picture."""
    transition: Transition | None = None
    """From the clip before into this one; None is a cut, and of the first clip without meaning."""
    titles: tuple[Title, ...] = ()
    """Over this clip, with frames from its beginning in the film."""
    voice: InputFile | None = None
    """A recorded voice that begins in this clip."""
    voice_frame: int = 0
    """The frame at which it begins, from the beginning of the clip in the film."""
    voice_gain_db: float = 0.0
    focus: tuple[float, float] = (0.5, 0.5)
    """The point of interest that a crop keeps, as shares of width and height."""


@dataclass(frozen=True)
class CardEdit:
    """A still picture at the end of a film."""

    frames: int
    image: InputFile | None = None
    text: str = ""
    background: str = "#000000"
    colour: str = "#ffffff"
    transition: Transition | None = None
    """From the last clip into the card."""


@dataclass(frozen=True)
class MusicEdit:
    """A track under the whole film."""

    file: InputFile
    gain_db: float = 0.0
    start_frame: int = 0
    """The position in the file at which it begins."""
    duck: bool = False
    fade_in_frames: int = 0
    fade_out_frames: int = 24
    loop: bool = False


@dataclass(frozen=True)
class LoudnessEdit:
    """The loudness of the finished film."""

    target_lufs: float
    peak_db: float = -1.0
    """The highest true peak in dBTP."""
    max_gain_db: float = 20.0


@dataclass(frozen=True)
class SoundEdit:
    """The sound that is mixed with that of the clips."""

    music: MusicEdit | None = None
    voice: InputFile | None = None
    """A recorded voice over the film; voices over a shot are in its clip."""
    voice_frame: int = 0
    voice_gain_db: float = 0.0
    loudness: LoudnessEdit | None = None
    stems: bool = False
    """Write music, voice and clip sound as separate files too."""


class Caption(NamedTuple):
    """A text of the captions, with frames of the film."""

    first_frame: int
    end_frame: int
    text: str


@dataclass(frozen=True)
class CaptionsEdit:
    """The text of what is spoken in a film."""

    captions: tuple[Caption, ...]
    language: str = "en"
    burn: bool = False


@dataclass(frozen=True)
class PictureEdit:
    """The shape and the coding of a film."""

    ratio: tuple[int, int] | None = None
    """Width to height; None keeps that of the clips."""
    fit: Literal["crop", "pad"] = "crop"
    codec: Literal["h264", "keep", "prores", "dnxhr"] = "h264"
    rate: float = 24.0
    """24, 23.976, 25 or 29.97: the film is conformed to it after the edit."""

    @property
    def is_master(self) -> bool:
        """True if the film is a master for editing, whose every frame is encoded."""
        return self.codec in ("prores", "dnxhr")

    @property
    def encodes_every_frame(self) -> bool:
        """True if no packet of the clips can be copied into the film."""
        return self.is_master or not find_rate(self.rate).shows_each_frame_once

    @property
    def suffix(self) -> str:
        """The suffix of the film's file."""
        return ".mov" if self.is_master else ".mp4"


@dataclass(frozen=True)
class FilmEdit:
    """Everything that a film is made of."""

    clips: tuple[EditClip, ...]
    title: str = ""
    """Written to the film's tags."""
    fade_in_frames: int = 0
    fade_out_frames: int = 0
    card: CardEdit | None = None
    titles: tuple[Title, ...] = ()
    """Over the film, such as the legal line."""
    captions: CaptionsEdit | None = None
    sound: SoundEdit = SoundEdit()
    picture: PictureEdit = PictureEdit()
    length: int | None = None
    """The exact length in frames, if the board states one; the last clip is cut to it."""

    def identity(self) -> str:
        """Return a digest of everything that changes a byte of the film."""
        return digest_value(self)

    def content_identity(self) -> str:
        """Return a digest of picture and sound, without the title and the chapters' titles."""
        clips = tuple(
            replace(clip, chapter_title=None if clip.chapter_title is None else "")
            for clip in self.clips
        )
        return digest_value(replace(self, title="", clips=clips))

    def sound_identity(self) -> str:
        """Return a digest of everything that is heard, without what is only seen."""
        clips = tuple(
            EditClip(
                clip.file,
                "",
                None,
                clip.first_frame,
                clip.end_frame,
                clip.drop_last_frame,
                clip.transition,
                voice=clip.voice,
                voice_frame=clip.voice_frame,
                voice_gain_db=clip.voice_gain_db,
            )
            for clip in self.clips
        )
        card = self.card and CardEdit(self.card.frames, transition=self.card.transition)
        fades = (self.fade_in_frames, self.fade_out_frames)
        return digest_value(FilmEdit(clips, "", *fades, card, sound=self.sound))


class ClipPlace(NamedTuple):
    """The place of a clip in a film."""

    first_frame: int
    """The film's frame at which it begins; the transition into it begins there."""
    clip_first: int
    """The clip's frame that is shown first."""
    frames: int
    """Number of its frames in the film, those of both transitions included."""
    overlap: int = 0
    """Frames at its beginning during which the clip before is visible too."""

    @property
    def end_frame(self) -> int:
        """The film's frame after its last one."""
        return self.first_frame + self.frames


def lay_out(clips: Sequence[EditClip], clip_frames: Sequence[int]) -> tuple[ClipPlace, ...]:
    """Return the place of each clip of a film, without its card.

    Args:
        clips: The clips in the order of the film.
        clip_frames: The number of frames of each clip's file.
    """
    return tuple(_lay_out(clips, clip_frames))


def _lay_out(clips: Sequence[EditClip], clip_frames: Sequence[int]) -> Iterator[ClipPlace]:
    position = 0
    for index, (clip, total) in enumerate(zip(clips, clip_frames, strict=True)):
        end = total if clip.end_frame is None else min(clip.end_frame, total)
        overlap = clip.transition.overlap if clip.transition and index else 0
        frames = end - clip.first_frame - clip.drop_last_frame
        place = ClipPlace(position - overlap, clip.first_frame, frames, overlap)
        yield place
        position = place.end_frame


MIN_LAST_FRAMES = 12
"""Frames that must remain of a clip that is cut to give a film its length."""


class LengthMismatch(Exception):
    """A film can't have the length that its version states.

    Attributes:
        frames: Its frames without a cut.
        min_frames: Its frames if as much of the last clip is cut as may be.
    """

    def __init__(self, frames: int, min_frames: int) -> None:
        super().__init__(f"the shots give {min_frames} to {frames} frames")
        self.frames, self.min_frames = frames, min_frames


def cut_to_length(edit: FilmEdit, clip_frames: Sequence[int]) -> FilmEdit:
    """Return the edit with its last clip cut so that the film has the stated length.

    Args:
        edit: The edit.
        clip_frames: The number of frames of each clip's file.

    Raises:
        LengthMismatch: The clips are too short, or too little would remain of the last one.
    """
    if edit.length is None or not edit.clips:
        return edit
    frames = _sum_frames(edit, clip_frames)
    last = lay_out(edit.clips, clip_frames)[-1]
    excess = frames - edit.length
    if not 0 <= excess <= max(0, last.frames - MIN_LAST_FRAMES):
        raise LengthMismatch(frames, frames - max(0, last.frames - MIN_LAST_FRAMES))
    end_frame = last.clip_first + last.frames - excess
    clip = replace(edit.clips[-1], end_frame=end_frame)
    return replace(edit, clips=(*edit.clips[:-1], clip), length=None)


def count_frames(edit: FilmEdit, clip_frames: Sequence[int]) -> int:
    """Return the frames of a film at 24 per second, its card included."""
    return _sum_frames(edit, clip_frames) if edit.length is None else edit.length


def _sum_frames(edit: FilmEdit, clip_frames: Sequence[int]) -> int:
    """Return the frames of a film whose last clip is not cut to a length."""
    places = lay_out(edit.clips, clip_frames)
    return (places[-1].end_frame if places else 0) + _count_card_frames(edit.card)


def _count_card_frames(card: CardEdit | None) -> int:
    """Return the frames by which a card makes a film longer."""
    if card is None:
        return 0
    return card.frames - (card.transition.overlap if card.transition else 0)


def list_used_ranges(edit: FilmEdit) -> dict[str, list[tuple[int, int]]]:
    """Return the frames of each clip that a film shows, by the digest of the clip.

    Clips whose frames were not counted are left out.
    """
    clip_frames = [clip.file.frames or 0 for clip in edit.clips]
    end = count_frames(edit, clip_frames) - _count_card_frames(edit.card)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for clip, place in zip(edit.clips, lay_out(edit.clips, clip_frames), strict=True):
        frames = min(place.frames, end - place.first_frame)
        if frames > 0:
            used = (place.clip_first, place.clip_first + frames)
            ranges.setdefault(clip.file.sha256, []).append(used)
    return ranges


def digest_value(value: Any) -> str:
    """Return a digest of an edit or a part of it; files count by their content."""
    data = [EDIT_FORMAT_VERSION, _to_data(value)]
    text = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _to_data(value: Any) -> Any:
    """Return a value as plain data for a digest: files are named by their content."""
    if isinstance(value, InputFile):
        return value.sha256
    if is_dataclass(value):
        return {field.name: _to_data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_to_data(item) for item in value]
    return value
