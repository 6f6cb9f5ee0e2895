"""Writes the tracks of a film: packets copied from the clips, re-encoded tails, one audio track.

Sets the timestamps of the packets and the parameter sets they need. Which packets
are copied is decided in `join`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.codecs import COPIED_CODECS, CopiedCodec
from tasks.media.container import open_clip, to_fraction, video_stream
from tasks.media.film_file import AUDIO_BIT_RATES, FRAME_TICKS, TIME_BASE, mux_packets
from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_SECOND
from tasks.media.reencode import Tail
from tasks.media.sound import Samples

_AAC_OPTIONS = {"aac_coder": "fast", "aac_is": "0"}
_LAYOUTS = {1: "mono", 2: "stereo"}


@dataclass(frozen=True)
class VideoSegment:
    """The video of one clip in the film: copied packets, followed by re-encoded frames."""

    path: Path
    copied_packets: int
    """Packets to copy, in decode order; they are exactly the first frames."""
    tail: Tail
    first_time: int
    """Timestamp of the first frame in the clip."""
    reorder_depth: int
    """Largest difference between the decode and the display position of a frame."""

    @property
    def frames(self) -> int:
        """Number of frames in the film."""
        return self.copied_packets + len(self.tail.frames)


class VideoTrack:
    """The video track of a film, appended clip by clip."""

    def __init__(self, container: OutputContainer, segments: Sequence[VideoSegment]) -> None:
        self._container = container
        self._reorder_depth = max(segment.reorder_depth for segment in segments)
        self._position = 0
        with open_clip(segments[0].path) as clip:
            stream = video_stream(clip, segments[0].path)
            self._codec = COPIED_CODECS[stream.codec_context.name]
            self._stream = container.add_stream_from_template(stream)
            _annex_b(self._codec, stream, self._stream)
        # The header of the file has the parameter sets of the first clip and of all tails, since
        # some players read them from there only. All others precede their frames.
        headers = dict.fromkeys(segment.tail.header for segment in segments)
        own = self._stream.codec_context.extradata or b""
        self._stream.codec_context.extradata = b"".join([own, *headers])
        # The muxer measures it; the rate of the first clip is not that of the film.
        self._stream.codec_context.bit_rate = 0

    def append(self, segment: VideoSegment) -> None:
        """Append the video of one clip.

        Raises:
            MediaError: The clip can't be read or has changed, or the film can't be written.
        """
        self._copy(segment)
        for number, data in enumerate(segment.tail.frames, start=segment.copied_packets):
            packet = Packet(data)
            packet.is_keyframe = number == segment.copied_packets
            self._write(packet, index=number, number=number)
        self._position += segment.frames

    def _copy(self, segment: VideoSegment) -> None:
        copied = 0
        with open_clip(segment.path) as clip:
            stream = video_stream(clip, segment.path)
            frames_per_tick = to_fraction(stream.time_base) * FRAMES_PER_SECOND
            start_codes = _annex_b(self._codec, stream)
            packets = (packet for packet in clip.demux(stream) if packet.size)
            for packet in islice(packets, segment.copied_packets):
                number = round(((packet.pts or 0) - segment.first_time) * frames_per_tick)
                # The filter takes the data out of the packet.
                is_key = packet.is_keyframe
                for filtered in start_codes.filter(packet):
                    # Players seek to key frames, but can start only at an IDR frame.
                    filtered.is_keyframe = is_key and self._codec.has_idr(bytes(filtered))
                    self._write(filtered, index=copied, number=number)
                    copied += 1
        if copied != segment.copied_packets:
            message = f"{segment.path} has changed since it was prepared; run again"
            raise MediaError(message)

    def _write(self, packet: Packet[Stream], *, index: int, number: int) -> None:
        packet.pts = (self._position + number) * FRAME_TICKS
        packet.dts = (self._position + index - self._reorder_depth) * FRAME_TICKS
        packet.duration = FRAME_TICKS
        packet.time_base = TIME_BASE
        packet.stream = self._stream
        mux_packets(self._container, [packet])


class AudioTrack:
    """The audio track of a film, from a single encoder, appended clip by clip."""

    def __init__(self, container: OutputContainer, channels: int) -> None:
        self._container = container
        self._layout = _LAYOUTS[channels]
        self._sample_count = 0
        self._stream: AudioStream = container.add_stream("aac", rate=SAMPLES_PER_SECOND)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = AUDIO_BIT_RATES[channels]
        self._stream.codec_context.options = dict(_AAC_OPTIONS)

    def append(self, samples: Samples) -> None:
        """Append samples: float32, shape (channels, samples).

        Raises:
            MediaError: The film can't be written.
        """
        block = np.ascontiguousarray(samples)
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts, frame.time_base = self._sample_count, Fraction(1, SAMPLES_PER_SECOND)
        self._sample_count += block.shape[1]
        mux_packets(self._container, self._stream.encode(frame))

    def finish(self) -> None:
        """Flush the encoder.

        Raises:
            MediaError: The film can't be written.
        """
        mux_packets(self._container, self._stream.encode(None))


def _annex_b(
    codec: CopiedCodec, clip: VideoStream, film: VideoStream | None = None
) -> BitStreamFilterContext:
    """Return the filter that adds start codes, and parameter sets before each IDR frame."""
    return BitStreamFilterContext(codec.start_code_filter, clip, film)
