"""Renders one job's clip and takes its last picture: the only door to the animatic.

What it needs is a brief; nothing here knows of jobs, vendors or HTTP. The same brief gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.media.frames import last_frame
from tasks.media.writer import ClipWriter
from tasks.simulator.animatic.colour import Planes, to_rgb
from tasks.simulator.animatic.sound import SAMPLES_PER_FRAME, compose
from tasks.simulator.animatic.stage import Brief, Stage

__all__ = ["Abandoned", "Brief", "draw_still", "render_clip"]


class Abandoned(Exception):
    """The clip is wanted no more, or the simulator stops; nothing is left behind."""


def render_clip(brief: Brief, path: Path, *, go_on: Callable[[], bool]) -> bytes:
    """Write the clip and return its last picture as PNG, as a decoder shows it.

    A watermark stays out of that picture, as it does at the vendors.

    Asks `go_on` before every frame and raises Abandoned when it says no. Raises MediaError.
    """
    stage = Stage(brief)
    sound = compose(brief.prompt, brief.frames, brief.seed) if brief.audio else None
    with ClipWriter(path, brief.width, brief.height, audio=brief.audio) as writer:
        for frame in range(brief.frames):
            if not go_on():
                raise Abandoned
            # The last frame begins the next shot: coded by itself, it carries no trace of those
            # before it, which would add up to a tint over a chain.
            key = frame == brief.frames - 1
            writer.write_planes(*_arrays(stage.film(frame)), key=key)
            if sound is not None:
                start = frame * SAMPLES_PER_FRAME
                writer.write_sound(sound[start : start + SAMPLES_PER_FRAME])
    return _unmarked_last(stage, brief, path) if brief.watermark else last_frame(path)


def draw_still(prompt: str, size: tuple[int, int], seed: int) -> Image.Image:
    """Return the first picture of a scene, without words on it."""
    planes = Stage(Brief(prompt, *size, frames=2, seed=seed, label="")).film(0)
    half = [plane.resize(size, Image.Resampling.BICUBIC) for plane in (planes.blue, planes.red)]
    return to_rgb(Planes(planes.luma, *half))


def _unmarked_last(stage: Stage, brief: Brief, path: Path) -> bytes:
    single = path.with_suffix(f".last{path.suffix}")
    with ClipWriter(single, brief.width, brief.height, audio=False) as writer:
        writer.write_planes(*_arrays(stage.film(brief.frames - 1, marked=False)))
    try:
        return last_frame(single)
    finally:
        single.unlink()


def _arrays(planes: Planes) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    return np.asarray(planes.luma), np.asarray(planes.blue), np.asarray(planes.red)
