"""The codecs whose packets a film copies, H.264 and HEVC: NAL units, and how to encode them.

What is copied and what is encoded again is decided in `join`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_START_CODE = b"\0\0\1"


@dataclass(frozen=True)
class CopiedCodec:
    """A codec whose packets can be copied from clips into a film."""

    name: str
    """As in `Clip.codec`."""
    encoder: str
    start_code_filter: str
    """The bitstream filter that adds start codes, and parameter sets before each IDR frame."""
    header_bytes: int
    """Bytes of the header of a NAL unit."""
    picture_types: range
    """Types of the NAL units that contain parts of a picture."""
    parameter_types: frozenset[int]
    """Types of the NAL units with parameter sets."""
    idr_types: frozenset[int]
    """Those of pictures that no earlier packet is needed for, nor is for the ones after them."""
    length_offset: int
    """Place of the size of the NAL units' lengths in the configuration of an MP4 file."""

    def nal_type(self, first_byte: int) -> int:
        """Return the type of a NAL unit by the first byte of its header."""
        return first_byte & 31 if self.header_bytes == 1 else first_byte >> 1 & 63

    def has_idr(self, data: bytes) -> bool:
        """Return True if the picture of a packet with start codes is an IDR frame."""
        return self._starts_with_idr(_types_after_start_codes(data))

    def is_idr_packet(self, packet: memoryview, configuration: bytes) -> bool:
        """Return True if the picture of a packet in the format of MP4 files is an IDR frame.

        Args:
            packet: The data of the packet.
            configuration: The decoder configuration of its track.
        """
        if len(configuration) <= self.length_offset or configuration[0] != 1:
            return False
        length_bytes = (configuration[self.length_offset] & 3) + 1
        return self._starts_with_idr(_types_after_lengths(packet, length_bytes))

    def _starts_with_idr(self, first_bytes: Iterator[int]) -> bool:
        types = map(self.nal_type, first_bytes)
        return next((kind for kind in types if kind in self.picture_types), -1) in self.idr_types

    def encoder_options(self, *, crf: int) -> dict[str, str]:
        """Return options for one IDR frame followed by frames that refer back only.

        No look-ahead, no B-frames, and the parameter sets are part of the stream. Those of H.264
        have an id of their own, so that they do not replace those of the clips; x265 can't set
        it, and the parameter sets are repeated before each IDR frame of the film.
        """
        if self.name == "h264":
            params = "sps-id=1:keyint=infinite:scenecut=0:rc-lookahead=0:sync-lookahead=0"
            params = f"{params}:repeat-headers=1:threads=1"
            return {"preset": "veryfast", "crf": str(crf), "x264-params": params}
        params = "keyint=-1:scenecut=0:rc-lookahead=0:bframes=0:open-gop=0:repeat-headers=1"
        params = f"{params}:info=0:pools=none:frame-threads=1:log-level=error"
        return {"preset": "fast", "crf": str(crf), "x265-params": params}


H264 = CopiedCodec(
    name="h264",
    encoder="libx264",
    start_code_filter="h264_mp4toannexb",
    header_bytes=1,
    picture_types=range(1, 6),
    parameter_types=frozenset({7, 8}),
    idr_types=frozenset({5}),
    length_offset=4,
)
HEVC = CopiedCodec(
    name="hevc",
    encoder="libx265",
    start_code_filter="hevc_mp4toannexb",
    header_bytes=2,
    picture_types=range(32),
    parameter_types=frozenset({32, 33, 34}),
    # IDR_W_RADL and IDR_N_LP of ITU-T H.265, table 7-1. Frames may refer past a CRA picture.
    idr_types=frozenset({19, 20}),
    length_offset=21,
)
COPIED_CODECS = {codec.name: codec for codec in (H264, HEVC)}


def _types_after_start_codes(data: bytes) -> Iterator[int]:
    offset = data.find(_START_CODE)
    while 0 <= offset < len(data) - 3:
        yield data[offset + 3]
        offset = data.find(_START_CODE, offset + 3)


def _types_after_lengths(data: memoryview, length_bytes: int) -> Iterator[int]:
    offset = 0
    while offset + length_bytes < len(data):
        yield data[offset + length_bytes]
        offset += length_bytes + int.from_bytes(data[offset : offset + length_bytes], "big")
