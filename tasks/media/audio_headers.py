"""What a sound file says about itself: its format by its first bytes, how long it lasts.

A WAV is read by its header with the standard library alone, so that a plan stays instant; only an
MP3, which tells its length nowhere, is walked through. The sound of clips is `sound.py`'s business.
"""

from __future__ import annotations

import io
import struct

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime


def audio_seconds(data: bytes, name: str) -> float:
    """Return how long a WAV or MP3 lasts. Raises MediaError for anything else and for damage."""
    kind = sniff_mime(data)
    if kind not in ("audio/wav", "audio/mpeg"):
        message = f"{name} is neither WAV nor MP3: its first bytes belong to neither"
        raise MediaError(message)
    seconds = _wave_seconds(data) if kind == "audio/wav" else _walked_seconds(data, name)
    if seconds <= 0:
        message = f"{name} holds no sound"
        raise MediaError(message)
    return seconds


def _wave_seconds(data: bytes) -> float:
    bytes_per_second, at = 0, 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt " and at + 20 <= len(data):
            bytes_per_second = struct.unpack_from("<I", data, at + 16)[0]
        if name == b"data":
            # A recorder that was stopped leaves a length that is larger than the file.
            held = min(size, len(data) - at - 8)
            return float(held / bytes_per_second) if bytes_per_second else 0.0
        at += 8 + size + size % 2
    return 0.0


def _walked_seconds(data: bytes, name: str) -> float:
    import av

    try:
        with av.open(io.BytesIO(data), mode="r", format="mp3") as container:
            packets = container.demux(audio=0)
            return float(
                sum(one.duration * one.time_base for one in packets if one.duration and one.size)
            )
    except (av.FFmpegError, IndexError) as error:
        message = f"{name} is a damaged MP3"
        raise MediaError(message) from error
