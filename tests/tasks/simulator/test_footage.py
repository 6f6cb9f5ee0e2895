"""Generated clips: frames, sizes, sound, the frames they start and end on, the slate."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tasks.media.frames import first_frame, is_black, last_frame, mean_difference
from tasks.media.probe import probe
from tasks.simulator.footage.camera import choose_move
from tasks.simulator.footage.colour import choose_palette
from tasks.simulator.footage.overlays import slate_opacity
from tasks.simulator.footage.renderer import ClipSpec, RenderCancelled, render_clip
from tests.support.simulator_requests import image_bytes

ROOT = Path(__file__).parents[3]
RENDER = """
import sys
from pathlib import Path
from tests.tasks.simulator.test_footage import render
render(Path(sys.argv[1]), audio=True, frames=25)
"""


def make_spec(**fields: Any) -> ClipSpec:
    defaults = {
        "prompt": "A quiet valley at dawn, static.",
        "width": 480,
        "height": 272,
        "frames": 29,
        "seed": 3,
        "label": "1.2 s  ·  480 x 272  ·  0a1b2c3d",
    }
    return ClipSpec(**{**defaults, **fields})


def render(path: Path, **fields: Any) -> bytes:
    """Render a clip to `path` and return its last frame."""
    return render_clip(make_spec(**fields), path, is_wanted=lambda: True)


def read_lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def to_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def to_png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_first_frame_is_first_of_clip(tmp_path: Path) -> None:
    """Frame 0 is the supplied first frame except for coding noise, and the clip ends elsewhere."""
    supplied = image_bytes(480, 272)

    last = render(tmp_path / "a.mp4", first_frame=to_image(supplied))

    assert mean_difference(supplied, first_frame(tmp_path / "a.mp4")) < 1.3
    assert mean_difference(supplied, last) > 10


def test_last_frame_is_last_of_clip(tmp_path: Path) -> None:
    """A clip ends on the supplied last frame, with and without a first frame."""
    start = image_bytes(480, 272)
    end = to_image(start).transpose(Image.Transpose.ROTATE_180)

    with_first = render(tmp_path / "both.mp4", first_frame=to_image(start), last_frame=end)
    without_first = render(tmp_path / "alone.mp4", last_frame=end)

    assert mean_difference(start, first_frame(tmp_path / "both.mp4")) < 1.3
    assert mean_difference(to_png(end), with_first) < 2
    assert mean_difference(to_png(end), without_first) < 2


def test_chain_of_ten_clips_keeps_colours(tmp_path: Path) -> None:
    """Ten clips that each start from the previous last frame are neither darker nor tinted."""
    frame = start = image_bytes(480, 272)
    for number in range(10):
        # The same first and last frame: any change comes from encoding and decoding.
        image = to_image(frame)
        path = tmp_path / f"{number}.mp4"
        frame = render(path, first_frame=image, last_frame=image, frames=9)

    difference = np.asarray(to_image(frame), float) - np.asarray(to_image(start), float)
    assert np.abs(difference.mean(axis=(0, 1))).max() < 1.5
    assert np.abs(difference).mean() < 3


def test_first_frame_of_other_ratio_is_cropped(tmp_path: Path) -> None:
    """A wide first frame loses its sides and is not stretched."""
    wide = Image.new("RGB", (900, 272), "red")
    wide.paste("blue", (210, 0, 690, 272))

    render(tmp_path / "a.mp4", first_frame=wide)

    pixels = np.asarray(to_image(first_frame(tmp_path / "a.mp4")), int)
    assert (pixels[:, 8:-8, 2] > 150).all()


def test_returned_frame_is_decoded_from_clip(tmp_path: Path) -> None:
    """The returned frame is byte for byte the last frame of the clip."""
    assert render(tmp_path / "a.mp4") == last_frame(tmp_path / "a.mp4")


def test_watermark_is_absent_from_returned_frame(tmp_path: Path) -> None:
    """The watermark is at the bottom right of the clip and not on the returned last frame."""
    clean = render(tmp_path / "clean.mp4")
    returned = render(tmp_path / "marked.mp4", watermark=True)

    marked = last_frame(tmp_path / "marked.mp4")
    corner = (300, 230, 480, 272)
    marked_corner, returned_corner = (
        np.asarray(to_image(frame).crop(corner), int) for frame in (marked, returned)
    )
    assert mean_difference(clean, returned) < 2.5
    assert np.abs(marked_corner - returned_corner).max() > 60


def test_same_spec_gives_same_bytes(tmp_path: Path) -> None:
    """The same spec gives the same file, and another seed another one."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        render(tmp_path / f"{name}.mp4", seed=seed, audio=True, frames=25)

    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_bytes_do_not_depend_on_old_memory(tmp_path: Path) -> None:
    """A process whose fresh memory is filled with a byte gives the same file.

    An encoder that reads memory before writing it gives another file for each byte, and now and
    then a second file within one process. Only glibc fills the memory.
    """
    other = tmp_path / "other.mp4"
    subprocess.run(
        [sys.executable, "-c", RENDER, str(other)],
        env={**os.environ, "MALLOC_PERTURB_": "1"},
        cwd=ROOT,
        check=True,
    )

    render(tmp_path / "a.mp4", audio=True, frames=25)

    assert other.read_bytes() == (tmp_path / "a.mp4").read_bytes()


def test_slate_is_absent_from_both_ends(tmp_path: Path) -> None:
    """The slate is visible in the middle of a clip and not on the ten frames at each end."""
    render(tmp_path / "a.mp4", frames=49)

    opacities = [slate_opacity(index, 121) for index in range(121)]
    lumas = read_lumas(tmp_path / "a.mp4")
    slate_rows = slice(220, 260)
    assert opacities[:10] == opacities[-10:] == [0.0] * 10
    assert max(opacities) == 1.0
    assert (lumas[24][slate_rows] > 200).sum() > (lumas[0][slate_rows] > 200).sum() + 100
    assert abs(lumas[9].astype(int) - lumas[0]).mean() < 6


def test_sound_is_as_long_as_the_frames(tmp_path: Path) -> None:
    """The sound is mono, audible, free of clicks at both ends, and as long as the frames."""
    render(tmp_path / "a.mp4", frames=49, audio=True)

    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name) == ("aac", "mono")
        assert float(stream.duration * stream.time_base) == pytest.approx(49 / 24, abs=0.03)
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    samples = samples[: 49 * 2000]
    assert 0.02 < np.abs(samples).max() < 0.9
    assert np.abs(samples[:100]).max() < 0.02
    assert np.abs(samples[-100:]).max() < 0.02
    assert np.abs(np.diff(samples)).max() < 0.2


def test_clip_without_audio_has_no_audio_stream(tmp_path: Path) -> None:
    """A clip rendered without audio has no audio stream at all."""
    render(tmp_path / "a.mp4")

    with av.open(str(tmp_path / "a.mp4")) as container:
        assert not container.streams.audio


def test_clip_carries_its_colour_tags(tmp_path: Path) -> None:
    """A clip is H.264, yuv420p, tagged BT.709 in limited range, at 24 frames per second."""
    render(tmp_path / "a.mp4")

    clip = probe(tmp_path / "a.mp4")
    assert (clip.width, clip.height, clip.frames, clip.rate) == (480, 272, 29, Fraction(24))
    assert (clip.codec, clip.pix_fmt) == ("h264", "yuv420p")
    tags = (clip.colour.primaries, clip.colour.transfer, clip.colour.matrix, clip.colour.range_tag)
    assert tags == (1, 1, 1, 1)


def test_cancelled_rendering_leaves_no_file(tmp_path: Path) -> None:
    """Rendering stops before the frame at which the clip is not wanted any more."""
    answers = iter([True, True, False])

    with pytest.raises(RenderCancelled):
        render_clip(make_spec(), tmp_path / "a.mp4", is_wanted=lambda: next(answers))

    assert list(tmp_path.glob("*.mp4")) == []


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("Slow push in.", "push in"),
        ("The camera pulls back", "pull out"),
        ("pan left over the bay", "pan left"),
        ("Panning across", "pan right"),
        ("tilt up the tower", "tilt up"),
        ("Crane up above the roofs", "crane up"),
        ("static camera", "static"),
        ("He fries an egg in a pan of iron. Static.", "static"),
        ("A truck passes. Orbit.", "orbit"),
        ("Tracking shot of a runner", "track right"),
        ("Track left along the bar", "track left"),
    ],
)
def test_camera_move_follows_prompt(prompt: str, name: str) -> None:
    """A keyword decides the move whatever the random value; a fixed camera is static."""
    for random_value in (0.0, 0.5, 1.0):
        assert choose_move(prompt, random_value, camera_fixed=False).name == name
    assert choose_move(prompt, 0.5, camera_fixed=True).name == "static"


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("dawn over the hills", "dawn"),
        ("a night in the woods", "night"),
        ("the sea", "sea"),
        ("deep forest", "forest"),
        ("fire on the hill", "fire"),
        ("snow on the pass", "snow"),
        ("a golden field", "gold"),
        ("neon signs at night", "neon"),
    ],
)
def test_palette_follows_prompt(prompt: str, name: str) -> None:
    """A keyword decides the palette whatever the random value."""
    names = {choose_palette(prompt, random_value).name for random_value in (0.0, 0.5, 1.0)}

    assert names == {name}


@pytest.mark.parametrize("size", [(854, 480), (480, 854), (1112, 834)])
def test_size_not_divisible_by_16_is_exact(tmp_path: Path, size: tuple[int, int]) -> None:
    """Sizes that are not multiples of 16 are rendered to the pixel."""
    width, height = size
    render(tmp_path / "a.mp4", width=width, height=height, frames=2)

    clip = probe(tmp_path / "a.mp4")
    assert (clip.width, clip.height, clip.frames) == (width, height, 2)


def test_night_scene_is_not_black(tmp_path: Path) -> None:
    """A dark night does not end on a frame that the chain rejects as black."""
    frame = render(tmp_path / "a.mp4", prompt="A dark night, midnight.")

    assert not is_black(frame)


@pytest.mark.parametrize(
    "prompt",
    ["", "x" * 400, "夜の海。灯台が光る。😀", "Line\nbreak " * 100],
    ids=["empty", "without spaces", "no glyphs", "long"],
)
def test_slate_accepts_any_prompt(tmp_path: Path, prompt: str) -> None:
    """A slate is drawn for empty and long prompts, and for characters without a glyph."""
    render(tmp_path / "a.mp4", prompt=prompt, width=320, height=180)

    assert len(read_lumas(tmp_path / "a.mp4")) == 29


@pytest.mark.parametrize(
    "prompt",
    [
        "A keeper climbs the stair.",
        "A figure in the lamp room.",
        "Rain on a neon city street.",
        "Snow in the forest.",
        "A boat on the sea at sunset.",
        "Fire below the mountains.",
    ],
)
def test_scene_has_contrast(tmp_path: Path, prompt: str) -> None:
    """Every kind of scene has contrast and is neither black nor white."""
    frame = render(tmp_path / "a.mp4", prompt=prompt, frames=2)

    pixels = np.asarray(to_image(frame), float)
    assert pixels.std() > 15
    assert 25 < pixels.mean() < 230
