"""What floats through the air: snow, rain, embers, dust. It is gone at a shot's end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from tasks.simulator.animatic.colour import Floats, Planes

_PHASES = 4
"""Sub-pixel positions per axis: slow dust on whole pixels would jump."""


@dataclass(frozen=True)
class Habit:
    """How one kind of weather moves and looks."""

    count: int
    across: float
    """Speed in frame heights a second; `down` likewise, negative upwards."""
    down: float
    sway: float
    radius: tuple[float, float]
    """Smallest and largest, as shares of the frame's height."""
    luma: int
    strength: float
    chroma: tuple[int, int] | None = None
    streak: float = 0.0
    """Length of a streak as a share of the height; 0 draws dots."""


_HABITS = {
    "snow": Habit(150, -0.03, 0.11, 0.012, (0.0016, 0.0060), 228, 0.85),
    "rain": Habit(130, -0.22, 1.5, 0.0, (0.0012, 0.0022), 205, 0.34, streak=0.055),
    "embers": Habit(70, 0.02, -0.13, 0.02, (0.0014, 0.0042), 205, 0.9, (82, 176)),
    "dust": Habit(44, 0.012, 0.010, 0.014, (0.0012, 0.0030), 222, 0.42),
}


class Weather:
    """The particles of one shot, all of them a function of time."""

    def __init__(self, kind: str, size: tuple[int, int], seed: int) -> None:
        self._habit = _HABITS.get(kind)
        self._size = size
        chance = np.random.default_rng(seed + 7)
        count = self._habit.count if self._habit else 0
        self._start: Floats = chance.random((count, 2)).astype(np.float32)
        self._near: Floats = chance.beta(1.2, 2.6, count).astype(np.float32)
        self._phase: Floats = chance.uniform(0, 6.28, count).astype(np.float32)
        self._sprites = self._draw_sprites() if self._habit else {}

    def fall(self, planes: Planes, seconds: float, strength: float) -> None:
        """Draw the particles of that moment into the planes; strength 0 to 1 fades them."""
        if self._habit is None or strength <= 0.01:
            return
        x, y = self._places(self._habit, seconds)
        for index, near in enumerate(self._near):
            self._draw(planes, (float(x[index]), float(y[index])), int(near * 7.99), strength)

    def _places(self, habit: Habit, seconds: float) -> tuple[Floats, Floats]:
        width, height = self._size
        speed = 0.45 + 0.9 * self._near
        sway = habit.sway * np.sin(self._phase + seconds * (0.7 + self._near))
        x = self._start[:, 0] * width + (habit.across * speed * seconds + sway) * height
        y = self._start[:, 1] * height * 1.1 + habit.down * speed * seconds * height
        return x % width, y % (height * 1.1) - height * 0.05

    def _draw(
        self, planes: Planes, place: tuple[float, float], grade: int, strength: float
    ) -> None:
        habit = self._habit
        if habit is None:
            return
        x, y = place
        phase = (int(x * _PHASES) % _PHASES, int(y * _PHASES) % _PHASES)
        sprite = self._sprites[grade, phase]
        if strength < 0.99:
            sprite = sprite.point([int(value * strength) for value in range(256)])
        corner = (int(x) - sprite.width // 2, int(y) - sprite.height // 2)
        planes.luma.paste(habit.luma, corner, sprite)
        if habit.chroma is not None:
            small = sprite.resize((max(1, sprite.width // 2), max(1, sprite.height // 2)))
            half = (corner[0] // 2, corner[1] // 2)
            planes.blue.paste(habit.chroma[0], half, small)
            planes.red.paste(habit.chroma[1], half, small)

    def _draw_sprites(self) -> dict[tuple[int, tuple[int, int]], Image.Image]:
        return {
            (grade, (across, down)): self._sprite(grade, across / _PHASES, down / _PHASES)
            for grade in range(8)
            for across in range(_PHASES)
            for down in range(_PHASES)
        }

    def _sprite(self, grade: int, across: float, down: float) -> Image.Image:
        habit = self._habit or _HABITS["dust"]
        small, large = habit.radius
        radius = max(0.55, (small + (large - small) * grade / 7) * self._size[1])
        strength = habit.strength * (0.55 + 0.45 * grade / 7)
        if habit.streak:
            return self._streak(habit, grade, radius, strength)
        side = int(radius * 2.6 + 3) // 2 * 2 + 1
        places = np.arange(side, dtype=np.float32) - side // 2
        distance = np.hypot(places[None, :] - across, places[:, None] - down)
        soft = np.clip(1.35 - distance / radius, 0, 1) ** 1.2 * strength
        return Image.fromarray((soft * 255).astype(np.uint8))

    def _streak(self, habit: Habit, grade: int, radius: float, strength: float) -> Image.Image:
        scale = 4
        tall = habit.streak * self._size[1] * (0.5 + grade / 10)
        lean = tall * habit.across / habit.down
        size = (int(abs(lean) + radius * 2 + 3), int(tall + 3))
        image = Image.new("L", (size[0] * scale, size[1] * scale), 0)
        line = [(image.width - scale, scale), (image.width - scale + lean * scale, tall * scale)]
        ImageDraw.Draw(image).line(line, fill=int(255 * strength), width=int(radius * scale) + 1)
        return image.resize(size, Image.Resampling.BOX)
