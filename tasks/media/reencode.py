"""Encodes spans of a film, and reads them back as packets.

A span becomes a short stream that starts with an IDR frame and refers to nothing outside, so that
it can follow copied packets and be followed by any clip. Its file has start codes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, cast

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from tasks.errors import MediaError
from tasks.media.codecs import COPIED_CODECS, CopiedCodec
from tasks.media.composition import Composition
from tasks.media.compositor import ClipPictures
from tasks.media.film_format import FRAME_SECONDS, FRAMES_PER_SECOND
from tasks.media.probe import Clip
from tasks.media.split import EncodedSpan

# Size does not matter for so few frames; at 16 they measure 2 dB less.
_CRF = 12

_FORMAT_VERSION = 1
"""Part of the key of a span: another number lets every span be encoded again."""


class SpanPackets(NamedTuple):
    """The packets of an encoded span; the first is IDR, none is a B-frame."""

    header: bytes
    """Their parameter sets."""
    frames: tuple[bytes, ...]


def span_key(span: EncodedSpan, composition: Composition, clips: Sequence[ClipPictures]) -> str:
    """Return a digest of everything that the packets of a span depend on.

    Its place in the film is not part of it.
    """
    form = span_form(span, composition, clips)
    data = [
        _FORMAT_VERSION,
        COPIED_CODECS[form.codec].encoder_options(crf=_CRF),
        [form.codec, form.width, form.height, form.pix_fmt, str(form.sar)],
        list(form.colour.__dict__.values()),
        [_describe(composition, clips, frame) for frame in range(span.first_frame, span.end_frame)],
    ]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def encode_span(frames: Iterable[VideoFrame], form: Clip, path: Path) -> None:
    """Encode frames, given in display order, in the format of a clip.

    Args:
        frames: The frames.
        form: A clip with the size, the pixels and the colours of the frames.
        path: The file to write.

    Raises:
        MediaError: The encoder fails, or the file can't be written.
    """
    encoder = _encoder(form)
    try:
        with path.open("wb") as file:
            for number, frame in enumerate(frames):
                frame.pts = number
                frame.time_base = FRAME_SECONDS
                frame.pict_type = (
                    0  # the encoder would reuse the frame type that it had in the clip
                )
                file.writelines(bytes(packet) for packet in encoder.encode(frame))
            file.writelines(bytes(packet) for packet in encoder.encode(None))
    except (av.FFmpegError, OSError) as error:
        message = f"a part of the film can't be encoded again: {error.strerror}"
        raise MediaError(message) from error


def read_span(path: Path, codec: CopiedCodec) -> SpanPackets:
    """Return the packets of a span.

    Raises:
        MediaError: The file can't be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}; run again"
        raise MediaError(message) from error
    frames = tuple(_split_frames(data, codec))
    return SpanPackets(_read_header(frames[0] if frames else b"", codec), frames)


def span_form(span: EncodedSpan, composition: Composition, clips: Sequence[ClipPictures]) -> Clip:
    """Return the clip whose format a span has, which begins with the span or contains it."""
    # The card has that of the last clip.
    return clips[min(composition.find_clip(span.first_frame), len(clips) - 1)].clip


def _describe(composition: Composition, clips: Sequence[ClipPictures], frame: int) -> list[object]:
    """Return the composition of a frame as plain data, with contents in place of numbers."""
    recipe = composition.recipe(frame)
    pictures = [
        [clips[clip].sha256 if clip < len(clips) else composition.card_digest, number, str(share)]
        for clip, number, share in recipe.pictures
    ]
    overlays = [
        [composition.overlays[number].digest, opacity] for number, opacity in recipe.overlays
    ]
    return [pictures, recipe.colour, overlays, str(recipe.brightness)]


def _split_frames(data: bytes, codec: CopiedCodec) -> Iterator[bytes]:
    """Yield the packets of a stream with start codes, whose pictures have a NAL unit each."""
    begin = 0
    for start, end in _nal_units(data):
        if codec.nal_type(data[start]) in codec.picture_types:
            yield data[begin:end]
            begin = end


def _read_header(packet: bytes, codec: CopiedCodec) -> bytes:
    """Return the parameter sets of a packet, with start codes."""
    units = [packet[start:end] for start, end in _nal_units(packet)]
    sets = [unit for unit in units if codec.nal_type(unit[0]) in codec.parameter_types]
    return b"".join(b"\0\0\0\1" + unit for unit in sets)


def _nal_units(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first byte of each NAL unit and the end of its data."""
    start = data.find(b"\0\0\1") + 3
    while start >= 3:
        following = data.find(b"\0\0\1", start)
        end = len(data) if following < 0 else following
        # A start code may have four bytes.
        yield start, end - (following > 0 and data[end - 1] == 0)
        start = following + 3


def _encoder(form: Clip) -> VideoCodecContext:
    codec = COPIED_CODECS[form.codec]
    encoder = cast(VideoCodecContext, av.CodecContext.create(codec.encoder, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = form.width, form.height, form.pix_fmt
    encoder.sample_aspect_ratio = form.sar
    encoder.framerate = Fraction(FRAMES_PER_SECOND)
    encoder.time_base = FRAME_SECONDS
    encoder.color_primaries = form.colour.primaries
    encoder.color_trc = form.colour.transfer
    encoder.colorspace = form.colour.matrix
    encoder.color_range = form.colour.range_tag
    encoder.max_b_frames = 0
    encoder.flags |= int(Flags.global_header)
    encoder.options = codec.encoder_options(crf=_CRF)
    return encoder
