"""The film's sound: in step with the picture, without a hole and without a click at any seam."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tasks.media.join import JoinInput, JoinResult, join, prepare
from tasks.media.probe import probe

FRAME = 2000  # samples
TONE_STEP = 2 * np.pi * 220 / 48_000 * 0.2
"""The largest step between two samples of the studio's own tone."""


def joined(clips: list[Path], *, chained: bool = True) -> JoinResult:
    """Prepare and join clips to a film beside the first."""
    last = len(clips) - 1
    cuts = [JoinInput(clip, chained and k < last, f"{k}") for k, clip in enumerate(clips)]
    return join([prepare(cut) for cut in cuts], clips[0].parent / "film.mp4")


def steps_around(samples: np.ndarray, frame: int) -> float:
    """Return the largest step between two samples within 60 ms of a frame's beginning."""
    at = frame * FRAME
    return float(np.abs(np.diff(samples[:, at - 2880 : at + 2880])).max())


def levels_around(samples: np.ndarray, frame: int) -> np.ndarray:
    """Return the levels (RMS) of the 10 ms pieces within 60 ms of a frame's beginning."""
    pieces = samples[0, frame * FRAME - 2880 : frame * FRAME + 2880].reshape(-1, 480)
    return np.sqrt((pieces**2).mean(axis=1))


def ticks_near(samples: np.ndarray, frames: list[int]) -> list[int]:
    """Return how many samples late the tick at each frame sounds, by correlation."""
    wave = np.hanning(72) * np.sin(2 * np.pi * 3000 * np.arange(72) / 48_000)
    late = []
    for frame in frames:
        window = samples[0, max(0, frame * FRAME - 1500) : frame * FRAME + 1500]
        found = int(np.argmax(np.correlate(window, wave)))
        late.append(found - min(1500, frame * FRAME))
    return late


def test_sound_is_in_step_with_the_picture_in_every_shot(
    studio: Any, picture: Any, tone: Any
) -> None:
    """Ticks sound at their frames, whatever the clip's rate, layout, length or start."""
    kinds: list[dict[str, Any]] = [
        {"tone": tone(ticks=(6, 30))},
        {"tone": tone(ticks=(6, 30), rate=44_100)},
        {"tone": None},
        {"tone": tone(ticks=(6, 30), channels=2)},
        {"tone": tone(ticks=(6, 30), longer_by_seconds=1.5)},
        {"tone": tone(ticks=(6, 30), longer_by_seconds=-0.4)},
        {"tone": tone(ticks=(18, 42)), "picture": picture(starts_at_seconds=0.5)},
        {"tone": tone(ticks=(6, 30)), "options": {"movflags": "frag_keyframe+empty_moov"}},
    ]
    clips = [
        studio.clip(f"{k}.mp4", frames=49, base=48 * k, **kind) for k, kind in enumerate(kinds)
    ]
    film = joined(clips)
    samples = studio.samples(film.path)
    ticking = [48 * k + tick for k in range(8) if k != 2 for tick in (6, 30)]
    assert max(map(abs, ticks_near(samples, ticking))) <= 2
    assert film.frames == 8 * 48 + 1


def test_sound_and_picture_end_together(studio: Any, tone: Any) -> None:
    """Sound ends less than one frame from the picture, and no clip adds to that."""
    clips = studio.chain(8, frames=13, tone=tone(longer_by_seconds=0.2))
    film = joined(clips)
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
def test_a_tone_runs_on_over_chained_seams(studio: Any, tone: Any, sounds: dict[str, Any]) -> None:
    """Over a chained seam the tone neither clicks nor stops, wherever a clip's sound ends."""
    film = joined(studio.chain(3, tone=tone(**sounds)))
    samples = studio.samples(film.path)
    for seam in (24, 48):
        assert steps_around(samples, seam) < 1.6 * TONE_STEP
        levels = levels_around(samples, seam)
        assert levels.min() > 0.09
        assert levels.max() < 0.19


def test_another_pitch_fades_over_without_a_click(studio: Any, tone: Any) -> None:
    """Sounds that have nothing in common are blended over the dropped picture's time."""
    pitches = (220, 330, 277)
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=tone(hertz=hertz))
        for k, hertz in enumerate(pitches)
    ]
    samples = studio.samples(joined(clips).path)
    for seam in (24, 48):
        assert steps_around(samples, seam) < 1.6 * TONE_STEP * 1.5
        assert levels_around(samples, seam).min() > 0.07


@pytest.mark.parametrize("longer", [0.0, 0.5, -0.03])
def test_a_plain_cut_makes_no_click(studio: Any, tone: Any, longer: float) -> None:
    """Without a dropped picture both sides fade for 10 ms, and no longer."""
    clips = [
        studio.clip(f"{k}.mp4", base=7 * k, tone=tone(longer_by_seconds=longer)) for k in range(3)
    ]
    samples = studio.samples(joined(clips, chained=False).path)
    for seam in (25, 50):
        assert steps_around(samples, seam) < 2.5 * TONE_STEP
        # 12 pieces of 10 ms: the middle two fade, and a short sound leaves its own silence.
        loud = np.delete(levels_around(samples, seam), range(2 if longer < 0 else 4, 8))
        assert loud.min() > 0.09


def test_a_mute_clip_is_silence_of_its_own_length(studio: Any, tone: Any) -> None:
    """Between sounding clips a mute one is zeros, and the others stay where they belong."""
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=None if k == 1 else tone(ticks=(10,)))
        for k in range(3)
    ]
    film = joined(clips)
    samples = studio.samples(film.path)
    assert np.abs(samples[:, 27 * FRAME : 46 * FRAME]).max() < 0.001
    assert max(map(abs, ticks_near(samples, [10, 58]))) <= 2
    for seam in (24, 48):
        assert steps_around(samples, seam) < 2 * TONE_STEP


def test_mono_becomes_stereo_at_the_same_level(studio: Any, tone: Any) -> None:
    """Where one clip is stereo the film is, and mono clips sound as loud as before."""
    clips = [
        studio.clip(f"{k}.mp4", base=24 * k, tone=tone(channels=channels))
        for k, channels in enumerate((1, 2))
    ]
    samples = studio.samples(joined(clips).path)
    assert len(samples) == 2
    for part in (samples[:, 5 * FRAME : 20 * FRAME], samples[:, 28 * FRAME : 44 * FRAME]):
        assert np.sqrt((part**2).mean(axis=1)) == pytest.approx([0.2 / np.sqrt(2)] * 2, rel=0.02)


def test_mute_clips_make_a_mute_film(studio: Any) -> None:
    """Where nothing sounds, the film has no sound track at all."""
    film = joined(studio.chain(2, tone=None))
    assert film.channels == 0
    assert not probe(film.path).has_audio


def test_a_sound_track_without_sound_is_silence(studio: Any) -> None:
    """A stream that is announced and empty counts as mute."""
    silent = studio.folder / "silent.mp4"
    source = studio.clip("a.mp4", tone=None)
    # Only an index that is written beforehand can promise what never comes.
    early = {"movflags": "empty_moov+frag_keyframe"}
    with av.open(str(source)) as clip, av.open(str(silent), "w", options=early) as out:
        picture = out.add_stream_from_template(clip.streams.video[0])
        out.add_stream("aac", rate=48_000)
        for packet in clip.demux(video=0):
            if packet.size:
                packet.stream = picture
                out.mux(packet)
    with av.open(str(silent)) as container:
        assert container.streams.audio
    assert not probe(silent).has_audio
    assert joined([silent]).channels == 0


def test_a_film_is_as_loud_as_its_clip(studio: Any, tone: Any) -> None:
    """One clip alone keeps its sound from the first sample to the last."""
    clip = studio.clip("a.mp4", tone=tone(hertz=440, level=0.5))
    before = studio.samples(clip)[0, : 25 * FRAME]
    after = studio.samples(joined([clip]).path)[0, : 25 * FRAME]
    assert np.sqrt(np.mean((before - after)[2000:-2000] ** 2)) < 0.01
