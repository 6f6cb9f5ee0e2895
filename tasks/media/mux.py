"""Writes the tracks of a film: packets of the clips, and packets of encoded spans.

Sets the timestamps of the packets and the parameter sets they need. `split` decides which packets
are copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.film_rates import RATE_24, FilmRate
from tasks.media.codecs import COPIED_CODECS, CopiedCodec
from tasks.media.compositor import ClipPictures
from tasks.media.container import open_clip, video_stream
from tasks.media.decode import changed_error, demux_from
from tasks.media.film_file import mux_packets, time_base_of
from tasks.media.reencode import read_span
from tasks.media.split import CopiedRun, EncodedSpan, Piece

BLOCK_FRAMES = 240
"""After so many frames of video, the audio follows, so that few packets wait in memory."""


class VideoTrack:
    """The video track of a film, appended piece by piece."""

    def __init__(
        self,
        container: OutputContainer,
        clips: Sequence[ClipPictures],
        pieces: Sequence[Piece],
        spans: Mapping[EncodedSpan, Path],
        rate: FilmRate = RATE_24,
    ) -> None:
        """Add the track to a film.

        Args:
            container: The film.
            clips: The clips of the film.
            pieces: All pieces of the film.
            spans: The files of the encoded spans.
            rate: The rate of the film, which shows each frame once.

        Raises:
            MediaError: A file can't be read.
        """
        self._time_base = time_base_of(rate)
        self._container, self._clips, self._spans = container, clips, spans
        self._reorder_depth = max(_reorder_depth(clips, piece) for piece in pieces)
        self._position = 0
        path = clips[0].clip.path
        with open_clip(path) as clip:
            stream = video_stream(clip, path)
            self._codec = COPIED_CODECS[stream.codec_context.name]
            self._stream = container.add_stream_from_template(stream)
            _annex_b(self._codec, stream, self._stream)
        # The header of the file has the parameter sets of the first clip and of all spans, since
        # some players read them from there only. All others precede their frames.
        headers = dict.fromkeys(read_span(span, self._codec).header for span in spans.values())
        own = self._stream.codec_context.extradata or b""
        self._stream.codec_context.extradata = b"".join([own, *headers])
        # The muxer measures it; the rate of the first clip is not that of the film.
        self._stream.codec_context.bit_rate = 0

    def append(self, piece: Piece) -> Iterator[int]:
        """Append a piece, and yield after some frames how many were appended.

        Raises:
            MediaError: A file can't be read or has changed, or the film can't be written.
        """
        if isinstance(piece, CopiedRun):
            yield from _count(self._copy(piece))
        else:
            yield self._append_span(piece)
        self._position += piece.frames

    def _append_span(self, span: EncodedSpan) -> int:
        frames = read_span(self._spans[span], self._codec).frames
        if len(frames) != span.frames:
            count = f"{len(frames)} frames in place of {span.frames}"
            message = f"{self._spans[span]} has {count}; remove it, then run again"
            raise MediaError(message)
        for number, data in enumerate(frames):
            packet = Packet(data)
            packet.is_keyframe = number == 0
            self._write(packet, index=number, number=number)
        return len(frames)

    def _copy(self, run: CopiedRun) -> Iterator[None]:
        source = self._clips[run.clip]
        path, timeline = source.clip.path, source.timeline
        first, index = run.first_packet, run.first_packet
        with open_clip(path, is_measured=True) as clip:
            stream = video_stream(clip, path)
            start_codes = _annex_b(self._codec, stream)
            for index, packet in demux_from(clip, stream, timeline, first, path):
                if index >= run.end_packet:
                    break
                # The filter takes the data out of the packet.
                for filtered in start_codes.filter(packet):
                    # Players seek to key frames, but can start only at an IDR frame.
                    filtered.is_keyframe = index in timeline.idr_set
                    number = timeline.ranks[index] - first
                    self._write(filtered, index=index - first, number=number)
                    yield
        if index < run.end_packet - 1:
            raise changed_error(path)

    def _write(self, packet: Packet[Stream], *, index: int, number: int) -> None:
        ticks, time_base = self._time_base
        packet.pts = (self._position + number) * ticks
        packet.dts = (self._position + index - self._reorder_depth) * ticks
        packet.duration = ticks
        packet.time_base = time_base
        packet.stream = self._stream
        mux_packets(self._container, [packet])


def _count(steps: Iterable[object]) -> Iterator[int]:
    """Yield the lengths of consecutive blocks of steps, as they are taken."""
    iterator = iter(steps)
    while count := sum(1 for _ in islice(iterator, BLOCK_FRAMES)):
        yield count


def _reorder_depth(clips: Sequence[ClipPictures], piece: Piece) -> int:
    """Return the largest difference between the decode and the display position of a frame."""
    if isinstance(piece, EncodedSpan):
        return 0
    ranks = clips[piece.clip].timeline.ranks[piece.first_packet : piece.end_packet]
    return max(index - rank for index, rank in enumerate(ranks, start=piece.first_packet))


def _annex_b(
    codec: CopiedCodec, clip: VideoStream, film: VideoStream | None = None
) -> BitStreamFilterContext:
    """Return the filter that adds start codes, and parameter sets before each IDR frame."""
    return BitStreamFilterContext(codec.start_code_filter, clip, film)
