"""Picture formats by their first bytes and sizes by their headers, without decoding."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import MediaError
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime

FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}


def encode(form: str, size: tuple[int, int] = (123, 57), **options: object) -> bytes:
    """Encode a plain picture with Pillow, which shares no code with what is tested."""
    file = BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(file, format=form, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of any size, with a right checksum."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum


def heic(*sizes: tuple[int, int]) -> bytes:
    """Return the boxes of a HEIC file that tell its sizes."""
    boxes = [struct.pack(">I4sIII", 20, b"ispe", 0, *size) for size in sizes]
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + b"".join(boxes)


@pytest.mark.parametrize(("form", "mime"), FORMATS.items())
def test_format_and_size_are_read_from_the_header(form: str, mime: str) -> None:
    """Each format a vendor takes is told by its bytes, with its size."""
    data = encode(form)
    assert sniff_mime(data) == mime
    assert image_size(data) == (123, 57)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0"}]
)
def test_all_kinds_of_webp_tell_their_size(options: dict[str, object]) -> None:
    """Lossy, lossless and extended WebP keep their sizes in three different places."""
    assert image_size(encode("WEBP", (301, 77), **options)) == (301, 77)


def test_a_progressive_jpeg_with_a_thumbnail_tells_its_own_size() -> None:
    """The size is the picture's, not that of a smaller JPEG inside its metadata."""
    exif = b"Exif\0\0" + encode("JPEG", (16, 9))
    data = encode("JPEG", (640, 360), progressive=True, exif=exif)
    assert image_size(data) == (640, 360)


def test_a_heic_tells_the_size_of_the_whole_picture() -> None:
    """A HEIC made of tiles has one size for each tile and one, the largest, for the picture."""
    data = heic((512, 512), (4032, 3024), (320, 240))
    assert sniff_mime(data) == "image/heic"
    assert image_size(data) == (4032, 3024)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html></html>", b'{"error": 1}', b"BM is how this text begins", b"\0\0\0\x18ftypisom"],
)
def test_what_is_no_picture_has_no_format(data: bytes) -> None:
    """Web pages, JSON, text and clips are not taken for pictures."""
    assert sniff_mime(data) is None
    with pytest.raises(MediaError, match="no picture"):
        image_size(data)


@pytest.mark.parametrize("form", FORMATS)
def test_a_picture_cut_off_in_its_header_is_refused(form: str) -> None:
    """A download that stopped early is an error and no size of zero."""
    with pytest.raises(MediaError):
        image_size(encode(form)[: 8 if form == "GIF" else 20])


def test_a_gigapixel_picture_is_refused_unopened() -> None:
    """A few bytes that promise 40,000×40,000 pixels do not get anybody to allocate them."""
    with pytest.raises(MediaError, match="40000×40000"):
        image_size(png_header(40_000, 40_000))


def test_a_picture_of_no_size_is_refused() -> None:
    """Zero pixels are no picture."""
    with pytest.raises(MediaError, match="0×10"):
        image_size(png_header(0, 10))


def test_a_header_changed_after_its_checksum_is_refused() -> None:
    """A PNG that lies about its size is caught by its own checksum."""
    data = bytearray(png_header(100, 100))
    data[19] = 50
    with pytest.raises(MediaError, match="checksum"):
        image_size(bytes(data))


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=60), st.integers(2, 40))
def test_no_bytes_bring_anything_but_a_size_or_a_media_error(
    form: str, noise: bytes, keep: int
) -> None:
    """Whatever follows a format's first bytes, the answer is a size or one clear refusal."""
    data = encode(form, (8, 8))[:keep] + noise
    try:
        width, height = image_size(data)
    except MediaError:
        return
    assert width > 0
    assert height > 0


def test_reading_a_size_imports_nothing_heavy() -> None:
    """A plan reads sizes and has to start at once: no numpy, no PyAV, no Pillow."""
    code = (
        "import sys, tasks.media.image_headers as p; p.image_size(bytes.fromhex(sys.argv[1]));"
        "print([m for m in ('av', 'numpy', 'PIL', 'ffmpeg') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, encode("JPEG").hex()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
