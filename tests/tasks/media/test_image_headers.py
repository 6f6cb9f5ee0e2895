"""MIME types by first bytes, and image sizes by headers."""

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
    """Encode a plain image with Pillow."""
    file = BytesIO()
    Image.new("RGB", size, (200, 30, 60)).save(file, format=form, **options)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return the start of a PNG of any size, with a correct checksum."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    checksum = struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + checksum


def heic(*sizes: tuple[int, int]) -> bytes:
    """Return the boxes of a HEIC file that contain its sizes."""
    boxes = [struct.pack(">I4sIII", 20, b"ispe", 0, *size) for size in sizes]
    return struct.pack(">I4s4sI4s", 20, b"ftyp", b"heic", 0, b"mif1") + b"".join(boxes)


@pytest.mark.parametrize(("form", "mime"), FORMATS.items())
def test_format_and_size_are_recognised(form: str, mime: str) -> None:
    """MIME type and size of each format that vendors accept are read from its bytes."""
    data = encode(form)
    assert sniff_mime(data) == mime
    assert image_size(data) == (123, 57)


@pytest.mark.parametrize(
    "options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0"}]
)
def test_webp_size_is_read_in_all_variants(options: dict[str, object]) -> None:
    """Lossy, lossless and extended WebP have their sizes in different places."""
    assert image_size(encode("WEBP", (301, 77), **options)) == (301, 77)


def test_jpeg_size_ignores_thumbnail() -> None:
    """The size of a JPEG is not that of the smaller JPEG in its metadata."""
    exif = b"Exif\0\0" + encode("JPEG", (16, 9))
    data = encode("JPEG", (640, 360), progressive=True, exif=exif)
    assert image_size(data) == (640, 360)


def test_heic_size_is_that_of_whole_image() -> None:
    """The largest size in a HEIC file is that of the image, the others are those of tiles."""
    data = heic((512, 512), (4032, 3024), (320, 240))
    assert sniff_mime(data) == "image/heic"
    assert image_size(data) == (4032, 3024)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html></html>", b'{"error": 1}', b"BM is how this text begins", b"\0\0\0\x18ftypisom"],
)
def test_other_files_have_no_mime_type(data: bytes) -> None:
    """Web pages, JSON, text and clips are not recognised as images."""
    assert sniff_mime(data) is None
    with pytest.raises(MediaError, match="not an image"):
        image_size(data)


@pytest.mark.parametrize("form", FORMATS)
def test_truncated_header_is_rejected(form: str) -> None:
    """A file that ends inside its header is an error, not an image of size zero."""
    with pytest.raises(MediaError):
        image_size(encode(form)[: 8 if form == "GIF" else 20])


def test_decompression_bomb_is_rejected() -> None:
    """An image of 40,000×40,000 pixels is rejected by its header."""
    with pytest.raises(MediaError, match="40000×40000"):
        image_size(png_header(40_000, 40_000))


def test_size_zero_is_rejected() -> None:
    """An image with a width of zero is rejected."""
    with pytest.raises(MediaError, match="0×10"):
        image_size(png_header(0, 10))


def test_png_with_wrong_checksum_is_rejected() -> None:
    """A PNG header that does not match its checksum is rejected."""
    data = bytearray(png_header(100, 100))
    data[19] = 50
    with pytest.raises(MediaError, match="checksum"):
        image_size(bytes(data))


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=60), st.integers(2, 40))
def test_noise_gives_size_or_media_error(form: str, noise: bytes, keep: int) -> None:
    """Any bytes after a valid beginning give a positive size or a MediaError."""
    data = encode(form, (8, 8))[:keep] + noise
    try:
        width, height = image_size(data)
    except MediaError:
        return
    assert width > 0
    assert height > 0


def test_image_size_imports_nothing_heavy() -> None:
    """Reading a size loads neither numpy, PyAV nor Pillow, since `plan` has to start quickly."""
    code = (
        "import sys, tasks.media.image_headers as headers;"
        "headers.image_size(bytes.fromhex(sys.argv[1]));"
        "print([name for name in ('av', 'numpy', 'PIL', 'ffmpeg') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, encode("JPEG").hex()]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
