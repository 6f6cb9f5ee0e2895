"""What a picture file says about itself: its format by its first bytes, its size by its header.

No pixel is decoded here, and only the standard library is imported, so that a plan stays instant.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime

MAX_PIXELS = 80_000_000
"""More than twice the largest picture a vendor takes (6000×6000); more is refused unopened."""

# Start-of-frame markers: C0-CF without the tables C4 (Huffman), C8 (reserved), CC (arithmetic).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# More than any camera writes; a file of nothing else would be read for seconds.
_MARKERS_MOST = 10_000
# Markers that stand alone, without a length: TEM and the restarts.
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels as the header tells them.

    Raises MediaError for what is no picture, has a broken header, or is larger than MAX_PIXELS.
    """
    mime = sniff_mime(data)
    if mime not in _READERS:
        message = "This is no picture: its first bytes belong to no known picture format"
        raise MediaError(message)
    try:
        width, height = _READERS[mime](data)
    except (struct.error, IndexError) as broken:
        message = f"The {mime} picture ends inside its header"
        raise MediaError(message) from broken
    if width <= 0 or height <= 0:
        message = f"The {mime} picture says it is {width}×{height} pixels"
        raise MediaError(message)
    if width * height > MAX_PIXELS:
        message = (
            f"The {mime} picture says it is {width}×{height} pixels; "
            f"more than {MAX_PIXELS // 1_000_000} megapixels are not opened"
        )
        raise MediaError(message)
    return width, height


def _number(data: bytes, offset: int, form: str) -> int | None:
    if len(data) < offset + struct.calcsize(form):
        return None
    return int(struct.unpack_from(form, data, offset)[0])


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        message = "The image/png picture does not begin with its header"
        raise MediaError(message)
    width, height, checksum = struct.unpack_from(">II5xI", data, 16)
    if zlib.crc32(data[12:29]) != checksum:
        message = "The image/png picture's header does not match its own checksum"
        raise MediaError(message)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MARKERS_MOST):
        if data[at] != 0xFF:
            message = "The image/jpeg picture has something else where a marker belongs"
            raise MediaError(message)
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in (0xD9, 0xDA):
            message = "The image/jpeg picture does not tell its size"
            raise MediaError(message)
        else:
            at += 2 + max(2, int(struct.unpack_from(">H", data, at + 2)[0]))
    message = "The image/jpeg picture does not tell its size"
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
    message = "The image/webp picture does not begin with its header"
    raise MediaError(message)


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _heif(data: bytes) -> tuple[int, int]:
    # Tiles and thumbnails have their own `ispe`; the whole picture's is the largest.
    sizes: list[tuple[int, int]] = []
    at = data.find(b"ispe", 0, 1 << 16)
    while at >= 0:
        width, height = struct.unpack_from(">II", data, at + 8)
        sizes.append((width, height))
        at = data.find(b"ispe", at + 12, 1 << 16)
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def _bmp(data: bytes) -> tuple[int, int]:
    if _number(data, 14, "<I") == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    # A negative height only says that the top row comes first.
    return width, abs(height)


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, directory)
    sizes = {256: 0, 257: 0}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        if tag in sizes:
            form = {3: "H", 4: "I"}.get(kind, "I")
            (sizes[tag],) = struct.unpack_from(order + form, data, at + 8)
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
