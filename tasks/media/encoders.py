"""The encoders of films whose every frame is encoded: ProRes, DNxHR, H.264 and HEVC, PCM and AAC.

`master` gives them the frames and the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import av.filter
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tasks.edit import CaptionsEdit
from tasks.errors import NotConfigured
from tasks.film_rates import FilmRate
from tasks.media.audio.rate_sound import RateSound, ReadSamples
from tasks.media.audio.reader import Samples
from tasks.media.audio.track import LAYOUTS, AudioTrack
from tasks.media.compatibility import BT709, Coding, resolve_matrix
from tasks.media.conversion import ACCURATE, format_arguments
from tasks.media.film_file import mux_packets, time_base_of
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_SECOND
from tasks.media.probe import Clip

_LIMITED_RANGE = 1
_GROUP_SECONDS = 1
_CRF = "16"  # visually lossless


@dataclass(frozen=True)
class MasterCodec:
    """The encoders of a film's picture and sound, and the suffix of its file."""

    encoder: str
    pix_fmt: str
    options: dict[str, str]
    suffix: str = ".mov"
    sound_encoder: str = "pcm_s24le"


@dataclass(frozen=True)
class MasterSettings:
    """Everything about a film but its frames and its samples."""

    codec: MasterCodec
    frames: Clip
    """A clip whose size, pixel format and colours the composed frames have."""
    total_frames: int
    """At 24 per second."""
    rate: FilmRate
    channels: int
    """2, 1, or 0 without sound."""
    title: str = ""
    comment: str = ""
    chapters: Sequence[tuple[str, int]] = ()
    """Titles, and frames at 24 per second."""
    captions: CaptionsEdit | None = None


def choose_master_codec(codec: str, coding: Coding) -> MasterCodec:
    """Return the encoders of a film whose board asks for `codec`.

    ProRes is 422 HQ; DNxHR is HQ for frames of 8 bits, and HQX for frames of 10.

    Args:
        codec: `h264`, `keep`, `prores` or `dnxhr`.
        coding: The codec and the pixel format of the clips, after their conversion.
    """
    match codec:
        case "prores":
            options = {"profile": "hq", "vendor": "apl0"}
            return MasterCodec("prores_ks", "yuv422p10le", options)
        case "dnxhr" if coding.pix_fmt.endswith("10le"):
            return MasterCodec("dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"})
        case "dnxhr":
            return MasterCodec("dnxhd", "yuv422p", {"profile": "dnxhr_hq"})
        case _ if coding.codec == "hevc":
            params = "open-gop=0:log-level=error"
            options = {"preset": "fast", "crf": _CRF, "x265-params": params}
            return MasterCodec("libx265", coding.pix_fmt, options, ".mp4", "aac")
        case _:
            options = {"preset": "fast", "crf": _CRF}
            return MasterCodec("libx264", coding.pix_fmt, options, ".mp4", "aac")


def require_encoders(codec: MasterCodec) -> None:
    """Check that the installed PyAV can encode a film, or the parts of it that are not copied.

    Raises:
        NotConfigured: It can't.
    """
    for name in (codec.encoder, codec.sound_encoder):
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError as error:
            message = (
                f"the installed PyAV has no encoder {name}, which film.codec needs; install PyAV "
                "from its wheel, or choose another codec"
            )
            raise NotConfigured(message) from error


class PictureEncoder:
    """The video track of a film."""

    def __init__(self, container: OutputContainer, settings: MasterSettings) -> None:
        codec, source = settings.codec, settings.frames
        self._container = container
        self._time_base = time_base_of(settings.rate)
        self._count = 0
        rate = settings.rate.frames_per_second
        stream = cast(VideoStream, container.add_stream(codec.encoder, rate=rate))
        stream.width, stream.height, stream.pix_fmt = source.width, source.height, codec.pix_fmt
        context = stream.codec_context
        stream.time_base = context.time_base = self._time_base.seconds_per_tick
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = _LIMITED_RANGE
        context.gop_size = round(_GROUP_SECONDS * rate)
        context.options = dict(codec.options)
        self._stream = stream
        self._converter = _build_converter(source, codec.pix_fmt)

    def encode(self, frame: VideoFrame) -> None:
        """Append a frame.

        Raises:
            MediaError: The film can't be written.
        """
        graph = self._converter
        frame.pts, frame.time_base = self._count, self._time_base.seconds_per_tick
        graph.vpush(frame)
        converted = graph.vpull()
        converted.pts = self._count * self._time_base.frame_ticks
        converted.time_base = self._time_base.seconds_per_tick
        converted.pict_type = 0
        converted.colorspace, converted.color_range = BT709, _LIMITED_RANGE
        self._count += 1
        mux_packets(self._container, self._stream.encode(converted))

    def finish(self) -> None:
        """Flush the encoder."""
        mux_packets(self._container, self._stream.encode(None))


def _build_converter(source: Clip, pix_fmt: str) -> av.filter.Graph:
    """Return the filters from the composed frames to those of the master, in BT.709."""
    graph = av.filter.Graph()
    matrix = resolve_matrix(source)
    buffer = graph.add_buffer(
        width=source.width,
        height=source.height,
        format=VideoFormat(source.pix_fmt),
        time_base=Fraction(1, SAMPLES_PER_SECOND),
    )
    scale = format_arguments(
        in_color_matrix=matrix,
        out_color_matrix="bt709",
        in_range="tv",
        out_range="tv",
        flags=f"bicubic+{ACCURATE}",
    )
    nodes = (graph.add("scale", scale), graph.add("format", pix_fmt), graph.add("buffersink"))
    graph.link_nodes(buffer, *nodes).configure()
    return graph


class SoundEncoder:
    """The audio track of a film, in step with its picture."""

    def __init__(
        self, container: OutputContainer, settings: MasterSettings, read: ReadSamples
    ) -> None:
        channels = settings.channels
        self._sound = RateSound(read, settings.total_frames, settings.rate, channels)
        self._track: AudioTrack | _PcmTrack
        if settings.codec.sound_encoder == "aac":
            self._track = AudioTrack(container, channels)
        else:
            self._track = _PcmTrack(container, channels, settings.codec.sound_encoder)
        self._count = 0

    def encode_until(self, seconds: Fraction) -> None:
        """Append samples at least until a time of the film.

        Raises:
            MediaError: The sound can't be read, or the film can't be written.
        """
        while self._sound.unread_frames and self._count < seconds * SAMPLES_PER_SECOND:
            self._append()

    def finish(self) -> None:
        """Append the rest of the samples, and flush the encoder.

        Raises:
            MediaError: The sound can't be read, or the film can't be written.
        """
        while self._sound.unread_frames:
            self._append()
        self._track.finish()

    def _append(self) -> None:
        samples = self._sound.read(FRAMES_PER_SECOND)
        self._count += samples.shape[1]
        self._track.append(samples)


class _PcmTrack:
    """An audio track without loss."""

    def __init__(self, container: OutputContainer, channels: int, encoder: str) -> None:
        self._container = container
        self._position = 0
        self._layout = LAYOUTS[channels]
        self._stream = cast(AudioStream, container.add_stream(encoder, rate=SAMPLES_PER_SECOND))
        self._stream.codec_context.layout = self._layout

    def append(self, samples: Samples) -> None:
        frame = AudioFrame.from_ndarray(_to_s32(samples), format="s32", layout=self._layout)
        frame.sample_rate, frame.pts = SAMPLES_PER_SECOND, self._position
        frame.time_base = Fraction(1, SAMPLES_PER_SECOND)
        self._position += samples.shape[1]
        mux_packets(self._container, self._stream.encode(frame))

    def finish(self) -> None:
        mux_packets(self._container, self._stream.encode(None))


def _to_s32(samples: Samples) -> NDArray[np.int32]:
    """Return interleaved samples of 32 bits, rounded to 24, as PCM encoders take them."""
    rounded = np.rint(np.clip(samples.T.astype(np.float64), -1, 1 - 2**-23) * 2**23)
    return np.ascontiguousarray(rounded.astype(np.int32) << 8).reshape(1, -1)
