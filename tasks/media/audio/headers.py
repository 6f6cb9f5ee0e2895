"""Duration of a sound file (WAV or MP3).

The audio of clips is read in `clip_sound`.
"""

from __future__ import annotations

import io

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime

_DEMUXERS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def audio_seconds(data: bytes, name: str) -> float:
    """Return the duration of a WAV or MP3 file.

    The packets are added up, since headers are unreliable: an MP3 has no duration in its header,
    and an interrupted recorder leaves a header that claims more than the file has.

    Args:
        data: The whole file.
        name: The file's name for error messages.

    Raises:
        MediaError: The file is another format, damaged or without sound.
    """
    import av  # heavy; only boards with reference audio need it

    demuxer = _DEMUXERS.get(sniff_mime(data) or "")
    if demuxer is None:
        message = f"{name} is neither WAV nor MP3"
        raise MediaError(message)
    try:
        with av.open(io.BytesIO(data), mode="r", format=demuxer) as container:
            durations = [
                packet.duration * packet.time_base
                for packet in container.demux(audio=0)
                if packet.duration and packet.size
            ]
    except (av.FFmpegError, IndexError) as error:
        message = f"{name} is damaged: its sound can't be read"
        raise MediaError(message) from error
    seconds = float(sum(durations))
    if seconds <= 0:
        message = f"{name} has no sound"
        raise MediaError(message)
    return seconds
