"""Compatibility of clips, and conversion of those that do not match."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.errors import MediaError
from tasks.media.audio.clip_sound import AudioSource, open_clip_reader
from tasks.media.compatibility import choose_target, describe_conversion, find_mismatches
from tasks.media.convert import convert
from tasks.media.frames import last_frame
from tasks.media.orientation import Orientation
from tasks.media.probe import Clip, Colour, probe
from tests.support.film_joins import chain_edit, join_edit
from tests.support.own_clips import difference, draw_scene, write_clip

PLAIN = Clip(
    path=Path("a.mp4"),
    width=864,
    height=480,
    frames=121,
    rate=Fraction(24),
    codec="h264",
    pix_fmt="yuv420p",
    sar=Fraction(1),
    colour=Colour(1, 1, 1, 1),
    has_audio=True,
    audio_codec="aac",
    sample_rate=48_000,
    channels=2,
)


def read_rgb(image: bytes) -> np.ndarray:
    """Decode an image file to an array (height, width, 3)."""
    return np.array(Image.open(BytesIO(image)).convert("RGB"))


def test_equal_clips_have_no_mismatches() -> None:
    """Length, audio and missing colour tags are not mismatches."""
    others = [
        replace(PLAIN, frames=193),
        replace(PLAIN, has_audio=False, sample_rate=0, channels=0),
        replace(PLAIN, colour=Colour()),
    ]
    assert [find_mismatches(other, PLAIN) for other in others] == [(), (), ()]


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"width": 1280, "height": 720}, "is 1280×720, the film is 864×480"),
        ({"rate": Fraction(30)}, "has 30 frames per second, the film has 24"),
        ({"rate": Fraction(24000, 1001)}, "has 23.976 frames per second"),
        ({"is_constant": False}, "has a variable frame rate"),
        ({"codec": "hevc"}, "is hevc, the film is h264"),
        ({"pix_fmt": "yuv420p10le"}, "has pixel format yuv420p10le, the film has yuv420p"),
        ({"sar": Fraction(4, 3)}, "has a pixel aspect ratio of 4:3"),
        ({"is_interlaced": True}, "is interlaced"),
        ({"hidden_frames": 3}, "has 3 frames that an edit list hides"),
        ({"starts_on_idr": False}, "does not start with an IDR frame"),
        ({"colour": Colour(6, 6, 6, 1)}, "has BT.601 colours, the film has BT.709"),
        ({"colour": Colour(1, 1, 1, 2)}, "has full range colour"),
    ],
)
def test_each_mismatch_has_a_reason(odd: dict[str, Any], message: str) -> None:
    """The reason states the property of the clip and that of the film."""
    other = replace(PLAIN, path=Path("odd.mp4"), **odd)
    (reason,) = find_mismatches(other, PLAIN)
    assert reason.startswith(message)


def test_clip_with_two_mismatches_has_two_reasons() -> None:
    """A clip of another size and rate has one reason for each."""
    other = replace(PLAIN, width=640, rate=Fraction(25))
    assert find_mismatches(other, PLAIN) == (
        "has 25 frames per second, the film has 24",
        "is 640×480, the film is 864×480",
    )


def test_most_frequent_size_is_target() -> None:
    """A clip of another size is converted even if it comes first."""
    other = replace(PLAIN, width=1280, height=720)
    assert choose_target([other, PLAIN, PLAIN]) == PLAIN
    assert choose_target([other, PLAIN]) == other


def test_first_joinable_clip_is_target() -> None:
    """Of the clips of that size, the first that needs no conversion is the target."""
    fast = replace(PLAIN, rate=Fraction(30))
    later = replace(PLAIN, path=Path("b.mp4"))
    assert choose_target([fast, PLAIN, later]) == PLAIN


def test_target_is_h264_if_all_need_conversion() -> None:
    """HEVC clips with 30 frames per second become an H.264 film of their size."""
    odd = replace(PLAIN, codec="hevc", rate=Fraction(30), pix_fmt="yuv420p10le", width=865)
    target = choose_target([odd, odd])
    assert (target.codec, target.pix_fmt, target.rate) == ("h264", "yuv420p", Fraction(24))
    assert (target.width, target.height) == (864, 480)
    assert find_mismatches(odd, target)


KINDS: dict[str, dict[str, Any]] = {
    "30 fps": {"rate": Fraction(30)},
    "23.976 fps": {"rate": Fraction(24000, 1001)},
    "uneven": {"missing": (9, 17, 30)},
    "hevc": {"codec": "libx265"},
    "4:4:4": {"pix_fmt": "yuv444p"},
    "larger": {"size": (320, 192)},
    "narrower": {"size": (160, 160)},
    "wide pixels": {"sar": Fraction(4, 3)},
    "other colours": {"matrix": 6},
}


@pytest.mark.parametrize("kind", KINDS)
def test_converted_clip_joins_the_others(studio: Any, video: Any, ffmpeg: Path, kind: str) -> None:
    """A converted clip matches the others, and keeps its length and audio."""
    clips = [studio.clip(f"{k}.mp4", base=100 * k) for k in range(2)]
    odd = studio.clip("odd.mp4", frames=60, base=200, video=video(**KINDS[kind]))
    target = choose_target([probe(clip) for clip in [*clips, odd]])
    assert find_mismatches(probe(odd), target)

    out = studio.folder / "converted.staged"
    converted = convert(odd, target, out, ffmpeg=ffmpeg)
    assert converted == probe(out)
    assert find_mismatches(converted, target) == ()
    assert converted.has_audio
    assert (converted.colour.primaries, converted.colour.transfer, converted.colour.matrix) == (
        1,
        1,
        1,
    )
    seconds = 60 / KINDS[kind].get("rate", 24)
    assert converted.duration_seconds == pytest.approx(float(seconds), abs=0.05)

    film = join_edit(chain_edit([*clips, out], chained=False), studio.folder / "film.mp4")
    assert film.frames == 50 + converted.frames
    assert studio.decode_errors(film.path) == ""


def test_frame_rate_is_converted_evenly(studio: Any, video: Any, ffmpeg: Path) -> None:
    """From 30 to 24 frames per second, every fifth frame is dropped."""
    odd = studio.clip("odd.mp4", frames=60, video=video(rate=Fraction(30)), tone=None)
    out = studio.folder / "converted.mp4"
    convert(odd, choose_target([probe(studio.clip("a.mp4"))]), out, ffmpeg=ffmpeg)
    numbers = studio.numbers(out)
    assert len(numbers) == 48
    assert {b - a for a, b in itertools.pairwise(numbers)} == {1, 2}


RATES: dict[str, dict[str, Any]] = {
    "29.97": {"rate": Fraction(30000, 1001)},
    "25": {"rate": Fraction(25)},
    "60": {"rate": Fraction(60)},
    "23.976": {"rate": Fraction(24000, 1001)},
    "12": {"rate": Fraction(12)},
    "uneven": {"rate": Fraction(30), "missing": (3, 4, 9, 17, 29, 31)},
    "late start": {"rate": Fraction(60), "starts_at_seconds": 0.51},
}


@pytest.mark.parametrize("frames", [2, 33, 61])
@pytest.mark.parametrize("kind", RATES)
def test_last_picture_is_the_same(
    studio: Any, video: Any, ffmpeg: Path, kind: str, frames: int
) -> None:
    """A converted clip ends on its true last picture, and pictures keep their order and time."""
    options = video(**RATES[kind])
    odd = studio.clip("odd.mp4", frames=frames, base=7, video=options, tone=None)
    source = probe(odd)
    out = studio.folder / "converted.mp4"
    converted = convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    numbers = studio.numbers(out)
    shown = studio.numbers(odd)
    assert len(numbers) == converted.frames == source.film_frames
    assert numbers[-1] == shown[-1]
    assert numbers == sorted(numbers)
    assert numbers[0] == shown[0] or len(numbers) == 1
    assert converted.frames == pytest.approx(frames * 24 / float(options.rate), abs=1)
    for slot, number in enumerate(numbers):
        assert (number - 7) / float(options.rate) == pytest.approx(slot / 24, abs=0.085)


def write_long_end(path: Path, scenes: list[np.ndarray], seconds: int) -> Path:
    """Write a clip at 0, 0.1 and 0.15 s whose last picture is shown for some seconds."""
    clip = write_clip(path, scenes, times=[0, 0.1, 0.15])
    data = clip.read_bytes()
    start = data.index(b"stts") + 8
    last = start + 8 * int.from_bytes(data[start : start + 4], "big")
    clip.write_bytes(data[:last] + (90_000 * seconds).to_bytes(4, "big") + data[last + 4 :])
    return clip


def test_long_last_picture_is_kept(ffmpeg: Path, tmp_path: Path) -> None:
    """A recording of a screen that ends on a still picture keeps the time of that picture."""
    scenes = [draw_scene((160, 96), step) for step in (0, 8, 20)]
    clip = write_long_end(tmp_path / "a.mp4", scenes, 1)
    out = tmp_path / "out.mp4"
    converted = convert(clip, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    assert converted.frames == round(1.15 * 24)
    assert difference(last_frame(out), scenes[-1]) < 3
    with pytest.raises(MediaError, match="has a duration of 40000 seconds"):
        probe(write_long_end(tmp_path / "b.mp4", scenes, 40_000))


def test_default_sound_track_is_used(tmp_path: Path, ffmpeg: Path) -> None:
    """Of two sound tracks the default one counts, joined directly or after conversion."""
    scenes = [draw_scene((160, 96))] * 24
    plain = write_clip(tmp_path / "a.mp4", scenes, tones=(400, 1000), default_tone=1)
    odd = write_clip(
        tmp_path / "b.mp4",
        scenes,
        tones=(400, 1000),
        default_tone=1,
        orientation=Orientation.ROTATED_180,
    )
    assert probe(plain).audio_track == 1
    out = tmp_path / "out.mp4"
    convert(odd, probe(plain), out, ffmpeg=ffmpeg)
    film = tmp_path / "film.mp4"
    join_edit(chain_edit([plain, out], chained=False), film)
    sound = open_clip_reader(AudioSource(film, 48, Fraction(0)), 1).read(96_000)[0]
    for half in (sound[4_800:43_200], sound[52_800:91_200]):
        loudest = np.argmax(np.abs(np.fft.rfft(half))) * 48_000 / len(half)
        assert loudest == pytest.approx(1000, abs=10)


def test_other_shape_is_padded(studio: Any, video: Any, ffmpeg: Path) -> None:
    """A square clip keeps its shape in a wide film and is centred."""
    odd = studio.clip("odd.mp4", frames=3, video=video(size=(160, 160), luma=200), tone=None)
    out = studio.folder / "converted.mp4"
    convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    luma = read_rgb(last_frame(out)).mean(axis=2)
    assert luma.shape == (96, 160)
    bright = np.flatnonzero(luma[48] > 128)
    assert (bright.min(), bright.max()) == (32, 127)
    assert luma[:, :30].max() < 5


def test_wide_pixels_become_square(studio: Any, video: Any, ffmpeg: Path) -> None:
    """A clip of 96×96 pixels with an aspect ratio of 5:3 fills a frame of 160×96."""
    options = video(size=(96, 96), sar=Fraction(5, 3), luma=200)
    odd = studio.clip("odd.mp4", frames=3, video=options, tone=None)
    out = studio.folder / "converted.mp4"
    assert convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg).sar == 1
    assert read_rgb(last_frame(out)).min() > 150


def test_colours_are_converted(studio: Any, video: Any, ffmpeg: Path) -> None:
    """A BT.601 clip looks the same after conversion to BT.709."""
    odd = studio.clip("odd.mp4", frames=5, video=video(matrix=6), tone=None)
    out = studio.folder / "converted.mp4"
    convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    before, after = (read_rgb(last_frame(path)).astype(int) for path in (odd, out))
    assert np.abs(before - after).mean() < 3
    assert abs((before - after).mean()) < 0.7


def test_error_has_end_of_ffmpeg_output(studio: Any, ffmpeg: Path) -> None:
    """The error has the path of the clip and the end of the output of ffmpeg."""
    clip = studio.clip("a.mp4", tone=None)
    missing = studio.folder / "nowhere" / "out.mp4"
    with pytest.raises(MediaError, match=r"could not convert .*a\.mp4 .*No such file") as raised:
        convert(clip, PLAIN, missing, ffmpeg=ffmpeg)
    assert len(str(raised.value)) < 1500


def test_missing_program_is_an_error(studio: Any, tmp_path: Path) -> None:
    """A program that does not exist is a MediaError."""
    clip = studio.clip("a.mp4", tone=None)
    with pytest.raises(MediaError, match="can't be started"):
        convert(clip, PLAIN, tmp_path / "out.mp4", ffmpeg=tmp_path / "none")


def test_program_is_killed_at_deadline(studio: Any, tmp_path: Path) -> None:
    """The program is killed if it exceeds the deadline."""
    clip = studio.clip("a.mp4", tone=None)
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    with pytest.raises(MediaError, match=r"not convert .* within 0\.2 seconds"):
        convert(clip, PLAIN, tmp_path / "out.mp4", ffmpeg=stuck, deadline_seconds=0.2)


def test_wrong_number_of_frames_is_an_error(
    ffmpeg: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conversion that loses frames is not joined: a seam would drop another picture."""
    clip = write_clip(tmp_path / "a.mp4", [draw_scene((160, 96))] * 8, rate=Fraction(30))
    monkeypatch.setattr("tasks.media.convert.timing_filters", lambda _: [("fps", (12,), {})])
    with pytest.raises(MediaError, match="frames after conversion, not 6"):
        convert(clip, probe(clip), tmp_path / "out.mp4", ffmpeg=ffmpeg)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((160, 96), (500, 300)), ((400, 320), (400, 320)), ((1000, 500), (800, 400))],
)
def test_handed_on_frame_has_usable_sides(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """A frame that is too small or too large for a vendor is scaled in its shape."""
    clip = write_clip(tmp_path / "a.mp4", [draw_scene(size)])
    height, width = read_rgb(last_frame(clip, sides=(300, 800))).shape[:2]
    assert (width, height) == expected


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"width": 1280, "height": 720}, "1280x720 scaled into 864x480"),
        ({"orientation": Orientation.ROTATED_180}, "rotated 180°"),
        ({"orientation": Orientation.ROTATED_90}, "rotated 90°, 480x864 scaled into 864x480"),
        ({"rate": Fraction(30000, 1001)}, "29.97 to 24 fps"),
        ({"rate": Fraction(24000, 1001)}, "23.976 to 24 fps"),
        ({"is_constant": False}, "variable frame rate to 24 fps"),
        ({"hidden_frames": 3, "is_constant": False}, "3 hidden frames left out"),
        ({"codec": "hevc"}, "hevc to h264"),
        ({"pix_fmt": "yuv420p10le"}, "yuv420p10le to yuv420p"),
        ({"pix_fmt": "yuv420p10le", "colour": Colour(9, 18, 9, 1)}, "HLG to SDR"),
        ({"colour": Colour(9, 16, 9, 1)}, "PQ to SDR"),
        ({"sar": Fraction(4, 3)}, "pixels of 4:3 made square, 1152x480 scaled into 864x480"),
        ({"is_interlaced": True}, "interlaced to progressive"),
        ({"starts_on_idr": False}, "encoded again, since it does not start with an IDR frame"),
        ({"colour": Colour(6, 6, 6, 1)}, "BT.601 to BT.709"),
        ({"colour": Colour(1, 1, 1, 2)}, "full to limited range"),
        ({"frames": 50, "colour": Colour()}, ""),
    ],
)
def test_conversions_are_described(odd: dict[str, Any], expected: str) -> None:
    """Every conversion has a description, and a clip without one is joined unchanged."""
    other = replace(PLAIN, path=Path("odd.mp4"), **odd)
    assert ", ".join(describe_conversion(other, PLAIN)) == expected
    assert bool(find_mismatches(other, PLAIN)) == bool(expected)
