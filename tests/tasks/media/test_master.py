"""Masters and conformed films: codec, rate, cadence, time code, sound and colours, by probing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from tasks.edit import PictureEdit, Transition, TransitionKind
from tasks.errors import MediaError
from tasks.film_rates import RATES, FilmRate, find_rate
from tasks.media.compatibility import Coding
from tasks.media.encoders import (
    MasterSettings,
    choose_master_codec,
)
from tasks.media.master import join_master, write_master
from tasks.media.probe import probe
from tests.support.film_joins import chain_edit, join_edit, prepare_edit
from tests.tasks.media.conftest import Studio, VideoOptions

SIZE = (320, 180)
MARKER = "shotchain:board:0123456789ab;"
RATE_24 = find_rate(24)


def write(
    studio: Any, clip: Path, codec: str, rate: FilmRate = RATE_24, *, channels: int = 2
) -> Path:
    """Write a master of a clip with a click in every second, a chapter of half a second first."""
    measured = probe(clip)
    master_codec = choose_master_codec(codec, Coding(measured.codec, measured.pix_fmt))
    film = studio.folder / f"{codec}-{rate.name}{master_codec.suffix}"
    settings = MasterSettings(
        master_codec,
        measured,
        measured.frames,
        rate,
        channels,
        title="Tea & more",
        comment=MARKER,
        chapters=[("first", 12), ("second", measured.frames - 12)],
    )
    position = 0

    def read(frames: int) -> np.ndarray:
        nonlocal position
        samples = np.zeros((channels, frames * 2000), np.float32)
        first = -position % 48_000
        samples[:, first::48_000] = 0.5
        position += samples.shape[1]
        return samples

    with av.open(str(clip)) as container:
        frames = container.decode(video=0)
        count = write_master(film, frames, read if channels else None, settings)
    assert count == probe(film).frames
    return film


def read_samples(path: Path) -> np.ndarray:
    """Decode the sound: shape (channels, samples)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        layout = stream.codec_context.layout.name
        resampler = AudioResampler(format="fltp", layout=layout, rate=48_000)
        blocks = [
            block.to_ndarray()
            for frame in container.decode(stream)
            for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks, axis=1)


def read_planes(path: Path) -> Iterator[list[np.ndarray]]:
    """Yield the planes of each frame, in levels of 8 bits."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            is_deep = "10" in frame.format.name
            kind = np.uint16 if is_deep else np.uint8
            planes = []
            for plane in frame.planes:
                stride = plane.line_size // np.dtype(kind).itemsize
                pixels = np.frombuffer(bytes(plane), kind).reshape(plane.height, stride)
                planes.append(pixels[:, : plane.width].astype(float) / (4 if is_deep else 1))
            yield planes


@pytest.fixture
def clip(studio: Any, video: Any) -> Path:
    """A clip of 48 numbered frames."""
    return studio.clip("a.mp4", frames=48, video=video(size=SIZE), tone=None)


@pytest.fixture(scope="module", params=RATES, ids=lambda rate: rate.name)
def prores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path
) -> tuple[FilmRate, Path]:
    """A ProRes master of 48 numbered frames at each rate; tests must not change it."""
    studio = Studio(tmp_path_factory.mktemp("prores"), ffmpeg)
    clip = studio.clip("a.mp4", frames=48, video=VideoOptions(size=SIZE), tone=None)
    return request.param, write(studio, clip, "prores", request.param)


CADENCES = {
    "24": list(range(14)),
    "23.976": list(range(14)),
    "25": [*range(13), 12],
    "29.97": [0, 1, 2, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 10],
}


def test_master_has_the_cadence_of_its_rate(studio: Any, prores: tuple[FilmRate, Path]) -> None:
    """Numbered frames: each is shown, in order and evenly, as often as its rate asks for."""
    check_cadence(studio, *prores)


@pytest.mark.parametrize("rate", [find_rate(25), find_rate(29.97)], ids=lambda rate: rate.name)
def test_film_has_the_cadence_of_its_rate(studio: Any, clip: Path, rate: FilmRate) -> None:
    """So it is in H.264, whose frames are encoded again if some are shown twice."""
    check_cadence(studio, rate, write(studio, clip, "h264", rate))


def check_cadence(studio: Any, rate: FilmRate, film: Path) -> None:
    """Check that a film of 48 numbered frames shows them by the rule of a rate."""
    measured = probe(film)
    assert (measured.rate, measured.is_constant) == (rate.frames_per_second, True)
    numbers = studio.numbers(film)
    assert numbers[:14] == CADENCES[rate.name]
    assert numbers == [rate.source_frame(k, 48) for k in range(rate.count_frames(48))]
    counts = Counter(numbers)
    assert sorted(counts) == list(range(48))
    assert sum(count == 2 for count in counts.values()) == {"25": 2, "29.97": 12}.get(rate.name, 0)
    assert measured.end_seconds == rate.duration(48)
    assert studio.decode_errors(film) == ""


def test_master_has_its_codec_time_code_and_sound(
    studio: Any, prores: tuple[FilmRate, Path]
) -> None:
    """ProRes 422 HQ in MOV: PCM of 24 bits, BT.709, a time code track, title, marker, chapters."""
    rate, film = prores
    text = studio.run("-v", "info", "-i", str(film), "-c", "copy", "-f", "null", "-")
    assert re.search(r"Video: prores \(HQ\) \(apch.*yuv422p10le\(tv, bt709, progressive", text)
    assert re.search(r"Audio: pcm_s24le .* 48000 Hz, stereo", text)
    assert "tmcd" in text
    assert f"timecode        : {rate.time_code}" in text
    measured = probe(film)
    colour = measured.colour
    assert (colour.primaries, colour.transfer, colour.matrix) == (1, 1, 1)
    with av.open(str(film)) as container:
        assert container.metadata["title"] == "Tea & more"
        assert container.metadata["comment"] == MARKER
        ends = [float(chapter["end"] * chapter["time_base"]) for chapter in container.chapters()]
        assert ends == pytest.approx([float(rate.seconds(12)), float(rate.seconds(48))], abs=0.002)
        assert container.duration / 1e6 == pytest.approx(float(rate.duration(48)), abs=0.001)
    assert film.read_bytes()[4:8] == b"ftyp"
    assert film.read_bytes()[8:12] == b"qt  "


@pytest.mark.parametrize(
    ("pix_fmt", "profile"), [("yuv420p", "DNXHR HQ"), ("yuv420p10le", "DNXHR HQX")]
)
def test_dnxhr_has_the_bits_of_the_frames(
    studio: Any, video: Any, pix_fmt: str, profile: str
) -> None:
    """DNxHR is HQ for clips of 8 bits, and HQX for clips of 10."""
    options = video(size=SIZE, codec="libx265", pix_fmt=pix_fmt)
    clip = studio.clip("a.mp4", frames=6, video=options, tone=None)
    film = write(studio, clip, "dnxhr")
    text = studio.run("-v", "info", "-i", str(film), "-c", "copy", "-f", "null", "-")
    assert f"dnxhd ({profile})" in text
    assert "bt709" in text
    assert studio.numbers(film) == list(range(6))


@pytest.mark.parametrize("codec", ["prores", "dnxhr"])
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le"])
def test_colours_stay_within_a_level_and_a_half(
    studio: Any, video: Any, codec: str, pix_fmt: str
) -> None:
    """On average over a frame, and in its planes, colours are those of the clip."""
    name = "libx264" if pix_fmt == "yuv420p" else "libx265"
    options = video(size=SIZE, codec=name, pix_fmt=pix_fmt)
    clip = studio.clip("a.mp4", frames=5, video=options, tone=None)
    film = write(studio, clip, codec)
    for before, after in zip(read_planes(clip), read_planes(film), strict=True):
        steps = [abs(a.mean() - b.mean()) for a, b in zip(after, before, strict=True)]
        assert max(steps) < 0.3
        assert np.abs(after[0] - before[0]).mean() < 1.5
        for chroma, source in zip(after[1:], before[1:], strict=True):
            halves = (chroma[::2] + chroma[1::2]) / 2
            assert np.abs(halves - source).mean() < 1.5


def test_bt601_becomes_bt709(studio: Any, video: Any) -> None:
    """A film of clips with BT.601 colours is a master in BT.709: red stays red."""
    clip = studio.clip("a.mp4", frames=3, video=video(size=SIZE, matrix=6), tone=None)
    film = write(studio, clip, "prores")
    assert probe(film).colour.matrix == 1
    rgb = []
    for path, matrix in ((clip, "smpte170m"), (film, "bt709")):
        raw = studio.folder / "frame.rgb"
        scale = f"scale=in_color_matrix={matrix}:in_range=tv:out_range=pc"
        flags = "bicubic+accurate_rnd+full_chroma_int"
        studio.run(
            *("-i", str(path), "-frames:v", "1", "-vf", f"{scale}:flags={flags}"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", str(raw)),
        )
        rgb.append(np.fromfile(raw, np.uint8).astype(float))
    assert np.abs(rgb[0] - rgb[1]).mean() < 1.5


def test_clicks_stay_with_their_frames(studio: Any, prores: tuple[FilmRate, Path]) -> None:
    """The click of second 1 is where frame 24 is shown, and the sound ends with the picture."""
    rate, film = prores
    samples = read_samples(film)
    assert samples.shape == (2, round(rate.duration(48) * 48_000))
    click = int(np.abs(samples[0, 24_000:]).argmax()) + 24_000
    assert Fraction(click, 48_000) == pytest.approx(float(rate.seconds(24)), abs=0.0001)
    shown = studio.numbers(film).index(24) / rate.frames_per_second
    assert abs(Fraction(click, 48_000) - shown) <= Fraction(1, 2) / rate.frames_per_second
    assert samples[0, click] == pytest.approx(0.5, abs=0.1)


def test_pcm_has_24_bits(studio: Any, clip: Path) -> None:
    """At 24 frames per second, samples are those of the mix, to the last of 24 bits."""
    samples = read_samples(write(studio, clip, "prores", channels=1))
    assert samples[0, 48_000] == 0.5
    assert np.count_nonzero(samples) == 2


def test_mute_film_has_no_audio_track(studio: Any, clip: Path) -> None:
    """A film without sound has none as a master either."""
    film = write(studio, clip, "dnxhr", channels=0)
    assert not probe(film).has_audio


def test_too_few_frames_leave_no_film(studio: Any, clip: Path) -> None:
    """A film that ends early is an error, and its file is removed."""
    measured = probe(clip)
    settings = MasterSettings(choose_master_codec("prores", Coding()), measured, 60, RATE_24, 0)
    film = studio.folder / "film.mov"
    with av.open(str(clip)) as container, pytest.raises(MediaError, match="fewer frames"):
        write_master(film, container.decode(video=0), None, settings)
    assert not film.exists()


def test_film_at_23976_copies_packets(studio: Any, video: Any, tone: Any) -> None:
    """A film at 23.976 has the frames of that at 24, bit by bit, and its chapters are longer."""
    rate = find_rate(23.976)
    clips = studio.chain(3, frames=25, video=video(size=SIZE), tone=tone(ticks=(12,)))
    plain, slow = (
        join_edit(
            chain_edit(clips, picture=PictureEdit(rate=number)), studio.folder / f"{number}.mp4"
        )
        for number in (24, 23.976)
    )
    assert studio.digests(slow.path) == studio.digests(plain.path)
    assert studio.numbers(slow.path) == list(range(73))
    assert (slow.frames, slow.reencoded_frames) == (73, plain.reencoded_frames)
    assert slow.duration_seconds == pytest.approx(73 * 1001 / 24_000)
    measured = probe(slow.path)
    assert (measured.rate, measured.end_seconds) == (rate.frames_per_second, rate.duration(73))
    with av.open(str(slow.path)) as container:
        ends = [chapter["end"] * chapter["time_base"] for chapter in container.chapters()]
    assert ends == pytest.approx([float(rate.seconds(k)) for k in (24, 48, 73)], abs=0.001)
    assert studio.decode_errors(slow.path) == ""
    sound = read_samples(slow.path)[0]
    assert abs(sound.size / 48_000 - rate.duration(73)) < rate.seconds(1)
    for frame in (12, 36, 60):
        start = round((rate.seconds(frame) - rate.seconds(1)) * 48_000)
        ticks = np.abs(np.diff(sound[start : start + 4000], 2))
        tick = start + int(ticks.argmax())
        assert tick / 48_000 == pytest.approx(float(rate.seconds(frame)), abs=0.003)


def test_master_has_the_composed_frames(studio: Any, video: Any) -> None:
    """A crossfade, a dropped frame at a seam and a fade are those of the film in H.264."""
    clips = studio.chain(3, frames=25, video=video(size=SIZE), tone=None)
    edit = chain_edit(clips)
    mixed = replace(edit.clips[2], transition=Transition(TransitionKind.CROSSFADE, 6))
    before = replace(edit.clips[1], drop_last_frame=False)
    edit = replace(edit, clips=(edit.clips[0], before, mixed), fade_out_frames=6)
    plain = join_edit(edit, studio.folder / "film.mp4")
    prepared = prepare_edit(replace(edit, picture=PictureEdit(codec="prores", rate=25)))
    film = join_master(prepared, studio.folder / "film.mov", studio.folder)
    assert (plain.frames, film.frames) == (68, find_rate(25).count_frames(68)) == (68, 71)
    frames = list(read_planes(plain.path))
    for number, planes in enumerate(read_planes(film.path)):
        source = frames[find_rate(25).source_frame(number, 68)]
        assert np.abs(planes[0] - source[0]).mean() < 1.5
