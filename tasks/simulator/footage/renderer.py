"""Renders a clip and its last frame from a ClipSpec.

Nothing here depends on jobs, vendors or HTTP. The same ClipSpec gives the same bytes, with the same
versions of av, numpy and Pillow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from tasks.media.film_format import FRAMES_PER_SECOND, SAMPLES_PER_FRAME
from tasks.media.frames import last_frame
from tasks.media.writer import ClipWriter
from tasks.simulator.footage.breakdown import break_down
from tasks.simulator.footage.camera import ARROWS, Box, choose_move, layer_box, still_box
from tasks.simulator.footage.colour import Floats, Planes, to_planes, to_rgb
from tasks.simulator.footage.drawing import cloud_noise, smoothstep
from tasks.simulator.footage.overlays import (
    Heading,
    Overlay,
    Particles,
    layout_slate,
    layout_watermark,
    slate_opacity,
)
from tasks.simulator.footage.scenes import MARGIN, Layer, Scene, draw_scene
from tasks.simulator.footage.soundtrack import compose

_FAST, _SMOOTH = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
_LIGHT_LUMA = 11
"""Luma that the light sweep adds at its brightest, of 219 levels."""
_DISSOLVE_SPREAD = 0.7
"""Time offset between the parts of a dissolve; 0 is an even cross-fade."""
_PARTICLE_FADE_FRAMES = 18


class RenderCancelled(Exception):
    """The clip is not wanted any more, or the simulator stops; no file is left behind."""


@dataclass(frozen=True)
class ClipSpec:
    """Everything that determines a clip."""

    prompt: str
    width: int
    height: int
    frames: int
    seed: int
    label: str
    """The facts on the slate: duration, size and a short digest of the request."""
    shot_id: str = ""
    """The shot of the storyboard; on the slate if it is known."""
    audio: bool = False
    watermark: bool = False
    camera_fixed: bool = False
    first_frame: Image.Image | None = None
    last_frame: Image.Image | None = None
    reference_images: tuple[Image.Image, ...] = ()
    """Their mean colour tints the scene."""


def render_clip(spec: ClipSpec, path: Path, *, is_wanted: Callable[[], bool]) -> bytes:
    """Write the clip to `path` and return its last frame as PNG.

    The frame is decoded from the clip, so it is exactly what a player shows. A watermark is not on
    it, as it is not on the vendors' last frames.

    Args:
        spec: What to render.
        path: The MP4 or MOV file to write.
        is_wanted: Called before every frame; if it returns False, rendering stops.

    Raises:
        RenderCancelled: `is_wanted` returned False.
        MediaError: The clip could not be written.
    """
    renderer = FrameRenderer(spec)
    samples = compose(spec.prompt, spec.frames, spec.seed) if spec.audio else None
    with ClipWriter(path, spec.width, spec.height, audio=spec.audio) as writer:
        for index in range(spec.frames):
            if not is_wanted():
                raise RenderCancelled
            # The next shot starts with the last frame. An intra-coded one carries no artefacts of
            # earlier frames, which would add up to a tint over a chain.
            is_last = index == spec.frames - 1
            writer.write_frame(*_arrays(renderer.render(index)), intra=is_last)
            if samples is not None:
                start = index * SAMPLES_PER_FRAME
                writer.write_samples(samples[start : start + SAMPLES_PER_FRAME])
    return _clean_last_frame(renderer, spec, path) if spec.watermark else last_frame(path)


def draw_still(prompt: str, size: tuple[int, int], seed: int) -> Image.Image:
    """Return the first frame of a prompt's scene, without slate and watermark."""
    planes = FrameRenderer(ClipSpec(prompt, *size, frames=2, seed=seed, label="")).render(0)
    chroma = [plane.resize(size, Image.Resampling.BICUBIC) for plane in (planes.blue, planes.red)]
    return to_rgb(Planes(planes.luma, *chroma))


class FrameRenderer:
    """Renders the frames of a clip, in any order: each depends on its index alone."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._size = (spec.width, spec.height)
        self._rng = np.random.default_rng(spec.seed + 3)
        move_value = float(self._rng.random())
        self._move = choose_move(spec.prompt, move_value, camera_fixed=spec.camera_fixed)
        self._first = _fit_still(spec.first_frame, self._size)
        self._last = _fit_still(spec.last_frame, self._size)
        has_both = self._first is not None and self._last is not None
        self._scene = None if has_both else self._draw_scene()
        weather = self._scene.weather if self._scene else ""
        self._particles = Particles(weather, self._size, spec.seed)
        self._dissolve_masks = self._draw_dissolve_masks()
        self._light = self._draw_light()
        self._slate = self._layout_slate()
        self._watermark = layout_watermark(self._size) if spec.watermark else None

    def render(self, index: int, *, watermarked: bool = True) -> Planes:
        """Return the planes of a frame; `watermarked=False` omits the watermark."""
        progress = index / max(1, self._spec.frames - 1)
        planes = self._compose_frame(progress)
        planes = self._add_light(planes, progress)
        self._slate.draw(planes, slate_opacity(index, self._spec.frames))
        if watermarked and self._watermark is not None:
            self._watermark.draw(planes, 1.0)
        return planes

    def _compose_frame(self, progress: float) -> Planes:
        first, last = self._first, self._last
        if first is None and last is None:
            return self._scene_frame(progress)
        window = (0.28, 0.78) if last is None else (0.40, 0.90) if first is None else (0.22, 0.82)
        return self._dissolve(
            smoothstep(*window, progress),
            lambda: self._still_frame(first, progress) if first else self._scene_frame(progress),
            lambda: self._still_frame(last, 1 - progress) if last else self._scene_frame(progress),
        )

    def _still_frame(self, still: Planes, progress: float) -> Planes:
        if progress <= 0 or self._move.name == "static":
            return Planes(still.luma.copy(), still.blue.copy(), still.red.copy())
        return _crop(still, still_box(self._size, self._move, progress), self._size)

    def _scene_frame(self, progress: float) -> Planes:
        scene = self._scene or self._draw_scene()
        position = self._move.at(progress)
        canvas = scene.far.luma.size
        far_box = layer_box(canvas, MARGIN, position, depth=self._move.depth)
        planes = _crop(scene.far, far_box, self._size)
        for layer in scene.layers:
            at = (0.0, 0.0, 1.0) if layer.is_fixed else position
            self._paste_layer(planes, layer, layer_box(canvas, MARGIN, at), progress)
        seconds = progress * (self._spec.frames / FRAMES_PER_SECOND)
        self._particles.draw(planes, seconds, self._particle_strength(progress))
        return planes

    def _particle_strength(self, progress: float) -> float:
        """Fade the particles out: the next shot must not start with flakes that hang in the air."""
        last = self._spec.frames - 1
        return min(1.0, (last - progress * last) / _PARTICLE_FADE_FRAMES)

    def _paste_layer(self, planes: Planes, layer: Layer, box: Box, progress: float) -> None:
        """Paste a layer, scaling only the part of it that is visible."""
        shift = layer.travel * (progress - 0.5) * layer.mask.width / MARGIN
        box = (box[0] - shift, box[1], box[2] - shift, box[3])
        part = _visible_part(layer.box, box, self._size, layer.mask.width)
        if part is None:
            return
        corner, size, source_box = part
        mask = layer.mask.resize(size, _FAST, box=source_box)
        half = (size[0] // 2, size[1] // 2)
        small_mask = mask.reduce(2)
        small_corner = (corner[0] // 2, corner[1] // 2)
        left, top, right, bottom = (side / 2 for side in source_box)
        planes.luma.paste(layer.planes.luma.resize(size, _FAST, box=source_box), corner, mask)
        for target, source in (
            (planes.blue, layer.planes.blue),
            (planes.red, layer.planes.red),
        ):
            target.paste(
                source.resize(half, _FAST, box=(left, top, right, bottom)), small_corner, small_mask
            )

    def _dissolve(
        self, progress: float, before: Callable[[], Planes], after: Callable[[], Planes]
    ) -> Planes:
        if progress <= 0:
            return before()
        if progress >= 1:
            return after()
        old, new = before(), after()
        mask, chroma_mask = self._dissolve_masks
        curve = [_dissolve_alpha(progress, value) for value in range(256)]
        mask, chroma_mask = mask.point(curve), chroma_mask.point(curve)
        return Planes(
            Image.composite(new.luma, old.luma, mask),
            Image.composite(new.blue, old.blue, chroma_mask),
            Image.composite(new.red, old.red, chroma_mask),
        )

    def _add_light(self, planes: Planes, progress: float) -> Planes:
        strength = math.sin(math.pi * progress) ** 2
        if strength < 0.02:
            return planes
        left = int((1 - progress) * self._size[0])
        light = self._light.crop((left, 0, left + self._size[0], self._size[1]))
        light = light.point([int(value * strength + 0.5) for value in range(256)])
        return Planes(ImageChops.add(planes.luma, light), planes.blue, planes.red)

    def _layout_slate(self) -> Overlay:
        spec, move = self._spec, self._move.name
        heading = Heading(spec.shot_id, break_down(spec.prompt).size, move, ARROWS.get(move, ""))
        return layout_slate(self._size, spec.prompt, spec.label, heading)

    def _draw_scene(self) -> Scene:
        tint = _mean_colour(self._spec.reference_images)
        return draw_scene(self._spec.prompt, self._size, self._spec.seed, tint=tint)

    def _draw_dissolve_masks(self) -> tuple[Image.Image, Image.Image]:
        width, height = self._size
        field = cloud_noise(self._rng, (width // 8, height // 8), (2.4, 1.8))
        field = (field - field.min()) / max(1e-6, float(field.max() - field.min()))
        image = Image.fromarray((field * 255).astype(np.uint8))
        return (
            image.resize(self._size, _SMOOTH),
            image.resize((width // 2, height // 2), _SMOOTH),
        )

    def _draw_light(self) -> Image.Image:
        """Draw a soft pool of light twice as wide as the frame, which it passes during the clip."""
        width, height = 96, 32
        x = (np.arange(width, dtype=np.float32) - width / 2) / height
        y = (np.arange(height, dtype=np.float32) - height * 0.45) / height
        pool = np.exp(-((x[None, :] / 0.55) ** 2) - (y[:, None] / 0.5) ** 2)
        field = Image.fromarray((pool * _LIGHT_LUMA).astype(np.float32))
        large = field.resize((self._size[0] * 2, self._size[1]), _SMOOTH)
        return Image.fromarray((np.asarray(large) + 0.5).astype(np.uint8))


def _clean_last_frame(renderer: FrameRenderer, spec: ClipSpec, path: Path) -> bytes:
    single = path.with_suffix(f".last{path.suffix}")
    with ClipWriter(single, spec.width, spec.height, audio=False) as writer:
        writer.write_frame(*_arrays(renderer.render(spec.frames - 1, watermarked=False)))
    try:
        return last_frame(single)
    finally:
        single.unlink()


def _arrays(planes: Planes) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    return np.asarray(planes.luma), np.asarray(planes.blue), np.asarray(planes.red)


def _visible_part(
    layer_rect: tuple[int, int, int, int], box: Box, size: tuple[int, int], canvas_width: int
) -> tuple[tuple[int, int], tuple[int, int], Box] | None:
    """Return the part of the frame that a layer covers, or None if it is out of view.

    Args:
        layer_rect: Left, top, right and bottom of the layer on its canvas.
        box: The part of the canvas that the frame shows.
        size: Width and height of the frame.
        canvas_width: Width of the layer's canvas.

    Returns:
        Corner and size in the frame, both even so that the chroma planes align, and the box on the
        canvas.
    """
    left, top, right, bottom = box
    scale = ((right - left) / size[0], (bottom - top) / size[1])
    x = max(0, int((layer_rect[0] - left) / scale[0]) // 2 * 2 - 4)
    y = max(0, int((layer_rect[1] - top) / scale[1]) // 2 * 2 - 4)
    end_x = min(size[0], int((layer_rect[2] - left) / scale[0]) // 2 * 2 + 4)
    end_y = min(size[1], int((layer_rect[3] - top) / scale[1]) // 2 * 2 + 4)
    # A layer that travels may end at an edge of its canvas.
    x = max(x, math.ceil(-left / scale[0] / 2) * 2)
    end_x = min(end_x, int((canvas_width - left) / scale[0]) // 2 * 2)
    if end_x <= x or end_y <= y:
        return None
    part = (
        *(left + x * scale[0], top + y * scale[1]),
        *(left + end_x * scale[0], top + end_y * scale[1]),
    )
    return (x, y), (end_x - x, end_y - y), part


def _dissolve_alpha(progress: float, value: int) -> int:
    alpha = progress * (1 + _DISSOLVE_SPREAD) - _DISSOLVE_SPREAD * value / 255
    return int(255 * min(1.0, max(0.0, alpha)) + 0.5)


def _fit_still(still: Image.Image | None, size: tuple[int, int]) -> Planes | None:
    """Scale an image to the frame, cropped around its centre if the ratios differ."""
    if still is None:
        return None
    image = still.convert("RGB")
    if image.size != size:
        scale = max(size[0] / image.width, size[1] / image.height)
        width, height = size[0] / scale, size[1] / scale
        left, top = (image.width - width) / 2, (image.height - height) / 2
        box = (max(0.0, left), max(0.0, top), left + width, top + height)
        box = (*box[:2], min(box[2], image.width), min(box[3], image.height))
        image = image.resize(size, Image.Resampling.LANCZOS, box=box)
    return to_planes(image)


def _crop(planes: Planes, box: Box, size: tuple[int, int]) -> Planes:
    left, top, right, bottom = (side / 2 for side in box)
    half, chroma_box = (size[0] // 2, size[1] // 2), (left, top, right, bottom)
    return Planes(
        planes.luma.resize(size, _SMOOTH, box=box),
        planes.blue.resize(half, _FAST, box=chroma_box),
        planes.red.resize(half, _FAST, box=chroma_box),
    )


def _mean_colour(images: tuple[Image.Image, ...]) -> Floats | None:
    if not images:
        return None
    small = images[0].convert("RGB").resize((16, 16), Image.Resampling.BOX)
    return np.asarray(np.asarray(small, np.float32).mean(axis=(0, 1)) / 255, np.float32)
