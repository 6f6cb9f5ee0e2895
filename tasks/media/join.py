"""The frame-exact join: which packets of a clip are copied, what is encoded anew, and the film.

A shot that the next one continues gives up its last picture, for the next begins with the same.
All packets up to a clean cut are copied; the pictures between there and the dropped one, three
at most with common encoders, are encoded anew. Nothing here makes clips agree: `fit.py` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import MediaError
from tasks.media.compatibility import (
    choose_channels,
    choose_target,
    find_mismatches,
    find_obstacles,
)
from tasks.media.decode import late_pictures
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.mux import PictureTrack, Piece, SoundTrack, add_chapters, writing
from tasks.media.probe import Clip, examine
from tasks.media.reencode import encode_tail
from tasks.media.sound import Source, film_sound
from tasks.media.timeline import Timeline, clean_cut


@dataclass(frozen=True)
class JoinInput:
    """A shot's place in the film: its clip, and whether its last picture goes."""

    clip: Path
    drop_last: bool
    """True at a chained seam, where the next clip begins with this very picture."""
    title: str
    """The chapter's name."""


@dataclass(frozen=True)
class PreparedClip:
    """A clip that is ready to be joined. Small: it holds no packet and no sound of the clip."""

    cut: JoinInput
    clip: Clip
    piece: Piece
    source: Source


@dataclass(frozen=True)
class JoinResult:
    """What a join made."""

    path: Path
    frames: int
    channels: int
    """2 stereo, 1 mono, 0 without a sound track."""
    encoded_anew: tuple[int, ...]
    """Numbers of the film's pictures that are not the clips' own packets."""

    @property
    def duration_seconds(self) -> float:
        """How long the film lasts."""
        return self.frames / FRAMES_PER_SECOND


def prepare(cut: JoinInput) -> PreparedClip:
    """Do what can be done for a clip as soon as it is there; may run in several threads.

    Raises MediaError for a clip that is broken or can't be joined as it is.
    """
    clip, timeline = examine(cut.clip)
    if reasons := find_obstacles(clip):
        message = f"{cut.clip} can't be joined as it is: it {' and '.join(reasons)}"
        raise MediaError(message)
    keep = clip.frames - cut.drop_last
    if keep < 1:
        message = f"{cut.clip} has a single picture, and the next shot begins with that one"
        raise MediaError(message)
    return PreparedClip(
        cut=cut,
        clip=clip,
        piece=_piece(clip, timeline, keep),
        source=Source(
            path=cut.clip,
            frames=clip.frames,
            starts_at=timeline.first_time * timeline.time_base,
            keep=keep,
            has_audio=clip.has_audio,
        ),
    )


def join(
    prepared: Sequence[PreparedClip], film: Path, *, title: str = "", comment: str = ""
) -> JoinResult:
    """Write the film to exactly that path; staging and renaming are the caller's.

    Title and comment become the file's tags. Raises MediaError, and leaves no file, where the
    clips do not agree or can't be read.
    """
    clips = [shot.clip for shot in prepared]
    _refuse_disagreement(clips)
    channels = choose_channels(clips)
    pieces = [shot.piece for shot in prepared]
    with writing(film) as container:
        picture = PictureTrack(container, pieces)
        sound = SoundTrack(container, channels) if channels else None
        container.metadata.update({"title": title, "comment": comment})
        titles = [shot.cut.title for shot in prepared]
        add_chapters(container, [(t, p.frames) for t, p in zip(titles, pieces, strict=True)])
        shares = film_sound([shot.source for shot in prepared], channels) if sound else None
        for piece in pieces:
            picture.append(piece)
            if sound and shares:
                sound.append(next(shares))
        if sound:
            sound.finish()
    return JoinResult(film, sum(piece.frames for piece in pieces), channels, _encoded_anew(pieces))


def _piece(clip: Clip, timeline: Timeline, keep: int) -> Piece:
    copied = clip.frames if keep == clip.frames else clean_cut(timeline.ranks, keep)
    times = sorted(timeline.times)[copied:keep]
    frames = late_pictures(clip.path, timeline, cut=copied, times=times) if times else []
    ranks = timeline.ranks[:copied]
    return Piece(
        path=clip.path,
        copied=copied,
        tail=encode_tail(frames, clip),
        first_time=timeline.first_time,
        depth=max((index - rank for index, rank in enumerate(ranks)), default=0),
    )


def _refuse_disagreement(clips: Sequence[Clip]) -> None:
    like = choose_target(clips)
    for clip in clips:
        if reasons := find_mismatches(clip, like):
            message = f"{clip.path} can't be joined as it is: it {' and '.join(reasons)}"
            raise MediaError(message)


def _encoded_anew(pieces: Sequence[Piece]) -> tuple[int, ...]:
    numbers: list[int] = []
    position = 0
    for piece in pieces:
        numbers.extend(range(position + piece.copied, position + piece.frames))
        position += piece.frames
    return tuple(numbers)
