"""Re-encodes the few frames at a cut that refer to the dropped frame.

They become a short stream that starts with an IDR frame and refers to nothing outside, so that it
can follow copied packets and be followed by any other clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from tasks.errors import MediaError
from tasks.media.codecs import COPIED_CODECS
from tasks.media.film_format import FRAME_SECONDS, FRAMES_PER_SECOND
from tasks.media.probe import Clip

# Size does not matter for so few frames; at 16 they measure 2 dB less.
_CRF = 12


@dataclass(frozen=True)
class Tail:
    """Re-encoded frames with start codes; the first is IDR, none is a B-frame."""

    header: bytes = b""
    """Their parameter sets."""
    frames: tuple[bytes, ...] = ()


def reencode_tail(frames: Sequence[VideoFrame], clip: Clip) -> Tail:
    """Encode frames, given in display order, in the format of their clip.

    Raises:
        MediaError: The encoder fails.
    """
    if not frames:
        return Tail()
    try:
        return _encode(frames, clip)
    except av.FFmpegError as error:
        message = f"{clip.path}: the frames at its end can't be re-encoded ({error.strerror})"
        raise MediaError(message) from error


def _encode(frames: Sequence[VideoFrame], clip: Clip) -> Tail:
    encoder = _encoder(clip)
    packets = []
    for number, frame in enumerate(frames):
        frame.pts = number
        frame.time_base = FRAME_SECONDS
        frame.pict_type = 0  # the encoder would reuse the frame type that it had in the clip
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return Tail(header=encoder.extradata or b"", frames=tuple(bytes(packet) for packet in packets))


def _encoder(clip: Clip) -> VideoCodecContext:
    codec = COPIED_CODECS[clip.codec]
    encoder = cast(VideoCodecContext, av.CodecContext.create(codec.encoder, "w"))
    encoder.width, encoder.height, encoder.pix_fmt = clip.width, clip.height, clip.pix_fmt
    encoder.sample_aspect_ratio = clip.sar
    encoder.framerate = Fraction(FRAMES_PER_SECOND)
    encoder.time_base = FRAME_SECONDS
    encoder.color_primaries = clip.colour.primaries
    encoder.color_trc = clip.colour.transfer
    encoder.colorspace = clip.colour.matrix
    encoder.color_range = clip.colour.range_tag
    encoder.max_b_frames = 0
    encoder.flags |= int(Flags.global_header)
    encoder.options = codec.encoder_options(crf=_CRF)
    return encoder
