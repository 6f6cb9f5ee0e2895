"""Measures a clip: size, frame rate, length, codec, colour and audio, all from its packets.

Damaged clips are rejected here. `compatibility` decides if a clip can be joined unchanged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.container import audio_stream, open_clip, to_fraction, video_stream
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_SECOND
from tasks.media.orientation import Orientation, read_clip_orientation
from tasks.media.timeline import Timeline, read_timeline

MAX_DURATION_SECONDS = 3 * 3600
"""Clips with a longer duration are rejected."""

MAX_AUDIO_SAMPLES = MAX_DURATION_SECONDS * SAMPLES_PER_SECOND
"""Limit for the audio, which is in memory during the join."""

PQ, HLG = 16, 18
"""Transfer characteristics of HDR, as numbered in ISO/IEC 23091-2."""

_UNSPECIFIED, _FULL_RANGE = 2, 2
_PROGRESSIVE = (0, 1)


@dataclass(frozen=True)
class Colour:
    """Colour tags, as numbered in ISO/IEC 23091-2; 2 is unspecified."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    range_tag: int = 0
    """0 unspecified, 1 limited, 2 full."""

    @property
    def is_full_range(self) -> bool:
        """True if black is 0 and white is 255; films have 16 and 235."""
        return self.range_tag == _FULL_RANGE


@dataclass(frozen=True)
class Clip:
    """The measurements of a clip."""

    path: Path
    width: int
    height: int
    frames: int
    """Frames that are shown."""
    rate: Fraction
    """Frames per second; the average from the header if the rate is variable."""
    codec: str
    """Video codec: `h264`, `hevc`, …"""
    pix_fmt: str
    sar: Fraction
    """Sample aspect ratio: width of a pixel over its height; 1 if unspecified."""
    colour: Colour = Colour()
    is_constant: bool = True
    """True if the frames are exactly one period of `rate` apart."""
    hidden_frames: int = 0
    """Frames in the file that an edit list hides."""
    is_interlaced: bool = False
    starts_on_idr: bool = True
    """True if the first frame is IDR, so that the clip can follow another without decoding."""
    orientation: Orientation = Orientation.UPRIGHT
    """The turn that players apply; `width`, `height` and `sar` are those of the stored frames."""
    last_frame_seconds: Fraction = Fraction(0)
    """Time of the last frame, counted from the first."""
    end_seconds: Fraction = Fraction(0)
    """End of the last frame, counted from the first."""
    video_track: int = 0
    """Number of the main video stream among the video streams, from 0."""
    audio_track: int = 0
    """Number of the main audio stream among the audio streams, from 0."""
    has_audio: bool = False
    """True if there are audio packets; an empty audio stream does not count."""
    audio_codec: str = ""
    sample_rate: int = 0
    channels: int = 0

    @property
    def duration_seconds(self) -> float:
        """Duration of the video, regardless of the audio."""
        return float(self.frames / self.rate) if self.rate else 0.0

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as seen: upright and with square pixels."""
        width, height = round(self.width * self.sar), self.height
        return (height, width) if self.orientation.swaps_sides else (width, height)

    @property
    def film_frames(self) -> int:
        """Frames of the clip in a film, which has 24 a second."""
        if self.is_constant and self.rate == FRAMES_PER_SECOND:
            return self.frames
        return max(1, math.floor(self.end_seconds * FRAMES_PER_SECOND + Fraction(1, 2)))

    @property
    def is_hdr(self) -> bool:
        """True if its brightness is coded for HDR: as PQ or as HLG."""
        return self.colour.transfer in (PQ, HLG)


def probe(path: Path) -> Clip:
    """Measure a clip without decoding it.

    Raises:
        MediaError: The file can't be read, is not a clip, or is damaged or truncated.
    """
    return probe_with_timeline(path)[0]


def probe_with_timeline(path: Path) -> tuple[Clip, Timeline]:
    """Measure a clip, and return the timeline of its packets too.

    Raises:
        MediaError: As for `probe`.
    """
    with open_clip(path) as container:
        stream = video_stream(container, path)
        timeline = read_timeline(container, stream, path)
        clip = _describe(path, container, stream, timeline)
    _check_duration(clip, timeline)
    return clip, timeline


def verify(
    path: Path,
    *,
    deadline_seconds: float,
    requires_one_size: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Clip:
    """Measure a clip and decode all of it, since damage in the middle is not found otherwise.

    Args:
        path: The clip.
        deadline_seconds: The time that decoding may take.
        requires_one_size: True to reject a clip whose frames change their size.
        clock: Returns the time in seconds.

    Raises:
        MediaError: The clip is damaged, or decoding takes longer than `deadline_seconds`.
    """
    ends_at = clock() + deadline_seconds
    clip = probe(path)
    with open_clip(path) as container:
        decoded = 0
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        audio = audio_stream(container)
        for packet in container.demux(stream, *([audio] if audio else [])):
            frames = packet.decode()
            if packet.stream_index == stream.index:
                decoded += len(frames)
            if any(_is_partial(frame) for frame in frames):
                message = f"{path} is damaged: a frame or its sound can be decoded only in part"
                raise MediaError(message)
            if requires_one_size:
                _check_size(path, clip, frames)
            if clock() > ends_at:
                message = f"{path} was not decoded within {deadline_seconds:g} seconds"
                raise MediaError(message)
    if decoded != clip.frames:
        message = f"{path} is damaged: {decoded} of its {clip.frames} frames can be decoded"
        raise MediaError(message)
    return clip


def _check_duration(clip: Clip, timeline: Timeline) -> None:
    """Reject clips of few frames that last for days, and sample rates of millions."""
    span = max(timeline.times) - min(timeline.times) + timeline.last_duration
    seconds = float(span * timeline.time_base)
    if seconds > MAX_DURATION_SECONDS:
        message = f"{clip.path} has a duration of {seconds:.0f} seconds, which is not supported"
        raise MediaError(message)
    if (
        clip.has_audio
        and max(seconds, clip.frames / FRAMES_PER_SECOND) * clip.sample_rate > MAX_AUDIO_SAMPLES
    ):
        audio = f"{seconds:.0f} seconds of audio at {clip.sample_rate} Hz"
        message = f"{clip.path} has {audio}, which is not supported"
        raise MediaError(message)


def _check_size(path: Path, clip: Clip, frames: Iterable[object]) -> None:
    for frame in frames:
        if not isinstance(frame, VideoFrame):
            continue
        if (frame.width, frame.height) != (clip.width, clip.height):
            sizes = f"from {clip.width}x{clip.height} to {frame.width}x{frame.height}"
            message = f"{path} changes its size midway, {sizes}, which is not supported"
            raise MediaError(message)


def _is_partial(frame: object) -> bool:
    return isinstance(frame, VideoFrame | AudioFrame) and frame.is_corrupt


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, timeline: Timeline
) -> Clip:
    context = stream.codec_context
    rate, is_constant = _frame_rate(stream, timeline)
    audio = audio_stream(container) if timeline.audio_packets else None
    last = (timeline.last_time - timeline.first_time) * timeline.time_base
    shown = timeline.last_duration * timeline.time_base or (1 / rate if rate else Fraction(0))
    return Clip(
        path=path,
        width=context.width,
        height=context.height,
        frames=len(timeline.times) - len(timeline.hidden),
        rate=rate,
        codec=context.name,
        pix_fmt=context.pix_fmt or "",
        sar=to_fraction(context.sample_aspect_ratio) or Fraction(1),
        colour=_colour(context),
        is_constant=is_constant,
        hidden_frames=len(timeline.hidden),
        is_interlaced=context.field_order not in _PROGRESSIVE,
        starts_on_idr=timeline.starts_on_idr,
        orientation=read_clip_orientation(path, stream.id),
        last_frame_seconds=last,
        end_seconds=last + shown,
        video_track=container.streams.video.index(stream),
        audio_track=container.streams.audio.index(audio) if audio else 0,
        has_audio=audio is not None,
        audio_codec=audio.codec_context.name if audio else "",
        sample_rate=audio.codec_context.sample_rate if audio else 0,
        channels=audio.codec_context.channels if audio else 0,
    )


def _frame_rate(stream: VideoStream, timeline: Timeline) -> tuple[Fraction, bool]:
    average = to_fraction(stream.average_rate)
    for rate in (Fraction(FRAMES_PER_SECOND), average):
        if rate and timeline.has_constant_rate(rate):
            return rate, True
    return average, False


def _colour(context: VideoCodecContext) -> Colour:
    return Colour(
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        range_tag=int(context.color_range),
    )
