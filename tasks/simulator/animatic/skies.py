"""The sky of a scene: gradient, sun or moon with its glow, stars and clouds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.simulator.animatic.colour import Floats, ramp
from tasks.simulator.animatic.noise import clouds
from tasks.simulator.animatic.palettes import Palette


@dataclass(frozen=True)
class Canvas:
    """What a scene is drawn on: its size, its light and its chance."""

    width: int
    height: int
    palette: Palette
    sun: tuple[float, float]
    """Where the light stands, as shares of width and height."""
    horizon: float
    """As a share of the height."""
    chance: np.random.Generator
    rugged: bool = False
    """Whether the ridges are peaks."""

    @property
    def rows(self) -> Floats:
        """Each row's place, 0 at the top to 1: height×1."""
        return np.linspace(0, 1, self.height, dtype=np.float32)[:, None]

    @property
    def columns(self) -> Floats:
        """Each column's place, 0 at the left to 1: 1×width."""
        return np.linspace(0, 1, self.width, dtype=np.float32)[None, :]


def draw_sky(canvas: Canvas, *, cloudiness: float = 0.5) -> Floats:
    """Return the sky over the whole canvas, height×width×3."""
    palette = canvas.palette
    stops = [
        (0.0, palette.top),
        (canvas.horizon * 0.62, palette.middle),
        (canvas.horizon, palette.low),
        (1.0, palette.low),
    ]
    column = ramp(stops, canvas.rows[:, 0])
    sky = np.repeat(column[:, None, :], canvas.width, axis=1)
    if palette.stars:
        sky = _with_stars(canvas, sky)
    sky = _with_clouds(canvas, sky, cloudiness)
    return with_glow(canvas, sky, disc=True)


def with_glow(canvas: Canvas, picture: Floats, *, disc: bool, strength: float = 1.0) -> Floats:
    """Return the picture with the light's glow, and with its disc where that is seen."""
    distance = _distance(canvas, canvas.sun)
    moon = canvas.palette.moon
    wide, near = (0.16, 0.2) if moon else (0.42, 0.42)
    glow = wide * np.exp(-distance / 0.30) + near * np.exp(-distance / 0.085)
    glow *= strength
    if disc:
        radius = 0.036 if moon else 0.046
        edge = 1.6 / canvas.height
        glow = np.maximum(glow, np.clip((radius - distance) / edge + 0.5, 0, 1) * 0.97)
    return screened(picture, glow[..., None] * canvas.palette.light)


def screened(picture: Floats, light: Floats) -> Floats:
    """Return the picture with light added as a screen adds it: never beyond white."""
    return np.asarray(1 - (1 - picture) * (1 - np.clip(light, 0, 1)), np.float32)


def _distance(canvas: Canvas, place: tuple[float, float]) -> Floats:
    aspect = canvas.width / canvas.height
    # A share of the shorter side, so that a tall picture's sun is not a wall of light.
    scale = 1.0 if aspect >= 1 else 1 / aspect
    across = (canvas.columns - place[0]) * aspect * scale
    down = (canvas.rows - place[1]) * scale
    return np.asarray(np.sqrt(across**2 + down**2), np.float32)


def _with_stars(canvas: Canvas, sky: Floats) -> Floats:
    count = 170
    x = canvas.chance.integers(0, canvas.width - 1, count)
    y = (canvas.chance.beta(1, 1.8, count) * canvas.horizon * canvas.height).astype(int)
    strength = canvas.chance.beta(1.2, 4, count).astype(np.float32)
    light = np.zeros((canvas.height, canvas.width, 1), np.float32)
    light[y, x, 0] = 0.25 + 0.75 * strength
    light[y, x + 1, 0] = light[y, x, 0] * 0.45
    light[np.minimum(y + 1, canvas.height - 1), x, 0] = light[y, x, 0] * 0.45
    return screened(sky, light * canvas.palette.light)


def _with_clouds(canvas: Canvas, sky: Floats, cloudiness: float) -> Floats:
    size = (canvas.width, canvas.height)
    wide = max(2.0, 2.2 * canvas.width / canvas.height)
    noise = clouds(canvas.chance, size, (wide, 7.0))
    # Fades towards the top and the horizon: a bank of cloud has no straight edge.
    band = np.clip(np.sin(np.pi * np.clip(canvas.rows / canvas.horizon, 0, 1)), 0, 1) ** 0.8
    mask = np.clip((noise - (0.66 - 0.22 * cloudiness)) * 3.2, 0, 1) ** 1.3 * band
    lit = np.exp(-_distance(canvas, canvas.sun) / 0.55)[..., None]
    colour = canvas.palette.low * (0.72 + 0.2 * lit) + canvas.palette.light * 0.14 * lit
    share = (mask * 0.55)[..., None]
    return np.asarray(sky * (1 - share) + colour * share, np.float32)
