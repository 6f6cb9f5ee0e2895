"""A clip's file before anything opens it: its kind, whether it is whole, whether its index is sane.

libavformat believes what an index says: a kilobyte that promises eighty million pictures costs it
gigabytes. No picture is looked at here, and only the standard library is imported, so that a plan
stays instant.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tasks.errors import MediaError
from tasks.media.mime import sniff_mime

SAMPLES_MOST = 2_000_000
"""Pictures or packets of sound in one track: ten hours of sound, a day of picture."""
SAMPLE_BYTES_MOST = 256_000_000
INDEX_BYTES_MOST = 64_000_000
BOXES_MOST = 10_000

_FOLDERS = (b"mdia", b"minf", b"stbl", b"udta", b"mvex", b"edts", b"dinf", b"gmhd")
_TABLES = (b"stsz", b"stz2", b"stts", b"stsc", b"stco", b"co64")
# libavformat takes these wherever they stand, so they are to stand where they belong.
_PLACED = (*_TABLES, *_FOLDERS, b"trak", b"traf", b"trun")
_MISPLACED = "a part of its index stands where none belongs"
_DEPTH_MOST = 8
_SOUND = int.from_bytes(b"soun", "big")
_INDEXES = (b"moov", b"moof")
# A block of plain samples is one entry of libavformat's index for 1024 of them.
_PLAIN_SAMPLES_MOST = 1024 * SAMPLES_MOST

MAX_BYTES = 4 << 30
"""Larger files are refused before they are opened."""

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"moof", b"free", b"skip", b"wide", b"pnot")


class UnsafeMedia(Exception):
    """An index that promises what no clip has; says what in a few words."""


class _Box(NamedTuple):
    kind: bytes
    start: int
    """Where its content begins."""
    end: int


def check_clip_file(path: Path) -> bytes:
    """A clip's first bytes. Raises MediaError for what is cut off, made to do harm or no clip."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            message = f"{path} is larger than {MAX_BYTES >> 30} GiB, which is not opened"
            raise MediaError(message)
        with path.open("rb") as file:
            head = file.read(4096)
            told = check_boxes(file, size) if head[4:8] in _FIRST_BOXES else 0
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise MediaError(message) from error
    except UnsafeMedia as reason:
        message = f"{path} is damaged or made to do harm: {reason}"
        raise MediaError(message) from None
    if told > size:
        message = f"{path} is cut off: {size} of {told} bytes are there; download it again"
        raise MediaError(message)
    if head[4:8] not in _FIRST_BOXES:
        message = f"{path} {describe_file(head)}"
        raise MediaError(message)
    return head


def describe_file(head: bytes) -> str:
    """What a file is that could not be opened as a clip, by its first bytes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "is empty"
    if text.startswith(b"<"):
        return "is a web page (HTML or XML) and no clip; what was downloaded is an error page"
    if text.startswith((b"{", b"[")):
        return "is JSON text and no clip; what was downloaded is probably an error message"
    mime = sniff_mime(head) or ""
    if mime.startswith("image/"):
        return f"is a picture ({mime}) and no clip"
    if head[4:8] == b"ftyp":
        return "is cut off or damaged: it begins like an MP4, but its index can't be read"
    return "is no MP4 or QuickTime clip"


def check_boxes(file: BinaryIO, size: int) -> int:
    """Where the last box that matters ends, as the boxes tell it; `size` is the file's.

    Raises UnsafeMedia for an index that would cost more memory than any clip is worth.
    """
    told = samples = 0
    for box in _boxes(file, 0, size):
        if box.kind in _PLACED:
            raise UnsafeMedia(_MISPLACED)
        if box.kind in _INDEXES:
            samples += _check_index(file, box._replace(end=min(box.end, size)))
        if samples > SAMPLES_MOST:
            raise UnsafeMedia(_many(samples))
        if box.kind in (b"mdat", *_INDEXES):
            told = box.end
    return told


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    for _ in range(BOXES_MOST):
        if start + 8 > end:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, begins = int.from_bytes(head[:4], "big"), 8
        if length == 1:  # too large for 32 bits: the size follows the name
            length, begins = int.from_bytes(head[8:16], "big"), 16
        if length == 0:  # to the end
            length = end - start
        if length < begins:
            return
        yield _Box(head[4:8], start + begins, start + length)
        start += length
    msg = f"its index has more than {BOXES_MOST} parts"
    raise UnsafeMedia(msg)


def _check_index(file: BinaryIO, index: _Box) -> int:
    """Check the tables of an index; returns how many samples its fragments have."""
    if index.end - index.start > INDEX_BYTES_MOST:
        msg = f"its index has more than {INDEX_BYTES_MOST // 1_000_000} MB"
        raise UnsafeMedia(msg)
    fragmented = 0
    for box in _boxes(file, index.start, index.end):
        if box.kind == b"cmov":
            msg = "its index is compressed"
            raise UnsafeMedia(msg)
        if box.kind == b"trak":
            _check_track(_tables(file, box), file)
        elif box.kind == b"traf":
            runs = (one for one in _boxes(file, box.start, box.end) if one.kind == b"trun")
            fragmented += sum(_number(file, one, 4) for one in runs)
        elif box.kind in _FOLDERS and any(map(_is_placed, _leaves(file, box))):
            raise UnsafeMedia(_MISPLACED)
    return fragmented


def _is_placed(box: _Box) -> bool:
    return box.kind in _PLACED or box.kind in _INDEXES


def _tables(file: BinaryIO, track: _Box) -> dict[bytes, _Box]:
    found: dict[bytes, _Box] = {}
    for one in _leaves(file, track):
        if one.kind in found if one.kind in _TABLES else _is_placed(one):
            raise UnsafeMedia(_MISPLACED)
        # QuickTime has a second handler further in, which tells where the data is.
        found.setdefault(one.kind, one)
    return found


def _leaves(file: BinaryIO, folder: _Box, depth: int = 0) -> Iterator[_Box]:
    if depth > _DEPTH_MOST:
        raise UnsafeMedia(_MISPLACED)
    for box in _boxes(file, folder.start, folder.end):
        if box.kind in _FOLDERS:
            yield from _leaves(file, box._replace(end=min(box.end, folder.end)), depth + 1)
        else:
            yield box


def _check_track(tables: dict[bytes, _Box], file: BinaryIO) -> None:
    sizes = tables.get(b"stsz") or tables.get(b"stz2")
    if sizes is None:
        return
    plain = sizes.kind == b"stsz" and _is_plain(tables, file)
    count = _plain_samples(tables, file) if plain else _number(file, sizes, 8)
    if count > (_PLAIN_SAMPLES_MOST if plain else SAMPLES_MOST):
        raise UnsafeMedia(_many(count))
    each = _number(file, sizes, 4) if sizes.kind == b"stsz" else 0
    largest = each or max(_words(file, sizes, 12) if sizes.kind == b"stsz" else (), default=0)
    if largest > SAMPLE_BYTES_MOST:
        msg = f"its index has a picture of {largest // 1_000_000} MB"
        raise UnsafeMedia(msg)


def _is_plain(tables: dict[bytes, _Box], file: BinaryIO) -> bool:
    """Whether the track is sound without packets: each sample lasts one tick, all in one entry."""
    handler, times = tables.get(b"hdlr"), tables.get(b"stts")
    if handler is None or times is None or _number(file, handler, 8) != _SOUND:
        return False
    return (_number(file, times, 4), _number(file, times, 12)) == (1, 1)


def _plain_samples(tables: dict[bytes, _Box], file: BinaryIO) -> int:
    """How many samples the track's blocks have together."""
    runs, places = tables.get(b"stsc"), tables.get(b"stco") or tables.get(b"co64")
    if runs is None or places is None:
        return 0
    blocks, words = _number(file, places, 4), _words(file, runs, 8)
    entries = list(zip(words[::3], words[1::3], strict=False))
    ends = [first for first, _ in entries[1:]] + [blocks + 1]
    pairs = zip(entries, ends, strict=True)
    return sum(max(end - first, 0) * samples for (first, samples), end in pairs)


def _number(file: BinaryIO, box: _Box, offset: int) -> int:
    file.seek(box.start + offset)
    data = file.read(4) if box.start + offset + 4 <= box.end else b""
    return int.from_bytes(data, "big")


def _words(file: BinaryIO, box: _Box, offset: int) -> array[int]:
    """The rest of a box as numbers of 32 bits."""
    file.seek(box.start + offset)
    data = file.read(min(max(box.end - box.start - offset, 0), INDEX_BYTES_MOST))
    words = array("I", data[: len(data) // 4 * 4])
    if sys.byteorder == "little":
        words.byteswap()
    return words


def _many(samples: int) -> str:
    return f"its index promises {samples:,} pictures or packets".replace(",", " ")
