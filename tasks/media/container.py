"""Opens clips safely, and reports in one sentence why a file can't be opened or read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.mp4_guard import check_clip_file, describe_file

S = TypeVar("S", bound=Stream)

MAX_PIXELS = 8192 * 8192
"""Clips with larger frames are refused before anything is decoded."""

INPUT_OPTIONS = {"max_pixels": str(MAX_PIXELS), "protocol_whitelist": "file"}
"""Options of libavformat and its decoders for every clip, also for the ffmpeg program."""

# A QuickTime file may refer to data in other files.
_ISOLATION = {"enable_drefs": "0", "max_streams": "100"}

# The second ends the search for the pixel format after a packet.
_SKIP_PICTURES = {"skip_frame": "all", "probesize": "32"}


@contextmanager
def open_clip(path: Path, *, is_measured: bool = False) -> Iterator[InputContainer]:
    """Open a clip for reading.

    Args:
        path: The clip.
        is_measured: See `open_clip_file`.

    Raises:
        MediaError: The file is not a usable clip, or PyAV fails before the context ends.
    """
    with open_clip_file(path, is_measured=is_measured) as container:
        try:
            yield container
        except av.FFmpegError as error:
            message = f"{path} is damaged: {error.strerror or 'not decodable'}"
            raise MediaError(message) from error


def open_clip_file(path: Path, *, is_measured: bool = False) -> InputContainer:
    """Return an open clip, which the caller closes.

    Args:
        path: The clip.
        is_measured: True to leave the pixel format of the video unknown. That it is known takes
            the decoding of a picture, which is most of the time in which a clip is opened.

    Raises:
        MediaError: The file is not a usable clip.
    """
    head = check_clip_file(path)
    try:
        return _open(path, _SKIP_PICTURES if is_measured else {})
    except av.FFmpegError as error:
        message = f"{path} {describe_file(head)}"
        raise MediaError(message) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the main video stream of a clip.

    Raises:
        MediaError: There is none, or its frames are too large to decode safely.
    """
    stream = find_main_stream(container.streams.video)
    if stream is None:
        message = f"{path} has no video, only {_stream_types(container)}"
        raise MediaError(message)
    width, height = stream.codec_context.width, stream.codec_context.height
    if width <= 0 or height <= 0 or width * height > MAX_PIXELS:
        message = f"{path} has frames of {width}×{height} pixels, which are not opened"
        raise MediaError(message)
    # Later frames may be larger than the first.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the audio stream that players choose, or None if there is none."""
    return find_main_stream(container.streams.audio)


def find_main_stream(streams: Sequence[S]) -> S | None:
    """Return the stream that is marked as default, else the first, of those that can be decoded.

    Cover pictures and thumbnails of cameras do not count.
    """
    usable = [
        stream
        for stream in streams
        # PyAV has no context for codecs that it does not know, such as spatial audio of phones.
        if _has_codec(stream) and not stream.disposition & Disposition.attached_pic
    ]
    default = (stream for stream in usable if stream.disposition & Disposition.default)
    return next(default, next(iter(usable), None))


def _has_codec(stream: Stream) -> bool:
    context: object = stream.codec_context
    return context is not None


def to_fraction(value: Any) -> Fraction:
    """Convert a rational of PyAV; an unset one (None or 0/1, by version) becomes 0."""
    return Fraction(value.numerator, value.denominator) if value else Fraction(0)


def _open(path: Path, extra_options: Mapping[str, str]) -> InputContainer:
    # Protocol and format are fixed, so that neither the name nor the content of a file (such as a
    # playlist) can make libavformat open other files.
    url, options = f"file:{path}", {**INPUT_OPTIONS, **_ISOLATION, **extra_options}
    try:
        return av.open(url, mode="r", format="mov", options=options)
    except UnicodeDecodeError:
        # PyAV before 19 requires UTF-8 in tags, which are not used here.
        return av.open(url, mode="r", format="mov", options=options, metadata_errors="ignore")


def _stream_types(container: InputContainer) -> str:
    types = sorted({stream.type for stream in container.streams})
    return " and ".join(types) if types else "an empty index"
