"""Chance with a shape: profiles of hills, soft clouds, grain. All from a given generator."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tasks.simulator.animatic.colour import Floats


def profile(chance: np.random.Generator, width: int, cells: float, roughness: float) -> Floats:
    """Return a line of `width` heights around 0, mostly within ±1, that rolls `cells` times."""
    places = np.linspace(0, 1, width, dtype=np.float32)
    line = np.zeros(width, np.float32)
    strength = 1.0
    for _ in range(6):
        knots = max(2, round(cells)) + 3
        heights = chance.uniform(-1, 1, knots).astype(np.float32)
        line += strength * _smooth(heights, places * (knots - 3))
        cells *= 2.1
        strength *= roughness
    return line


def clouds(
    chance: np.random.Generator, size: tuple[int, int], cells: tuple[float, float]
) -> Floats:
    """Return soft noise from 0 to 1 over width×height, with cells across and down."""
    width, height = size
    across, down = cells
    total = np.zeros((height, width), np.float32)
    strength, sum_of_strengths = 1.0, 0.0
    for _ in range(4):
        knots = (max(2, round(across)) + 2, max(2, round(down)) + 2)
        small = Image.fromarray(chance.uniform(0, 1, knots[::-1]).astype(np.float32))
        total += strength * np.asarray(small.resize(size, Image.Resampling.BICUBIC))
        sum_of_strengths += strength
        strength *= 0.5
        across, down = across * 2, down * 2
    return np.asarray(np.clip(total / sum_of_strengths, 0, 1), np.float32)


def grain(chance: np.random.Generator, size: tuple[int, int], strength: float) -> Floats:
    """Return fine noise (height×width×1) that keeps gradients from showing steps."""
    width, height = size
    return chance.normal(0, strength, (height, width, 1)).astype(np.float32)


def smoothstep(start: float, end: float, value: float) -> float:
    """Return 0 before start, 1 after end, and a soft rise between."""
    share = min(1.0, max(0.0, (value - start) / (end - start)))
    return share * share * (3 - 2 * share)


def _smooth(knots: Floats, places: Floats) -> Floats:
    """Catmull-Rom: rounder than straight lines, and without their corners."""
    index = np.minimum(places.astype(int), len(knots) - 4)
    share = places - index
    before, start, end, after = (knots[index + shift] for shift in range(4))
    bend = 2 * before - 5 * start + 4 * end - after
    twist = 3 * (start - end) + after - before
    curve = start + 0.5 * share * (end - before + share * (bend + share * twist))
    return np.asarray(curve, np.float32)
