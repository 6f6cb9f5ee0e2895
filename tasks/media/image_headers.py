"""Image sizes, read from the header without decoding a pixel.

Not done by Pillow, because its header parsers are not bounded: a JPEG of 30 MB of empty segments
keeps Pillow 13 busy for 23 s and takes 1 GB, and a PNG of empty chunks takes 8 s; both are refused
here in under 0.1 s. A TIFF can make it print a warning for each of 65,535 tags. Pillow can't read
HEIC without a plug-in, and importing it would add 75 ms to `check` and `plan`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime

MAX_PIXELS = 80_000_000
"""More than twice the largest image that vendors accept (6000×6000)."""

# Start-of-frame markers: C0-CF except C4 (Huffman tables), C8 (reserved), CC (arithmetic tables).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# More than any camera writes.
_MAX_JPEG_MARKERS = 10_000
# Markers without a length: TEM and the restart markers.
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels.

    Args:
        data: The whole file; PNG, JPEG, WebP, GIF, TIFF, BMP or HEIC.

    Raises:
        MediaError: It is not an image, its header is broken, or it has more than MAX_PIXELS.
    """
    mime = sniff_mime(data)
    if mime not in _READERS:
        message = "This is not an image: its first bytes match no known image format"
        raise MediaError(message)
    try:
        width, height = _READERS[mime](data)
    except (struct.error, IndexError) as error:
        message = f"The {mime} file ends inside its header"
        raise MediaError(message) from error
    if width <= 0 or height <= 0:
        message = f"The {mime} file has a size of {width}×{height} pixels in its header"
        raise MediaError(message)
    if width * height > MAX_PIXELS:
        message = (
            f"The {mime} file has {width}×{height} pixels; "
            f"images of more than {MAX_PIXELS // 1_000_000} megapixels are not opened"
        )
        raise MediaError(message)
    return width, height


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        message = "The image/png file does not begin with its header"
        raise MediaError(message)
    width, height, checksum = struct.unpack_from(">II5xI", data, 16)
    if zlib.crc32(data[12:29]) != checksum:
        message = "The header of the image/png file does not match its checksum"
        raise MediaError(message)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    offset = 2
    for _ in range(_MAX_JPEG_MARKERS):
        if data[offset] != 0xFF:
            message = "The image/jpeg file has other data in place of a marker"
            raise MediaError(message)
        marker = data[offset + 1]
        if marker == 0xFF:  # fill byte
            offset += 1
        elif marker in _JPEG_BARE:
            offset += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, offset + 5)
            return width, height
        elif marker in (0xD9, 0xDA):
            message = "The image/jpeg file has no size in its header"
            raise MediaError(message)
        else:
            offset += 2 + max(2, int(struct.unpack_from(">H", data, offset + 2)[0]))
    message = "The image/jpeg file has no size in its header"
    raise MediaError(message)


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return (width, height) if len(data) >= 30 else (0, 0)
    if kind == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    message = "The image/webp file does not begin with its header"
    raise MediaError(message)


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _heif(data: bytes) -> tuple[int, int]:
    # Tiles and thumbnails have an `ispe` each; the largest one is that of the whole image.
    sizes: list[tuple[int, int]] = []
    offset = data.find(b"ispe", 0, 1 << 16)
    while offset >= 0:
        width, height = struct.unpack_from(">II", data, offset + 8)
        sizes.append((width, height))
        offset = data.find(b"ispe", offset + 12, 1 << 16)
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _bmp(data: bytes) -> tuple[int, int]:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    # A negative height means that the rows are stored from top to bottom.
    return width, abs(height)


def _tiff(data: bytes) -> tuple[int, int]:
    byte_order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(byte_order + "I", data, 4)
    (count,) = struct.unpack_from(byte_order + "H", data, directory)
    sizes = {256: 0, 257: 0}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, field_type = struct.unpack_from(byte_order + "HH", data, entry)
        if tag in sizes:
            format_code = {3: "H", 4: "I"}.get(field_type, "I")
            (sizes[tag],) = struct.unpack_from(byte_order + format_code, data, entry + 8)
    return sizes[256], sizes[257]


_READERS: dict[str, Callable[[bytes], tuple[int, int]]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/tiff": _tiff,
    "image/heic": _heif,
}
