"""The file of a film, MP4 or QuickTime: opened for writing, with its chapters and its time base.

What is written into it is decided in `join`, `master` and `retitle`. Imports av, but not numpy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from tasks.errors import MediaError
from tasks.film_rates import RATE_24, FilmRate
from tasks.media.film_format import FRAME_SECONDS

# FFmpeg's fast AAC coder searches longer if it has fewer bits: at 160 kbit/s per channel, speech
# takes half as long again. Below that it drops out for 10 ms even in a pure tone: its error is 9 dB
# below the signal at 96 kbit/s mono and 3 dB at 192 kbit/s stereo. The slow coder takes more than
# twice as long; its error is 7 dB lower in speech, and higher in noise.
AUDIO_BIT_RATES = {1: 192_000, 2: 384_000}
_TICKS_PER_FRAME = 512

FILM_FORMATS = {".mp4": "mp4", ".mov": "mov"}
"""Formats of films, by the suffixes of their files."""


class FilmTimeBase(NamedTuple):
    """The time base of a film's video track."""

    frame_ticks: int
    seconds_per_tick: Fraction


def time_base_of(rate: FilmRate) -> FilmTimeBase:
    """Return the time base of a film of a rate."""
    ticks = rate.frames_per_second.denominator
    if ticks == 1:
        ticks = _TICKS_PER_FRAME
    return FilmTimeBase(ticks, 1 / rate.frames_per_second / ticks)


@contextmanager
def open_film(
    film: Path, *, suffix: str = ".mp4", rate: FilmRate = RATE_24
) -> Iterator[OutputContainer]:
    """Open a film for writing; the file is removed if the context ends with an exception.

    Args:
        film: The file to write, a staging name with any suffix.
        suffix: That of the finished film: `.mp4` or `.mov`.
        rate: The frame rate.

    Raises:
        MediaError: The film can't be written.
    """
    options = {
        "movflags": "+faststart",
        "video_track_timescale": str(time_base_of(rate).seconds_per_tick.denominator),
        # Video and audio of a shot are written one after the other; the muxer waits for both.
        "max_interleave_delta": "0",
    }
    try:
        with av.open(
            f"file:{film}", mode="w", format=FILM_FORMATS[suffix], options=options
        ) as container:
            if suffix == ".mov":
                # The muxer writes a time code track.
                container.metadata["timecode"] = rate.time_code
            yield container
    except BaseException as error:
        film.unlink(missing_ok=True)
        if isinstance(error, av.FFmpegError):
            raise _write_error(str(film), error) from error
        raise


def add_chapters(
    container: OutputContainer, shots: Sequence[tuple[str, int]], rate: FilmRate = RATE_24
) -> None:
    """Add consecutive chapters; call it before appending anything.

    Args:
        container: The film.
        shots: The title of each chapter and its frames at 24 per second.
        rate: The rate of the film.
    """
    chapters: list[av.container.Chapter] = []
    position = 0
    for number, (title, frames) in enumerate(shots):
        chapters.append(
            {
                "id": number,
                "start": position,
                "end": position + frames,
                "time_base": FRAME_SECONDS * rate.stretch,
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
