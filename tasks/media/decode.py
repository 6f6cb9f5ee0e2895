"""Decodes selected frames of a clip, exact to the frame, and not more packets than necessary."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.container import open_clip, video_stream
from tasks.media.timeline import Timeline, find_clean_cut

_NEAR_FRAMES = 24
"""So many frames are decoded on without a search for a nearer key frame."""


class ClipReader:
    """Decodes frames of a clip by number. Ascending numbers are decoded without a new start.

    Only the frames from the last key frame before are decoded, and of those before the first
    number only the ones that others refer to.
    """

    def __init__(self, path: Path, timeline: Timeline) -> None:
        self._path, self._timeline = path, timeline
        self._frames: Generator[VideoFrame, None, None] | None = None
        self._position = 0

    def read(self, number: int) -> VideoFrame:
        """Return a frame by its number in display order.

        Raises:
            MediaError: It can't be decoded.
        """
        if self._frames is not None and self._continues_at(number):
            frame = self._read_until(number)
            if frame is not None:
                return frame
        start, exact_from = self._find_start(number)
        # In an open GOP, frames shown before the key frame may refer to frames before it. Then only
        # decoding from the beginning works.
        for first, exact in ((start, exact_from), (0, 0)):
            self.close()
            self._frames = _decode_from(self._path, self._timeline, first, exact_from=exact)
            frame = self._read_until(number)
            if frame is not None:
                return frame
        message = f"{self._path} is damaged: its frame {number} can't be decoded"
        raise MediaError(message)

    def close(self) -> None:
        """Close the clip; the next read opens it again."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _continues_at(self, number: int) -> bool:
        """Return True if decoding on takes no longer than starting anew."""
        ahead = number - self._position
        return ahead >= 0 and (ahead < _NEAR_FRAMES or self._find_start(number)[0] < self._position)

    def _find_start(self, number: int) -> tuple[int, int]:
        """Return the packets at which decoding starts, and from which on all are decoded."""
        timeline = self._timeline
        exact_from = min(timeline.packets[time] for time in timeline.shown_times[number:])
        starts = (
            key for key in timeline.keys if key <= exact_from and timeline.ranks[key] <= number
        )
        return max(starts, default=0), exact_from

    def _read_until(self, number: int) -> VideoFrame | None:
        time = self._timeline.shown_times[number]
        for frame in self._frames or ():
            if frame.pts == time:
                self._position = number + 1
                return None if frame.is_corrupt else frame
        return None


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


def _decode_from(
    path: Path, timeline: Timeline, start: int, *, exact_from: int
) -> Generator[VideoFrame, None, None]:
    with open_clip(path, is_measured=True) as container:
        stream = video_stream(container, path)
        # Threads cost more than they save for a few frames, and spans are made side by side.
        stream.codec_context.thread_count = 1
        stream.codec_context.skip_frame = "NONREF"
        for index, packet in demux_from(container, stream, timeline, start, path):
            if index >= exact_from:
                stream.codec_context.skip_frame = "DEFAULT"
            yield from packet.decode()


def demux_from(
    container: InputContainer, stream: VideoStream, timeline: Timeline, start: int, path: Path
) -> Iterator[tuple[int, Packet[VideoStream]]]:
    """Yield the packets of a clip with their indices, and at last an empty one.

    Args:
        container: The clip.
        stream: Its video.
        timeline: Its timeline.
        start: The index of the first packet, a key frame.
        path: The clip, for messages.

    Raises:
        MediaError: The clip has changed since its timeline was read.
    """
    index = -1
    for packet in _demux_near(container, stream, timeline, start):
        if not packet.size:
            yield index + 1, packet
            return
        index = timeline.packets.get(packet.pts if packet.pts is not None else -1, -1)
        if index < 0:
            raise changed_error(path)
        if index >= start:
            yield index, packet


def _demux_near(
    container: InputContainer, stream: VideoStream, timeline: Timeline, start: int
) -> Iterator[Packet[VideoStream]]:
    """Yield the packets from index `start` on, or from an earlier index."""
    if start:
        container.seek(timeline.times[start], stream=stream)
        packets = container.demux(stream)
        first = next(packets)
        if first.pts is not None and timeline.packets.get(first.pts, start + 1) <= start:
            yield first
            yield from packets
            return
        # The index of the file led past it.
        container.seek(timeline.shown_times[0], stream=stream)
    yield from container.demux(stream)


def changed_error(path: Path) -> MediaError:
    """Return the error of a clip that was replaced after it was measured."""
    return MediaError(f"{path} has changed since it was prepared; run again")
