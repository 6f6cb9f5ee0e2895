"""The MP4 file of a film: opened for writing, with its title, its chapters and a comment.

What is written into it is decided in `join` and `retitle`. Imports av, but not numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from tasks.errors import MediaError
from tasks.media.film_format import FRAME_SECONDS

# Below 160 kbit/s per channel, FFmpeg's AAC encoder produces dropouts of 10 ms even in a pure tone:
# its error is 9 dB below the signal at 96 kbit/s mono and 3 dB at 192 kbit/s stereo. At this rate
# the fast coder without intensity stereo is as good as the slow one, except for pure tones (24 dB
# at worst), and takes half the time.
AUDIO_BIT_RATES = {1: 160_000, 2: 320_000}
FRAME_TICKS = 512
TIME_BASE = FRAME_SECONDS / FRAME_TICKS
"""Of the video track: seconds per tick."""
_OPTIONS = {
    "movflags": "+faststart",
    "video_track_timescale": str(TIME_BASE.denominator),
    # Video and audio of a shot are written one after the other; the muxer has to wait for both.
    "max_interleave_delta": "0",
}


@contextmanager
def open_film(film: Path) -> Iterator[OutputContainer]:
    """Open a film for writing; the file is removed if the context ends with an exception.

    Raises:
        MediaError: The film can't be written.
    """
    try:
        # The format is given, since the caller may use a staging name with any suffix.
        with av.open(f"file:{film}", mode="w", format="mp4", options=_OPTIONS) as container:
            yield container
    except BaseException as error:
        film.unlink(missing_ok=True)
        if isinstance(error, av.FFmpegError):
            raise _write_error(str(film), error) from error
        raise


def add_chapters(container: OutputContainer, shots: Sequence[tuple[str, int]]) -> None:
    """Add consecutive chapters, one for each (title, frames); call it before appending anything."""
    chapters: list[av.container.Chapter] = []
    position = 0
    for number, (title, frames) in enumerate(shots):
        chapters.append(
            {
                "id": number,
                "start": position,
                "end": position + frames,
                "time_base": FRAME_SECONDS,
                "metadata": {"title": title},
            }
        )
        position += frames
    container.set_chapters(chapters)


def mux_packets(container: OutputContainer, packets: Sequence[Packet[Stream]]) -> None:
    """Write packets to a film.

    Raises:
        MediaError: The film can't be written.
    """
    try:
        container.mux(packets)
    except av.FFmpegError as error:
        # Converted here: open_clip would attribute it to the clip that is being read.
        raise _write_error(container.name.removeprefix("file:"), error) from error


def _write_error(film: str, error: av.FFmpegError) -> MediaError:
    return MediaError(f"The film can't be written to {film}: {error.strerror}")
