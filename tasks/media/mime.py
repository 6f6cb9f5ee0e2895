"""MIME types of images and sound files, recognised by their first bytes.

Clips are not recognised here: `mp4_guard` checks their whole structure before anything opens them.
"""

from __future__ import annotations

import struct

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_BMP_HEADER_BYTES = frozenset({12, 16, 40, 52, 56, 64, 108, 124})


def sniff_mime(data: bytes) -> str | None:
    """Return the MIME type that the first bytes prove, or None if they prove none.

    Recognises PNG, JPEG, WebP, GIF, TIFF, BMP, HEIC, WAV and MP3. The first 256 bytes suffice.
    """
    return _image_mime(data) or _audio_mime(data)


def _image_mime(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    if data[:4] in (b"II*\x00", b"MM\x00*"):
        return "image/tiff"
    if data[:2] == b"BM" and len(data) >= 18:
        (header_bytes,) = struct.unpack_from("<I", data, 14)
        return "image/bmp" if header_bytes in _BMP_HEADER_BYTES else None
    return "image/heic" if _is_heif(data) else None


def _audio_mime(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    # An MPEG audio frame begins with eleven set bits; layer 0 is reserved.
    is_frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06
    return "audio/mpeg" if data[:3] == b"ID3" or is_frame else None


def _is_heif(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))}
    return bool(brands & _HEIF_BRANDS) and b"avif" not in brands
