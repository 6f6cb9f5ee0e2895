"""The clips themselves: frames, sizes, sound, the frames they start and end on, the slate."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tasks.media.frames import first_frame, last_frame, mean_difference
from tasks.media.probe import probe
from tasks.simulator.animatic.camera import choose_move
from tasks.simulator.animatic.palettes import choose_palette
from tasks.simulator.animatic.slate import slate_strength
from tasks.simulator.pictures import Abandoned, Brief, render_clip


def brief(**fields) -> Brief:
    usual = {
        "prompt": "A quiet valley at dawn, static.",
        "width": 480,
        "height": 272,
        "frames": 29,
        "seed": 3,
        "label": "1.2 s  ·  480 x 272  ·  0a1b2c3d",
    }
    return Brief(**{**usual, **fields})


def rendered(path: Path, **fields) -> bytes:
    return render_clip(brief(**fields), path, go_on=lambda: True)


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def as_image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_clip_starts_on_exactly_the_frame_it_is_given(tmp_path, picture) -> None:
    """Frame 0 is the given picture but for the codec, and the clip ends somewhere else."""
    given = picture(480, 272)

    last = rendered(tmp_path / "a.mp4", first=as_image(given))

    assert mean_difference(given, first_frame(tmp_path / "a.mp4")) < 1.3
    assert mean_difference(given, last) > 10


def test_a_clip_ends_on_exactly_the_frame_it_is_given(tmp_path, picture) -> None:
    """With a first frame, and without one."""
    start, end = picture(480, 272), picture(480, 272, "BMP")
    target = Image.open(io.BytesIO(end)).transpose(Image.Transpose.ROTATE_180)
    wanted = io.BytesIO()
    target.save(wanted, "PNG")

    both = rendered(tmp_path / "both.mp4", first=as_image(start), last=target)
    alone = rendered(tmp_path / "alone.mp4", last=target)

    assert mean_difference(start, first_frame(tmp_path / "both.mp4")) < 1.3
    assert mean_difference(wanted.getvalue(), both) < 2
    assert mean_difference(wanted.getvalue(), alone) < 2


def test_ten_chained_shots_keep_the_colours(tmp_path, picture) -> None:
    """Passing the last frame on does not darken or tint it."""
    given = frame = picture(480, 272)
    image = as_image(given)
    for shot in range(10):
        # First and last alike: what changes is what the passing on does.
        path = tmp_path / f"{shot}.mp4"
        frame = rendered(path, first=as_image(frame), last=as_image(frame), frames=9)

    apart = np.asarray(as_image(frame).convert("RGB"), float) - np.asarray(image, float)
    assert np.abs(apart.mean(axis=(0, 1))).max() < 1.5
    assert np.abs(apart).mean() < 3


def test_a_picture_of_another_ratio_is_cropped_in_the_middle(tmp_path) -> None:
    """Nothing is stretched: a wide picture loses its sides."""
    wide = Image.new("RGB", (900, 272), "red")
    wide.paste("blue", (210, 0, 690, 272))

    rendered(tmp_path / "a.mp4", first=wide)

    shown = np.asarray(as_image(first_frame(tmp_path / "a.mp4")).convert("RGB"), int)
    assert (shown[:, 8:-8, 2] > 150).all()


def test_the_last_frame_is_the_clips_own(tmp_path) -> None:
    """Byte for byte what the media room takes from the clip."""
    last = rendered(tmp_path / "a.mp4")

    assert last == last_frame(tmp_path / "a.mp4")


def test_a_watermark_is_on_the_clip_and_not_on_the_last_frame(tmp_path) -> None:
    """At the bottom right, as the vendors put it; the last frame comes clean."""
    clean = rendered(tmp_path / "clean.mp4")
    last = rendered(tmp_path / "marked.mp4", watermark=True)

    marked = last_frame(tmp_path / "marked.mp4")
    assert mean_difference(clean, last) < 2.5
    corner = (300, 230, 480, 272)
    apart = np.asarray(as_image(marked).crop(corner), int) - np.asarray(
        as_image(last).crop(corner), int
    )
    assert np.abs(apart).max() > 60


def test_the_same_brief_gives_the_same_bytes(tmp_path) -> None:
    """And another seed another picture."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        rendered(tmp_path / f"{name}.mp4", seed=seed, audio=True, frames=25)

    first, again, other = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_the_slate_is_away_from_the_ends(tmp_path) -> None:
    """Ten frames at each end carry no word; the middle does."""
    rendered(tmp_path / "with.mp4", frames=49)
    said = [slate_strength(frame, 121) for frame in range(121)]
    frames = lumas(tmp_path / "with.mp4")
    below = slice(220, 260)

    assert said[:10] == said[-10:] == [0.0] * 10
    assert max(said) == 1.0
    assert (frames[24][below] > 200).sum() > (frames[0][below] > 200).sum() + 100
    assert abs(frames[9].astype(int) - frames[0]).mean() < 6


def test_a_frame_with_sound_has_exactly_its_length_of_it(tmp_path) -> None:
    """Mono, no click at either end, and none where none was asked for."""
    rendered(tmp_path / "loud.mp4", frames=49, audio=True)
    rendered(tmp_path / "mute.mp4", frames=49)

    with av.open(str(tmp_path / "loud.mp4")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name) == ("aac", "mono")
        assert float(stream.duration * stream.time_base) == pytest.approx(49 / 24, abs=0.03)
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
    with av.open(str(tmp_path / "mute.mp4")) as container:
        assert not container.streams.audio
    sound = sound[: 49 * 2000]
    assert 0.02 < np.abs(sound).max() < 0.9
    assert np.abs(sound[:100]).max() < 0.02
    assert np.abs(sound[-100:]).max() < 0.02
    assert np.abs(np.diff(sound)).max() < 0.2


def test_a_clip_says_what_its_colours_are(tmp_path) -> None:
    """H.264, yuv420p, bt709 in limited range, 24 frames a second."""
    rendered(tmp_path / "a.mp4")

    clip = probe(tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace)
        assert (context.name, context.pix_fmt, context.color_range) == ("h264", "yuv420p", 1)
    assert tags == (1, 1, 1)
    assert (clip.width, clip.height, clip.frames) == (480, 272, 29)


def test_rendering_stops_within_a_frame(tmp_path) -> None:
    """And leaves no half clip behind."""
    said = iter([True, True, False])

    with pytest.raises(Abandoned):
        render_clip(brief(), tmp_path / "a.mp4", go_on=lambda: next(said))

    assert list(tmp_path.glob("*.mp4")) == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Slow push in.", "push in"),
        ("The camera pulls back", "pull out"),
        ("pan left over the bay", "pan left"),
        ("Panning across", "pan right"),
        ("tilt up the tower", "tilt up"),
        ("Crane up above the roofs", "crane up"),
        ("static camera", "static"),
        ("Tracking shot of a runner", "track"),
    ],
)
def test_the_camera_moves_as_the_prompt_says(words, name) -> None:
    """Whatever chance would have chosen; a fixed camera stands still."""
    for chance in (0.0, 0.5, 1.0):
        assert choose_move(words, chance, fixed=False).name == name
    assert choose_move(words, 0.5, fixed=True).name == "static"


@pytest.mark.parametrize(
    ("words", "name"),
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
def test_the_light_is_what_the_prompt_says(words, name) -> None:
    """Dawn, night, sea and so on set the palette, whatever chance says."""
    assert {choose_palette(words, chance).name for chance in (0.0, 0.5, 1.0)} == {name}


@pytest.mark.parametrize("size", [(854, 480), (480, 854), (1112, 834)])
def test_odd_sizes_are_rendered_to_the_pixel(tmp_path, size) -> None:
    """Also those that are no multiple of 16."""
    width, height = size
    rendered(tmp_path / "a.mp4", width=width, height=height, frames=2)

    clip = probe(tmp_path / "a.mp4")
    assert (clip.width, clip.height, clip.frames) == (width, height, 2)


def test_nothing_is_ever_too_dark_to_continue(tmp_path) -> None:
    """Not even a dark night ends on what the chain would refuse as black."""
    from tasks.media.frames import is_black

    assert not is_black(rendered(tmp_path / "a.mp4", prompt="A dark night, midnight."))


@pytest.mark.parametrize(
    "prompt",
    ["", "x" * 400, "夜の海。灯台が光る。😀", "Line\nbreak " * 100],
)
def test_any_prompt_can_be_written_on_the_slate(tmp_path, prompt) -> None:
    """Empty, endless, without spaces, and in letters the font does not have."""
    rendered(tmp_path / "a.mp4", prompt=prompt, width=320, height=180)

    assert len(lumas(tmp_path / "a.mp4")) == 29


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
def test_every_kind_of_scene_can_be_drawn(tmp_path, prompt) -> None:
    """In light and colour: neither flat nor washed out."""
    last = rendered(tmp_path / "a.mp4", prompt=prompt, frames=2)

    shown = np.asarray(as_image(last).convert("RGB"), float)
    assert shown.std() > 15
    assert 25 < shown.mean() < 230
