"""Decodes selected frames of a clip, exact to the frame, and not more packets than necessary."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from pathlib import Path

from av.video.frame import VideoFrame

from tasks.errors import MediaError
from tasks.media.container import open_clip, video_stream
from tasks.media.timeline import Timeline, find_clean_cut


def decode_first_frame(path: Path, timeline: Timeline) -> VideoFrame:
    """Return the frame that is shown first.

    Raises:
        MediaError: It can't be decoded.
    """
    with closing(_decode(path, start=0, exact_from=0)) as frames:
        for frame in frames:
            if frame.pts == timeline.first_time and not frame.is_corrupt:
                return frame
    message = f"{path} is damaged: its first frame can't be decoded"
    raise MediaError(message)


def decode_last_frame(path: Path, timeline: Timeline) -> VideoFrame:
    """Return the frame that is shown last, which is not always the one decoded last.

    Raises:
        MediaError: It can't be decoded.
    """
    last = max(
        (index for index in range(len(timeline.times)) if index not in timeline.hidden),
        key=timeline.times.__getitem__,
    )
    cut = find_clean_cut(timeline.ranks, timeline.ranks[last])
    return decode_end_frames(path, timeline, cut=cut, times=[timeline.times[last]])[0]


def decode_end_frames(
    path: Path, timeline: Timeline, *, cut: int, times: list[int]
) -> list[VideoFrame]:
    """Return frames at the end of a clip.

    Decoding starts at the last key frame before `cut` and skips non-reference frames before `cut`,
    which takes half the time of decoding everything.

    Args:
        path: The clip.
        timeline: Its timeline.
        cut: Index of a packet; none of the frames has an earlier one.
        times: Timestamps of the frames, in the order of the result.

    Raises:
        MediaError: One of the frames can't be decoded.
    """
    start = max((key for key in timeline.keys if key <= cut), default=0)
    # In an open GOP, frames shown before the key frame may refer to frames before it. Then only
    # decoding from the beginning works.
    for first, exact_from in ((start, cut), (0, 0)):
        frames = _decode_at(path, times, start=first, exact_from=exact_from)
        if len(frames) == len(times):
            return [frames[time] for time in times]
    message = f"{path} is damaged: the frames at its end can't be decoded"
    raise MediaError(message)


def decode_frames(path: Path, timeline: Timeline, times: Sequence[int]) -> list[VideoFrame]:
    """Return frames anywhere in a clip, in the order of their timestamps in `times`.

    Only the key frames' groups with one of these frames are decoded, and of the other frames in
    them only those that later frames refer to.

    Raises:
        MediaError: One of the frames can't be decoded.
    """
    packets = {timeline.times.index(time) for time in times}
    groups = {group for packet in packets for group in _groups_of(timeline, packet)}
    frames: dict[int, VideoFrame] = {}
    with closing(_decode_groups(path, timeline, groups, packets)) as decoded:
        for frame in decoded:
            if frame.pts is not None and frame.pts in times and not frame.is_corrupt:
                frames[frame.pts] = frame
            if len(frames) == len(packets):
                return [frames[time] for time in times]
    message = f"{path} is damaged: some of its frames can't be decoded"
    raise MediaError(message)


def _groups_of(timeline: Timeline, packet: int) -> list[int]:
    """Return the indices of the key frames whose groups a packet is decoded from."""
    keys = [key for key in sorted({0, *timeline.keys}) if key <= packet]
    # In an open GOP, a frame shown before its key frame refers to the group before as well.
    is_leading = timeline.times[packet] < timeline.times[keys[-1]]
    return keys[-2:] if is_leading else keys[-1:]


def _decode_groups(
    path: Path, timeline: Timeline, groups: Collection[int], packets: Collection[int]
) -> Generator[VideoFrame, None, None]:
    keys = {0, *timeline.keys}
    with open_clip(path) as container:
        stream = video_stream(container, path)
        index, is_chosen = -1, True
        for packet in container.demux(stream):
            # The empty packet at the end flushes the decoder.
            if packet.size:
                index += 1
                is_chosen = index in groups if index in keys else is_chosen
            if is_chosen or not packet.size:
                stream.codec_context.skip_frame = "DEFAULT" if index in packets else "NONREF"
                yield from packet.decode()


def _decode_at(
    path: Path, times: list[int], *, start: int, exact_from: int
) -> dict[int, VideoFrame]:
    wanted = set(times)
    frames = _decode(path, start=start, exact_from=exact_from)
    return {
        frame.pts: frame
        for frame in frames
        if frame.pts is not None and frame.pts in wanted and not frame.is_corrupt
    }


def _decode(path: Path, *, start: int, exact_from: int) -> Generator[VideoFrame, None, None]:
    with open_clip(path) as container:
        stream = video_stream(container, path)
        stream.codec_context.skip_frame = "NONREF"
        index = -1
        for packet in container.demux(stream):
            # The empty packet at the end flushes the decoder.
            index += 1 if packet.size else 0
            if index < start:
                continue
            if index >= exact_from:
                stream.codec_context.skip_frame = "DEFAULT"
            yield from packet.decode()
