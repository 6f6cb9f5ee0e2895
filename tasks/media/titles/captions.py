"""Captions of a film: as SRT and WebVTT beside it, and as the samples of a track in it.

Reading caption files is done in `caption_files`; drawing captions into the picture, in
`layout`. Nothing is imported here that takes long.
"""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Iterator, Sequence

from tasks.edit import Caption, CaptionsEdit
from tasks.film_rates import RATE_24, FilmRate
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.media.titles.caption_files import SRT_BREAK, Cue, format_time

_SRT_SPECIAL = re.compile(r"(?<=<)(?=[/A-Za-z])|(?<=\{)(?=\\)|(?<=--)(?=>)")


def place_cues(cues: Sequence[Cue]) -> tuple[Caption, ...]:
    """Return the cues of a file with the nearest frames of the film; each has a frame at least."""
    placed = []
    for cue in cues:
        first, end = (
            round(milliseconds * FRAMES_PER_SECOND / 1000)
            for milliseconds in (cue.start_milliseconds, cue.end_milliseconds)
        )
        placed.append(Caption(first, max(end, first + 1), cue.text))
    return tuple(placed)


def limit_captions(captions: Sequence[Caption], frames: int) -> tuple[Caption, ...]:
    """Return the captions that begin in a film of so many frames, in order; none outlasts it."""
    inside = (caption for caption in captions if caption.first_frame < frames)
    return tuple(
        sorted(caption._replace(end_frame=min(caption.end_frame, frames)) for caption in inside)
    )


def list_samples(captions: Sequence[Caption], frames: int) -> Iterator[Caption]:
    """Yield the captions of a track without gaps and overlaps, as MP4 requires.

    Captions of one moment become one with all lines, and a gap becomes an empty one.
    """
    waiting = deque(limit_captions(captions, frames))
    shown: list[Caption] = []
    position = 0
    while position < frames:
        shown = [caption for caption in shown if caption.end_frame > position]
        while waiting and waiting[0].first_frame <= position:
            shown.append(waiting.popleft())
        ends = [caption.end_frame for caption in shown]
        end = min([*ends, waiting[0].first_frame if waiting else frames, frames])
        yield Caption(position, end, "\n".join(caption.text for caption in shown))
        position = end


def format_srt(captions: Sequence[Caption], rate: FilmRate = RATE_24) -> str:
    """Return captions as SRT.

    The format has no escapes: an invisible character keeps a text from being read as a tag or a
    time.
    """
    cues = (
        (number, _format_times(caption, rate, ","), _SRT_SPECIAL.sub(SRT_BREAK, caption.text))
        for number, caption in enumerate(captions, start=1)
    )
    return "\n".join(f"{number}\n{times}\n{text}\n" for number, times, text in cues)


def format_vtt(captions: Sequence[Caption], rate: FilmRate = RATE_24) -> str:
    """Return captions as WebVTT, with `&`, `<` and `>` escaped."""
    cues = (
        f"{_format_times(caption, rate, '.')}\n{html.escape(caption.text, quote=False)}\n"
        for caption in captions
    )
    return "\n".join(["WEBVTT\n", *cues])


def format_sidecars(edit: CaptionsEdit, frames: int, rate: FilmRate = RATE_24) -> dict[str, str]:
    """Return the caption files of a film by what their names have after the film's.

    Args:
        edit: The captions.
        frames: The number of frames of the film at 24 per second.
        rate: The frame rate of the film.
    """
    captions = limit_captions(edit.captions, frames)
    if not captions:
        return {}
    return {
        f".{edit.language}.srt": format_srt(captions, rate),
        f".{edit.language}.vtt": format_vtt(captions, rate),
    }


def _format_times(caption: Caption, rate: FilmRate, separator: str) -> str:
    start, end = (
        format_time(round(rate.seconds(frame) * 1000), separator)
        for frame in (caption.first_frame, caption.end_frame)
    )
    return f"{start} --> {end}"
