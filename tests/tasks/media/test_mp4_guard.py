"""Clips that were made to do harm: refused by their boxes, before libavformat believes them."""

from __future__ import annotations

import resource
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import MediaError
from tasks.media.mp4_guard import check_clip_file
from tasks.media.probe import probe, verify

TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
LOOK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from pathlib import Path
from tasks.media.probe import verify
verify(Path(sys.argv[1]), deadline_seconds=60)
"""


def find(data: bytes, path: tuple[bytes, ...]) -> tuple[int, int]:
    """Where the box at a path begins and ends."""
    at, end = 0, len(data)
    for kind in path:
        while data[at + 4 : at + 8] != kind:
            at += int.from_bytes(data[at : at + 4], "big")
            assert at < end, kind
        start, end = at, at + int.from_bytes(data[at : at + 4], "big")
        at += 8
    return start, end


def put(data: bytes, path: tuple[bytes, ...], content: bytes) -> bytes:
    """The file with another content in the box at a path."""
    start, end = find(data, path)
    new = struct.pack(">I4s", 8 + len(content), path[-1]) + content
    changed = bytearray(data[:start] + new + data[end:])
    for depth in range(1, len(path)):
        outer, outer_end = find(data, path[:depth])
        size = outer_end - outer + len(new) - (end - start)
        changed[outer : outer + 4] = struct.pack(">I", size)
    return bytes(changed)


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small sound clip."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("clip") / "whole.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(24):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def many(data: bytes, count: int) -> bytes:
    """An index that promises so many pictures of a byte each."""
    data = put(data, (*TABLES, b"stsz"), words(0, 1, count))
    data = put(data, (*TABLES, b"stts"), words(0, 1, count, 512))
    return put(data, (*TABLES, b"stsc"), words(0, 1, 1, count, 1))


def twice(data: bytes) -> bytes:
    """A second table of sizes behind a harmless one."""
    start, end = find(data, (*TABLES, b"stsz"))
    stbl, stbl_end = find(data, TABLES)
    content = data[stbl + 8 : stbl_end] + data[start:end]
    return put(data, TABLES, content)


def fragment(data: bytes) -> bytes:
    """A fragment that promises pictures without a byte for each."""
    run = struct.pack(">I4sII", 16, b"trun", 0, 4_000_000_000)
    folder = struct.pack(">I4s", 8 + len(run), b"traf") + run
    return data + struct.pack(">I4s", 8 + len(folder), b"moof") + folder


def packed(data: bytes) -> bytes:
    """An index within a box that is to be unpacked."""
    return put(data, (b"moov",), struct.pack(">I4s", 8, b"cmov"))


HARMFUL = {
    "many pictures": (lambda data: many(data, 80_000_000), "promises 80 000 000"),
    "a table twice": (twice, "stands where none belongs"),
    "a fragment": (fragment, "promises 4 000 000 000"),
    "a packed index": (packed, "is compressed"),
    "an index at the root": (
        lambda data: data + struct.pack(">I4s", 8, b"trak"),
        "stands where none belongs",
    ),
    "one huge picture": (
        lambda data: put(data, (*TABLES, b"stsz"), words(0, 0, 1, 4_000_000_000)),
        "a picture of 4000 MB",
    ),
    "ten thousand boxes": (lambda data: data + words(8, 0x66726565) * 10_001, "10000 parts"),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_an_index_that_was_made_to_do_harm_is_refused(whole: bytes, tmp_path: Path, case) -> None:
    """In one sentence that says what is wrong with it."""
    make, said = HARMFUL[case]
    path = tmp_path / "harm.mp4"
    path.write_bytes(make(whole))

    with pytest.raises(MediaError, match=said):
        check_clip_file(path)


def test_a_kilobyte_that_promises_millions_costs_no_gigabytes(whole: bytes, tmp_path: Path) -> None:
    """Where the whole program may have three, and libavformat alone would take five."""
    path = tmp_path / "bomb.mp4"
    path.write_bytes(many(whole, 80_000_000))

    ended = subprocess.run(
        [sys.executable, "-c", LOOK, str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert "promises 80 000 000" in ended.stderr.splitlines()[-1]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20


def test_a_clip_that_says_it_lasts_for_days_is_refused(whole: bytes, tmp_path: Path) -> None:
    """A picture that stands that long would be written out frame by frame to fit the film."""
    path = tmp_path / "days.mp4"
    path.write_bytes(put(whole, (*TABLES, b"stts"), words(0, 2, 1, 1 << 30, 23, 512)))

    with pytest.raises(MediaError, match="says it lasts"):
        probe(path)


def test_pictures_at_another_place_are_not_looked_for(whole: bytes, tmp_path: Path) -> None:
    """Only the file itself is read, whatever it says of where its pictures are."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"http://127.0.0.1:{listener.getsockname()[1]}/x\0".encode()
        entry = struct.pack(">I4sI", 12 + len(place), b"url ", 0) + place
        path = tmp_path / "elsewhere.mp4"
        path.write_bytes(put(whole, (*TABLES[:4], b"dinf", b"dref"), words(0, 1) + entry))

        assert verify(path, deadline_seconds=60).frames == 24
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", "no MP4 or QuickTime clip"),
        (b"ffconcat version 1.0\nfile '/etc/hostname'\n", "no MP4 or QuickTime clip"),
        (b"<!doctype html><title>Error</title>", "web page"),
        (b'{"error": "expired"}', "JSON"),
        (b"", "empty"),
    ],
)
def test_what_is_no_clip_is_told_by_its_first_bytes(tmp_path: Path, content, said) -> None:
    """A playlist leads to no other file."""
    path = tmp_path / "none.mp4"
    path.write_bytes(content)

    with pytest.raises(MediaError, match=said):
        check_clip_file(path)
