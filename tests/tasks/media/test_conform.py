"""Clips in another shape: geometry and focus by measured pixels, colours, groups of pictures."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tasks.edit import EditClip, InputFile, PictureEdit
from tasks.media.compatibility import Coding, choose_target, describe_conversion
from tasks.media.conform import conform
from tasks.media.film_format import film_size
from tasks.media.orientation import Orientation
from tasks.media.probe import probe
from tasks.providers.families import FAMILIES, RATIOS, get_frame_size
from tasks.store.atomic_files import digest_file
from tests.support.own_clips import write_clip

SIZE = (320, 180)
DOTS = [(x, y) for x in (40, 100, 160, 220, 280) for y in (30, 90, 150)]


def draw_dots(size: tuple[int, int], dots: Sequence[tuple[float, float]]) -> np.ndarray:
    """Draw white discs, 16 pixels wide, on blue."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = (40, 60, 160)
    for left, top in dots:
        picture[(x - left + 0.5) ** 2 + (y - top + 0.5) ** 2 < 64] = 255
    return picture


def find_dots(luma: np.ndarray) -> list[tuple[float, float]]:
    """Return the centres of the discs that are whole in a picture, in reading order."""
    bright = luma > 150
    canvas = Image.fromarray(bright.astype(np.uint8)).copy()
    centres = []
    for y, x in zip(*np.nonzero(bright), strict=True):
        if canvas.getpixel((int(x), int(y))) == 1:
            ImageDraw.floodfill(canvas, (int(x), int(y)), 2)
            rows, columns = np.nonzero(np.asarray(canvas) == 2)
            weights = luma[rows, columns].astype(float) - 100
            centre = (
                np.average(columns + 0.5, weights=weights),
                np.average(rows + 0.5, weights=weights),
            )
            ImageDraw.floodfill(canvas, (int(x), int(y)), 3)
            inside = columns.min() > 0 and rows.min() > 0
            if inside and columns.max() < luma.shape[1] - 1 and rows.max() < luma.shape[0] - 1:
                centres.append((float(centre[0]), float(centre[1])))
    return centres


def decode(path: Path) -> list[av.VideoFrame]:
    """Decode all frames."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def luma_of(frame: av.VideoFrame) -> np.ndarray:
    """Return the luma of a frame."""
    return frame.to_ndarray()[: frame.height]


def conform_to(
    clip: Path, picture: PictureEdit, ffmpeg: Path, *, focus: tuple[float, float] = (0.5, 0.5)
) -> Path:
    """Conform a clip to a film of it alone."""
    measured = probe(clip)

    def keep(key: str, make: Any) -> Path:
        path = clip.with_name(f"{key}.mp4")
        make(path)
        return path

    edit_clip = EditClip(InputFile(clip, digest_file(clip)), "shot", None, focus=focus)
    target = choose_target([measured], picture)
    return conform(edit_clip, measured, target, picture, keep, find_ffmpeg=lambda: ffmpeg)


@pytest.mark.parametrize(
    ("size", "ratio", "expected"),
    [
        ((1280, 720), (9, 16), (720, 1280)),
        ((1280, 720), (1, 1), (720, 720)),
        ((1280, 720), (4, 5), (720, 900)),
        ((1920, 1080), (21, 9), (2520, 1080)),
        ((720, 1280), (16, 9), (1280, 720)),
        ((864, 480), (9, 16), (480, 854)),
        ((864, 480), (16, 9), (864, 480)),
        ((854, 481), (1, 1), (480, 480)),
    ],
)
def test_film_size_keeps_the_shorter_side(
    size: tuple[int, int], ratio: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Both sides are even, and the ratio is exact within a pixel."""
    assert film_size(size, ratio) == expected


def test_film_size_of_vendors_is_that_of_their_clips() -> None:
    """A clip that was rendered in a ratio has the shape already, although its sides are rounded."""
    for family, ratio in itertools.product(FAMILIES.values(), RATIOS):
        for resolution in family.resolutions:
            size = get_frame_size(family, resolution, ratio)
            across, down = map(int, ratio.split(":"))
            assert film_size(size, (across, down)) == size


def measure_dots(path: Path) -> list[tuple[float, float]]:
    """Return the centres of the dots in the first frame of a clip."""
    return find_dots(luma_of(decode(path)[0]))


@pytest.mark.parametrize(
    ("focus", "left"),
    # The window of 101.25 x 180 pixels ends at the edges of the picture.
    [((0.5, 0.5), 109.4), ((0.35, 0.2), 61.4), ((0.0, 0.0), 0.0), ((1.0, 1.0), 218.75)],
)
def test_crop_keeps_the_focus(
    tmp_path: Path, ffmpeg: Path, focus: tuple[float, float], left: float
) -> None:
    """The crop has its focus in the centre as far as the picture reaches, and no distortion."""
    clip = write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 3)
    out = conform_to(clip, PictureEdit(ratio=(9, 16)), ffmpeg, focus=focus)
    measured = probe(out)
    assert (measured.width, measured.height, measured.sar) == (180, 320, Fraction(1))
    scale = 320 / 180
    expected = [
        ((x - left) * scale, y * scale)
        for y, x in sorted((y, x) for x, y in DOTS)
        if 12 < (x - left) * scale < 168
    ]
    dots = sorted(measure_dots(out), key=lambda dot: (round(dot[1] / 20), dot[0]))
    assert len(dots) == len(expected) >= 3
    assert np.abs(np.subtract(dots, expected)).max() < 1


def test_crop_of_a_tall_clip_keeps_the_focus(tmp_path: Path, ffmpeg: Path) -> None:
    """A tall clip is cropped at the top and the bottom."""
    dots = [(90, 60), (90, 200), (40, 260)]
    clip = write_clip(tmp_path / "a.mp4", [draw_dots((180, 320), dots)] * 3)
    out = conform_to(clip, PictureEdit(ratio=(1, 1)), ffmpeg, focus=(0.5, 0.75))
    assert (probe(out).width, probe(out).height) == (180, 180)
    assert np.abs(np.subtract(measure_dots(out), [(90, 60), (40, 120)])).max() < 1


@pytest.mark.parametrize("orientation", [Orientation.ROTATED_90, Orientation.ROTATED_180])
def test_turned_clip_is_cropped_upright(
    tmp_path: Path, ffmpeg: Path, orientation: Orientation
) -> None:
    """The focus is a point of the picture that is seen."""
    clip = write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 3, orientation=orientation)
    out = conform_to(clip, PictureEdit(ratio=(1, 1)), ffmpeg, focus=(0.0, 0.5))
    expected = sorted((y, x) for x, y in DOTS if x < 170)
    dots = sorted((round(y), round(x)) for x, y in measure_dots(out))
    assert np.abs(np.subtract(dots, expected)).max() <= 1


def test_wide_pixels_are_cropped_square(tmp_path: Path, ffmpeg: Path) -> None:
    """240x180 pixels of 4:3 show 320x180; discs are as high as they are wide after the crop."""
    clip = write_clip(
        tmp_path / "a.mp4", [draw_dots((240, 180), [(120, 90)])] * 3, sar=Fraction(4, 3)
    )
    out = conform_to(clip, PictureEdit(ratio=(1, 1)), ffmpeg)
    luma = luma_of(decode(out)[0])
    rows, columns = np.nonzero(luma > 150)
    assert np.ptp(columns) / np.ptp(rows) == pytest.approx(4 / 3, rel=0.08)
    assert np.abs(np.subtract(measure_dots(out), [(90, 90)])).max() < 1


def test_pad_shows_the_whole_picture(tmp_path: Path, ffmpeg: Path) -> None:
    """All dots are in the picture, which has black bars of equal height."""
    clip = write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 3)
    out = conform_to(clip, PictureEdit(ratio=(1, 1), fit="pad"), ffmpeg)
    luma = luma_of(decode(out)[0]).astype(float)
    assert luma.shape == (180, 180)
    rows = np.nonzero(luma.mean(axis=1) > 20)[0]
    top, bottom = rows.min(), 179 - rows.max()
    assert abs(top - bottom) <= 2
    assert rows.size == pytest.approx(180 * 180 / 320, abs=1.5)
    assert np.abs(luma[: top - 2] - 16).max() <= 1
    expected = sorted((round(y * 180 / 320 + top), round(x * 180 / 320)) for x, y in DOTS)
    dots = sorted((round(y), round(x)) for x, y in measure_dots(out))
    assert np.abs(np.subtract(dots, expected)).max() <= 1


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_colours_and_groups_of_a_conformed_clip(tmp_path: Path, ffmpeg: Path, fit: Any) -> None:
    """Colours stay within 1.5 levels and are tagged as BT.709; an IDR frame at least every 24."""
    colours = [(200, 60, 40), (50, 150, 70), (60, 80, 190), (235, 235, 235), (20, 20, 20)]
    pictures = [np.full((180, 320, 3), colours[k // 20], np.uint8) for k in range(100)]
    clip = write_clip(tmp_path / "a.mp4", pictures, key_every=250)
    out = conform_to(clip, PictureEdit(ratio=(4, 5), fit=fit), ffmpeg)
    measured = probe(out)
    assert (measured.width, measured.height, measured.frames) == (180, 224, 100)
    tags = measured.colour
    assert (tags.primaries, tags.transfer, tags.matrix, tags.range_tag) == (1, 1, 1, 1)
    for before, after in itertools.islice(zip(decode(clip), decode(out), strict=True), 0, 100, 9):
        pairs = zip(_centre(before), _centre(after), strict=True)
        assert all(abs(a - b) < 1.5 for a, b in pairs)
    with av.open(str(out)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = sorted(packet.pts for packet in packets if packet.is_keyframe)
    ticks = packets[0].duration
    assert max(b - a for a, b in itertools.pairwise([*keys, 100 * ticks])) <= 24 * ticks


def _centre(frame: av.VideoFrame) -> list[float]:
    """Return the mean of each plane around the centre."""
    planes = []
    for plane in frame.planes:
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        y, x = plane.height // 2, plane.width // 2
        planes.append(float(pixels[y - 8 : y + 8, x - 8 : x + 8].mean()))
    return planes


def test_both_sides_of_a_chained_seam_stay_equal(studio: Any, ffmpeg: Path) -> None:
    """The frame that the film drops is the first of the next clip, also after the crop."""
    first, second = studio.chain(2, frames=25)
    outs = [conform_to(clip, PictureEdit(ratio=(1, 1)), ffmpeg) for clip in (first, second)]
    assert _difference_at_seam(*outs) < _difference_at_seam(first, second) + 0.5


def _difference_at_seam(before: Path, after: Path) -> float:
    """Return the mean difference of the last frame of a clip and the first of the next."""
    last, first = luma_of(decode(before)[-1]), luma_of(decode(after)[0])
    return float(np.abs(last.astype(int) - first).mean())


def test_clip_of_the_shape_is_not_converted(tmp_path: Path, ffmpeg: Path) -> None:
    """A clip that was rendered in the shape of the version is joined itself."""
    clip = write_clip(tmp_path / "a.mp4", [draw_dots((480, 864), [(90, 90)])] * 2)
    assert conform_to(clip, PictureEdit(ratio=(9, 16)), ffmpeg) == clip


def test_conformed_clip_is_made_once(tmp_path: Path, ffmpeg: Path) -> None:
    """The key changes with the focus of a crop, and not with that of a clip with bars."""
    clip = write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 2)
    focuses = ((0.2, 0.5), (0.8, 0.5))
    cropped = {conform_to(clip, PictureEdit(ratio=(1, 1)), ffmpeg, focus=f) for f in focuses}
    padded = {
        conform_to(clip, PictureEdit(ratio=(1, 1), fit="pad"), ffmpeg, focus=f) for f in focuses
    }
    assert (len(cropped), len(padded)) == (2, 1)
    assert cropped.isdisjoint(padded)


def test_crop_is_described(tmp_path: Path) -> None:
    """The plan and the report name what is done to a clip."""
    clip = probe(write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 2))
    for fit, phrase in (("crop", "cropped to"), ("pad", "scaled into")):
        picture = PictureEdit(ratio=(9, 16), fit=fit)  # type: ignore[arg-type]
        target = choose_target([clip], picture)
        assert describe_conversion(clip, target, picture) == (f"320x180 {phrase} 180x320",)


HEVC_10 = {"codec": "hevc", "pix_fmt": "yuv420p10le"}


@pytest.mark.parametrize(
    ("codec", "kinds", "expected"),
    [
        ("h264", [HEVC_10, HEVC_10], Coding("h264", "yuv420p")),
        ("keep", [HEVC_10, HEVC_10], Coding("hevc", "yuv420p10le")),
        ("keep", [{}, HEVC_10, HEVC_10], Coding("hevc", "yuv420p10le")),
        ("keep", [HEVC_10, {}], Coding("hevc", "yuv420p10le")),
        ("keep", [{"codec": "vp9"}, {"codec": "vp9"}], Coding("h264", "yuv420p")),
        ("prores", [HEVC_10, {}, {}], Coding("h264", "yuv420p")),
    ],
)
def test_film_keeps_the_coding_of_most_clips(
    tmp_path: Path, codec: Any, kinds: list[dict[str, Any]], expected: Coding
) -> None:
    """Of codings that occur equally often, the first counts; those that can't be kept do not."""
    clip = probe(write_clip(tmp_path / "a.mp4", [draw_dots(SIZE, DOTS)] * 2))
    clips = [replace(clip, **kind) for kind in kinds]
    target = choose_target(clips, PictureEdit(codec=codec))
    assert Coding(target.codec, target.pix_fmt) == expected
