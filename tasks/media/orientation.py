"""Orientation of stored pictures, from the display matrices of clips and from EXIF.

Only the standard library is imported, so that `check` and `plan` start quickly. Pictures
are turned in `conversion` and `frames`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import BinaryIO

from tasks.media.mime import sniff_mime
from tasks.media.mp4_guard import Box, iter_boxes

_MATRIX_BYTES = 36
# Offsets by version of the box: of the matrix in `mvhd`, of track id and matrix in `tkhd`.
_MOVIE_MATRIX = {0: 36, 1: 48}
_TRACK_ID, _TRACK_MATRIX = {0: 12, 1: 20}, {0: 40, 1: 52}

_ORIENTATION_TAG = 274
_MAX_ENTRIES = 1000
_MAX_CHUNKS = 10_000
_EXIF_HEADER = b"Exif\0\0"


class Orientation(IntEnum):
    """The turn that makes a stored picture upright, numbered as in EXIF (tag 274)."""

    UPRIGHT = 1
    MIRRORED = 2
    ROTATED_180 = 3
    UPSIDE_DOWN = 4
    """Mirrored from top to bottom."""
    TRANSPOSED = 5
    ROTATED_90 = 6
    """Clockwise, as are all rotations here."""
    TRANSVERSED = 7
    ROTATED_270 = 8

    @property
    def swaps_sides(self) -> bool:
        """True if the upright picture is as wide as the stored one is high."""
        return self >= Orientation.TRANSPOSED

    @property
    def description(self) -> str:
        """The turn as text, such as `rotated 90°`; empty if there is none."""
        return _DESCRIPTIONS[self]

    @property
    def filters(self) -> tuple[tuple[str, str], ...]:
        """Names and arguments of the ffmpeg filters that turn the picture."""
        return _FILTERS[self]


_DESCRIPTIONS = {
    Orientation.UPRIGHT: "",
    Orientation.MIRRORED: "mirrored",
    Orientation.ROTATED_180: "rotated 180°",
    Orientation.UPSIDE_DOWN: "flipped top to bottom",
    Orientation.TRANSPOSED: "rotated 90° and mirrored",
    Orientation.ROTATED_90: "rotated 90°",
    Orientation.TRANSVERSED: "rotated 270° and mirrored",
    Orientation.ROTATED_270: "rotated 270°",
}
_FILTERS: dict[Orientation, tuple[tuple[str, str], ...]] = {
    Orientation.UPRIGHT: (),
    Orientation.MIRRORED: (("hflip", ""),),
    Orientation.ROTATED_180: (("hflip", ""), ("vflip", "")),
    Orientation.UPSIDE_DOWN: (("vflip", ""),),
    Orientation.TRANSPOSED: (("transpose", "cclock_flip"),),
    Orientation.ROTATED_90: (("transpose", "clock"),),
    Orientation.TRANSVERSED: (("transpose", "clock_flip"),),
    Orientation.ROTATED_270: (("transpose", "cclock"),),
}


def read_clip_orientation(path: Path, track_id: int) -> Orientation:
    """Return the orientation of a track of an MP4 or QuickTime file that `mp4_guard` accepted.

    It is the product of the matrices of the track and of the movie, as players show it.

    Raises:
        OSError: The file can't be read.
    """
    movie = track = (1, 0, 0, 1)
    with path.open("rb") as file:
        size = file.seek(0, 2)
        for index in (box for box in iter_boxes(file, 0, size) if box.type == b"moov"):
            for box in iter_boxes(file, index.start, index.end):
                if box.type == b"mvhd":
                    movie = _read_matrix(file, box, _MOVIE_MATRIX)
                elif box.type == b"trak":
                    track = _read_track_matrix(file, box, track_id) or track
    return _to_orientation(_multiply(track, movie))


_Matrix = tuple[int, int, int, int]


def _read_track_matrix(file: BinaryIO, track: Box, track_id: int) -> _Matrix | None:
    for box in iter_boxes(file, track.start, track.end):
        if box.type == b"tkhd":
            file.seek(box.start)
            version = file.read(1)
            file.seek(box.start + _TRACK_ID.get(version[0] if version else 0, 0))
            if int.from_bytes(file.read(4), "big") == track_id:
                return _read_matrix(file, box, _TRACK_MATRIX)
    return None


def _read_matrix(file: BinaryIO, box: Box, offsets: dict[int, int]) -> _Matrix:
    """Return a, b, c and d of a matrix: x' = a x + c y, y' = b x + d y, both axes downwards."""
    file.seek(box.start)
    version = file.read(1)
    offset = offsets.get(version[0] if version else 0, 0)
    file.seek(box.start + offset)
    data = file.read(_MATRIX_BYTES)
    if len(data) < _MATRIX_BYTES or box.start + offset + _MATRIX_BYTES > box.end:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack(">9i", data)
    return a, b, c, d


def _multiply(track: _Matrix, movie: _Matrix) -> _Matrix:
    a, b, c, d = track
    e, f, g, h = movie
    return a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h


def _to_orientation(matrix: _Matrix) -> Orientation:
    """Return the nearest orientation; a scale does not matter, and zeros are upright."""
    a, b, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        by_signs = {
            (False, False): Orientation.UPRIGHT,
            (True, False): Orientation.MIRRORED,
            (True, True): Orientation.ROTATED_180,
            (False, True): Orientation.UPSIDE_DOWN,
        }
        return by_signs[a < 0, d < 0]
    by_signs = {
        (False, False): Orientation.TRANSPOSED,
        (False, True): Orientation.ROTATED_90,
        (True, True): Orientation.TRANSVERSED,
        (True, False): Orientation.ROTATED_270,
    }
    return by_signs[b < 0, c < 0]


def read_image_orientation(data: bytes) -> Orientation:
    """Return the orientation of an image file, read from its header; upright if it has none."""
    reader = {
        "image/jpeg": _jpeg_exif,
        "image/png": _png_exif,
        "image/webp": _webp_exif,
        "image/tiff": _whole_file,
    }.get(sniff_mime(data) or "")
    try:
        return Orientation(_find_tag(reader(data)) if reader else 1)
    except (struct.error, IndexError, ValueError):
        return Orientation.UPRIGHT


def _whole_file(data: bytes) -> bytes:
    return data


def _jpeg_exif(data: bytes) -> bytes:
    offset = 2
    for _ in range(_MAX_CHUNKS):
        marker, length = struct.unpack_from(">HH", data, offset)
        if marker == 0xFFFF:  # fill byte
            offset += 1
            continue
        # Start of the picture's data, or of something that is not a segment.
        if marker >> 8 != 0xFF or marker in (0xFFDA, 0xFFD9):
            return b""
        segment = data[offset + 4 : offset + 2 + length]
        if marker == 0xFFE1 and segment.startswith(_EXIF_HEADER):
            return segment.removeprefix(_EXIF_HEADER)
        offset += 2 + max(2, length)
    return b""


def _png_exif(data: bytes) -> bytes:
    for name, content in _chunks(data, 8, ">I4s", padding=4):
        if name == b"eXIf":
            return content
    return b""


def _webp_exif(data: bytes) -> bytes:
    for name, content in _chunks(data, 12, "<4sI"):
        if name == b"EXIF":
            return content.removeprefix(_EXIF_HEADER)
    return b""


def _chunks(
    data: bytes, offset: int, header: str, *, padding: int = 0
) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        first, second = struct.unpack_from(header, data, offset)
        name, length = (first, second) if header.startswith("<") else (second, first)
        yield name, data[offset + 8 : offset + 8 + length]
        # Chunks of WebP are padded to even lengths; those of PNG are followed by a checksum.
        offset += 8 + length + (padding or length % 2)


def _find_tag(exif: bytes) -> int:
    """Return the value of the orientation tag in the first directory of a TIFF structure."""
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    byte_order = "<" if exif[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(byte_order + "I", exif, 4)
    (count,) = struct.unpack_from(byte_order + "H", exif, directory)
    for entry in range(min(count, _MAX_ENTRIES)):
        tag, _, _, value = struct.unpack_from(byte_order + "HHIH", exif, directory + 2 + 12 * entry)
        if tag == _ORIENTATION_TAG:
            return int(value)
    return 1
