"""One shot in front of the camera: which pictures it is made of, and how each frame of it looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops

from tasks.simulator.animatic.camera import Box, choose_move, layer_box, picture_box
from tasks.simulator.animatic.colour import Floats, Planes, to_planes
from tasks.simulator.animatic.noise import clouds, smoothstep
from tasks.simulator.animatic.scenes import MARGIN, Scene, draw_scene
from tasks.simulator.animatic.slate import make_slate, make_watermark, slate_strength
from tasks.simulator.animatic.weather import Weather

FRAMES_PER_SECOND = 24
_FAST, _SMOOTH = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
_LIGHT_LUMA = 11
"""How much the passing light adds at its brightest, of 219 steps."""
_DISSOLVE_SPREAD = 0.7
"""How far the parts of a dissolve run apart: 0 is an even cross-fade."""


@dataclass(frozen=True)
class Brief:
    """What a clip is made from."""

    prompt: str
    width: int
    height: int
    frames: int
    seed: int
    label: str
    """The facts on the slate: seconds, size, a short digest of the request."""
    audio: bool = False
    watermark: bool = False
    fixed: bool = False
    """Whether the camera stands still."""
    first: Image.Image | None = None
    last: Image.Image | None = None
    references: tuple[Image.Image, ...] = ()


class Stage:
    """Films a brief, frame by frame, in any order: each frame depends on its number alone."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        self._size = (brief.width, brief.height)
        self._chance = np.random.default_rng(brief.seed + 3)
        self._move = choose_move(brief.prompt, float(self._chance.random()), fixed=brief.fixed)
        self._first = _fitted(brief.first, self._size)
        self._last = _fitted(brief.last, self._size)
        between = self._first is not None and self._last is not None
        self._scene = None if between else self._draw_scene()
        kind = self._scene.weather if self._scene else ""
        self._weather = Weather(kind, self._size, brief.seed)
        self._dissolve = self._dissolve_field()
        self._light = self._light_field()
        self._slate = make_slate(self._size, brief.prompt, brief.label)
        self._watermark = make_watermark(self._size) if brief.watermark else None

    def film(self, frame: int, *, marked: bool = True) -> Planes:
        """Return the frame's planes; unmarked leaves the watermark out."""
        share = frame / max(1, self._brief.frames - 1)
        planes = self._picture(share)
        planes = self._lit(planes, share)
        self._slate.lay(planes, slate_strength(frame, self._brief.frames))
        if marked and self._watermark is not None:
            self._watermark.lay(planes, 1.0)
        return planes

    def _picture(self, share: float) -> Planes:
        if self._first is not None and self._last is not None:
            return self._dissolved(
                smoothstep(0.22, 0.82, share),
                lambda: self._given(self._first, share),
                lambda: self._given(self._last, 1 - share),
            )
        if self._first is not None:
            return self._dissolved(
                smoothstep(0.28, 0.78, share),
                lambda: self._given(self._first, share),
                lambda: self._filmed(share),
            )
        if self._last is not None:
            return self._dissolved(
                smoothstep(0.40, 0.90, share),
                lambda: self._filmed(share),
                lambda: self._given(self._last, 1 - share),
            )
        return self._filmed(share)

    def _given(self, picture: Planes | None, share: float) -> Planes:
        if picture is None:
            message = "there is no given picture to film"
            raise ValueError(message)
        if share <= 0 or self._move.name == "static":
            return _copied(picture)
        box = picture_box(self._size, self._move, share)
        return _cropped(picture, box, self._size, _SMOOTH)

    def _filmed(self, share: float) -> Planes:
        scene = self._scene or self._draw_scene()
        place = self._move.at(share)
        canvas = scene.far.luma.size
        far = layer_box(canvas, MARGIN, place, depth=self._move.depth)
        planes = _cropped(scene.far, far, self._size, _SMOOTH)
        near = layer_box(canvas, MARGIN, place)
        self._put_front(planes, scene, near)
        self._weather.fall(planes, share * self._seconds, self._weather_strength(share))
        return planes

    @property
    def _seconds(self) -> float:
        return self._brief.frames / FRAMES_PER_SECOND

    def _weather_strength(self, share: float) -> float:
        """Weather ends with the shot: frozen flakes must not be what the next shot starts on."""
        end = (self._brief.frames - 1 - share * (self._brief.frames - 1)) / 18
        return min(1.0, end)

    def _put_front(self, planes: Planes, scene: Scene, box: Box) -> None:
        """Lay the front layer over; only the part of the frame it reaches is worked on."""
        part = _reached(scene.reach, box, self._size)
        if part is None:
            return
        corner, size, cut = part
        shape = scene.shape.resize(size, _FAST, box=cut)
        front = scene.front.resize(size, _FAST, box=cut)
        planes.luma.paste(front, corner, shape)
        half = (size[0] // 2, size[1] // 2)
        small = shape.resize(half, Image.Resampling.BOX)
        left, top = corner[0] // 2, corner[1] // 2
        place = (left, top, left + half[0], top + half[1])
        blue, red = scene.front_colour
        planes.blue.paste(blue, place, small)
        planes.red.paste(red, place, small)

    def _dissolved(
        self, share: float, before: Callable[[], Planes], after: Callable[[], Planes]
    ) -> Planes:
        if share <= 0:
            return before()
        if share >= 1:
            return after()
        old, new = before(), after()
        field, small = self._dissolve
        curve = [_dissolve_step(share, value) for value in range(256)]
        mask, small_mask = field.point(curve), small.point(curve)
        return Planes(
            Image.composite(new.luma, old.luma, mask),
            Image.composite(new.blue, old.blue, small_mask),
            Image.composite(new.red, old.red, small_mask),
        )

    def _lit(self, planes: Planes, share: float) -> Planes:
        strength = math.sin(math.pi * share) ** 2
        if strength < 0.02:
            return planes
        left = int((1 - share) * self._size[0])
        light = self._light.crop((left, 0, left + self._size[0], self._size[1]))
        light = light.point([int(value * strength + 0.5) for value in range(256)])
        return Planes(ImageChops.add(planes.luma, light), planes.blue, planes.red)

    def _draw_scene(self) -> Scene:
        tint = _mean_colour(self._brief.references)
        return draw_scene(self._brief.prompt, self._size, self._brief.seed, tint=tint)

    def _dissolve_field(self) -> tuple[Image.Image, Image.Image]:
        width, height = self._size
        field = clouds(self._chance, (width // 8, height // 8), (2.4, 1.8))
        field = (field - field.min()) / max(1e-6, float(field.max() - field.min()))
        image = Image.fromarray((field * 255).astype(np.uint8))
        return (
            image.resize(self._size, _SMOOTH),
            image.resize((width // 2, height // 2), _SMOOTH),
        )

    def _light_field(self) -> Image.Image:
        """A wide soft pool of light, twice as wide as the frame so that it can pass through."""
        width, height = 96, 32
        across = (np.arange(width, dtype=np.float32) - width / 2) / height
        down = (np.arange(height, dtype=np.float32) - height * 0.45) / height
        pool = np.exp(-((across[None, :] / 0.55) ** 2) - (down[:, None] / 0.5) ** 2)
        field = Image.fromarray((pool * _LIGHT_LUMA).astype(np.float32))
        large = field.resize((self._size[0] * 2, self._size[1]), _SMOOTH)
        return Image.fromarray((np.asarray(large) + 0.5).astype(np.uint8))


def _reached(
    reach: tuple[int, int, int, int], box: Box, size: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int], Box] | None:
    """Return corner and size in the frame of what the box sees of a layer, and its own box.

    Corner and size are even, so that the chroma planes agree.
    """
    left, top, right, bottom = box
    scale = ((right - left) / size[0], (bottom - top) / size[1])
    x = max(0, int((reach[0] - left) / scale[0]) // 2 * 2 - 4)
    y = max(0, int((reach[1] - top) / scale[1]) // 2 * 2 - 4)
    end_x = min(size[0], int((reach[2] - left) / scale[0]) // 2 * 2 + 4)
    end_y = min(size[1], int((reach[3] - top) / scale[1]) // 2 * 2 + 4)
    if end_x <= x or end_y <= y:
        return None
    cut = (left + x * scale[0], top + y * scale[1], left + end_x * scale[0], top + end_y * scale[1])
    return (x, y), (end_x - x, end_y - y), cut


def _dissolve_step(share: float, value: int) -> int:
    ahead = share * (1 + _DISSOLVE_SPREAD) - _DISSOLVE_SPREAD * value / 255
    return int(255 * min(1.0, max(0.0, ahead)) + 0.5)


def _fitted(picture: Image.Image | None, size: tuple[int, int]) -> Planes | None:
    """Return the picture in the frame's size, its middle where the ratio differs."""
    if picture is None:
        return None
    image = picture.convert("RGB")
    if image.size != size:
        scale = max(size[0] / image.width, size[1] / image.height)
        wide, tall = size[0] / scale, size[1] / scale
        left, top = (image.width - wide) / 2, (image.height - tall) / 2
        box = (max(0.0, left), max(0.0, top), left + wide, top + tall)
        box = (*box[:2], min(box[2], image.width), min(box[3], image.height))
        image = image.resize(size, Image.Resampling.LANCZOS, box=box)
    return to_planes(image)


def _cropped(
    planes: Planes, box: Box, size: tuple[int, int], filtering: Image.Resampling
) -> Planes:
    left, top, right, bottom = (side / 2 for side in box)
    half, small_box = (size[0] // 2, size[1] // 2), (left, top, right, bottom)
    return Planes(
        planes.luma.resize(size, filtering, box=box),
        planes.blue.resize(half, _FAST, box=small_box),
        planes.red.resize(half, _FAST, box=small_box),
    )


def _copied(planes: Planes) -> Planes:
    return Planes(planes.luma.copy(), planes.blue.copy(), planes.red.copy())


def _mean_colour(pictures: tuple[Image.Image, ...]) -> Floats | None:
    if not pictures:
        return None
    small = pictures[0].convert("RGB").resize((16, 16), Image.Resampling.BOX)
    return np.asarray(np.asarray(small, np.float32).mean(axis=(0, 1)) / 255, np.float32)
