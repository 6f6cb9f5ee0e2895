"""Builders of storyboards, of the media files that they name, and of their plans' problems."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import pytest

from storyboards.board import Board
from storyboards.problems import InvalidStoryboard, Problem
from tasks.plan import ShotToRender
from tasks.planning.planner import make_plan


def board_text(
    *shots: str,
    model: str = "seedance-1.0-pro",
    provider: str = "simulator",
    look: str = "resolution: 480p, seconds: 4",
    extra: str = "",
) -> str:
    """Return the YAML of a board; the first shot is at line 5 if there is no `extra`.

    Args:
        *shots: The content of each shot's braces, for example `id: a, prompt: p`.
        model: The board's model.
        provider: The board's provider.
        look: The content of the look's braces.
        extra: More lines before `shots:`.
    """
    lines = [f"model: {model}", f"provider: {provider}", f"look: {{{look}}}"]
    lines += [*extra.splitlines(), "shots:", *(f"  - {{{shot}}}" for shot in shots)]
    return "\n".join(lines) + "\n"


def plan_shots(board: Board, **options: Any) -> tuple[ShotToRender, ...]:
    """Return the shots to render of a board's plan."""
    return make_plan(board, **options).shots_to_render


def plan_problems(board: Board, **options: Any) -> tuple[Problem, ...]:
    """Return the problems for which a board can't be planned."""
    with pytest.raises(InvalidStoryboard) as raised:
        make_plan(board, **options)
    return tuple(raised.value.problems)


def plan_warnings(board: Board, **options: Any) -> list[str]:
    """Return the messages of a plan's warnings."""
    return [warning.message for warning in make_plan(board, **options).warnings]


def plan_keys(board: Board, **options: Any) -> Mapping[str, str]:
    """Return the cache keys of a board's shots by shot id."""
    return {shot.id: shot.key for shot in make_plan(board, **options)}


def write_clip(path: Path, *, width: int = 864, height: int = 496, frames: int = 72) -> None:
    """Write an H.264 clip with 24 frames per second and without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame(width, height, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_wav(path: Path, *, seconds: float) -> None:
    """Write a silent WAV file."""
    rate = 8000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\0\0" * round(rate * seconds))
