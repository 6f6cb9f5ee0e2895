"""Drawing primitives: the canvas of a scene, noise with a shape, easing and screen blending."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tasks.simulator.footage.colour import Floats, Palette


@dataclass(frozen=True)
class Canvas:
    """The canvas of a scene: size, palette, light position and random generator."""

    width: int
    height: int
    palette: Palette
    sun: tuple[float, float]
    """x and y of the light as fractions of width and height."""
    horizon: float
    """y of the horizon as a fraction of the height."""
    rng: np.random.Generator
    is_rugged: bool = False
    """True if the ridges have peaks."""

    @property
    def rows(self) -> Floats:
        """Return y of each row, 0 at the top to 1 at the bottom: height×1."""
        return np.linspace(0, 1, self.height, dtype=np.float32)[:, None]

    @property
    def columns(self) -> Floats:
        """Return x of each column, 0 at the left to 1 at the right: 1×width."""
        return np.linspace(0, 1, self.width, dtype=np.float32)[None, :]


def noise_line(rng: np.random.Generator, width: int, cells: float, roughness: float) -> Floats:
    """Return fractal noise: `width` heights around 0, mostly within ±1, with `cells` hills."""
    positions = np.linspace(0, 1, width, dtype=np.float32)
    line = np.zeros(width, np.float32)
    strength = 1.0
    for _ in range(6):
        knots = max(2, round(cells)) + 3
        heights = rng.uniform(-1, 1, knots).astype(np.float32)
        line += strength * _catmull_rom(heights, positions * (knots - 3))
        cells *= 2.1
        strength *= roughness
    return line


def cloud_noise(
    rng: np.random.Generator, size: tuple[int, int], cells: tuple[float, float]
) -> Floats:
    """Return fractal noise (height×width, 0 to 1) with about `cells` blobs per axis."""
    width, height = size
    cells_x, cells_y = cells
    total = np.zeros((height, width), np.float32)
    strength, strength_sum = 1.0, 0.0
    for _ in range(4):
        knots = (max(2, round(cells_x)) + 2, max(2, round(cells_y)) + 2)
        small = Image.fromarray(rng.uniform(0, 1, knots[::-1]).astype(np.float32))
        total += strength * np.asarray(small.resize(size, Image.Resampling.BICUBIC))
        strength_sum += strength
        strength *= 0.5
        cells_x, cells_y = cells_x * 2, cells_y * 2
    return np.asarray(np.clip(total / strength_sum, 0, 1), np.float32)


def film_grain(rng: np.random.Generator, size: tuple[int, int], strength: float) -> Floats:
    """Return fine noise (height×width×1) that prevents banding in gradients."""
    width, height = size
    return rng.normal(0, strength, (height, width, 1)).astype(np.float32)


def screen(pixels: Floats, light: Floats) -> Floats:
    """Add light in screen mode, which never exceeds white."""
    return np.asarray(1 - (1 - pixels) * (1 - np.clip(light, 0, 1)), np.float32)


def smoothstep(start: float, end: float, value: float) -> float:
    """Return 0 before start, 1 after end, and a smooth transition in between."""
    t = min(1.0, max(0.0, (value - start) / (end - start)))
    return t * t * (3 - 2 * t)


def _catmull_rom(knots: Floats, positions: Floats) -> Floats:
    """Interpolate between the knots without corners."""
    index = np.minimum(positions.astype(int), len(knots) - 4)
    t = positions - index
    before, start, end, after = (knots[index + shift] for shift in range(4))
    bend = 2 * before - 5 * start + 4 * end - after
    twist = 3 * (start - end) + after - before
    curve = start + 0.5 * t * (end - before + t * (bend + t * twist))
    return np.asarray(curve, np.float32)
