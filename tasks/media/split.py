"""Splits a film into runs of packets that are copied and spans of frames that are encoded.

A run begins with an IDR frame and ends where no copied frame refers to a later one. A span is
short, so that a change of the edit affects few of them. No code here reads a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tasks.media.composition import Composition
from tasks.media.timeline import Timeline, find_clean_cut

_GRID_FRAMES = 48
"""Spans end at multiples of this number of their clip's frames: 2 seconds."""

_MIN_SPAN_FRAMES = 12
"""A shorter one is part of its neighbour, since each one begins with a large IDR frame."""


class CopiedRun(NamedTuple):
    """Packets of a clip that are copied; they are exactly as many consecutive frames."""

    clip: int
    """Number of the clip in the film."""
    first_packet: int
    """Index in decode order; the frame of the same number is IDR."""
    end_packet: int

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.end_packet - self.first_packet


class EncodedSpan(NamedTuple):
    """Frames of the film that are encoded."""

    first_frame: int
    end_frame: int

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.end_frame - self.first_frame


Piece = CopiedRun | EncodedSpan


def split_film(composition: Composition, timelines: Sequence[Timeline]) -> tuple[Piece, ...]:
    """Return the pieces of a film in order.

    Args:
        composition: The film.
        timelines: The packets of each clip's file, without hidden ones.
    """
    return tuple(_split(composition, timelines))


def _split(composition: Composition, timelines: Sequence[Timeline]) -> Iterator[Piece]:
    position = 0
    for clip, plain in _plain_ranges(composition):
        place = composition.places[clip]
        offset = place.clip_first - place.first_frame
        run = _find_run(timelines[clip], clip, plain.start + offset, plain.stop + offset)
        if run is None:
            continue
        first = run.first_packet - offset
        yield from _spans(composition, position, first)
        yield run
        position = first + run.frames
    yield from _spans(composition, position, composition.total_frames)


def _plain_ranges(composition: Composition) -> Iterator[tuple[int, range]]:
    """Yield the frames of the film that are frames of one clip, with the number of the clip."""
    touched = iter([*composition.touched_ranges(), range(composition.total_frames, 2**63)])
    current = next(touched)
    starts = [*composition.first_frames[: len(composition.edit.clips)]]
    ends = [*composition.first_frames[1:], composition.total_frames]
    for clip, (start, end) in enumerate(zip(starts, ends, strict=False)):
        while start < end:
            if start < current.start:
                yield clip, range(start, min(end, current.start))
            if current.stop > end:
                break
            start = max(start, current.stop)
            current = next(touched)


def _find_run(timeline: Timeline, clip: int, first: int, end: int) -> CopiedRun | None:
    """Return the packets that can be copied for a range of a clip's frames, if there are any."""
    ranks = timeline.ranks
    start = next((index for index in timeline.idrs if index >= first), None)
    if start is None or start >= end or ranks[start] != start:
        return None
    cut = end if end == len(ranks) else find_clean_cut(ranks, end, start)
    return CopiedRun(clip, start, cut)


def _spans(composition: Composition, first: int, end: int) -> Iterator[EncodedSpan]:
    """Yield the spans of frames that are encoded, split where a clip begins and at the grid."""
    while first < end:
        clip = composition.find_clip(first)
        starts = composition.first_frames[clip + 1 :]
        section_end = min(end, starts[0]) if starts else end
        place = composition.places[clip]
        for cut in _grid(first, section_end, place.clip_first - place.first_frame):
            yield EncodedSpan(first, cut)
            first = cut
        yield EncodedSpan(first, section_end)
        first = section_end


def _grid(first: int, end: int, offset: int) -> Iterator[int]:
    """Yield the frames between two frames of the film at which a span ends."""
    start = -(-(first + _MIN_SPAN_FRAMES + offset) // _GRID_FRAMES) * _GRID_FRAMES - offset
    yield from range(start, end - _MIN_SPAN_FRAMES + 1, _GRID_FRAMES)
