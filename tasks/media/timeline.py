"""Presentation times of a clip's video packets, read from the packets and never from headers.

Nothing is decoded here. Frame numbers and ranks count from 0 in display order, packet indices from
0 in decode order. With B-frames they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tasks.errors import MediaError
from tasks.media.codecs import COPIED_CODECS
from tasks.media.container import audio_stream, to_fraction

MAX_PACKETS = 200_000
"""More than two hours of video; clips with more packets are rejected."""

# Deviation of a timestamp, in frames. In clips with a time base of 1 ms it is up to 0.012.
_TOLERANCE = Fraction(2, 100)


@dataclass(frozen=True)
class Timeline:
    """The video packets of a clip, in decode order."""

    times: tuple[int, ...]
    """Presentation time of each packet in units of `time_base`."""
    keys: tuple[int, ...]
    """Indices of the key frames."""
    idrs: tuple[int, ...]
    """Indices of the IDR frames of H.264 or HEVC, which need no earlier packet."""
    hidden: frozenset[int]
    """Indices of the packets that an edit list hides."""
    time_base: Fraction
    """Seconds per unit of `times`."""
    audio_packets: int
    """Number of packets in the main audio stream."""
    last_duration: int = 0
    """Duration of the last frame, in units of `time_base`; 0 if it is not known."""

    @cached_property
    def first_time(self) -> int:
        """Time of the first frame that is shown."""
        return min(time for index, time in enumerate(self.times) if index not in self.hidden)

    @cached_property
    def last_time(self) -> int:
        """Time of the last frame that is shown."""
        return max(time for index, time in enumerate(self.times) if index not in self.hidden)

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """Rank of each packet in display order, hidden ones included."""
        ranks = {time: rank for rank, time in enumerate(self.shown_times)}
        return tuple(ranks[time] for time in self.times)

    @property
    def starts_on_idr(self) -> bool:
        """True if the first packet is an IDR frame."""
        return self.idrs[:1] == (0,)

    @cached_property
    def idr_set(self) -> frozenset[int]:
        """`idrs` for lookup."""
        return frozenset(self.idrs)

    @cached_property
    def packets(self) -> dict[int, int]:
        """The index of each packet by its time."""
        return {time: index for index, time in enumerate(self.times)}

    @cached_property
    def shown_times(self) -> tuple[int, ...]:
        """The times of all frames in display order, hidden ones included."""
        return tuple(sorted(self.times))

    def has_constant_rate(self, rate: Fraction) -> bool:
        """Return True if there is exactly one frame per period of `rate`, and none is hidden."""
        exact = [(time - self.first_time) * self.time_base * rate for time in self.times]
        numbers = [round(number) for number in exact]
        is_even = all(abs(a - b) < _TOLERANCE for a, b in zip(exact, numbers, strict=True))
        return is_even and not self.hidden and sorted(numbers) == list(range(len(numbers)))


def find_clean_cut(ranks: Sequence[int], limit: int, start: int = 0) -> int:
    """Return the largest packet index up to `limit` at which a clip can be cut without decoding.

    All packets before the cut are shown before all packets from the cut on, so that they can be
    copied and refer to none of those left out.

    Args:
        ranks: Rank of each packet in display order.
        limit: Highest index to return.
        start: A lower index at which the clip can be cut.
    """
    cut = highest = start
    for index, rank in enumerate(ranks[start:limit], start=start + 1):
        highest = max(highest, rank)
        if highest == index - 1:
            cut = index
    return cut


def read_timeline(container: InputContainer, stream: VideoStream, path: Path) -> Timeline:
    """Demux a clip once, without decoding.

    Raises:
        MediaError: Packets are missing, truncated, without a timestamp, or too many.
    """
    times: list[int] = []
    keys: list[int] = []
    hidden: list[int] = []
    idrs: list[int] = []
    audio_packets = 0
    durations: list[int] = []
    audio = audio_stream(container)
    for packet in container.demux(stream, *([audio] if audio else [])):
        if not packet.size:
            continue
        if packet.is_corrupt:
            raise _truncated(path, len(times), stream.frames)
        if packet.stream_index != stream.index:
            audio_packets += 1
            continue
        time = _read_time(packet, path)
        if packet.is_keyframe:
            keys.append(len(times))
        if (packet.is_keyframe or not times) and _is_idr(packet, stream):
            idrs.append(len(times))
        if packet.is_discard:
            hidden.append(len(times))
        times.append(time)
        durations.append(packet.duration or 0)
        _check_count(times, path)
    if len(times) < max(1, stream.frames):
        raise _truncated(path, len(times), stream.frames)
    _check_times(times, hidden, path)
    last_shown = max(set(range(len(times))).difference(hidden), key=times.__getitem__)
    return Timeline(
        times=tuple(times),
        keys=tuple(keys),
        idrs=tuple(idrs),
        hidden=frozenset(hidden),
        time_base=to_fraction(stream.time_base),
        audio_packets=audio_packets,
        last_duration=durations[last_shown],
    )


def _read_time(packet: Packet[Stream], path: Path) -> int:
    if packet.pts is None:
        message = f"{path} is damaged: one of its frames has no timestamp"
        raise MediaError(message)
    return packet.pts


def _check_count(times: Sequence[int], path: Path) -> None:
    if len(times) > MAX_PACKETS:
        message = f"{path} has more than {MAX_PACKETS} frames, which is not supported"
        raise MediaError(message)


def _check_times(times: Sequence[int], hidden: Sequence[int], path: Path) -> None:
    if len(hidden) == len(times) or len(set(times)) < len(times):
        message = f"{path} is damaged: its frames do not have distinct timestamps"
        raise MediaError(message)


def _is_idr(packet: Packet[Stream], stream: VideoStream) -> bool:
    """Return True if a packet in MP4 format is an IDR frame of a codec that films copy."""
    codec = COPIED_CODECS.get(stream.codec_context.name)
    header = stream.codec_context.extradata or b""
    return codec is not None and codec.is_idr_packet(memoryview(packet), header)


def _truncated(path: Path, frames: int, expected: int) -> MediaError:
    of = f" of {expected}" if expected else ""
    return MediaError(f"{path} is truncated: it has {frames}{of} frames; download it again")
