"""A clip's first and last picture as PNG, exact to the frame and to the colour, and comparing.

Which file formats there are, and how large a picture says it is, is `pictures.py`'s business.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import av.filter
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import MediaError
from tasks.media.compatibility import resolve_matrix
from tasks.media.decode import first_picture, last_picture
from tasks.media.image_headers import image_size
from tasks.media.mime import sniff_mime
from tasks.media.probe import Clip, examine

Pixels = NDArray[np.uint8]

BLACK_LUMA = 24
"""Out of 255; a picture that is darker than this nearly everywhere counts as black."""
BLACK_SHARE = 0.99

_FORMATS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
}

# What Pillow was seen to raise for pictures that are broken, or made to break it.
_DAMAGE = (
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

_PNG_LEVEL = 1  # a sixth of the time of level 6, for a sixth more bytes


def last_frame(clip: Path) -> bytes:
    """Return the picture that a clip shows last, as PNG. Raises MediaError."""
    measured, timeline = examine(clip)
    return _to_png(to_rgb(last_picture(clip, timeline), measured))


def first_frame(clip: Path) -> bytes:
    """Return the picture that a clip shows first, as PNG. Raises MediaError."""
    measured, timeline = examine(clip)
    return _to_png(to_rgb(first_picture(clip, timeline), measured))


def is_black(image: bytes) -> bool:
    """Tell whether 99 % of a picture's luma lies below 24 of 255. Raises MediaError."""
    luma = np.asarray(_read(image).convert("L"))
    return bool(np.mean(luma < BLACK_LUMA) >= BLACK_SHARE)


def mean_difference(a: bytes, b: bytes) -> float:
    """Return how far two pictures are apart, on average, in levels of 0 to 255.

    The second is brought to the size of the first. Raises MediaError.
    """
    first, second = _read(a), _read(b)
    if second.size != first.size:
        second = second.resize(first.size, Image.Resampling.LANCZOS)
    apart = np.asarray(first, np.int16) - np.asarray(second, np.int16)
    return float(np.mean(np.abs(apart)))


def read_rgb(image: bytes) -> Pixels:
    """Decode a picture file to an array (height, width, 3). Raises MediaError."""
    return np.array(_read(image))


def to_rgb(frame: VideoFrame, clip: Clip) -> Pixels:
    """Convert a decoded picture to (height, width, 3) in full range, without any bias."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    # Without both accurate_rnd and full_chroma_int swscale darkens by a level at each pass, and
    # without the matrix it reads untagged clips as BT.601: a chain of shots would drift away.
    scale = graph.add(
        "scale",
        f"in_color_matrix={resolve_matrix(clip)}:"
        f"in_range={'pc' if clip.colour.is_full_range else 'tv'}:"
        "out_range=pc:flags=bicubic+accurate_rnd+full_chroma_int",
    )
    graph.link_nodes(
        source, scale, graph.add("format", "rgb24"), graph.add("buffersink")
    ).configure()
    graph.vpush(frame)
    return np.asarray(graph.vpull().to_ndarray(), np.uint8)


def _to_png(pixels: Pixels) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=_PNG_LEVEL)
    return file.getvalue()


def _read(image: bytes) -> Image.Image:
    told = image_size(image)
    # Only the decoder that the first bytes call for: some of the others start programs.
    formats = [_FORMATS[mime]] if (mime := sniff_mime(image)) in _FORMATS else []
    try:
        with Image.open(BytesIO(image), formats=formats) as picture:
            if picture.size != told:
                message = f"The picture says it is {told} pixels and holds {picture.size}"
                raise MediaError(message)
            return picture.convert("RGB")
    except _DAMAGE as error:
        message = "The picture is damaged or of a kind that can't be decoded here"
        raise MediaError(message) from error
