"""First and last frames of clips with exact colours, and comparison of images."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tasks.errors import MediaError
from tasks.media.frames import (
    first_frame,
    is_black,
    last_frame,
    mean_difference,
    sample_frames,
)
from tasks.media.mime import sniff_mime
from tasks.media.probe import probe

KINDS: dict[str, dict[str, Any]] = {
    "B-frames": {"video": {}},
    "no B-frames": {"video": {"bframes": 0}},
    "many key frames": {"video": {"gop": 8}},
    "open GOP": {"video": {"gop": 8, "x264": "open-gop=1:scenecut=0"}},
    "HEVC": {"video": {"codec": "libx265"}},
    "30 fps": {"video": {"rate": Fraction(30)}},
    "uneven": {"video": {"missing": (5, 20)}},
    "late start": {"video": {"starts_at_seconds": 0.5}},
    "fragmented": {"options": {"movflags": "frag_keyframe+empty_moov"}},
    "mute": {"tone": None},
    "longer sound": {"tone": {"longer_by_seconds": 1.5}},
    "shorter sound": {"tone": {"longer_by_seconds": -0.6}},
}


def read_rgb(image: bytes) -> np.ndarray:
    """Decode an image file to an array (height, width, 3)."""
    return np.array(Image.open(BytesIO(image)).convert("RGB"))


def number_in(png: bytes) -> int:
    """Read the number of a frame from its green channel."""
    green = read_rgb(png)[:, :, 1]
    bits = (green[9:15, 9 + 12 * bit : 15 + 12 * bit].mean() > 126 for bit in range(12))
    return sum(int(bit) << place for place, bit in enumerate(bits))


def plain(path: Path, yuv: tuple[int, int, int], size: tuple[int, int], matrix: int) -> Path:
    """Make a lossless clip of one colour, with or without a colour tag."""
    width, height = size
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = yuv[0]
    planes[height:].reshape(2, -1)[:] = np.array(yuv[1:])[:, None]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace = matrix
        stream.codec_context.options = {"qp": "0", "preset": "ultrafast"}
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.colorspace = matrix
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def to_png(pixels: np.ndarray) -> bytes:
    """Encode pixels as PNG."""
    file = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_first_and_last_frame_are_exact(studio: Any, video: Any, tone: Any, kind: str) -> None:
    """The frames are those shown first and last, however the clip is encoded and packaged."""
    options = dict(KINDS[kind])
    if "video" in options:
        options["video"] = video(**options["video"])
    if options.get("tone"):
        options["tone"] = tone(**options["tone"])
    clip = studio.clip("a.mp4", frames=30, base=300, **options)
    last, first = last_frame(clip), first_frame(clip)
    assert (number_in(first), number_in(last)) == (300, 329)
    assert sniff_mime(last) == sniff_mime(first) == "image/png"
    assert read_rgb(last).shape == (96, 160, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_sampled_frames_are_exact(studio: Any, video: Any, tone: Any, kind: str) -> None:
    """First, last and even distances between them, however the clip is encoded and packaged."""
    options = dict(KINDS[kind])
    if "video" in options:
        options["video"] = video(**options["video"])
    if options.get("tone"):
        options["tone"] = tone(**options["tone"])
    clip = studio.clip("a.mp4", frames=33, base=300, **options)
    frames = sample_frames(clip, count_of=lambda *_: 5, box_of=lambda _: (160, 96))
    shown = [number for number in range(33) if kind != "uneven" or number not in (5, 20)]
    places = [round(index * (len(shown) - 1) / 4) for index in range(5)]

    assert [number_in(to_png(np.array(frame.image))) for frame in frames] == [
        300 + shown[place] for place in places
    ]
    assert [frame.seconds for frame in frames] == pytest.approx(
        [shown[place] / probe(clip).rate for place in places]
        if kind == "30 fps"
        else [shown[place] / 24 for place in places],
        abs=0.001,
    )


@pytest.mark.parametrize("bframes", [0, 3])
def test_sampled_frames_of_open_gops_are_whole(studio: Any, video: Any, bframes: int) -> None:
    """Frames that refer to the group before their own are as in a decode of the whole clip."""
    options = video(gop=8, bframes=bframes, x264="open-gop=1:scenecut=0:b-adapt=0")
    clip = studio.clip("a.mp4", frames=41, video=options, tone=None)
    every = sample_frames(clip, count_of=lambda *_: 41, box_of=lambda _: (160, 96))
    for count in range(2, 41, 3):
        frames = sample_frames(clip, count_of=lambda *_, n=count: n, box_of=lambda _: (160, 96))
        for frame in frames:
            whole = every[round(frame.seconds * 24)]
            assert np.array_equal(np.array(frame.image), np.array(whole.image)), (count, frame)


def test_sampled_frame_that_is_damaged_is_an_error(studio: Any, video: Any) -> None:
    """A frame that the decoder repairs from others is not the picture of the clip."""
    clip = studio.clip("a.mp4", frames=41, video=video(gop=8, bframes=0), tone=None)
    with av.open(str(clip)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][20]
        start, size = packet.pos, packet.size
    data = bytearray(clip.read_bytes())
    data[start + 12 : start + size] = bytes(size - 12)
    clip.write_bytes(data)

    with pytest.raises(MediaError, match="damaged"):
        sample_frames(clip, count_of=lambda *_: 3, box_of=lambda _: (160, 96))


def test_sampled_frames_of_a_short_clip_are_distinct(studio: Any) -> None:
    """A clip of two frames has two pictures; its hidden frames have none."""
    path = studio.clip("a.mp4", frames=2, tone=None)
    assert len(sample_frames(path, count_of=lambda *_: 5, box_of=lambda _: (160, 96))) == 2

    cut = studio.folder / "cut.mp4"
    long = studio.clip("b.mp4", frames=30, tone=None)
    studio.run("-ss", "0.5", "-i", str(long), "-c", "copy", str(cut))
    frames = sample_frames(cut, count_of=lambda *_: 3, box_of=lambda _: (160, 96))
    assert [number_in(to_png(np.array(frame.image))) for frame in frames] == [12, 20, 29]


def test_sampled_frames_keep_the_shape_of_the_clip(studio: Any, video: Any) -> None:
    """Pixels that are not square are stretched; the callers get length and size."""
    seen = []

    def count(seconds: float, size: tuple[int, int]) -> int:
        seen.append((round(seconds, 3), size))
        return 3

    path = studio.clip("a.mp4", frames=24, video=video(sar=Fraction(2)), tone=None)
    frames = sample_frames(path, count_of=count, box_of=lambda number: (100 * number, 30))

    assert seen == [(1.0, (320, 96))]
    assert {frame.image.size for frame in frames} == {(100, 30)}


@pytest.mark.parametrize("frames", range(16, 28))
def test_last_frame_of_open_gop_is_exact(studio: Any, video: Any, frames: int) -> None:
    """The last frame is exact wherever the last key frame is."""
    options = video(gop=8, x264="open-gop=1:scenecut=0:b-adapt=0")
    clip = studio.clip("a.mp4", frames=frames, video=options, tone=None)
    assert number_in(last_frame(clip)) == frames - 1


def test_hidden_frames_are_skipped(studio: Any) -> None:
    """The first frame is the first that is shown, not the first in the file."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    cut = studio.folder / "cut.mp4"
    studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
    assert number_in(first_frame(cut)) == 12
    assert number_in(last_frame(cut)) == 29


MATRICES = {"BT.709": (0.2126, 0.0722), "BT.601": (0.299, 0.114)}


@pytest.mark.parametrize(
    ("size", "tag", "matrix"),
    [
        ((864, 480), 1, "BT.709"),
        ((864, 480), 2, "BT.709"),
        ((992, 432), 2, "BT.709"),
        ((160, 96), 1, "BT.709"),
        ((864, 480), 6, "BT.601"),
        ((160, 96), 2, "BT.601"),
    ],
)
@pytest.mark.parametrize("yuv", [(63, 102, 240), (173, 42, 26), (126, 128, 128), (235, 128, 128)])
def test_colours_are_converted_without_bias(
    tmp_path: Path, size: tuple[int, int], tag: int, matrix: str, yuv: tuple[int, int, int]
) -> None:
    """Colours are within one level of what the matrix gives; untagged clips are BT.709."""
    red_weight, blue_weight = MATRICES[matrix]
    luma, blue, red = (yuv[0] - 16) / 219, (yuv[1] - 128) / 224, (yuv[2] - 128) / 224
    r = luma + 2 * (1 - red_weight) * red
    b = luma + 2 * (1 - blue_weight) * blue
    g = (luma - red_weight * r - blue_weight * b) / (1 - red_weight - blue_weight)
    wanted = np.clip([r, g, b], 0, 1) * 255
    pixels = read_rgb(last_frame(plain(tmp_path / "a.mp4", yuv, size, tag)))
    assert np.abs(pixels - wanted).max() <= 1.01


def test_chain_of_last_frames_does_not_drift(studio: Any, tmp_path: Path) -> None:
    """Ten clips that each start from the previous last frame keep their brightness."""
    start = read_rgb(last_frame(studio.clip("a.mp4", tone=None)))
    pixels = start
    for k in range(10):
        path = tmp_path / f"{k}.mp4"
        rgb = tmp_path / "still.png"
        rgb.write_bytes(to_png(pixels))
        exact = "flags=bicubic+accurate_rnd+full_chroma_int"
        tags = "color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
        filters = (
            f"scale=out_color_matrix=bt709:out_range=tv:{exact},format=yuv420p,setparams={tags}"
        )
        shape = ("-c:v", "libx264", "-qp", "4", "-frames:v", "2")
        studio.run("-loop", "1", "-i", str(rgb), "-vf", filters, *shape, str(path))
        pixels = read_rgb(last_frame(path))
    assert abs(float(pixels.mean()) - float(start.mean())) < 1.0


@pytest.mark.parametrize(("luma", "black"), [(16, True), (30, True), (48, False), (120, False)])
def test_black_last_frame_is_detected(studio: Any, video: Any, luma: int, black: bool) -> None:
    """A clip that ends on black is distinguished from a clip that is only dark."""
    clip = studio.clip("a.mp4", frames=3, video=video(luma=luma), tone=None)
    assert is_black(last_frame(clip)) is black


def test_black_means_99_percent_of_pixels() -> None:
    """An image with 1 % of bright pixels is black, and one with more is not."""
    night = np.zeros((100, 100, 3))
    night[0, :99] = 255
    assert is_black(to_png(night))
    night[1, :2] = 255
    assert not is_black(to_png(night))
    assert is_black(to_png(np.full((8, 8, 3), 23)))
    assert not is_black(to_png(np.full((8, 8, 3), 24)))


def test_difference_is_mean_over_pixels() -> None:
    """The difference is the mean over all pixels and channels, in both directions."""
    grey, lighter = np.full((8, 8, 3), 100), np.full((8, 8, 3), 110)
    assert mean_difference(to_png(grey), to_png(grey)) == 0
    assert mean_difference(to_png(grey), to_png(lighter)) == 10
    assert mean_difference(to_png(lighter), to_png(grey)) == 10
    half = grey.copy()
    half[:4] += 6
    assert mean_difference(to_png(grey), to_png(half)) == 3


def test_difference_ignores_size_and_format(studio: Any) -> None:
    """A JPEG of another size is close to the same frame and not to another one."""
    clip = studio.clip("a.mp4", frames=30, tone=None)
    last = last_frame(clip)
    file = BytesIO()
    Image.open(BytesIO(last)).resize((320, 192)).save(file, "JPEG", quality=92)
    assert mean_difference(last, file.getvalue()) < 4
    assert mean_difference(last, first_frame(clip)) > 10


def test_chained_clips_share_a_frame(studio: Any) -> None:
    """The last frame of a clip is close to the first frame of the clip chained to it."""
    first, second = studio.chain(2, tone=None)
    assert mean_difference(last_frame(first), first_frame(second)) < 6


@pytest.mark.parametrize("damage", [b"", b"<html>", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_undecodable_image_is_an_error(damage: bytes) -> None:
    """An empty file, a web page and a damaged PNG are MediaErrors."""
    with pytest.raises(MediaError):
        is_black(damage)


def test_truncated_image_is_an_error() -> None:
    """An image that ends in its pixel data is rejected, not compared as grey."""
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3))
    with pytest.raises(MediaError, match="damaged"):
        mean_difference(to_png(noise)[:3000], to_png(noise))


def test_damaged_clip_has_no_last_frame(studio: Any) -> None:
    """If the last frame can't be decoded, no other frame is returned."""
    path = studio.clip("a.mp4", frames=30, tone=None)
    data = bytearray(path.read_bytes())
    at, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[at:end] = bytes(end - at)
    path.write_bytes(data)
    assert probe(path).frames == 30
    with pytest.raises(MediaError, match="damaged"):
        last_frame(path)
