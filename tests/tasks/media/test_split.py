"""The split of a film into copied runs and encoded spans, on timelines without files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import pytest

from tasks.edit import EditClip, FilmEdit, InputFile, Transition, TransitionKind
from tasks.media.composition import compose
from tasks.media.decode import demux_from
from tasks.media.split import CopiedRun, EncodedSpan, split_film
from tasks.media.timeline import Timeline

FADE = Transition(TransitionKind.CROSSFADE, 6)


def make_timeline(times: list[int], idrs: tuple[int, ...] = (0,)) -> Timeline:
    """Return a timeline with these times in decode order."""
    return Timeline(tuple(times), idrs, idrs, frozenset(), Fraction(1, 24), 0)


def split(*clips: EditClip, idrs: tuple[int, ...] = (0,)) -> list[object]:
    """Return the pieces of a film whose clips have 120 frames each, without B-frames."""
    composition = compose(FilmEdit(clips), [120] * len(clips))
    return list(split_film(composition, [make_timeline(list(range(120)), idrs)] * len(clips)))


def make_clip(**options: Any) -> EditClip:
    """Return a clip of an edit."""
    return EditClip(InputFile(Path("a.mp4"), "0" * 64), "a", "a", **options)


def test_split_whole_clips_are_copied() -> None:
    """Nothing is encoded of clips without B-frames."""
    pieces = split(make_clip(drop_last_frame=True), make_clip())

    assert pieces == [CopiedRun(0, 0, 119), CopiedRun(1, 0, 120)]


def test_split_spans_end_at_the_grid_of_their_clip() -> None:
    """A change of a transition leaves the spans after the next multiple of 48 unchanged."""
    pieces = split(make_clip(), make_clip(transition=FADE))

    assert pieces == [
        CopiedRun(0, 0, 114),
        EncodedSpan(114, 114 + 48),
        EncodedSpan(114 + 48, 114 + 96),
        EncodedSpan(114 + 96, 114 + 120),
    ]
    assert split(make_clip(), make_clip(transition=FADE), idrs=(0, 60))[1:] == [
        # The rest up to the IDR frame is too short for a span.
        EncodedSpan(114, 114 + 48),
        EncodedSpan(114 + 48, 114 + 60),
        CopiedRun(1, 60, 120),
    ]


def test_split_out_of_order_idr_frame_is_not_copied() -> None:
    """An IDR frame that earlier packets are shown after is not the beginning of a run."""
    times = [0, 1, 3, 2, 4, 5]
    composition = compose(FilmEdit((make_clip(first_frame=2),)), [6])

    assert split_film(composition, [make_timeline(times, (0, 2))]) == (EncodedSpan(0, 4),)


class FakeClip:
    """A clip whose index leads a seek to a later packet than asked for."""

    def __init__(self, times: list[int]) -> None:
        self.packets = [cast(Any, type("Packet", (), {"pts": time, "size": 9})) for time in times]
        self.packets.append(cast(Any, type("Packet", (), {"pts": None, "size": 0})))
        self.position = 0

    def seek(self, time: int, *, stream: object) -> None:
        del stream
        self.position = 4 if time else 0

    def demux(self, stream: object) -> Any:
        del stream
        return iter(self.packets[self.position :])


@pytest.mark.parametrize("start", [2, 4])
def test_demux_from_survives_an_inexact_seek(start: int) -> None:
    """If a seek leads past the first packet, the clip is read from its beginning."""
    times = [0, 1, 2, 3, 4, 5]
    packets = demux_from(
        cast(Any, FakeClip(times)), cast(Any, None), make_timeline(times), start, Path("a.mp4")
    )

    assert [index for index, _ in packets] == [*range(start, 6), 6]
