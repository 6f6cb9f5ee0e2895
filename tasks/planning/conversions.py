"""The conversions of a board's clips and pictures, as far as its plan shows them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import ExistingClip, Plan, PlannedShot
from tasks.providers.families import FAMILIES

if TYPE_CHECKING:
    from tasks.edit import PictureEdit
    from tasks.media.probe import Clip

Conversions = Mapping[str, tuple[str, ...]]
"""Descriptions such as `rotated 90°`, by shot id; shots without any are left out."""


class ExpectedClips(NamedTuple):
    """The clips of a film, measured or as their requests ask for them."""

    by_shot: dict[str, Clip]
    """Those whose size is known."""
    target: Clip
    """The clip that all others are converted to match."""
    picture: PictureEdit

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips in the order of the film."""
        return tuple(self.by_shot.values())


def plan_conversions(plan: Plan) -> Conversions:
    """Return what will be converted: clips for the film, pictures before they are sent."""
    planned = {shot.id: describe_input_conversions(shot) for shot in plan}
    if expected := find_expected_clips(plan):
        from tasks.media.compatibility import describe_conversion

        for shot_id, clip in expected.by_shot.items():
            texts = describe_conversion(clip, expected.target, expected.picture)
            planned[shot_id] = (*planned[shot_id], *texts)
    return {shot_id: texts for shot_id, texts in planned.items() if texts}


def describe_input_conversions(shot: PlannedShot) -> tuple[str, ...]:
    """Return the conversions of the pictures that are sent with a shot."""
    if isinstance(shot, ExistingClip):
        return ()
    return tuple(
        f"{source.path.name} {source.conversion}"
        for source in shot.inputs
        if source.path and source.conversion
    )


def find_expected_clips(plan: Plan) -> ExpectedClips | None:
    """Return the clips of a film, if some of them may have to be converted; else None."""
    is_mixed = any(isinstance(shot, ExistingClip) or _is_hevc(shot) for shot in plan)
    if not is_mixed and plan.target.ratio is None:
        return None
    clips = {shot.id: clip for shot in plan if (clip := _expect_clip(shot))}
    if not clips:
        return None
    # Loads av, which boards without clips do not need; these have loaded it already.
    from tasks.media.compatibility import choose_target
    from tasks.planning.film_edit import build_edit

    picture = build_edit(plan, {}).picture
    return ExpectedClips(clips, choose_target(tuple(clips.values()), picture), picture)


def _expect_clip(shot: PlannedShot) -> Clip | None:
    """Return the clip of a shot: measured, or as its request asks for it; None if unknown."""
    if isinstance(shot, ExistingClip):
        return shot.measured
    if not shot.width or not shot.height:
        return None
    from tasks.media.probe import Clip

    rate = Fraction(FRAMES_PER_SECOND)
    coding = ("hevc", "yuv420p10le") if _is_hevc(shot) else ("h264", "yuv420p")
    return Clip(Path(shot.id), shot.width, shot.height, shot.frames, rate, *coding, Fraction(1))


def _is_hevc(shot: PlannedShot) -> bool:
    """Return True if the vendor's clip of a shot is HEVC in 10 bits; the simulator's is not."""
    if isinstance(shot, ExistingClip) or shot.family is None or not shot.provider.base_url:
        return False
    return shot.request.resolution in FAMILIES[shot.family].hevc_resolutions
