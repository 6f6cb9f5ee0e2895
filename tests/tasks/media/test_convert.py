"""Clips that disagree: how it is told, which of them wins, and that the others are made to fit."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import MediaError
from tasks.media.compatibility import choose_target, find_mismatches
from tasks.media.convert import convert
from tasks.media.frames import last_frame, read_rgb
from tasks.media.join import JoinInput, join, prepare
from tasks.media.probe import Clip, Colour, probe

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


def test_clips_that_agree_have_nothing_told() -> None:
    """Length, sound and missing colour tags are no disagreement."""
    others = [
        replace(PLAIN, frames=193),
        replace(PLAIN, has_audio=False, sample_rate=0, channels=0),
        replace(PLAIN, colour=Colour()),
    ]
    assert [find_mismatches(other, PLAIN) for other in others] == [(), (), ()]


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"width": 1280, "height": 720}, "is 1280×720, the film 864×480"),
        ({"rate": Fraction(30)}, "runs at 30 pictures a second, the film at 24"),
        ({"rate": Fraction(24000, 1001)}, "runs at 23.976 pictures a second"),
        ({"is_constant": False}, "has its pictures at uneven times"),
        ({"codec": "hevc"}, "is hevc, the film h264"),
        ({"pix_fmt": "yuv420p10le"}, "has pixels as yuv420p10le, the film as yuv420p"),
        ({"sar": Fraction(4, 3)}, "has pixels 4:3 wide"),
        ({"is_interlaced": True}, "is interlaced"),
        ({"hidden_frames": 3}, "hides 3 of its pictures"),
        ({"starts_on_idr": False}, "does not begin with a picture that stands alone"),
        ({"colour": Colour(6, 6, 6, 1)}, "has colours by BT.601, the film by BT.709"),
        ({"colour": Colour(1, 1, 1, 2)}, "has full range colour"),
    ],
)
def test_each_disagreement_is_told_in_a_sentence(odd: dict[str, Any], words: str) -> None:
    """The sentence names the clip, what it is and what the film is."""
    other = replace(PLAIN, path=Path("odd.mp4"), **odd)
    (reason,) = find_mismatches(other, PLAIN)
    assert reason.startswith(words)


def test_clip_with_two_mismatches_has_two_reasons() -> None:
    """A clip of another size and rate has one reason for each."""
    other = replace(PLAIN, width=640, rate=Fraction(25))
    assert find_mismatches(other, PLAIN) == (
        "runs at 25 pictures a second, the film at 24",
        "is 640×480, the film 864×480",
    )


def test_the_most_frequent_size_wins() -> None:
    """One clip of another size is fitted to the many, even where it comes first."""
    other = replace(PLAIN, width=1280, height=720)
    assert choose_target([other, PLAIN, PLAIN]) == PLAIN
    assert choose_target([other, PLAIN]) == other


def test_the_first_clip_that_can_be_joined_as_it_is_wins() -> None:
    """Of the clips of that size the first that needs no encoding is the model."""
    fast = replace(PLAIN, rate=Fraction(30))
    later = replace(PLAIN, path=Path("b.mp4"))
    assert choose_target([fast, PLAIN, later]) == PLAIN


def test_where_no_clip_can_be_joined_the_film_gets_the_house_s_format() -> None:
    """Clips that are all HEVC at 30 pictures a second become one H.264 film of their size."""
    odd = replace(PLAIN, codec="hevc", rate=Fraction(30), pix_fmt="yuv420p10le", width=865)
    like = choose_target([odd, odd])
    assert (like.codec, like.pix_fmt, like.rate) == ("h264", "yuv420p", 24)
    assert (like.width, like.height) == (864, 480)
    assert find_mismatches(odd, like)


KINDS: dict[str, dict[str, Any]] = {
    "30 fps": {"rate": Fraction(30)},
    "23.976 fps": {"rate": Fraction(24000, 1001)},
    "uneven": {"left_out": (9, 17, 30)},
    "hevc": {"codec": "libx265"},
    "4:4:4": {"pix_fmt": "yuv444p"},
    "larger": {"size": (320, 192)},
    "narrower": {"size": (160, 160)},
    "wide pixels": {"sar": Fraction(4, 3)},
    "other colours": {"matrix": 6},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fitted_clip_joins_the_others(studio: Any, picture: Any, ffmpeg: Path, kind: str) -> None:
    """Whatever disagreed, the fitted clip agrees, keeps its length and its sound."""
    clips = [studio.clip(f"{k}.mp4", base=100 * k) for k in range(2)]
    odd = studio.clip("odd.mp4", frames=60, base=200, picture=picture(**KINDS[kind]))
    like = choose_target([probe(clip) for clip in [*clips, odd]])
    assert find_mismatches(probe(odd), like)

    out = studio.folder / "fitted.staged"
    fitted = convert(odd, like, out, ffmpeg=ffmpeg)
    assert fitted == probe(out)
    assert find_mismatches(fitted, like) == ()
    assert fitted.has_audio
    assert (fitted.colour.primaries, fitted.colour.transfer, fitted.colour.matrix) == (1, 1, 1)
    seconds = 60 / KINDS[kind].get("rate", 24)
    assert fitted.duration_seconds == pytest.approx(float(seconds), abs=0.05)

    shots = [JoinInput(path, False, path.name) for path in (*clips, out)]
    film = join([prepare(shot) for shot in shots], studio.folder / "film.mp4")
    assert film.frames == 50 + fitted.frames
    assert studio.complaints(film.path) == ""


def test_fitting_drops_and_doubles_pictures_evenly(studio: Any, picture: Any, ffmpeg: Path) -> None:
    """At 30 pictures a second every fifth goes, and the order stays."""
    odd = studio.clip("odd.mp4", frames=60, picture=picture(rate=Fraction(30)), tone=None)
    out = studio.folder / "fitted.mp4"
    convert(odd, choose_target([probe(studio.clip("a.mp4"))]), out, ffmpeg=ffmpeg)
    numbers = studio.numbers(out)
    assert len(numbers) == 48
    assert {b - a for a, b in itertools.pairwise(numbers)} == {1, 2}


def test_another_shape_is_fitted_whole_with_black_beside_it(
    studio: Any, picture: Any, ffmpeg: Path
) -> None:
    """A square picture in a wide film keeps its shape and stands in the middle."""
    odd = studio.clip("odd.mp4", frames=3, picture=picture(size=(160, 160), luma=200), tone=None)
    out = studio.folder / "fitted.mp4"
    convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    luma = read_rgb(last_frame(out)).mean(axis=2)
    assert luma.shape == (96, 160)
    bright = np.flatnonzero(luma[48] > 128)
    assert (bright.min(), bright.max()) == (32, 127)
    assert luma[:, :30].max() < 5


def test_wide_pixels_become_square_and_keep_the_picture_s_shape(
    studio: Any, picture: Any, ffmpeg: Path
) -> None:
    """A picture of 96×96 pixels that are 5:3 wide fills a frame of 160×96."""
    made = picture(size=(96, 96), sar=Fraction(5, 3), luma=200)
    odd = studio.clip("odd.mp4", frames=3, picture=made, tone=None)
    out = studio.folder / "fitted.mp4"
    assert convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg).sar == 1
    assert read_rgb(last_frame(out)).min() > 150


def test_colours_are_converted_and_not_only_tagged(studio: Any, picture: Any, ffmpeg: Path) -> None:
    """A BT.601 clip looks the same after it became BT.709."""
    odd = studio.clip("odd.mp4", frames=5, picture=picture(matrix=6), tone=None)
    out = studio.folder / "fitted.mp4"
    convert(odd, replace(PLAIN, width=160, height=96), out, ffmpeg=ffmpeg)
    before, after = (read_rgb(last_frame(path)).astype(int) for path in (odd, out))
    assert np.abs(before - after).mean() < 3
    assert abs((before - after).mean()) < 0.7


def test_ffmpeg_s_last_words_are_told(studio: Any, ffmpeg: Path) -> None:
    """Where ffmpeg fails the error names the clip and ends with what ffmpeg said."""
    clip = studio.clip("a.mp4", tone=None)
    missing = studio.folder / "nowhere" / "out.mp4"
    with pytest.raises(MediaError, match=r"could not fit .*a\.mp4 .*No such file") as failed:
        convert(clip, PLAIN, missing, ffmpeg=ffmpeg)
    assert len(str(failed.value)) < 1500


def test_a_program_that_cannot_be_started_is_a_media_error(studio: Any, tmp_path: Path) -> None:
    """A path without a program is told as such."""
    clip = studio.clip("a.mp4", tone=None)
    with pytest.raises(MediaError, match="can't be started"):
        convert(clip, PLAIN, tmp_path / "out.mp4", ffmpeg=tmp_path / "none")


def test_a_program_that_does_not_end_is_ended(studio: Any, tmp_path: Path) -> None:
    """Fitting has a deadline, after which the program is killed."""
    clip = studio.clip("a.mp4", tone=None)
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    with pytest.raises(MediaError, match=r"not fit .* within 0\.2 seconds"):
        convert(clip, PLAIN, tmp_path / "out.mp4", ffmpeg=stuck, deadline_seconds=0.2)
