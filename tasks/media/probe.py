"""What a clip is: size, rate, length, codec, colour and sound, measured on its packets.

A clip that is broken is refused here; one that is whole but can't be joined as it is, is not:
the Clip tells, and whoever joins or fits decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.container import fraction, opened, picture_stream
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_SECOND
from tasks.media.timeline import Timeline, read_timeline

LONGEST_SECONDS = 3 * 3600
"""A clip that says it lasts longer is refused."""

MOST_SAMPLES = LONGEST_SECONDS * SAMPLES_PER_SECOND
"""Of its sound, which is held in memory while it is joined."""

_UNSPECIFIED, _FULL_RANGE = 2, 2
_PROGRESSIVE = (0, 1)


@dataclass(frozen=True)
class Colour:
    """The colour tags, as the numbers of ISO/IEC 23091-2; 2 means that nothing is said."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    range_tag: int = 0
    """0 unsaid, 1 limited, 2 full."""

    @property
    def is_full_range(self) -> bool:
        """Whether black is 0 and white 255, where films have 16 and 235."""
        return self.range_tag == _FULL_RANGE


@dataclass(frozen=True)
class Clip:
    """One clip, as measured."""

    path: Path
    width: int
    height: int
    frames: int
    """How many pictures are shown."""
    rate: Fraction
    """Pictures a second; what the file says where they stand unevenly."""
    codec: str
    """The picture's codec: `h264`, `hevc`, …"""
    pix_fmt: str
    sar: Fraction
    """Width of a pixel over its height; 1 where nothing is said."""
    colour: Colour = Colour()
    is_constant: bool = True
    """Whether every picture stands exactly where `rate` puts it."""
    hidden_frames: int = 0
    """Pictures in the file that an edit list keeps from being shown."""
    is_interlaced: bool = False
    starts_on_idr: bool = True
    """Whether the first picture is an IDR, so that the clip can follow another undecoded."""
    has_audio: bool = False
    """Whether there is sound to decode, and not only a stream that promises some."""
    audio_codec: str = ""
    sample_rate: int = 0
    channels: int = 0

    @property
    def duration_seconds(self) -> float:
        """How long the picture lasts, whatever the sound does."""
        return float(self.frames / self.rate) if self.rate else 0.0


def probe(path: Path) -> Clip:
    """Measure a clip without decoding it. Raises MediaError saying what is wrong with the file."""
    return examine(path)[0]


def examine(path: Path) -> tuple[Clip, Timeline]:
    """Measure a clip and return its packets' times along with it."""
    with opened(path) as container:
        stream = picture_stream(container, path)
        timeline = read_timeline(container, stream, path)
        clip = _describe(path, container, stream, timeline)
    _refuse_endless(clip, timeline)
    return clip, timeline


def verify(
    path: Path, *, deadline_seconds: float, clock: Callable[[], float] = time.monotonic
) -> Clip:
    """Measure a clip and decode all of it, which alone finds damage in its middle.

    Raises MediaError for damage, and where it takes longer than `deadline_seconds`.
    """
    ends_at = clock() + deadline_seconds
    clip = probe(path)
    with opened(path) as container:
        pictures = 0
        stream = picture_stream(container, path)
        stream.thread_type = "AUTO"
        for packet in container.demux(stream, *container.streams.audio[:1]):
            frames = packet.decode()
            if packet.stream_index == stream.index:
                pictures += len(frames)
            if any(_is_partial(frame) for frame in frames):
                message = f"{path} is damaged: a picture or its sound is decoded only in part"
                raise MediaError(message)
            if clock() > ends_at:
                message = f"{path} was not decoded within {deadline_seconds:g} seconds"
                raise MediaError(message)
    if pictures != clip.frames:
        message = f"{path} is damaged: {pictures} of its {clip.frames} pictures can be decoded"
        raise MediaError(message)
    return clip


def _refuse_endless(clip: Clip, timeline: Timeline) -> None:
    """Few pictures can claim to last for days, and few bytes to sound at millions a second."""
    seconds = float((max(timeline.times) - min(timeline.times)) * timeline.time_base)
    if seconds > LONGEST_SECONDS:
        message = f"{clip.path} says it lasts {seconds:.0f} seconds, which is not opened"
        raise MediaError(message)
    if (
        clip.has_audio
        and max(seconds, clip.frames / FRAMES_PER_SECOND) * clip.sample_rate > MOST_SAMPLES
    ):
        told = f"{seconds:.0f} seconds of sound at {clip.sample_rate} Hz"
        message = f"{clip.path} says it has {told}, which are not opened"
        raise MediaError(message)


def _is_partial(frame: object) -> bool:
    return isinstance(frame, VideoFrame | AudioFrame) and frame.is_corrupt


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, timeline: Timeline
) -> Clip:
    context = stream.codec_context
    rate, is_constant = _pace(stream, timeline)
    sound = container.streams.audio[0] if timeline.sound_packets else None
    return Clip(
        path=path,
        width=context.width,
        height=context.height,
        frames=len(timeline.times) - len(timeline.hidden),
        rate=rate,
        codec=context.name,
        pix_fmt=context.pix_fmt or "",
        sar=fraction(context.sample_aspect_ratio) or Fraction(1),
        colour=_colour(context),
        is_constant=is_constant,
        hidden_frames=len(timeline.hidden),
        is_interlaced=context.field_order not in _PROGRESSIVE,
        starts_on_idr=timeline.starts_on_idr,
        has_audio=sound is not None,
        audio_codec=sound.codec_context.name if sound else "",
        sample_rate=sound.codec_context.sample_rate if sound else 0,
        channels=sound.codec_context.channels if sound else 0,
    )


def _pace(stream: VideoStream, timeline: Timeline) -> tuple[Fraction, bool]:
    told = fraction(stream.average_rate)
    for rate in (Fraction(FRAMES_PER_SECOND), told):
        if rate and timeline.stands_at(rate):
            return rate, True
    return told, False


def _colour(context: VideoCodecContext) -> Colour:
    return Colour(
        primaries=int(context.color_primaries),
        transfer=int(context.color_trc),
        matrix=int(context.colorspace),
        range_tag=int(context.color_range),
    )
