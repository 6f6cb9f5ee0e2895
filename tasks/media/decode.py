"""Decoding just the pictures that are wanted, exactly those, and no more than needed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from av.video.frame import VideoFrame

from tasks.errors import MediaError
from tasks.media.container import opened, picture_stream
from tasks.media.timeline import Timeline, clean_cut


def first_picture(path: Path, timeline: Timeline) -> VideoFrame:
    """Return the picture that is shown first."""
    with closing(_decoded(path, start=0, exact_from=0)) as frames:
        for frame in frames:
            if frame.pts == timeline.first_time and not frame.is_corrupt:
                return frame
    message = f"{path} is damaged: its first picture can't be decoded"
    raise MediaError(message)


def last_picture(path: Path, timeline: Timeline) -> VideoFrame:
    """Return the picture that is shown last, which is not always the one decoded last."""
    last = max(
        (index for index in range(len(timeline.times)) if index not in timeline.hidden),
        key=timeline.times.__getitem__,
    )
    cut = clean_cut(timeline.ranks, timeline.ranks[last])
    return late_pictures(path, timeline, cut=cut, times=[timeline.times[last]])[0]


def late_pictures(
    path: Path, timeline: Timeline, *, cut: int, times: list[int]
) -> list[VideoFrame]:
    """Return the pictures shown at `times`, in that order; none may be decoded before `cut`.

    Starts at the last key frame up to the cut and leaves out what nobody refers to, which costs
    half of decoding everything. Raises MediaError where one of the pictures can't be decoded.
    """
    start = max((key for key in timeline.keys if key <= cut), default=0)
    # A key frame of an open GOP may lie so late that pictures before it in showing order need
    # what came earlier still; then nothing but decoding everything gives them.
    for first, exact_from in ((start, cut), (0, 0)):
        found = _take(path, times, start=first, exact_from=exact_from)
        if len(found) == len(times):
            return [found[time] for time in times]
    message = f"{path} is damaged: the pictures at its end can't be decoded"
    raise MediaError(message)


def _take(path: Path, times: list[int], *, start: int, exact_from: int) -> dict[int, VideoFrame]:
    wanted = set(times)
    frames = _decoded(path, start=start, exact_from=exact_from)
    return {
        frame.pts: frame
        for frame in frames
        if frame.pts is not None and frame.pts in wanted and not frame.is_corrupt
    }


def _decoded(path: Path, *, start: int, exact_from: int) -> Generator[VideoFrame, None, None]:
    with opened(path) as container:
        stream = picture_stream(container, path)
        stream.codec_context.skip_frame = "NONREF"
        index = -1
        for packet in container.demux(stream):
            # The empty packet at the end makes the decoder hand out what it still holds.
            index += 1 if packet.size else 0
            if index < start:
                continue
            if index >= exact_from:
                stream.codec_context.skip_frame = "DEFAULT"
            yield from packet.decode()
