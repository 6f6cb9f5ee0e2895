"""Checks the structure of a clip file before anything opens it: format, completeness, index.

libavformat trusts the index: a file of one kilobyte whose index lists 80 million samples makes it
allocate gigabytes. Nothing is decoded here, and only the standard library is imported, so that
`check` and `plan` start quickly.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime

MAX_SAMPLES = 2_000_000
"""Frames or audio packets per track: a day of video, ten hours of audio."""
MAX_SAMPLE_BYTES = 256_000_000
MAX_INDEX_BYTES = 64_000_000
MAX_BOXES = 10_000

_CONTAINERS = (b"mdia", b"minf", b"stbl", b"udta", b"mvex", b"edts", b"dinf", b"gmhd")
_TABLES = (b"stsz", b"stz2", b"stts", b"stsc", b"stco", b"co64")
# libavformat accepts these boxes at any place, so their place is checked here.
_FIXED_PLACE = (*_TABLES, *_CONTAINERS, b"trak", b"traf", b"trun")
_MISPLACED = "its index has a box in the wrong place"
_MAX_DEPTH = 8
_AUDIO_HANDLER = int.from_bytes(b"soun", "big")
_INDEXES = (b"moov", b"moof")
# libavformat's index has one entry for 1024 PCM samples.
_MAX_PCM_SAMPLES = 1024 * MAX_SAMPLES

MAX_BYTES = 4 << 30
"""Larger files are not opened."""

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"pnot")


class UnsafeMedia(Exception):
    """An index that was made to exhaust memory; the message is a clause without the file name."""


class Box(NamedTuple):
    """A box of an MP4 file."""

    type: bytes
    start: int
    """Offset of its content."""
    end: int


def check_clip_file(path: Path) -> bytes:
    """Check a file, and return its first 4096 bytes.

    Raises:
        MediaError: The file can't be read, is truncated, unsafe, too large, or not a clip.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES >> 30} GiB, which is not supported"
            raise MediaError(message)
        with path.open("rb") as file:
            head = file.read(4096)
            expected = _check_boxes(file, size) if head[4:8] in _FIRST_BOXES else 0
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise MediaError(message) from error
    except UnsafeMedia as error:
        message = f"{path} is damaged or unsafe: {error}"
        raise MediaError(message) from None
    if expected > size:
        message = f"{path} is truncated: it has {size} of {expected} bytes; download it again"
        raise MediaError(message)
    if head[4:8] not in _FIRST_BOXES:
        message = f"{path} {describe_file(head)}"
        raise MediaError(message)
    return head


def describe_file(head: bytes) -> str:
    """Describe a file that is not a clip, by its first bytes: a clause to follow its name."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "is empty"
    if text.startswith(b"<"):
        return "is a web page (HTML or XML), not a clip; the download is probably an error page"
    if text.startswith((b"{", b"[")):
        return "is JSON, not a clip; the download is probably an error message"
    mime = sniff_mime(head) or ""
    if mime.startswith("image/"):
        return f"is an image ({mime}), not a clip"
    if head[4:8] == b"ftyp":
        return "is truncated or damaged: it begins like an MP4, but its index can't be read"
    return "is not an MP4 or QuickTime clip"


def _check_boxes(file: BinaryIO, size: int) -> int:
    """Return the size that the file should have: the end of its last data or index box."""
    expected = samples = 0
    for box in iter_boxes(file, 0, size):
        if box.type in _FIXED_PLACE:
            raise UnsafeMedia(_MISPLACED)
        if box.type in _INDEXES:
            samples += _check_index(file, box._replace(end=min(box.end, size)))
        if samples > MAX_SAMPLES:
            raise UnsafeMedia(_too_many(samples))
        if box.type in (b"mdat", *_INDEXES):
            expected = box.end
    return expected


def iter_boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two offsets of a file.

    Raises:
        UnsafeMedia: There are too many.
    """
    for _ in range(MAX_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, header_bytes = int.from_bytes(head[:4], "big"), 8
        if length == 1:  # a 64-bit size follows the type
            length, header_bytes = int.from_bytes(head[8:16], "big"), 16
        if length == 0:  # up to the end of the file
            length = end - start
        if length < header_bytes:
            return
        yield Box(head[4:8], start + header_bytes, start + length)
        start += length
    message = f"its index has more than {MAX_BOXES} boxes"
    raise UnsafeMedia(message)


def _check_index(file: BinaryIO, index: Box) -> int:
    """Check the tables of an index, and return the number of samples in its fragments."""
    if index.end - index.start > MAX_INDEX_BYTES:
        message = f"its index has more than {MAX_INDEX_BYTES // 1_000_000} MB"
        raise UnsafeMedia(message)
    fragment_samples = 0
    for box in iter_boxes(file, index.start, index.end):
        if box.type == b"cmov":
            message = "its index is compressed"
            raise UnsafeMedia(message)
        if box.type == b"trak":
            _check_track(_tables(file, box), file)
        elif box.type == b"traf":
            runs = (run for run in iter_boxes(file, box.start, box.end) if run.type == b"trun")
            fragment_samples += sum(_uint32(file, run, 4) for run in runs)
        elif box.type in _CONTAINERS and any(map(_has_fixed_place, _leaves(file, box))):
            raise UnsafeMedia(_MISPLACED)
    return fragment_samples


def _has_fixed_place(box: Box) -> bool:
    return box.type in _FIXED_PLACE or box.type in _INDEXES


def _tables(file: BinaryIO, track: Box) -> dict[bytes, Box]:
    tables: dict[bytes, Box] = {}
    for box in _leaves(file, track):
        is_duplicate = box.type in tables
        if is_duplicate if box.type in _TABLES else _has_fixed_place(box):
            raise UnsafeMedia(_MISPLACED)
        # QuickTime has a second handler box at a deeper level, for the data reference.
        tables.setdefault(box.type, box)
    return tables


def _leaves(file: BinaryIO, container: Box, depth: int = 0) -> Iterator[Box]:
    if depth > _MAX_DEPTH:
        raise UnsafeMedia(_MISPLACED)
    for box in iter_boxes(file, container.start, container.end):
        if box.type in _CONTAINERS:
            yield from _leaves(file, box._replace(end=min(box.end, container.end)), depth + 1)
        else:
            yield box


def _check_track(tables: dict[bytes, Box], file: BinaryIO) -> None:
    sizes = tables.get(b"stsz") or tables.get(b"stz2")
    if sizes is None:
        return
    is_pcm = sizes.type == b"stsz" and _is_pcm(tables, file)
    count = _pcm_samples(tables, file) if is_pcm else _uint32(file, sizes, 8)
    if count > (_MAX_PCM_SAMPLES if is_pcm else MAX_SAMPLES):
        raise UnsafeMedia(_too_many(count))
    common = _uint32(file, sizes, 4) if sizes.type == b"stsz" else 0
    largest = common or max(
        _uint32_array(file, sizes, 12) if sizes.type == b"stsz" else (), default=0
    )
    if largest > MAX_SAMPLE_BYTES:
        message = f"its index has a sample of {largest // 1_000_000} MB"
        raise UnsafeMedia(message)


def _is_pcm(tables: dict[bytes, Box], file: BinaryIO) -> bool:
    """Return True for PCM audio: all samples have a duration of one tick, in one entry."""
    handler, times = tables.get(b"hdlr"), tables.get(b"stts")
    if handler is None or times is None or _uint32(file, handler, 8) != _AUDIO_HANDLER:
        return False
    return (_uint32(file, times, 4), _uint32(file, times, 12)) == (1, 1)


def _pcm_samples(tables: dict[bytes, Box], file: BinaryIO) -> int:
    """Return the number of samples in all chunks of a track."""
    runs, chunk_offsets = tables.get(b"stsc"), tables.get(b"stco") or tables.get(b"co64")
    if runs is None or chunk_offsets is None:
        return 0
    chunks, numbers = _uint32(file, chunk_offsets, 4), _uint32_array(file, runs, 8)
    entries = list(zip(numbers[::3], numbers[1::3], strict=False))
    ends = [first for first, _ in entries[1:]] + [chunks + 1]
    pairs = zip(entries, ends, strict=True)
    return sum(max(end - first, 0) * samples for (first, samples), end in pairs)


def _uint32(file: BinaryIO, box: Box, offset: int) -> int:
    file.seek(box.start + offset)
    data = file.read(4) if box.start + offset + 4 <= box.end else b""
    return int.from_bytes(data, "big")


def _uint32_array(file: BinaryIO, box: Box, offset: int) -> array[int]:
    """Return the rest of a box as 32-bit numbers."""
    file.seek(box.start + offset)
    data = file.read(min(max(box.end - box.start - offset, 0), MAX_INDEX_BYTES))
    numbers = array("I", data[: len(data) // 4 * 4])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _too_many(samples: int) -> str:
    return f"its index lists {samples:,} samples".replace(",", " ")
