"""Opens music and recorded voices: sound files of any format that libavformat reads safely.

The sound of clips is opened in `container`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from tasks.errors import MediaError
from tasks.media.container import INPUT_OPTIONS, audio_stream, to_fraction

# Files with one sound, or films with one. Without playlists and formats that open other files.
_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,matroska,webm,mov,mp4,"
    "m4a,3gp,3g2,mj2,mp3,mpc,mpc8,mpeg,mpegts,ogg,tak,truehd,tta,voc,w64,wav,wv"
)
_OPTIONS = {
    **INPUT_OPTIONS,
    "format_whitelist": _FORMATS,
    "max_streams": "100",
    # A file of the user's may be long and have a damaged end, but its beginning shows its format.
    "probesize": "5000000",
}
MAX_CHANNELS = 64
_MAX_GAP_SECONDS = 0.05


class AudioFile(NamedTuple):
    """The header of a sound file."""

    codec: str
    sample_rate: int
    channels: int
    seconds: float | None
    """None if the header does not have the duration."""


def probe_audio(path: Path) -> AudioFile:
    """Return the header of a sound file, or of the sound of a film.

    The first block is decoded, since a header may name a codec that the file does not have.

    Raises:
        MediaError: The file can't be read, or has no sound.
    """
    with open_audio(path) as container:
        stream = require_audio(container, path)
        try:
            first = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise damaged(path, error) from error
        if first is None:
            raise without_sound(path)
        seconds = _read_seconds(container, stream)
        channels = first.layout.nb_channels
        return AudioFile(stream.codec_context.name, first.sample_rate, channels, seconds)


def verify_audio(path: Path) -> None:
    """Decode a sound file once, whole.

    Raises:
        MediaError: It can't be read, is damaged, or is cut off.
    """
    with open_audio(path) as container:
        for _ in decode_audio(container, require_audio(container, path), path):
            pass


def decode_audio(
    container: InputContainer, stream: AudioStream, path: Path
) -> Iterator[AudioFrame]:
    """Yield the frames of a sound file, which may have something else after its sound.

    Decoders and demuxers skip what is damaged, some without an error.

    Raises:
        MediaError: Something is missing in the middle, or the end is.
    """
    seconds = _read_seconds(container, stream)
    first: float | None = None
    end, error = 0.0, None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.InvalidDataError as decode_error:
            error = error or decode_error
            continue
        for frame in frames:
            time = end if frame.time is None else frame.time
            first = time if first is None else first
            if error:
                raise damaged(path, error, end - first)
            if end and time - end > _MAX_GAP_SECONDS:
                message = f"{path} is damaged at {end - first:.1f} seconds: a part is missing"
                raise MediaError(message)
            yield frame
            end = time + frame.samples / frame.sample_rate
    read = end - (first or 0.0)
    if seconds and seconds - read > max(1.0, seconds / 10):
        message = f"{path} is cut off: it has {read:.1f} of {seconds:.1f} seconds"
        raise MediaError(message)


def open_audio(path: Path) -> InputContainer:
    """Open a sound file.

    Raises:
        MediaError: The file can't be read, or has another format.
    """
    try:
        return av.open(f"file:{path}", mode="r", options=dict(_OPTIONS), metadata_errors="ignore")
    except FileNotFoundError as error:
        message = f"{path} does not exist"
        raise MediaError(message) from error
    except av.FFmpegError as error:
        message = f"{path} is not a sound file that can be read"
        raise MediaError(message) from error


def require_audio(container: InputContainer, path: Path) -> AudioStream:
    """Return the sound of a file.

    Raises:
        MediaError: It has none.
    """
    stream = audio_stream(container)
    if stream is None or not 0 < stream.codec_context.channels <= MAX_CHANNELS:
        raise without_sound(path)
    return stream


def damaged(path: Path, error: av.FFmpegError, seconds: float = 0) -> MediaError:
    """Return the error for a file that can't be decoded."""
    at = f" at {seconds:.1f} seconds" if seconds else ""
    return MediaError(f"{path} is damaged{at}: {error.strerror or 'it can’t be decoded'}")


def _read_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration:
        return float(stream.duration * to_fraction(stream.time_base))
    return container.duration / av.time_base if container.duration else None


def without_sound(path: Path) -> MediaError:
    """Return the error for a file without sound."""
    return MediaError(f"{path} has no sound")
