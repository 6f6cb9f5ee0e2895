"""The frame-exact join of clips to a film.

A shot that the next one continues drops its last frame, since the next one starts with the same.
All packets up to a clean cut are copied; the frames between the cut and the dropped one, at most
three with common encoders, are re-encoded. Clips that do not match are converted by `convert`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.edit import PictureEdit
from tasks.errors import MediaError
from tasks.media.compatibility import (
    H264_CODING,
    KEPT_CODINGS,
    Coding,
    choose_channels,
    choose_target,
    find_mismatches,
    find_obstacles,
)
from tasks.media.decode import decode_end_frames
from tasks.media.film_file import add_chapters, open_film
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.mux import AudioTrack, VideoSegment, VideoTrack
from tasks.media.probe import Clip, probe_with_timeline
from tasks.media.reencode import reencode_tail
from tasks.media.sound import AudioSource, mix_film_audio
from tasks.media.timeline import Timeline, find_clean_cut


@dataclass(frozen=True)
class JoinInput:
    """A clip of the film."""

    clip: Path
    drop_last: bool
    """True at a chained seam, where the next clip starts with the last frame of this one."""
    title: str
    """Title of its chapter."""


@dataclass(frozen=True)
class PreparedClip:
    """A clip that is ready to be joined; it holds neither the packets nor the audio of the clip."""

    input: JoinInput
    clip: Clip
    video: VideoSegment
    audio: AudioSource


@dataclass(frozen=True)
class JoinResult:
    """A joined film."""

    path: Path
    frames: int
    channels: int
    """2 stereo, 1 mono, 0 without an audio track."""
    reencoded_frames: tuple[int, ...]
    """Numbers of the frames that are not packets of the clips."""

    @property
    def duration_seconds(self) -> float:
        """Duration of the film."""
        return self.frames / FRAMES_PER_SECOND


def prepare(join_input: JoinInput) -> PreparedClip:
    """Prepare a clip for the join; may run in several threads.

    Raises:
        MediaError: The clip is damaged or can't be joined without conversion.
    """
    clip, timeline = probe_with_timeline(join_input.clip)
    own = Coding(clip.codec, clip.pix_fmt)
    if reasons := find_obstacles(clip, own if own in KEPT_CODINGS else H264_CODING):
        message = (
            f"{join_input.clip} can't be joined without conversion: it {' and '.join(reasons)}"
        )
        raise MediaError(message)
    kept_frames = clip.frames - join_input.drop_last
    if kept_frames < 1:
        message = f"{join_input.clip} has a single frame, which the next shot starts with"
        raise MediaError(message)
    return PreparedClip(
        input=join_input,
        clip=clip,
        video=_video_segment(clip, timeline, kept_frames),
        audio=AudioSource(
            path=join_input.clip,
            frames=clip.frames,
            start_seconds=timeline.first_time * timeline.time_base,
            kept_frames=kept_frames,
            has_audio=clip.has_audio,
        ),
    )


def join(
    prepared: Sequence[PreparedClip], film: Path, *, title: str = "", comment: str = ""
) -> JoinResult:
    """Write the film to exactly `film`; staging and renaming are up to the caller.

    Args:
        prepared: The clips in the order of the film.
        film: The file to write; removed if the join fails.
        title: Written to the file's tags.
        comment: Written to the file's tags.

    Raises:
        MediaError: The clips do not match, one can't be read, or the film can't be written.
    """
    clips = [shot.clip for shot in prepared]
    _require_match(clips)
    channels = choose_channels(clips)
    segments = [shot.video for shot in prepared]
    with open_film(film) as container:
        video = VideoTrack(container, segments)
        audio = AudioTrack(container, channels) if channels else None
        container.metadata.update({"title": title, "comment": comment})
        add_chapters(container, [(shot.input.title, shot.video.frames) for shot in prepared])
        samples = mix_film_audio([shot.audio for shot in prepared], channels) if audio else None
        for segment in segments:
            video.append(segment)
            if audio and samples:
                audio.append(next(samples))
        if audio:
            audio.finish()
    frames = sum(segment.frames for segment in segments)
    return JoinResult(film, frames, channels, _reencoded_frames(segments))


def _video_segment(clip: Clip, timeline: Timeline, kept_frames: int) -> VideoSegment:
    is_whole = kept_frames == clip.frames
    copied = clip.frames if is_whole else find_clean_cut(timeline.ranks, kept_frames)
    times = sorted(timeline.times)[copied:kept_frames]
    frames = decode_end_frames(clip.path, timeline, cut=copied, times=times) if times else []
    ranks = timeline.ranks[:copied]
    return VideoSegment(
        path=clip.path,
        copied_packets=copied,
        tail=reencode_tail(frames, clip),
        first_time=timeline.first_time,
        reorder_depth=max((index - rank for index, rank in enumerate(ranks)), default=0),
    )


def _require_match(clips: Sequence[Clip]) -> None:
    target = choose_target(clips, PictureEdit(codec="keep"))
    for clip in clips:
        if reasons := find_mismatches(clip, target):
            message = f"{clip.path} can't be joined without conversion: it {' and '.join(reasons)}"
            raise MediaError(message)


def _reencoded_frames(segments: Sequence[VideoSegment]) -> tuple[int, ...]:
    numbers: list[int] = []
    position = 0
    for segment in segments:
        numbers.extend(range(position + segment.copied_packets, position + segment.frames))
        position += segment.frames
    return tuple(numbers)
