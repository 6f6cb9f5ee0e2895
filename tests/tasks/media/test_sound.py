"""Audio of films: in sync with the video, without gaps, and without clicks at the seams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.media.join import JoinResult
from tasks.media.probe import probe
from tests.support.film_joins import chain_edit, join_edit

FRAME = 2000  # samples
TONE_STEP = 2 * np.pi * 220 / 48_000 * 0.2
"""Largest step between two samples of the studio's default tone."""


def join_clips(clips: list[Path], *, chained: bool = True) -> JoinResult:
    """Prepare and join clips to a film beside the first."""
    return join_edit(chain_edit(clips, chained=chained), clips[0].parent / "film.mp4")


def max_step_around(samples: np.ndarray, frame: int) -> float:
    """Return the largest step between two samples within 60 ms of the start of a frame."""
    at = frame * FRAME
    return float(np.abs(np.diff(samples[:, at - 2880 : at + 2880])).max())


def levels_around(samples: np.ndarray, frame: int) -> np.ndarray:
    """Return the levels (RMS) of 10 ms blocks within 60 ms of the start of a frame."""
    blocks = samples[0, frame * FRAME - 2880 : frame * FRAME + 2880].reshape(-1, 480)
    return np.sqrt((blocks**2).mean(axis=1))


def tick_delays(samples: np.ndarray, frames: list[int]) -> list[int]:
    """Return the delay of the tick at each frame in samples, by correlation."""
    wave = np.hanning(72) * np.sin(2 * np.pi * 3000 * np.arange(72) / 48_000)
    delays = []
    for frame in frames:
        window = samples[0, max(0, frame * FRAME - 1500) : frame * FRAME + 1500]
        position = int(np.argmax(np.correlate(window, wave)))
        delays.append(position - min(1500, frame * FRAME))
    return delays


def test_audio_is_in_sync_in_every_clip(studio: Any, video: Any, tone: Any) -> None:
    """Ticks are at their frames whatever the sample rate, channels, length and start of a clip."""
    kinds: list[dict[str, Any]] = [
        {"tone": tone(ticks=(6, 30))},
        {"tone": tone(ticks=(6, 30), rate=44_100)},
        {"tone": None},
        {"tone": tone(ticks=(6, 30), channels=2)},
        {"tone": tone(ticks=(6, 30), longer_by_seconds=1.5)},
        {"tone": tone(ticks=(6, 30), longer_by_seconds=-0.4)},
        {"tone": tone(ticks=(18, 42)), "video": video(starts_at_seconds=0.5)},
        {"tone": tone(ticks=(6, 30)), "options": {"movflags": "frag_keyframe+empty_moov"}},
    ]
    clips = [
        studio.clip(f"{k}.mp4", frames=49, base=48 * k, **kind) for k, kind in enumerate(kinds)
    ]
    film = join_clips(clips)
    samples = studio.samples(film.path)
    ticking = [48 * k + tick for k in range(8) if k != 2 for tick in (6, 30)]
    assert max(map(abs, tick_delays(samples, ticking))) <= 2
    assert film.frames == 8 * 48 + 1


def test_audio_and_video_end_together(studio: Any, tone: Any) -> None:
    """The audio ends less than a frame after the video, however many clips there are."""
    clips = studio.chain(8, frames=13, tone=tone(longer_by_seconds=0.2))
    film = join_clips(clips)
    surplus = studio.samples(film.path).shape[1] - film.frames * FRAME
    assert 0 <= surplus < FRAME


@pytest.mark.parametrize(
    "sounds",
    [
        {},
        {"rate": 44_100},
        {"channels": 2},
        {"longer_by_seconds": 0.5},
        {"longer_by_seconds": -0.015},
        {"longer_by_seconds": -0.03},
        {"late_by_seconds": 0.02},
    ],
    ids=lambda sounds: "-".join(f"{k}={v}" for k, v in sounds.items()) or "plain",
)
def test_tone_continues_over_chained_seams(studio: Any, tone: Any, sounds: dict[str, Any]) -> None:
    """A tone neither clicks nor stops at a chained seam, wherever the audio of a clip ends."""
    film = join_clips(studio.chain(3, tone=tone(**sounds)))
    samples = studio.samples(film.path)
    for seam in (24, 48):
        assert max_step_around(samples, seam) < 1.6 * TONE_STEP
        levels = levels_around(samples, seam)
        assert levels.min() > 0.09
        assert levels.max() < 0.19


def test_different_tones_are_cross_faded(studio: Any, tone: Any) -> None:
    """Different tones are blended at a chained seam without a click."""
    pitches = (220, 330, 277)
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=tone(hertz=hertz))
        for k, hertz in enumerate(pitches)
    ]
    samples = studio.samples(join_clips(clips).path)
    for seam in (24, 48):
        assert max_step_around(samples, seam) < 1.6 * TONE_STEP * 1.5
        assert levels_around(samples, seam).min() > 0.07


@pytest.mark.parametrize("longer", [0.0, 0.5, -0.03])
def test_unchained_seam_fades_without_click(studio: Any, tone: Any, longer: float) -> None:
    """At an unchained seam both sides fade for 10 ms and no longer."""
    clips = [
        studio.clip(f"{k}.mp4", base=7 * k, tone=tone(longer_by_seconds=longer)) for k in range(3)
    ]
    samples = studio.samples(join_clips(clips, chained=False).path)
    for seam in (25, 50):
        assert max_step_around(samples, seam) < 2.5 * TONE_STEP
        # 12 blocks of 10 ms: the middle two fade, and short audio leaves a gap before the seam.
        loud = np.delete(levels_around(samples, seam), range(2 if longer < 0 else 4, 8))
        assert loud.min() > 0.09


def test_clip_without_audio_is_silence(studio: Any, tone: Any) -> None:
    """A clip without audio is silence of its length, and the others keep their position."""
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=None if k == 1 else tone(ticks=(10,)))
        for k in range(3)
    ]
    film = join_clips(clips)
    samples = studio.samples(film.path)
    assert np.abs(samples[:, 27 * FRAME : 46 * FRAME]).max() < 0.001
    assert max(map(abs, tick_delays(samples, [10, 58]))) <= 2
    for seam in (24, 48):
        assert max_step_around(samples, seam) < 2 * TONE_STEP


def test_mono_becomes_stereo_at_same_level(studio: Any, tone: Any) -> None:
    """If one clip is stereo the film is, and mono clips keep their level."""
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=tone(channels=channels))
        for k, channels in enumerate((1, 2))
    ]
    samples = studio.samples(join_clips(clips).path)
    assert len(samples) == 2
    for part in (samples[:, 5 * FRAME : 20 * FRAME], samples[:, 28 * FRAME : 44 * FRAME]):
        assert np.sqrt((part**2).mean(axis=1)) == pytest.approx([0.2 / np.sqrt(2)] * 2, rel=0.02)


def test_clips_without_audio_make_silent_film(studio: Any) -> None:
    """If no clip has audio, the film has no audio track."""
    film = join_clips(studio.chain(2, tone=None))
    assert film.channels == 0
    assert not probe(film.path).has_audio


def test_empty_audio_stream_counts_as_none(studio: Any) -> None:
    """A clip with an empty audio stream counts as one without audio."""
    silent = studio.folder / "silent.mp4"
    source = studio.clip("a.mp4", tone=None)
    # Only an index that is written first can have a stream without packets.
    early = {"movflags": "empty_moov+frag_keyframe"}
    with av.open(str(source)) as clip, av.open(str(silent), "w", options=early) as out:
        stream = out.add_stream_from_template(clip.streams.video[0])
        out.add_stream("aac", rate=48_000)
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(silent)) as container:
        assert container.streams.audio
    assert not probe(silent).has_audio
    assert join_clips([silent]).channels == 0


def test_single_clip_keeps_its_audio(studio: Any, tone: Any) -> None:
    """The film of a single clip has the audio of the clip from the first to the last sample."""
    clip = studio.clip("a.mp4", tone=tone(hertz=440, level=0.5))
    before = studio.samples(clip)[0, : 25 * FRAME]
    after = studio.samples(join_clips([clip]).path)[0, : 25 * FRAME]
    assert np.sqrt(np.mean((before - after)[2000:-2000] ** 2)) < 0.01
