"""Measures of clips with known defects: each is found at its frames, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from storyboards.models import Quality
from tasks.edit import EditClip, InputFile
from tasks.errors import MediaError
from tasks.media.frames import last_frame
from tasks.media.quality.measure import compare_lumas, measure_clip, read_lumas
from tasks.quality import ClipMeasures, ShotQuality, measure_step
from tasks.quality_faults import Fault, Finding, find_shot_faults
from tests.support.footage import (
    HEIGHT,
    WIDTH,
    Picture,
    Sound,
    blur,
    film,
    replace,
    speech_like,
    write_footage,
)

FRAMES = 48
DEFAULT_LIMITS = Quality()


def measure(path: Path) -> ClipMeasures:
    """Return the measures of a clip."""
    return measure_clip(path, deadline_seconds=60).measures


def read_last_picture(path: Path) -> Picture:
    """Return the last picture of a clip as it is handed on."""
    return np.asarray(Image.open(BytesIO(last_frame(path))), np.float32)


def find_faults(measures: ClipMeasures, limits: Quality = DEFAULT_LIMITS) -> list[Finding]:
    """Return what exceeds the limits in a whole clip."""
    clip = EditClip(InputFile(Path("clip.mp4"), ""), "shot", None)
    shot = ShotQuality("shot", clip, measures, (0, measures.frames))
    return list(find_shot_faults(shot, limits))


def faults_of(
    folder: Path, pictures: Sequence[Picture], *, sound: Sound | None = None, crf: int = 20
) -> list[tuple[Fault, int, int]]:
    """Return kind and range of what exceeds the default limits in footage."""
    path = write_footage(folder / "clip.mp4", pictures, sound=sound, crf=crf)
    findings = find_faults(measure(path))
    return [(finding.fault, finding.first_frame, finding.end_frame) for finding in findings]


def flash(number: int, picture: Picture) -> Picture:
    """Return a picture that is brighter for three frames of six."""
    return np.clip(picture + (90 if number % 6 >= 3 else 0), 0, 250)


class TestFaults:
    """Known defects in film-like footage."""

    @pytest.mark.parametrize(("speed", "crf"), [(0.0, 20), (0.6, 16), (0.6, 28), (6.0, 23)])
    def test_footage_without_defects_has_no_fault(
        self, tmp_path: Path, speed: float, crf: int
    ) -> None:
        """Still camera, slow and fast moves; with little, usual and strong compression."""
        pictures = film(frames=16 if speed > 1 else FRAMES, speed=speed)

        assert faults_of(tmp_path, pictures, sound=speech_like(2.0), crf=crf) == []

    def test_black_stretch_is_found(self, tmp_path: Path) -> None:
        """Half a second of black, which is not frozen and not a cut."""
        pictures = replace(film(), 20, 32, lambda _, picture: np.zeros_like(picture))

        assert faults_of(tmp_path, pictures) == [(Fault.BLACK, 20, 32)]

    @pytest.mark.parametrize(("seed", "crf"), [(1, 18), (2, 23)])
    def test_frozen_stretch_is_found(self, tmp_path: Path, seed: int, crf: int) -> None:
        """Twelve equal frames, though the encoder refines the first of them."""
        frozen = film(seed)[20]
        pictures = replace(film(seed), 20, 32, lambda *_: frozen)

        assert faults_of(tmp_path, pictures, crf=crf) == [(Fault.FROZEN, 20, 32)]

    def test_frozen_stretch_is_found_after_strong_compression(self, tmp_path: Path) -> None:
        """There a refined frame may differ as much as a moving one."""
        frozen = film()[20]
        pictures = replace(film(), 20, 32, lambda *_: frozen)

        ((fault, first, end),) = faults_of(tmp_path, pictures, crf=28)

        assert (fault, end) == (Fault.FROZEN, 32)
        assert first in (20, 21)

    def test_four_flashes_a_second_are_found(self, tmp_path: Path) -> None:
        """Four flashes from frame 9 on."""
        pictures = replace(film(), 6, 30, flash)

        assert faults_of(tmp_path, pictures) == [(Fault.FLASH, 9, 31)]

    def test_three_flashes_a_second_pass(self, tmp_path: Path) -> None:
        """The rule allows three."""
        pictures = replace(film(), 6, 24, flash)

        assert faults_of(tmp_path, pictures) == []

    def test_flashes_on_a_fifth_of_the_picture_pass(self, tmp_path: Path) -> None:
        """The rule is about more than a quarter of the picture."""

        def flash_part(number: int, picture: Picture) -> Picture:
            changed = picture.copy()
            changed[:, : WIDTH // 5] = flash(number, picture)[:, : WIDTH // 5]
            return changed

        assert faults_of(tmp_path, replace(film(), 6, 30, flash_part)) == []

    def test_flicker_below_the_luminance_of_the_rule_passes(self, tmp_path: Path) -> None:
        """Changes of less than 20 cd/m2."""

        def flicker(number: int, picture: Picture) -> Picture:
            return picture + (12 if number % 6 >= 3 else 0)

        assert faults_of(tmp_path, replace(film(), 6, 30, flicker)) == []

    @pytest.mark.parametrize("brightness", [1.0, 0.3])
    def test_cut_is_found(self, tmp_path: Path, brightness: float) -> None:
        """A cut to another scene, also in the dark."""
        pictures = [*film(1)[:24], *film(2)[:24]]
        dimmed = [picture * brightness for picture in pictures]

        assert faults_of(tmp_path, dimmed) == [(Fault.CUT, 24, 25)]

    def test_allowed_cut_is_not_reported(self, tmp_path: Path) -> None:
        """`cuts: true` is for prompts that ask for several views."""
        path = write_footage(tmp_path / "clip.mp4", [*film(1)[:24], *film(2)[:24]])
        measures = measure(path)

        assert measures.cuts == (24,)
        assert find_faults(measures, Quality(cuts=True)) == []

    def test_dissolve_is_not_a_cut(self, tmp_path: Path) -> None:
        """One scene becomes another over half a second."""
        scenes = zip(film(1), film(2), strict=True)
        pictures = [
            picture + (other - picture) * min(1.0, max(0.0, (number - 18) / 12))
            for number, (picture, other) in enumerate(scenes)
        ]

        assert faults_of(tmp_path, pictures) == []

    def test_single_flash_of_another_picture_is_not_a_cut(self, tmp_path: Path) -> None:
        """The scene is back after six frames."""
        other = film(2)
        pictures = replace(film(1), 20, 26, lambda number, _: other[number])

        assert faults_of(tmp_path, pictures) == []

    def test_other_scene_in_each_frame_is_not_a_cut(self, tmp_path: Path) -> None:
        """Very fast movement changes each frame as much as the next."""
        pictures = [film(seed, 1)[0] for seed in range(16)]

        assert measure(write_footage(tmp_path / "clip.mp4", pictures)).cuts == ()

    def test_short_highlight_is_not_clipping(self, tmp_path: Path) -> None:
        """Four frames, such as a reflection."""
        pictures = replace(film(), 24, 28, lambda _, picture: np.clip(picture * 2.6 - 60, 0, 255))

        assert faults_of(tmp_path, pictures) == []

    def test_clipped_picture_is_found(self, tmp_path: Path) -> None:
        """The second half is too bright, so that a third of it is white."""
        pictures = replace(film(), 24, 48, lambda _, picture: np.clip(picture * 2.6 - 60, 0, 255))

        assert faults_of(tmp_path, pictures) == [(Fault.CLIPPING, 24, 48)]

    def test_clipped_sound_is_found(self, tmp_path: Path) -> None:
        """Speech with far too much gain in the second half."""
        sound = speech_like(2.0, level=0.3)
        sound[48_000:] = np.clip(sound[48_000:] * 12, -1, 1)

        ((fault, first, end),) = faults_of(tmp_path, film(), sound=sound)

        assert fault is Fault.SOUND
        assert 23 <= first <= 26
        assert 46 <= end <= 48

    def test_silent_stretch_is_found(self, tmp_path: Path) -> None:
        """Two seconds of three."""
        sound = speech_like(3.0)
        sound[24_000:] = 0

        ((fault, first, end),) = faults_of(tmp_path, film(frames=72), sound=sound)

        assert (fault, end) == (Fault.SILENCE, 72)
        assert 12 <= first <= 14


class TestSteps:
    """The change from one picture to another that should be the same."""

    def test_luma_step_of_three_levels_is_measured(self, tmp_path: Path) -> None:
        """Three levels of luma are 3.49 of 255 in RGB."""
        path = write_footage(tmp_path / "a.mp4", film())
        picture = read_last_picture(path) + 3 * 255 / 219
        other = write_footage(tmp_path / "b.mp4", [picture] * 12)

        step = measure_step(measure(path), -1, measure(other), 0)

        assert step.luma == pytest.approx(3, abs=0.2)

    @pytest.mark.parametrize("crf", [16, 28])
    def test_equal_pictures_differ_by_little(self, tmp_path: Path, crf: int) -> None:
        """A shot that begins with the last picture of another one, encoded anew."""
        path = write_footage(tmp_path / "a.mp4", film(), crf=crf)
        other = write_footage(tmp_path / "b.mp4", [read_last_picture(path)] * 12, crf=crf)
        first = measure_clip(path, keep=[-1], deadline_seconds=60)
        second = measure_clip(other, keep=[0], deadline_seconds=60)

        assert compare_lumas(first.lumas[FRAMES - 1], second.lumas[0]) <= 1.5
        step = measure_step(first.measures, -1, second.measures, 0)
        assert abs(step.luma) < 0.1
        assert abs(step.blue) < 0.3
        assert abs(step.sharpness) < 40

    def test_blur_is_measured_as_lost_sharpness(self, tmp_path: Path) -> None:
        """Two pixels."""
        path = write_footage(tmp_path / "a.mp4", film())
        soft = write_footage(tmp_path / "b.mp4", [blur(read_last_picture(path), 2)] * 12)

        assert measure_step(measure(path), -1, measure(soft), 0).sharpness < -60


class TestClips:
    """Clips of users in other forms."""

    def test_frames_are_those_of_the_film(self, tmp_path: Path) -> None:
        """Of a clip with 30 frames a second, each second has 24; a black stretch is at its time."""
        pictures = replace(film(frames=60), 30, 45, lambda _, picture: np.zeros_like(picture))
        measures = measure(write_footage(tmp_path / "clip.mp4", pictures, rate=30))

        assert measures.frames == 48
        (black,) = find_faults(measures)
        assert (black.first_frame, black.end_frame) == (24, 36)

    def test_hidden_frames_are_not_measured(self, studio: Any) -> None:
        """An edit list hides the first twelve frames, so the last is number 17."""
        path = studio.clip("a.mp4", frames=30, tone=None)
        cut = studio.folder / "cut.mp4"
        studio.run("-ss", "0.5", "-i", str(path), "-c", "copy", str(cut))
        whole, part = (
            measure_clip(clip, keep=[0, 12], deadline_seconds=60) for clip in (path, cut)
        )

        assert part.measures.frames == 18
        assert np.array_equal(part.lumas[0], whole.lumas[12])

    def test_kept_frames_are_those_read_alone(self, tmp_path: Path) -> None:
        """By number, and -1 for the last."""
        path = write_footage(tmp_path / "clip.mp4", film(), rate=Fraction(24))
        kept = measure_clip(path, keep=[0, 30, -1], deadline_seconds=60).lumas
        read = read_lumas(path, [0, 30, -1])

        assert set(kept) == set(read) == {0, 30, FRAMES - 1}
        assert all(np.array_equal(kept[number], read[number]) for number in kept)
        assert kept[0].shape == (HEIGHT, WIDTH)

    def test_frame_beyond_the_end_is_the_last(self, tmp_path: Path) -> None:
        """A clip may be shorter than planned; its last frame was sent then."""
        path = write_footage(tmp_path / "clip.mp4", film(frames=8))

        assert set(measure_clip(path, keep=[8], deadline_seconds=60).lumas) == {7}
        assert set(read_lumas(path, [8])) == {7}

    def test_damaged_clip_is_an_error(self, tmp_path: Path) -> None:
        """The end of the file is missing."""
        path = write_footage(tmp_path / "clip.mp4", film())
        path.write_bytes(path.read_bytes()[:-2000])

        with pytest.raises(MediaError):
            measure(path)

    def test_deadline_ends_the_decoding(self, tmp_path: Path) -> None:
        """A hostile clip can't hold a run."""
        times = iter(range(0, 1000, 10))
        path = write_footage(tmp_path / "clip.mp4", film(frames=8))

        with pytest.raises(MediaError, match="not measured within 15 seconds"):
            measure_clip(path, deadline_seconds=15, clock=lambda: next(times))
