"""The captions in a film as a track that viewers switch on: `mov_text`, with its language."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from tasks.edit import Caption, CaptionsEdit
from tasks.film_rates import FilmRate
from tasks.media.container import to_fraction
from tasks.media.film_file import mux_packets
from tasks.media.film_format import FRAME_SECONDS
from tasks.media.titles.captions import list_samples
from tasks.media.titles.language_codes import UNDETERMINED, find_three_letter_code

_MAX_GAP_FRAMES = 48
"""A longer gap is written in parts. The muxer keeps the packets of all other tracks in memory
until it has the next one of this track."""

# The encoder makes the header of the track from it: white, centred, at the bottom.
_ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, \
Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, \
Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


class CaptionTrack:
    """The caption track of a film; it is written as a whole, before the other tracks."""

    def __init__(
        self, container: OutputContainer, language: str, name: str, time_base: Fraction
    ) -> None:
        """Add the track to a film that nothing was written to yet.

        Args:
            container: The film.
            language: The code of the language in three letters.
            name: The name of the track.
            time_base: Seconds per unit of its times.
        """
        self._container = container
        self._time_base = time_base
        self._stream = container.add_stream("mov_text")
        self._stream.codec_context.subtitle_header = _ASS_HEADER
        self._stream.time_base = time_base
        self._stream.metadata.update({"language": language, "handler_name": name})

    def write(self, captions: Sequence[Caption], frames: int) -> None:
        """Write all captions.

        Args:
            captions: The captions, with frames of the film at 24 per second.
            frames: The number of these frames.

        Raises:
            MediaError: The film can't be written.
        """
        for sample in list_samples(captions, frames):
            step = sample.end_frame - sample.first_frame if sample.text else _MAX_GAP_FRAMES
            text = sample.text.encode()
            for first in range(sample.first_frame, sample.end_frame, step):
                data = struct.pack(">H", len(text)) + text
                self._mux(data, first, min(step, sample.end_frame - first))

    def copy(self, source: InputContainer, stream: SubtitleStream) -> None:
        """Write the captions of a track of another film.

        Raises:
            MediaError: The film can't be written.
        """
        for packet in source.demux(stream):
            # The muxer adds an empty packet without duration after each text.
            if packet.pts is not None and packet.duration:
                self._mux(bytes(packet), packet.pts, packet.duration)

    def _mux(self, data: bytes, first: int, frames: int) -> None:
        packet: Packet[Stream] = Packet(data)
        packet.stream = self._stream
        packet.time_base = self._time_base
        packet.pts = packet.dts = first
        packet.duration = frames
        packet.is_keyframe = True
        mux_packets(self._container, [packet])


def write_captions(
    container: OutputContainer, captions: CaptionsEdit | None, frames: int, rate: FilmRate
) -> None:
    """Write captions as a track, unless they are a part of the picture.

    Args:
        container: The film, with all its other tracks, and nothing written to it yet.
        captions: The captions of its edit.
        frames: The number of its frames at 24 per second.
        rate: The frame rate of the film.

    Raises:
        MediaError: The film can't be written.
    """
    if captions and captions.captions and not captions.burn:
        # MP4 has three letters for the language; the name has the script and the country.
        code, name = find_three_letter_code(captions.language), f"captions {captions.language}"
        track = CaptionTrack(container, code, name, FRAME_SECONDS * rate.stretch)
        track.write(captions.captions, frames)


def add_copied_track(container: OutputContainer, stream: SubtitleStream) -> CaptionTrack:
    """Add a track like that of another film to a film that nothing was written to yet."""
    language = stream.language or UNDETERMINED
    name = stream.metadata.get("handler_name", "captions")
    return CaptionTrack(container, language, name, to_fraction(stream.time_base))
