"""Measurements of clips, and rejection of damaged files."""

from __future__ import annotations

import itertools
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tasks.errors import MediaError
from tasks.media.probe import probe, verify

FASTSTART = {"movflags": "+faststart"}


def test_clip_is_measured(studio: Any, tone: Any) -> None:
    """Size, frames, rate, codec, colour and audio are measured."""
    path = studio.clip("a.mp4", frames=25, tone=tone(channels=2, rate=44_100))
    clip = probe(path)
    assert (clip.width, clip.height, clip.frames, clip.rate) == (160, 96, 25, Fraction(24))
    assert (clip.codec, clip.pix_fmt, clip.sar, clip.is_constant) == (
        "h264",
        "yuv420p",
        Fraction(1),
        True,
    )
    assert (clip.colour.primaries, clip.colour.transfer, clip.colour.matrix) == (1, 1, 1)
    assert (clip.has_audio, clip.sample_rate, clip.channels) == (True, 44_100, 2)
    assert clip.duration_seconds == pytest.approx(25 / 24)


def test_duration_ignores_longer_audio(studio: Any, tone: Any) -> None:
    """Audio that is longer than the video does not change the duration."""
    clip = probe(studio.clip("a.mp4", frames=25, tone=tone(longer_by_seconds=1.5)))
    assert clip.duration_seconds == pytest.approx(25 / 24)


def test_fragmented_clip_is_counted(studio: Any) -> None:
    """The frames of a fragmented clip, which has no count in its header, are counted."""
    options = {"movflags": "frag_keyframe+empty_moov"}
    clip = probe(studio.clip("a.mp4", frames=25, options=options))
    assert (clip.frames, clip.rate, clip.has_audio) == (25, Fraction(24), True)


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(24000, 1001), Fraction(25)])
def test_other_frame_rate_is_measured(studio: Any, video: Any, rate: Fraction) -> None:
    """Clips with 30, 25 and 23.976 frames per second are measured, not rejected."""
    clip = probe(studio.clip("a.mp4", frames=60, video=video(rate=rate), tone=None))
    assert float(clip.rate) == pytest.approx(float(rate), abs=0.001)
    assert clip.is_constant


def test_missing_frames_make_rate_variable(studio: Any, video: Any) -> None:
    """A clip with missing frames has no constant rate."""
    clip = probe(studio.clip("a.mp4", frames=30, video=video(missing=(9, 17)), tone=None))
    assert not clip.is_constant
    assert clip.frames == 28


def test_hidden_frames_are_counted_separately(studio: Any) -> None:
    """Frames that an edit list hides are not among the frames of the clip."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    cut = studio.folder / "cut.mp4"
    studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
    clip = probe(cut)
    assert clip.hidden_frames == 12
    assert clip.frames == 18
    assert not clip.is_constant


def test_tags_need_not_be_utf_8(studio: Any) -> None:
    """A clip with a title that is not UTF-8 can be measured."""
    path = studio.clip("a.mp4", tone=None)
    named = studio.folder / "named.mp4"
    studio.run("-i", str(path), "-c", "copy", "-metadata", "title=SHOTCHAIN", str(named))
    data = named.read_bytes()
    assert b"SHOTCHAIN" in data
    named.write_bytes(data.replace(b"SHOTCHAIN", b"\xff\xfe\x80HAIN\xc3("))
    assert probe(named).frames == 25


OTHER_FILES = {
    "empty": (b"", "is empty"),
    "html": (b"\n<!doctype html><html><body>Not found</body></html>", "web page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web page"),
    "json": (b'{"error": {"code": "AccessDenied"}}', "JSON"),
    "playlist": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not an MP4"),
    "noise": (bytes(range(256)) * 8, "not an MP4"),
    "only a head": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "truncated or damaged"),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_other_files_are_rejected(tmp_path: Path, kind: str) -> None:
    """The error has the path of the file and what it is instead of a clip."""
    data, message = OTHER_FILES[kind]
    path = tmp_path / "download.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=message) as raised:
        probe(path)
    assert str(path) in str(raised.value)


def test_image_is_rejected(tmp_path: Path) -> None:
    """A PNG with the name of a clip is rejected as an image."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    path = tmp_path / "a.mp4"
    path.write_bytes(file.getvalue())
    with pytest.raises(MediaError, match="image/png"):
        probe(path)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """A missing file is a MediaError."""
    with pytest.raises(MediaError, match="can't be read: No such file"):
        probe(tmp_path / "none.mp4")


def test_audio_only_file_is_rejected(studio: Any, tmp_path: Path) -> None:
    """An MP4 without video is rejected."""
    path = studio.clip("a.mp4")
    sound = tmp_path / "sound.mp4"
    studio.run("-i", str(path), "-vn", "-c", "copy", str(sound))
    with pytest.raises(MediaError, match="has no video, only audio"):
        probe(sound)


def test_truncated_download_is_rejected(studio: Any) -> None:
    """A truncated file is detected by its boxes although its index is complete."""
    path = studio.clip("a.mp4", frames=60, options=FASTSTART)
    data = path.read_bytes()
    kept = len(data) * 6 // 10
    path.write_bytes(data[:kept])
    with pytest.raises(MediaError, match=f"truncated: it has {kept} of {len(data)} bytes"):
        probe(path)


def test_missing_packets_are_counted(studio: Any) -> None:
    """If the boxes do not show that a file is truncated, its packets do."""
    path = studio.clip("a.mp4", frames=60, options=FASTSTART)
    data = bytearray(path.read_bytes())
    # A data box of size 0 reaches to the end of the file, wherever that is.
    at = data.index(b"mdat") - 4
    data[at : at + 4] = bytes(4)
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(MediaError, match=r"truncated: it has \d+ of 60 frames"):
        probe(path)


def test_truncated_index_is_rejected(studio: Any) -> None:
    """A file that ends before the end of its index is rejected."""
    path = studio.clip("a.mp4", frames=60)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(MediaError, match="truncated: "):
        probe(path)


def test_verify_finds_zeros(studio: Any) -> None:
    """A clip with overwritten frames and intact packets is rejected by `verify` only."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    assert verify(path, deadline_seconds=60).frames == 60
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    assert probe(path).frames == 60
    with pytest.raises(MediaError, match="damaged"):
        verify(path, deadline_seconds=60)


def test_verify_finds_concealed_errors(studio: Any) -> None:
    """Errors that the decoder conceals without raising are found by `verify`."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    data = path.read_bytes()
    start, end = data.index(b"mdat") + 1500, data.index(b"moov")
    rejected = 0
    for offset in range(start, end - 100, (end - start) // 20):
        path.write_bytes(data[:offset] + bytes(8) + data[offset + 8 :])
        try:
            verify(path, deadline_seconds=60)
        except MediaError:
            rejected += 1
    # Some errors only change colours. Without `is_corrupt` only one or two are found.
    assert rejected >= 5


def test_verify_stops_at_deadline(studio: Any) -> None:
    """Decoding stops at the deadline."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    clock = itertools.count(0, 5).__next__
    with pytest.raises(MediaError, match="not decoded within 12 seconds"):
        verify(path, deadline_seconds=12, clock=clock)


def test_rejected_file_is_closed(studio: Any) -> None:
    """A rejected file is not left open, so that it can be replaced on every system."""
    path = studio.clip("a.mp4", frames=25, options=FASTSTART)
    path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(MediaError) as raised:
        probe(path)

    open_files = {
        str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()
    }
    assert str(path) not in open_files, raised.value
