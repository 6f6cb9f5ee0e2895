"""Writing a film's MP4: packets copied from the clips, the tails between them, one sound track.

What is copied and what is encoded anew has been decided before; here are only the packets' new
places, the parameter sets they need, and the chapters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.container import fraction, opened, picture_stream
from tasks.media.film_format import FRAME_SECONDS, FRAMES_PER_SECOND, SAMPLES_PER_SECOND
from tasks.media.reencode import Tail
from tasks.media.sound import Samples

_FRAME_TICKS = 512
_TIME_BASE = FRAME_SECONDS / _FRAME_TICKS
_OPTIONS = {
    "movflags": "+faststart",
    "video_track_timescale": str(_TIME_BASE.denominator),
    # Picture and sound of a shot come one after the other; the muxer shall wait for both.
    "max_interleave_delta": "0",
}
# With less than 160 kbit/s a channel, FFmpeg's AAC encoder leaves holes of 10 ms even in a plain
# tone: its errors come up to 9 dB below the sound at 96 mono and to 3 dB at 192 stereo. At this
# rate its fast search, without intensity stereo, is as good as the slow one on everything but a
# pure tone (24 dB at worst) and takes half the time.
_BIT_RATES = {1: 160_000, 2: 320_000}
_AAC_OPTIONS = {"aac_coder": "fast", "aac_is": "0"}
_LAYOUTS = {1: "mono", 2: "stereo"}
_IDR = 5


@dataclass(frozen=True)
class Piece:
    """What one clip gives to the film's picture: copied packets, then pictures encoded anew."""

    path: Path
    copied: int
    """How many packets are copied, in decode order; they are exactly the first pictures."""
    tail: Tail
    first_time: int
    """The first picture's time on the clip's own clock."""
    depth: int
    """By how many places a picture may be decoded before it is shown."""

    @property
    def frames(self) -> int:
        """How many pictures of the film it is."""
        return self.copied + len(self.tail.pictures)


@contextmanager
def writing(film: Path) -> Iterator[OutputContainer]:
    """Open a film for writing. What is not finished is removed again, however it ends."""
    try:
        # The format is named, for the caller stages under any name it likes.
        with av.open(f"file:{film}", mode="w", format="mp4", options=_OPTIONS) as container:
            yield container
    except BaseException as error:
        film.unlink(missing_ok=True)
        if isinstance(error, av.FFmpegError):
            raise _unwritten(str(film), error) from error
        raise


class PictureTrack:
    """The film's picture, appended clip by clip."""

    def __init__(self, container: OutputContainer, pieces: Sequence[Piece]) -> None:
        self._container = container
        self._depth = max(piece.depth for piece in pieces)
        self._position = 0
        with opened(pieces[0].path) as clip:
            stream = picture_stream(clip, pieces[0].path)
            self._stream = container.add_stream_from_template(stream)
            _annex_b(stream, self._stream)
        # The file's header lists the first clip's parameter sets and the tails'. All others
        # stand in front of their pictures.
        headers = dict.fromkeys(piece.tail.header for piece in pieces)
        own = self._stream.codec_context.extradata or b""
        self._stream.codec_context.extradata = b"".join([own, *headers])

    def append(self, piece: Piece) -> None:
        """Write one clip's pictures after those that are there."""
        self._copy(piece)
        for number, data in enumerate(piece.tail.pictures, start=piece.copied):
            packet = Packet(data)
            packet.is_keyframe = number == piece.copied
            self._write(packet, index=number, number=number)
        self._position += piece.frames

    def _copy(self, piece: Piece) -> None:
        copied = 0
        with opened(piece.path) as clip:
            stream = picture_stream(clip, piece.path)
            per_frame = fraction(stream.time_base) * FRAMES_PER_SECOND
            start_codes = _annex_b(stream)
            packets = (packet for packet in clip.demux(stream) if packet.size)
            for packet in islice(packets, piece.copied):
                number = round(((packet.pts or 0) - piece.first_time) * per_frame)
                # The filter empties the packet that it is given.
                is_key = packet.is_keyframe
                for part in start_codes.filter(packet):
                    # Players may seek to a key frame and start there, which works at an IDR only.
                    part.is_keyframe = is_key and _has_idr(part)
                    self._write(part, index=copied, number=number)
                    copied += 1
        if copied != piece.copied:
            message = f"{piece.path} has changed since it was prepared; prepare it again"
            raise MediaError(message)

    def _write(self, packet: Packet[Stream], *, index: int, number: int) -> None:
        packet.pts = (self._position + number) * _FRAME_TICKS
        packet.dts = (self._position + index - self._depth) * _FRAME_TICKS
        packet.duration = _FRAME_TICKS
        packet.time_base = _TIME_BASE
        packet.stream = self._stream
        _mux(self._container, [packet])


class SoundTrack:
    """The film's sound, from one encoder, appended clip by clip."""

    def __init__(self, container: OutputContainer, channels: int) -> None:
        self._container = container
        self._layout = _LAYOUTS[channels]
        self._samples = 0
        self._stream: AudioStream = container.add_stream("aac", rate=SAMPLES_PER_SECOND)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = _BIT_RATES[channels]
        self._stream.codec_context.options = dict(_AAC_OPTIONS)

    def append(self, samples: Samples) -> None:
        """Encode samples after those that are there."""
        block = np.ascontiguousarray(samples)
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=self._layout)
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts, frame.time_base = self._samples, Fraction(1, SAMPLES_PER_SECOND)
        self._samples += block.shape[1]
        _mux(self._container, self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        _mux(self._container, self._stream.encode(None))


def add_chapters(container: OutputContainer, shots: Sequence[tuple[str, int]]) -> None:
    """Add a chapter for each (title, frames), one after the other from frame 0 on.

    Has to happen before anything is appended.
    """
    chapters: list[av.container.Chapter] = []
    position = 0
    for number, (title, frames) in enumerate(shots):
        chapters.append(
            {
                "id": number,
                "start": position,
                "end": position + frames,
                "time_base": FRAME_SECONDS,
                "metadata": {"title": title},
            }
        )
        position += frames
    container.set_chapters(chapters)


def _mux(container: OutputContainer, packets: Sequence[Packet[Stream]]) -> None:
    try:
        container.mux(packets)
    except av.FFmpegError as error:
        # Told here, or it would pass for a fault of the clip that is being read.
        raise _unwritten(container.name.removeprefix("file:"), error) from error


def _unwritten(film: str, error: av.FFmpegError) -> MediaError:
    return MediaError(f"The film can't be written to {film}: {error.strerror}")


def _annex_b(clip: VideoStream, film: VideoStream | None = None) -> BitStreamFilterContext:
    """Return the filter that writes start codes and puts parameter sets before each IDR."""
    return BitStreamFilterContext("h264_mp4toannexb", clip, film)


def _has_idr(packet: Packet[Stream]) -> bool:
    data = bytes(packet)
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        kind = data[at + 3] & 31
        if 1 <= kind <= _IDR:
            return kind == _IDR
        at = data.find(b"\0\0\1", at + 3)
    return False
