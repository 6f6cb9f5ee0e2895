"""Unsafe and damaged clip files, rejected before libavformat opens them."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.errors import MediaError
from tasks.media.mp4_guard import check_clip_file
from tasks.media.probe import probe, verify

TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
VERIFY_SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from pathlib import Path
from tasks.media.probe import verify
try:
    verify(Path(sys.argv[1]), deadline_seconds=60)
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def find_box(data: bytes, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Return start and end of the box at a path."""
    offset, end = 0, len(data)
    for box_type in path:
        while data[offset + 4 : offset + 8] != box_type:
            offset += int.from_bytes(data[offset : offset + 4], "big")
            assert offset < end, box_type
        start, end = offset, offset + int.from_bytes(data[offset : offset + 4], "big")
        offset += 8
    return start, end


def replace_box(data: bytes, path: tuple[bytes, ...], content: bytes) -> bytes:
    """Return the file with other content in the box at a path."""
    start, end = find_box(data, path)
    new = struct.pack(">I4s", 8 + len(content), path[-1]) + content
    changed = bytearray(data[:start] + new + data[end:])
    for depth in range(1, len(path)):
        outer, outer_end = find_box(data, path[:depth])
        size = outer_end - outer + len(new) - (end - start)
        changed[outer : outer + 4] = struct.pack(">I", size)
    return bytes(changed)


def uint32s(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


@pytest.fixture(scope="module")
def valid_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a small valid clip."""
    path = tmp_path_factory.mktemp("clip") / "valid.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(24):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def with_sample_count(data: bytes, count: int) -> bytes:
    """Return the clip with an index that lists `count` samples of one byte."""
    data = replace_box(data, (*TABLES, b"stsz"), uint32s(0, 1, count))
    data = replace_box(data, (*TABLES, b"stts"), uint32s(0, 1, count, 512))
    return replace_box(data, (*TABLES, b"stsc"), uint32s(0, 1, 1, count, 1))


def with_duplicate_table(data: bytes) -> bytes:
    """Return the clip with a second sample size table behind the first."""
    start, end = find_box(data, (*TABLES, b"stsz"))
    stbl, stbl_end = find_box(data, TABLES)
    content = data[stbl + 8 : stbl_end] + data[start:end]
    return replace_box(data, TABLES, content)


def with_fragment(data: bytes) -> bytes:
    """Return the clip with a fragment that lists four billion samples."""
    run = struct.pack(">I4sII", 16, b"trun", 0, 4_000_000_000)
    track = struct.pack(">I4s", 8 + len(run), b"traf") + run
    return data + struct.pack(">I4s", 8 + len(track), b"moof") + track


def with_compressed_index(data: bytes) -> bytes:
    """Return the clip with a compressed index."""
    return replace_box(data, (b"moov",), struct.pack(">I4s", 8, b"cmov"))


UNSAFE = {
    "many samples": (lambda data: with_sample_count(data, 80_000_000), "lists 80 000 000"),
    "a table twice": (with_duplicate_table, "a box in the wrong place"),
    "a fragment": (with_fragment, "lists 4 000 000 000"),
    "a compressed index": (with_compressed_index, "is compressed"),
    "an index at the root": (
        lambda data: data + struct.pack(">I4s", 8, b"trak"),
        "a box in the wrong place",
    ),
    "a huge sample": (
        lambda data: replace_box(data, (*TABLES, b"stsz"), uint32s(0, 0, 1, 4_000_000_000)),
        "a sample of 4000 MB",
    ),
    "ten thousand boxes": (lambda data: data + uint32s(8, 0x66726565) * 10_001, "10000 boxes"),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_unsafe_index_is_rejected(valid_clip: bytes, tmp_path: Path, case) -> None:
    """Each kind of unsafe index is rejected with the reason."""
    make, message = UNSAFE[case]
    path = tmp_path / "unsafe.mp4"
    path.write_bytes(make(valid_clip))

    with pytest.raises(MediaError, match=message):
        check_clip_file(path)


def test_index_bomb_does_not_exhaust_memory(valid_clip: bytes, tmp_path: Path) -> None:
    """A clip whose index lists 80 million samples is rejected within 1 GB of memory."""
    path = tmp_path / "bomb.mp4"
    path.write_bytes(with_sample_count(valid_clip, 80_000_000))

    process = subprocess.run(
        [sys.executable, "-c", VERIFY_SCRIPT, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert "lists 80 000 000" in process.stderr.splitlines()[-1]
    assert 0 < int(process.stdout) < 1 << 20


def test_clip_of_days_is_rejected(valid_clip: bytes, tmp_path: Path) -> None:
    """A frame with a duration of days is rejected, since a conversion would repeat it."""
    path = tmp_path / "days.mp4"
    path.write_bytes(
        replace_box(valid_clip, (*TABLES, b"stts"), uint32s(0, 2, 1, 1 << 30, 23, 512))
    )

    with pytest.raises(MediaError, match="has a duration of"):
        probe(path)


def test_external_data_reference_is_ignored(valid_clip: bytes, tmp_path: Path) -> None:
    """A clip whose data reference is a URL makes no network request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"http://127.0.0.1:{listener.getsockname()[1]}/x\0".encode()
        entry = struct.pack(">I4sI", 12 + len(place), b"url ", 0) + place
        path = tmp_path / "elsewhere.mp4"
        path.write_bytes(
            replace_box(valid_clip, (*TABLES[:4], b"dinf", b"dref"), uint32s(0, 1) + entry)
        )

        assert verify(path, deadline_seconds=60).frames == 24
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "not an MP4 or QuickTime clip"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "not an MP4 or QuickTime clip"),
        (b"<!doctype html><title>Error</title>", "web page"),
        (b'{"error": "expired"}', "JSON"),
        (b"", "empty"),
    ],
)
def test_other_files_are_described(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that is not a clip is rejected with what it is instead."""
    path = tmp_path / "none.mp4"
    path.write_bytes(content)

    with pytest.raises(MediaError, match=message):
        check_clip_file(path)
