"""Indoor backgrounds: a room with a window, and a staircase below a lit doorway."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tasks.simulator.footage.colour import Floats, gradient, mix, to_image
from tasks.simulator.footage.drawing import Canvas, cloud_noise, screen

Corners = list[tuple[float, float]]
"""x and y as fractions of the canvas."""

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom as fractions of the canvas."""


def draw_room(canvas: Canvas) -> Floats:
    """Draw a room with a tall window, and its light on the wall and the floor."""
    pixels = _walls(canvas)
    left, top, right, bottom = _window_rect(canvas)
    pixels = screen(pixels, _window_light(canvas, (left, top, right, bottom)))
    pixels = _add_window(canvas, pixels, (left, top, right, bottom))
    return _vignette(canvas, pixels)


def draw_staircase(canvas: Canvas) -> Floats:
    """Draw a staircase that leads up to a lit doorway."""
    pixels = _walls(canvas)
    side = 1 if canvas.sun[0] > 0.5 else -1
    landing = (0.5 + side * 0.12, 0.47)
    half = 0.075 * min(1.0, canvas.height / canvas.width * 1.7)
    door = (landing[0] - half, 0.16, landing[0] + half, landing[1] + 0.01)
    pixels = screen(pixels, _door_light(canvas, (landing[0], 0.32)))
    pixels = _add_doorway(canvas, pixels, door)
    return _vignette(canvas, _add_steps(canvas, pixels, landing))


def _walls(canvas: Canvas) -> Floats:
    palette = canvas.palette
    floor_line = 0.74
    wall = mix(palette.land, palette.middle, 0.34)
    shade = mix(palette.land, palette.top, 0.30)
    floor = mix(palette.land, palette.low, 0.26)
    column = gradient([(0.0, shade), (floor_line, wall), (1.0, wall)], canvas.rows[:, 0])
    pixels = np.repeat(column[:, None, :], canvas.width, axis=1)
    plaster = cloud_noise(canvas.rng, (canvas.width, canvas.height), (5.0, 4.0)) - 0.5
    pixels *= 1 + 0.10 * plaster[..., None]
    depth = np.clip((canvas.rows - floor_line) / (1 - floor_line), 0, 1)[..., None]
    boards = floor * (1.05 - 0.4 * depth) * (1 + 0.10 * _boards(canvas, floor_line)[..., None])
    edge = np.clip((canvas.rows - floor_line) * canvas.height + 0.5, 0, 1)[..., None]
    return np.asarray(pixels * (1 - edge) + boards * edge, np.float32)


def _boards(canvas: Canvas, floor_line: float) -> Floats:
    """Return the gaps between floorboards in perspective: -1 in a gap, 0 elsewhere."""
    depth = np.clip(canvas.rows - floor_line + 0.16, 0.16, 1)
    dx = (canvas.columns - 0.5) * canvas.width / canvas.height / depth
    gap = np.abs((dx * 2.2) % 1 - 0.5)
    return np.asarray(-np.clip((0.05 - gap) / 0.03, 0, 1), np.float32)


def _window_rect(canvas: Canvas) -> Rect:
    half = min(0.17, 0.125 * canvas.height / canvas.width * 1.6)
    middle = 0.31 if canvas.sun[0] < 0.5 else 0.69
    return middle - half, 0.17, middle + half, 0.58


def _window_light(canvas: Canvas, window: Rect) -> Floats:
    left, top, right, bottom = window
    shift = 0.30 if left < 0.5 else -0.30
    air = [(left, top), (right, top), (right + shift * 1.5, 1.0), (left + shift * 0.9, 1.0)]
    patch = [
        (left + shift * 0.75, 0.80),
        (right + shift * 0.75, 0.80),
        (right + shift * 1.25, 0.97),
        (left + shift * 1.15, 0.97),
    ]
    light = _polygon_mask(canvas, air, 0.035) * 0.16 + _polygon_mask(canvas, patch, 0.008) * 0.42
    light += _glow(canvas, ((left + right) / 2, (top + bottom) / 2), 0.28) * 0.34
    return np.asarray(light[..., None] * canvas.palette.light, np.float32)


def _add_window(canvas: Canvas, pixels: Floats, window: Rect) -> Floats:
    left, top, right, bottom = window
    palette = canvas.palette
    positions = np.clip((canvas.rows - top) / (bottom - top), 0, 1)[:, 0]
    outside = gradient(
        [(0.0, palette.middle), (0.75, palette.low), (1.0, palette.light)], positions
    )
    outside = screen(outside, palette.light * 0.22)
    glass = _polygon_mask(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], 0.0)
    bars = _window_bars(canvas, window)
    mask = (glass * (1 - bars))[..., None]
    framed = pixels * (1 - (glass * bars)[..., None] * 0.55)
    return np.asarray(framed * (1 - mask) + outside[:, None, :] * mask, np.float32)


def _window_bars(canvas: Canvas, window: Rect) -> Floats:
    left, top, right, bottom = window
    thickness = 0.0065
    aspect = canvas.height / canvas.width
    mask = np.zeros((canvas.height, canvas.width), np.float32)
    for x in (left, (left + right) / 2, right):
        mask = np.maximum(
            mask, (np.abs(canvas.columns - x) < thickness * aspect).astype(np.float32)
        )
    for y in (top, top + (bottom - top) * 0.36, bottom):
        mask = np.maximum(mask, (np.abs(canvas.rows - y) < thickness).astype(np.float32))
    return mask


def _add_doorway(canvas: Canvas, pixels: Floats, door: Rect) -> Floats:
    left, top, right, bottom = door
    arch = [(left, bottom), (left, top + 0.05)]
    arch += [
        ((left + right) / 2 - np.cos(angle) * (right - left) / 2, top + 0.05 - np.sin(angle) * 0.05)
        for angle in np.linspace(0, np.pi, 12)
    ]
    arch.append((right, bottom))
    mask = _polygon_mask(canvas, arch, 0.0)[..., None]
    inside = screen(canvas.palette.low[None, None, :], canvas.palette.light * 0.35)
    return np.asarray(pixels * (1 - mask) + inside * mask, np.float32)


def _add_steps(canvas: Canvas, pixels: Floats, landing: tuple[float, float]) -> Floats:
    """Add a flight of steps, drawn at twice the size for antialiasing."""
    scale = 2
    image = to_image(pixels).resize((canvas.width * scale, canvas.height * scale))
    draw = ImageDraw.Draw(image)
    count = 11
    dark = mix(canvas.palette.land, canvas.palette.middle, 0.10)
    aspect = min(1.0, canvas.height / canvas.width * 1.7)
    for step in range(count):
        t = (step + 1) / count
        # Each step is nearer, lower, wider and darker than the one above.
        y = landing[1] + (1.06 - landing[1]) * t**1.35
        middle = landing[0] + (0.5 - landing[0]) * t
        half = (0.085 + 0.50 * t**1.2) * aspect
        riser = mix(dark, canvas.palette.middle, 0.42 * (1 - t) ** 1.5)
        tread = mix(riser, canvas.palette.low, 0.62 * (1 - t) + 0.07)
        lip = 0.012 + 0.030 * t
        _draw_slab(draw, image.size, (middle, y - lip, half * 0.96, half, lip), tread)
        _draw_slab(draw, image.size, (middle, y, half, half, 1.2 - y), riser)
    small = image.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def _draw_slab(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    slab: tuple[float, float, float, float, float],
    colour: Floats,
) -> None:
    """Draw a trapezoid given as centre x, top, half width at top and bottom, height."""
    middle, top, top_half, bottom_half, height = slab
    corners = [
        *((middle - top_half, top), (middle + top_half, top)),
        *((middle + bottom_half, top + height), (middle - bottom_half, top + height)),
    ]
    red, green, blue = (int(value * 255 + 0.5) for value in colour)
    draw.polygon([(x * size[0], y * size[1]) for x, y in corners], fill=(red, green, blue))


def _door_light(canvas: Canvas, point: tuple[float, float]) -> Floats:
    return np.asarray(_glow(canvas, point, 0.32)[..., None] * canvas.palette.light * 0.55)


def _glow(canvas: Canvas, point: tuple[float, float], reach: float) -> Floats:
    dx = (canvas.columns - point[0]) * canvas.width / canvas.height
    distance = np.sqrt(dx**2 + (canvas.rows - point[1]) ** 2)
    return np.asarray(np.exp(-((distance / reach) ** 1.4)), np.float32)


def _polygon_mask(canvas: Canvas, corners: Corners, blur: float) -> Floats:
    """Return the mask of a polygon with antialiased or, if `blur` is given, blurred edges."""
    scale = 2
    mask = Image.new("L", (canvas.width * scale, canvas.height * scale), 0)
    points = [(x * mask.width, y * mask.height) for x, y in corners]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    small = mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    if blur:
        small = small.filter(ImageFilter.GaussianBlur(canvas.height * blur))
    return np.asarray(small, np.float32) / 255


def _vignette(canvas: Canvas, pixels: Floats) -> Floats:
    """Darken the corners slightly."""
    dx, dy = (canvas.columns - 0.5) * 2, (canvas.rows - 0.5) * 2
    shade = 1 - 0.20 * np.clip((dx**2 + dy**2) / 2, 0, 1)
    soft = to_image(pixels * shade[..., None])
    return np.asarray(soft, np.float32) / 255
