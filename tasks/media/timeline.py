"""When each packet of a clip's picture is shown, read from the packets and never from headers.

Nothing is decoded here. Numbers count pictures from 0 in the order in which they are shown;
indices count packets from 0 in the order in which they are decoded. With B-frames they differ.
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
from tasks.media.container import fraction

MAX_PACKETS = 200_000
"""More than two hours of picture; a file with more is refused."""

# A time may be this far off its place, in frames: clips that count in milliseconds are 0.012 off.
_TOLERANCE = Fraction(2, 100)
_IDR, _FIRST_NON_VCL = 5, 6


@dataclass(frozen=True)
class Timeline:
    """The packets of one clip's picture, in decode order."""

    times: tuple[int, ...]
    """When each is shown, in units of `time_base`."""
    keys: tuple[int, ...]
    """Indices of the packets where decoding may begin."""
    hidden: frozenset[int]
    """Indices of packets that an edit list keeps from being shown."""
    time_base: Fraction
    """Seconds of one unit of `times`."""
    starts_on_idr: bool
    """Whether the first packet is an H.264 IDR, which makes the clip independent of any other."""
    sound_packets: int
    """How many packets of sound the first sound stream has."""

    @cached_property
    def first_time(self) -> int:
        """The time of the first picture that is shown."""
        return min(time for index, time in enumerate(self.times) if index not in self.hidden)

    @cached_property
    def ranks(self) -> tuple[int, ...]:
        """The place of each packet in showing order, hidden ones included."""
        places = {time: rank for rank, time in enumerate(sorted(self.times))}
        return tuple(places[time] for time in self.times)

    def stands_at(self, rate: Fraction) -> bool:
        """Tell whether the pictures stand evenly, one for each step of `rate` a second."""
        exact = [(time - self.first_time) * self.time_base * rate for time in self.times]
        numbers = [round(place) for place in exact]
        even = all(abs(a - b) < _TOLERANCE for a, b in zip(exact, numbers, strict=True))
        return even and not self.hidden and sorted(numbers) == list(range(len(numbers)))


def clean_cut(ranks: Sequence[int], limit: int) -> int:
    """Return the largest index up to `limit` before which exactly the first pictures stand.

    All packets before it are shown before all packets from it on, so that they can be copied as
    they are and nothing that is left out is missed by any of them.
    """
    cut = highest = 0
    for index, rank in enumerate(ranks[:limit], start=1):
        highest = max(highest, rank)
        if highest == index - 1:
            cut = index
    return cut


def read_timeline(container: InputContainer, stream: VideoStream, path: Path) -> Timeline:
    """Demux a clip once, without decoding.

    Raises MediaError where packets are missing, cut off, without a time, or too many.
    """
    times: list[int] = []
    keys: list[int] = []
    hidden: list[int] = []
    starts_on_idr = False
    sounding = container.streams.audio[:1]
    sound_packets = 0
    for packet in container.demux(stream, *sounding):
        if not packet.size:
            continue
        if packet.is_corrupt:
            raise _cut_off(path, len(times), stream.frames)
        if packet.stream_index != stream.index:
            sound_packets += 1
            continue
        if packet.pts is None or len(times) >= MAX_PACKETS:
            raise _unusable(path, packet)
        if not times:
            starts_on_idr = holds_idr(packet, stream)
        if packet.is_keyframe:
            keys.append(len(times))
        if packet.is_discard:
            hidden.append(len(times))
        times.append(packet.pts)
    if len(times) < max(1, stream.frames):
        raise _cut_off(path, len(times), stream.frames)
    if len(hidden) == len(times) or len(set(times)) < len(times):
        message = f"{path} is damaged: its pictures do not each have a time of their own"
        raise MediaError(message)
    return Timeline(
        times=tuple(times),
        keys=tuple(keys),
        hidden=frozenset(hidden),
        time_base=fraction(stream.time_base),
        starts_on_idr=starts_on_idr,
        sound_packets=sound_packets,
    )


def holds_idr(packet: Packet[Stream], stream: VideoStream) -> bool:
    """Tell whether a packet of an MP4's H.264 holds an IDR slice (a NAL of type 5)."""
    header = stream.codec_context.extradata or b""
    if stream.codec_context.name != "h264" or len(header) < 5 or header[0] != 1:
        return False
    data = memoryview(packet)
    length_bytes = (header[4] & 3) + 1
    at = 0
    while at + length_bytes < len(data):
        kind = data[at + length_bytes] & 31
        if 1 <= kind < _FIRST_NON_VCL:
            return kind == _IDR
        at += length_bytes + int.from_bytes(data[at : at + length_bytes], "big")
    return False


def _cut_off(path: Path, found: int, told: int) -> MediaError:
    of = f" of {told}" if told else ""
    return MediaError(f"{path} is cut off: {found}{of} pictures are there; download it again")


def _unusable(path: Path, packet: Packet[Stream]) -> MediaError:
    if packet.pts is None:
        return MediaError(f"{path} is damaged: one of its pictures has no time")
    return MediaError(f"{path} has more than {MAX_PACKETS} pictures, which is not opened")
