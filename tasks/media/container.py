"""Opening a clip's file and telling in one sentence why it can't be opened or read.

What is inside, and what it is good for, is the business of the other modules.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.pictures import sniff

MAX_BYTES = 4 << 30
"""Larger files are refused before they are opened."""

MAX_PIXELS = 8192 * 8192
"""Larger pictures are refused before one is decoded."""


_MAX_BOXES = 10_000


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a clip for reading; whatever PyAV finds wrong until it is closed is a MediaError."""
    head = _read_head(path)
    try:
        container = _open(path)
    except av.FFmpegError as error:
        message = f"{path} {_diagnose(head)}"
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
    return stream


def fraction(value: Any) -> Fraction:
    """Turn PyAV's rational into a Fraction; unset ones, None or 0/1 by version, become 0."""
    return Fraction(value.numerator, value.denominator) if value else Fraction(0)


def _open(path: Path) -> InputContainer:
    # The protocol and the format are named, so that neither a file's name nor its text (a
    # playlist, for one) can make libavformat reach for other files.
    url = f"file:{path}"
    try:
        return av.open(url, mode="r", format="mov")
    except UnicodeDecodeError:
        # PyAV before 19 insists on UTF-8 tags, which nobody here reads.
        return av.open(url, mode="r", format="mov", metadata_errors="ignore")


def _read_head(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES >> 30} GiB, which is not opened"
            raise MediaError(message)
        with path.open("rb") as file:
            head = file.read(4096)
            told = _told_size(file) if head[4:8] == b"ftyp" else 0
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise MediaError(message) from error
    if told > size:
        message = f"{path} is cut off: {size} of {told} bytes are there; download it again"
        raise MediaError(message)
    return head


def _told_size(file: BinaryIO) -> int:
    """Return where the last box of an MP4 that matters ends, as the boxes tell it."""
    at = told = 0
    for _ in range(_MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        size = int.from_bytes(head[:4], "big")
        if size == 1:  # too large for 32 bits: the size follows the name
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: to the end of the file
            break
        at += size
        if head[4:8] in (b"moov", b"mdat", b"moof"):
            told = at
    return told


def _diagnose(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "is empty"
    if text.startswith(b"<"):
        return "is a web page (HTML or XML) and no clip; what was downloaded is an error page"
    if text.startswith((b"{", b"[")):
        return "is JSON text and no clip; what was downloaded is probably an error message"
    if sniff(head):
        return f"is a picture ({sniff(head)}) and no clip"
    if head[4:8] == b"ftyp":
        return "is cut off or damaged: it begins like an MP4, but its index can't be read"
    return "is no MP4 or QuickTime clip"


def _kinds(container: InputContainer) -> str:
    kinds = sorted({stream.type for stream in container.streams})
    return " and ".join(kinds) if kinds else "an empty index"
