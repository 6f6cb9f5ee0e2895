"""Real footage between rendered shots: a flash and a clap of the same moment stay together.

The frame rate, the sample rate, the beginning of the sound and the range that is used vary.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
import pytest

from flows.report import join_kept
from tasks.film_rates import find_rate
from tests.support.own_clips import draw_scene, write_clip

FLASH = (20, 44, 68)
"""When the picture is white for an eighth of a second, in frames of 24 per second."""


class Footage(NamedTuple):
    """A clip of the user."""

    rate: Fraction = Fraction(30)
    sample_rate: int = 44_100
    """0 without sound."""
    sound: str = "aac"
    starts_at: float = 0.0
    """When the picture begins in the file; the sound begins at 0."""
    is_uneven: bool = False
    """True for a variable rate, as that of phones."""


KINDS = {
    "phone": Footage(),
    "camera": Footage(Fraction(25), sound="pcm_s16le"),
    "film": Footage(Fraction(24_000, 1001), 48_000),
    "uneven": Footage(is_uneven=True),
    "late picture": Footage(starts_at=0.27),
    "fast": Footage(Fraction(60_000, 1001), 48_000),
}


def write_footage(path: Path, footage: Footage) -> None:
    """Write four seconds in which the picture flashes and the sound claps at the same moments."""
    random = np.random.default_rng(5)
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("libx264", rate=footage.rate)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 90_000)
        stream.codec_context.options = {"preset": "ultrafast", "bf": "2"}
        sound = None
        if footage.sample_rate:
            sound = cast(Any, container.add_stream(footage.sound, rate=footage.sample_rate))
            sound.codec_context.layout = "stereo"
        times = np.arange(round(4 * footage.rate)) / float(footage.rate)
        if footage.is_uneven:
            times = np.sort(times + random.uniform(-0.012, 0.012, times.size))
            times = np.delete(times, [31, 32, 77])
            times[0] = 0
        for seconds in times:
            is_bright = any(0 <= seconds - frame / 24 < 1 / 8 for frame in FLASH)
            planes = np.full((270, 320), 128, np.uint8)
            planes[:180] = 220 if is_bright else 40 + int(seconds * 20)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = round((seconds + footage.starts_at) * 90_000)
            frame.time_base = Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            claps = [float(times[times >= frame / 24][0]) for frame in FLASH]
            _write_claps(container, sound, footage, claps)


def _write_claps(container: Any, sound: Any, footage: Footage, claps: list[float]) -> None:
    rate = footage.sample_rate
    samples = np.zeros((2, int(4.2 * rate)), np.float32)
    for seconds in claps:
        start = round((seconds + footage.starts_at) * rate)
        decay = np.exp(-np.arange(rate // 50) / (rate / 400))
        samples[:, start : start + decay.size] = (
            0.8 * decay * np.sign(np.sin(np.arange(decay.size)))
        )
    if footage.sound == "aac":
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
    else:
        packed = np.ascontiguousarray((samples.T * 32_767).astype(np.int16)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    container.mux(sound.encode(frame))
    container.mux(sound.encode(None))


def read_flashes(path: Path) -> list[float]:
    """Return the seconds at which a film becomes bright."""
    with av.open(str(path)) as container:
        frames = [
            (float(frame.time), frame.to_ndarray()[: frame.height].mean() > 170)
            for frame in container.decode(video=0)
        ]
    return [b[0] for a, b in itertools.pairwise(frames) if b[1] and not a[1]]


def read_claps(path: Path) -> list[float]:
    """Return the seconds at which a film claps."""
    with av.open(str(path)) as container:
        level = np.abs(
            np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
        ).max(axis=0)
    loud = np.nonzero(level > 0.35)[0]
    gaps = np.diff(loud, prepend=-48_000)
    return [float(sample / 48_000) for sample in loud[gaps > 9600]]


USE = "[{from: 0f}, {from: 14f, to: 60f}, {from: 1.5}]"
SHOWN = (20, 44, 68, 96 + 6, 96 + 30, 142 + 8, 142 + 32)
"""When the picture flashes in the film of these ranges, in frames."""


@pytest.mark.parametrize("kind", KINDS)
def test_flash_and_clap_stay_together(studio, kind: str) -> None:
    """Within a frame, between clips at 24 frames per second, wherever the footage is trimmed."""
    write_footage(studio.folder / "own.mov", KINDS[kind])
    draw_pattern(studio.folder / "still.mp4")
    own = f"{{id: own, clip: own.mov, use: {USE}}}"
    text = f"shots: [{{id: a, clip: still.mp4}}, {own}, {{id: b, clip: still.mp4}}]\n"
    film = join_kept(studio.prepare(text)).film
    assert film.frame_count == 12 + 96 + 46 + 60 + 12
    check_sync(film.path, [12 + frame for frame in SHOWN])


def test_footage_between_rendered_shots_stays_in_sync(studio, chain) -> None:
    """A phone's clip between two shots of a provider: larger, at 24 frames, and with sound."""
    write_footage(studio.folder / "own.mov", KINDS["phone"])
    own = "  - {id: own, clip: own.mov, use: [{from: 14f, to: 60f}]}\n"
    text = chain("one", "two|first_frame: none").replace("  - {id: two", own + "  - {id: two")
    report = studio.run(text)
    assert report.film.frame_count == 49 + 46 + 49
    check_sync(report.film.path, [49 + 6, 49 + 30])


@pytest.mark.parametrize("rate", [23.976, 25, 29.97])
def test_footage_stays_in_sync_at_every_rate(studio, rate: float) -> None:
    """Also in a film that is conformed after the edit."""
    write_footage(studio.folder / "own.mov", KINDS["camera"])
    text = f"film: {{rate: {rate}}}\nshots: [{{id: own, clip: own.mov}}]\n"
    film = join_kept(studio.prepare(text)).film
    seconds = float(find_rate(rate).seconds(1))
    flashes, claps = read_flashes(film.path), read_claps(film.path)
    assert np.abs(np.subtract(flashes, claps)).max() <= seconds
    assert np.abs(np.subtract(claps, [frame * seconds for frame in FLASH])).max() < 0.06


def test_mute_footage_is_silent(studio) -> None:
    """Footage without sound is silent between clips with sound, which stay in sync."""
    write_footage(studio.folder / "own.mov", Footage(sample_rate=0))
    write_footage(studio.folder / "loud.mov", KINDS["phone"])
    text = "{id: a, clip: own.mov, use: [{to: 48f}]}, {id: b, clip: loud.mov}"
    film = join_kept(studio.prepare(f"shots: [{text}]\n")).film
    assert len(read_flashes(film.path)) == 5
    claps = read_claps(film.path)
    assert np.abs(np.subtract(claps, [(48 + frame) / 24 for frame in FLASH])).max() < 0.06


def check_sync(film: Path, frames: list[int]) -> None:
    """Check that a film flashes and claps at these frames, each within a frame."""
    flashes, claps = read_flashes(film), read_claps(film)
    assert len(flashes) == len(claps) == len(frames)
    assert np.abs(np.subtract(flashes, claps)).max() <= 1 / 24
    assert np.abs(np.subtract(flashes, [frame / 24 for frame in frames])).max() <= 1.01 / 24
    assert np.abs(np.subtract(claps, [frame / 24 for frame in frames])).max() < 0.06


def draw_pattern(path: Path) -> None:
    """Write half a second without sound, as models render it."""
    write_clip(path, [draw_scene((320, 180), step) for step in range(12)])
