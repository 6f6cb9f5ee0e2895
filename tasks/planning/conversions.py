"""The conversions of a board's clips and pictures, as far as its plan shows them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import ExistingClip, Plan, PlannedShot

if TYPE_CHECKING:
    from tasks.media.probe import Clip

Conversions = Mapping[str, tuple[str, ...]]
"""Descriptions such as `rotated 90°`, by shot id; shots without any are left out."""


def plan_conversions(plan: Plan) -> Conversions:
    """Return what will be converted: clips for the film, pictures before they are sent."""
    planned = {shot.id: describe_input_conversions(shot) for shot in plan}
    if any(isinstance(shot, ExistingClip) for shot in plan):
        # Loads av, which boards without clips do not need; these have loaded it already.
        from tasks.media.compatibility import choose_target, describe_conversion

        clips = {shot.id: clip for shot in plan if (clip := _expect_clip(shot))}
        target = choose_target(tuple(clips.values()))
        for shot_id, clip in clips.items():
            planned[shot_id] = (*planned[shot_id], *describe_conversion(clip, target))
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


def _expect_clip(shot: PlannedShot) -> Clip | None:
    """Return the clip of a shot: measured, or as its request asks for it; None if unknown."""
    if isinstance(shot, ExistingClip):
        return shot.measured
    if not shot.width or not shot.height:
        return None
    from tasks.media.probe import Clip

    rate = Fraction(FRAMES_PER_SECOND)
    return Clip(
        Path(shot.id), shot.width, shot.height, shot.frames, rate, "h264", "yuv420p", Fraction(1)
    )
