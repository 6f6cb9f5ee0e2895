"""What a clip is measured to be, and which files are refused with which sentence."""

from __future__ import annotations

import itertools
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tasks.errors import MediaError
from tasks.media.probe import probe, verify

FASTSTART = {"movflags": "+faststart"}


def test_a_clip_is_measured_whole(studio: Any, picture: Any, tone: Any) -> None:
    """Size, frames, rate, codec, colour and sound are all told."""
    path = studio.clip("a.mp4", frames=25, tone=tone(channels=2, rate=44_100))
    clip = probe(path)
    assert (clip.width, clip.height, clip.frames, clip.rate) == (160, 96, 25, 24)
    assert (clip.codec, clip.pix_fmt, clip.sar, clip.is_constant) == ("h264", "yuv420p", 1, True)
    assert (clip.colour.primaries, clip.colour.transfer, clip.colour.matrix) == (1, 1, 1)
    assert (clip.has_audio, clip.sample_rate, clip.channels) == (True, 44_100, 2)
    assert clip.duration_seconds == pytest.approx(25 / 24)


def test_the_picture_s_length_is_not_the_sound_s(studio: Any, tone: Any) -> None:
    """Sound that goes on after the picture makes the clip no longer."""
    clip = probe(studio.clip("a.mp4", frames=25, tone=tone(longer_by_seconds=1.5)))
    assert clip.duration_seconds == pytest.approx(25 / 24)


def test_a_fragmented_clip_is_counted(studio: Any) -> None:
    """A fragmented file has no number of frames in its header; packets are counted."""
    options = {"movflags": "frag_keyframe+empty_moov"}
    clip = probe(studio.clip("a.mp4", frames=25, options=options))
    assert (clip.frames, clip.rate, clip.has_audio) == (25, 24, True)


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(24000, 1001), Fraction(25)])
def test_another_rate_is_told_and_not_refused(studio: Any, picture: Any, rate: Fraction) -> None:
    """30, 25 and 23.976 pictures a second are measured as such, so that they can be fitted."""
    clip = probe(studio.clip("a.mp4", frames=60, picture=picture(rate=rate), tone=None))
    assert float(clip.rate) == pytest.approx(float(rate), abs=0.001)
    assert clip.is_constant


def test_uneven_pictures_are_told(studio: Any, picture: Any) -> None:
    """A clip in which pictures are left out has no constant rate."""
    clip = probe(studio.clip("a.mp4", frames=30, picture=picture(left_out=(9, 17)), tone=None))
    assert not clip.is_constant
    assert clip.frames == 28


def test_pictures_hidden_by_an_edit_list_are_told(studio: Any) -> None:
    """What an edit list hides is counted apart and not as a picture of the clip."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    cut = studio.folder / "cut.mp4"
    studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
    clip = probe(cut)
    assert clip.hidden_frames == 12
    assert clip.frames == 18
    assert not clip.is_constant


def test_tags_that_are_not_utf_8_do_not_matter(studio: Any) -> None:
    """Nobody here reads a clip's title, so a broken one is no reason to refuse a clip."""
    path = studio.clip("a.mp4", tone=None)
    named = studio.folder / "named.mp4"
    studio.run("-i", str(path), "-c", "copy", "-metadata", "title=SHOTCHAIN", str(named))
    data = named.read_bytes()
    assert b"SHOTCHAIN" in data
    named.write_bytes(data.replace(b"SHOTCHAIN", b"\xff\xfe\x80HAIN\xc3("))
    assert probe(named).frames == 25


REFUSED = {
    "empty": (b"", "is empty"),
    "html": (b"\n<!doctype html><html><body>Not found</body></html>", "web page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web page"),
    "json": (b'{"error": {"code": "AccessDenied"}}', "JSON"),
    "playlist": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "no MP4"),
    "noise": (bytes(range(256)) * 8, "no MP4"),
    "only a head": (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "cut off or damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_is_no_clip_is_refused_by_name_and_reason(tmp_path: Path, kind: str) -> None:
    """The sentence names the file and says what it is instead."""
    data, words = REFUSED[kind]
    path = tmp_path / "download.mp4"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=words) as refused:
        probe(path)
    assert str(path) in str(refused.value)


def test_a_picture_is_no_clip(tmp_path: Path) -> None:
    """A PNG under a clip's name is told as what it is."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    path = tmp_path / "a.mp4"
    path.write_bytes(file.getvalue())
    with pytest.raises(MediaError, match="image/png"):
        probe(path)


def test_a_missing_file_is_a_media_error(tmp_path: Path) -> None:
    """A path without a file is an expected failure with a sentence."""
    with pytest.raises(MediaError, match="can't be read: No such file"):
        probe(tmp_path / "none.mp4")


def test_sound_without_picture_is_refused(studio: Any, tmp_path: Path) -> None:
    """An MP4 that holds only sound is no clip."""
    path = studio.clip("a.mp4")
    sound = tmp_path / "sound.mp4"
    studio.run("-i", str(path), "-vn", "-c", "copy", str(sound))
    with pytest.raises(MediaError, match="holds no picture, only audio"):
        probe(sound)


def test_a_download_cut_off_is_refused_though_its_header_is_whole(studio: Any) -> None:
    """With the index in front the header still promises everything; the bytes are not there."""
    path = studio.clip("a.mp4", frames=60, options=FASTSTART)
    data = path.read_bytes()
    kept = len(data) * 6 // 10
    path.write_bytes(data[:kept])
    with pytest.raises(MediaError, match=f"cut off: {kept} of {len(data)} bytes are there"):
        probe(path)


def test_pictures_that_are_promised_and_missing_are_counted(studio: Any) -> None:
    """Where the boxes do not tell the loss, the packets do."""
    path = studio.clip("a.mp4", frames=60, options=FASTSTART)
    data = bytearray(path.read_bytes())
    # A data box of size 0 reaches to the end of the file, wherever that is.
    at = data.index(b"mdat") - 4
    data[at : at + 4] = bytes(4)
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(MediaError, match=r"cut off: \d+ of 60 pictures are there"):
        probe(path)


def test_a_download_cut_off_before_its_index_is_refused(studio: Any) -> None:
    """With the index at the end the loss is told by the last box."""
    path = studio.clip("a.mp4", frames=60)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(MediaError, match="cut off: "):
        probe(path)


def test_zeros_in_the_middle_are_found_by_decoding(studio: Any) -> None:
    """Header and packets are perfect, and only `verify` finds the damage."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    assert verify(path, deadline_seconds=60).frames == 60
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    assert probe(path).frames == 60
    with pytest.raises(MediaError, match="damaged"):
        verify(path, deadline_seconds=60)


def test_pictures_that_the_decoder_patches_up_are_found(studio: Any) -> None:
    """A few wrong bytes make the decoder guess parts of a picture without an error."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    data = path.read_bytes()
    begin, end = data.index(b"mdat") + 1500, data.index(b"moov")
    refused = 0
    for at in range(begin, end - 100, (end - begin) // 20):
        path.write_bytes(data[:at] + bytes(8) + data[at + 8 :])
        try:
            verify(path, deadline_seconds=60)
        except MediaError:
            refused += 1
    # Some bytes change colours only, which nobody can tell; with errors alone it is one or two.
    assert refused >= 5


def test_verify_ends_at_its_deadline(studio: Any) -> None:
    """A clip that decodes too slowly is given up between two packets."""
    path = studio.clip("a.mp4", frames=60, tone=None)
    clock = itertools.count(0, 5).__next__
    with pytest.raises(MediaError, match="not decoded within 12 seconds"):
        verify(path, deadline_seconds=12, clock=clock)


def test_a_broken_clip_leaves_no_file_open(studio: Any) -> None:
    """After a refusal the file can be replaced and read again at once."""
    path = studio.clip("a.mp4", frames=25, options=FASTSTART)
    data = path.read_bytes()
    path.write_bytes(data[:5000])
    with pytest.raises(MediaError):
        probe(path)
    path.write_bytes(data)
    assert probe(path).frames == 25
    with av.open(str(path)) as container:
        assert container.streams.video
