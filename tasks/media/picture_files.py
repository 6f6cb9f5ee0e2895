"""Picture files of titles and cards: their size, and their pixels in sRGB with transparency."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from tasks.errors import MediaError
from tasks.media.image_headers import image_size
from tasks.media.orientation import read_image_orientation

_MAX_PIXELS = 50_000_000


def load_picture(path: Path) -> Image.Image:
    """Return a picture file in sRGB with transparency, upright.

    Raises:
        MediaError: It can't be decoded.
    """
    # Loads av, which texts do not need.
    from tasks.media.frames import open_image

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
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" not in ImageCms.getProfileDescription(source):
            plain = image if image.mode in ("L", "CMYK") else image.convert("RGB")
            return ImageCms.profileToProfile(
                plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
    return None
