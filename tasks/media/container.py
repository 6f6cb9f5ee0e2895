"""Opening a clip's file and telling in one sentence why it can't be opened or read.

What is inside, and what it is good for, is the business of the other modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.mp4_guard import check_clip_file, describe_file

MAX_PIXELS = 8192 * 8192
"""Larger pictures are refused before one is decoded."""


BOUNDS = {"max_pixels": str(MAX_PIXELS), "protocol_whitelist": "file"}
"""What libavformat and its decoders are told of every clip."""

# A QuickTime file may say that its pictures are in another file.
_ALONE = {"enable_drefs": "0", "max_streams": "100"}


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a clip for reading; whatever PyAV finds wrong until it is closed is a MediaError."""
    head = check_clip_file(path)
    try:
        container = _open(path)
    except av.FFmpegError as error:
        message = f"{path} {describe_file(head)}"
        raise MediaError(message) from error
    with container:
        try:
            yield container
        except av.FFmpegError as error:
            message = f"{path} is damaged: {error.strerror or 'it cannot be decoded'}"
            raise MediaError(message) from error


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the clip's picture, checked to be of a size that is safe to decode."""
    if not container.streams.video:
        message = f"{path} holds no picture, only {_kinds(container)}"
        raise MediaError(message)
    stream = container.streams.video[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        message = f"{path} says its picture is {width}×{height} pixels, which is not opened"
        raise MediaError(message)
    # A later picture may be of another size than the first.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def fraction(value: Any) -> Fraction:
    """Turn PyAV's rational into a Fraction; unset ones, None or 0/1 by version, become 0."""
    return Fraction(value.numerator, value.denominator) if value else Fraction(0)


def _open(path: Path) -> InputContainer:
    # The protocol and the format are named, so that neither a file's name nor its text (a
    # playlist, for one) can make libavformat reach for other files.
    url, options = f"file:{path}", {**BOUNDS, **_ALONE}
    try:
        return av.open(url, mode="r", format="mov", options=options)
    except UnicodeDecodeError:
        # PyAV before 19 insists on UTF-8 tags, which nobody here reads.
        return av.open(url, mode="r", format="mov", options=options, metadata_errors="ignore")


def _kinds(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return " and ".join(kinds) if kinds else "an empty index"
