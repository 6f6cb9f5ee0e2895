"""Picture files: opened safely, and for titles and cards their pixels in sRGB with transparency.

Imports neither av nor numpy, so that plans can check pictures.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from tasks.errors import MediaError
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.media.orientation import read_image_orientation

_MAX_PIXELS = 50_000_000

PILLOW_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
}

# Errors that Pillow was observed to raise for damaged and hostile images.
_DECODE_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def load_picture(path: Path) -> Image.Image:
    """Return a picture file in sRGB with transparency, upright.

    Raises:
        MediaError: It can't be decoded.
    """
    with open_image(path.read_bytes()) as decoded:
        return _to_srgb(decoded)


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture file as it is shown, from its header.

    Raises:
        MediaError: It is not a picture, or too large.
    """
    data = path.read_bytes()
    width, height = image_size(data)
    if min(width, height) < 1 or width * height > _MAX_PIXELS:
        message = (
            f"{path} is {width}x{height}; a picture may have {_MAX_PIXELS // 10**6} million pixels"
        )
        raise MediaError(message)
    return (height, width) if read_image_orientation(data).swaps_sides else (width, height)


def _to_srgb(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        # Plans need the sizes of pictures, and numpy takes long to import.
        import numpy as np

        # Pillow cuts off the levels of 16 bits above 255.
        levels = np.asarray(upright, np.float32) / (256 if upright.mode.startswith("I") else 1)
        upright = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
    rgba = upright.convert("RGBA")
    converted = _convert_profile(upright, image.info.get("icc_profile"))
    if converted:
        converted.putalpha(rgba.getchannel("A"))
    return converted or rgba


def _convert_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Return a picture in sRGB without transparency, or None if it is in sRGB already."""
    if not profile:
        return None
    from PIL import ImageCms

    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" not in ImageCms.getProfileDescription(source):
            plain = image if image.mode in ("L", "CMYK") else image.convert("RGB")
            return ImageCms.profileToProfile(
                plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
    return None


@contextmanager
def open_image(image: bytes) -> Iterator[Image.Image]:
    """Open an image file; errors of Pillow within the block become errors of ours.

    Raises:
        MediaError: It is damaged, or of a format that can't be decoded here.
    """
    size = image_size(image)
    if sniff_mime(image) == "image/tiff" and read_image_orientation(image).swaps_sides:
        # Pillow turns TIFF files, and only these, when it opens them.
        size = size[::-1]
    # Only the decoder for this format is enabled, because some of the others start programs.
    formats = [PILLOW_FORMATS[mime]] if (mime := sniff_mime(image)) in PILLOW_FORMATS else []
    try:
        with Image.open(BytesIO(image), formats=formats) as decoded:
            if decoded.size != size:
                message = f"The image has size {size} in its header and {decoded.size} when decoded"
                raise MediaError(message)
            yield decoded
    except _DECODE_ERRORS as error:
        message = "The image is damaged, or of a format that can't be decoded here"
        raise MediaError(message) from error
