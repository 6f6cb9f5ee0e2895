"""The backdrops behind people and things: landscapes, a room, a studio, a surface from above."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tasks.simulator.footage.colour import Floats, gradient, mix
from tasks.simulator.footage.drawing import Canvas, cloud_noise, noise_line, screen
from tasks.simulator.footage.silhouettes import THINGS, draw_shapes

WINDOW = (0.17, 0.58)
"""Top and bottom of the window of a room, as fractions of the canvas."""
FLOOR = 0.74
"""y of the edge between wall and floor of a room."""


def draw_sky(canvas: Canvas, *, cloudiness: float = 0.5) -> Floats:
    """Draw the sky over the whole canvas: height×width×3."""
    palette = canvas.palette
    stops = [
        (0.0, palette.top),
        (canvas.horizon * 0.62, palette.middle),
        (canvas.horizon, palette.low),
        (1.0, palette.low),
    ]
    column = gradient(stops, canvas.rows[:, 0])
    sky = np.repeat(column[:, None, :], canvas.width, axis=1)
    if palette.has_stars:
        sky = _add_stars(canvas, sky)
    sky = _add_clouds(canvas, sky, cloudiness)
    return add_glow(canvas, sky, disc=True)


def add_glow(canvas: Canvas, pixels: Floats, *, disc: bool, strength: float = 1.0) -> Floats:
    """Add the glow of the light, and its disc if it is visible."""
    distance = _distance(canvas, canvas.sun)
    moon = canvas.palette.has_moon
    wide, near = (0.16, 0.2) if moon else (0.42, 0.42)
    glow = wide * np.exp(-distance / 0.30) + near * np.exp(-distance / 0.085)
    glow *= strength
    if disc:
        radius = 0.036 if moon else 0.046
        edge = 1.6 / canvas.height
        glow = np.maximum(glow, np.clip((radius - distance) / edge + 0.5, 0, 1) * 0.97)
    return screen(pixels, glow[..., None] * canvas.palette.light)


def draw_ridges(canvas: Canvas) -> Floats:
    """Draw hazy ridges behind one another, lighter with distance."""
    pixels = draw_sky(canvas)
    smooth = canvas.palette.name in {"desert", "sea", "snow"}
    layers = 5
    for layer in range(layers):
        near = (layer + 0.6) / layers
        cells = (5.5 - 3.2 * near) * canvas.width / canvas.height / 1.6
        line = noise_line(canvas.rng, canvas.width, cells, 0.34 if smooth else 0.46)
        if canvas.is_rugged:
            line = _sharpen(canvas, line, near)
        base = canvas.horizon - 0.03 + 0.30 * near**1.25
        skyline = base + line * (0.028 + 0.045 * near)
        pixels = _add_ridge(canvas, pixels, skyline, near)
    return add_glow(canvas, pixels, disc=False, strength=0.35)


def draw_sea(canvas: Canvas) -> Floats:
    """Draw open water to the horizon, with the reflection of the light."""
    pixels = draw_sky(canvas, cloudiness=0.7)
    depth = np.clip((canvas.rows - canvas.horizon) / (1 - canvas.horizon), 0, 1)
    water = _water_colours(canvas, depth)
    waves = _waves(canvas, depth)
    water = water * (1 + 0.20 * (waves - 0.5)[..., None])
    path = _light_path(canvas, depth, waves)
    water = screen(water, path[..., None] * canvas.palette.light)
    edge = np.clip((canvas.rows - canvas.horizon) * canvas.height + 0.5, 0, 1)[..., None]
    return np.asarray(pixels * (1 - edge) + water * edge, np.float32)


def draw_forest(canvas: Canvas) -> Floats:
    """Draw rows of firs behind one another in mist."""
    pixels = draw_sky(canvas, cloudiness=0.0)
    for layer in range(4):
        near = (layer + 0.7) / 4
        mask = _firs(canvas, near)
        below = np.clip((canvas.rows - canvas.horizon - 0.02 - 0.2 * near) * 12, 0, 1)
        mask = np.maximum(mask, below)[..., None]
        mist = mix(canvas.palette.land, canvas.palette.low, 0.84 - 0.66 * near)
        pixels = pixels * (1 - mask) + mist * mask
    return add_glow(canvas, np.asarray(pixels, np.float32), disc=False, strength=0.5)


def draw_city(canvas: Canvas) -> Floats:
    """Draw a skyline in layers above a wet street; the nearer layers have lit windows."""
    pixels = draw_sky(canvas, cloudiness=0.35)
    for layer in range(4):
        near = (layer + 0.5) / 4
        walls, windows = _city_blocks(canvas, near)
        colour = mix(canvas.palette.low, canvas.palette.land, 0.34 + 0.56 * near)
        pixels = pixels * (1 - walls[..., None]) + colour * walls[..., None]
        lamp = canvas.palette.light if layer % 2 else canvas.palette.low
        pixels = screen(pixels, windows[..., None] * lamp * (0.15 + 0.6 * near))
    return add_glow(canvas, _wet_street(canvas, np.asarray(pixels, np.float32)), disc=False)


def _distance(canvas: Canvas, point: tuple[float, float]) -> Floats:
    aspect = canvas.width / canvas.height
    # Relative to the shorter side: otherwise the sun would fill the width of a portrait frame.
    scale = 1.0 if aspect >= 1 else 1 / aspect
    dx = (canvas.columns - point[0]) * aspect * scale
    dy = (canvas.rows - point[1]) * scale
    return np.asarray(np.sqrt(dx**2 + dy**2), np.float32)


def _add_stars(canvas: Canvas, sky: Floats) -> Floats:
    count = 170
    x = canvas.rng.integers(0, canvas.width - 1, count)
    y = (canvas.rng.beta(1, 1.8, count) * canvas.horizon * canvas.height).astype(int)
    strength = canvas.rng.beta(1.2, 4, count).astype(np.float32)
    light = np.zeros((canvas.height, canvas.width, 1), np.float32)
    light[y, x, 0] = 0.25 + 0.75 * strength
    light[y, x + 1, 0] = light[y, x, 0] * 0.45
    light[np.minimum(y + 1, canvas.height - 1), x, 0] = light[y, x, 0] * 0.45
    return screen(sky, light * canvas.palette.light)


def _add_clouds(canvas: Canvas, sky: Floats, cloudiness: float) -> Floats:
    size = (canvas.width, canvas.height)
    wide = max(2.0, 2.2 * canvas.width / canvas.height)
    noise = cloud_noise(canvas.rng, size, (wide, 7.0))
    # Fade towards the top and the horizon, so that the clouds have no straight edge.
    band = np.clip(np.sin(np.pi * np.clip(canvas.rows / canvas.horizon, 0, 1)), 0, 1) ** 0.8
    mask = np.clip((noise - (0.66 - 0.22 * cloudiness)) * 3.2, 0, 1) ** 1.3 * band
    lit = np.exp(-_distance(canvas, canvas.sun) / 0.55)[..., None]
    colour = canvas.palette.low * (0.72 + 0.2 * lit) + canvas.palette.light * 0.14 * lit
    alpha = (mask * 0.55)[..., None]
    return np.asarray(sky * (1 - alpha) + colour * alpha, np.float32)


def _sharpen(canvas: Canvas, line: Floats, near: float) -> Floats:
    sharp = noise_line(canvas.rng, canvas.width, 4.0 + 3.0 * near, 0.5)
    folded = np.abs(sharp) * (2.3 - 1.9 * near)
    return np.asarray(line * 0.6 + folded - 1.7 * (1 - near), np.float32)


def _add_ridge(canvas: Canvas, pixels: Floats, skyline: Floats, near: float) -> Floats:
    mask = np.clip((canvas.rows - skyline[None, :]) * canvas.height + 0.5, 0, 1)
    colour = mix(canvas.palette.low, canvas.palette.land, 0.16 + 0.74 * near)
    below = np.clip((canvas.rows - skyline[None, :]) / 0.22, 0, 1)
    # There is mist at the foot of every ridge except the nearest.
    mist = (below * (0.42 - 0.34 * near))[..., None]
    tone = colour * (1 - mist) + canvas.palette.low * mist
    return np.asarray(pixels * (1 - mask[..., None]) + tone * mask[..., None], np.float32)


def _water_colours(canvas: Canvas, depth: Floats) -> Floats:
    palette = canvas.palette
    far = mix(palette.low, palette.middle, 0.55)
    near = mix(palette.land, palette.top, 0.35)
    weight = np.clip(depth[..., None] ** 0.55, 0, 1)
    return np.asarray(far * (1 - weight) + near * weight, np.float32)


def _waves(canvas: Canvas, depth: Floats) -> Floats:
    """Return noise from 0 to 1 in perspective: fine at the horizon, coarse in front."""
    size = 512
    tile = cloud_noise(canvas.rng, (size, size), (22.0, 60.0))
    tile = np.clip((tile - 0.5) * 2.4 + 0.5, 0, 1)
    # Mirrored, so that it repeats without a seam.
    tile = np.concatenate((tile, tile[:, ::-1]), axis=1)
    rows = np.floor(size * 0.42 * np.log(depth + 0.045)).astype(int) % size
    aspect = canvas.width / canvas.height
    columns = (canvas.columns - 0.5) * aspect * size * 0.5 / (depth * 0.9 + 0.14)
    flat = tile[rows, np.floor(columns).astype(int) % (2 * size)]
    calm = np.clip(depth / 0.10, 0, 1)
    soft = Image.fromarray((0.5 + (flat - 0.5) * calm).astype(np.float32))
    # Scaling to half the size and back replaces a blur, which Pillow lacks for floats.
    small = (max(1, canvas.width // 2), max(1, canvas.height // 2))
    soft = soft.resize(small, Image.Resampling.BOX)
    return np.asarray(soft.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC))


def _light_path(canvas: Canvas, depth: Floats, waves: Floats) -> Floats:
    width = 0.035 + 0.11 * depth
    dx = np.abs(canvas.columns - canvas.sun[0])
    core = np.exp(-((dx / width) ** 2))
    glitter = np.clip((waves - 0.42) * 3.4, 0, 1)
    return np.asarray(core * (0.30 + 0.62 * glitter) * (1 - 0.55 * depth), np.float32)


def _firs(canvas: Canvas, near: float) -> Floats:
    mask = Image.new("L", (canvas.width, canvas.height), 0)
    draw = ImageDraw.Draw(mask)
    count = int((22 - 17 * near) * canvas.width / canvas.height / 1.5) + 2
    foot = canvas.height * (canvas.horizon + 0.06 + 0.2 * near)
    for tree in range(count):
        x = canvas.width * (tree + canvas.rng.uniform(0.1, 0.9)) / count
        unit = canvas.height * (0.24 + 0.5 * near) * canvas.rng.uniform(0.7, 1.15) / 100
        draw_shapes(THINGS["pine"].shapes, (draw,), (x, foot, unit, 1), {})
    if near < 0.5:
        mask = mask.filter(ImageFilter.GaussianBlur(canvas.height * 0.0025 * (1 - near)))
    return np.asarray(mask, np.float32) / 255


def _city_blocks(canvas: Canvas, near: float) -> tuple[Floats, Floats]:
    walls = Image.new("L", (canvas.width, canvas.height), 0)
    windows = Image.new("L", (canvas.width, canvas.height), 0)
    draw, light = ImageDraw.Draw(walls), ImageDraw.Draw(windows)
    x = -canvas.width * 0.03
    while x < canvas.width:
        block_width = canvas.height * canvas.rng.uniform(0.05, 0.10) * (0.7 + 0.9 * near)
        # Low around the light, which opens a view along a street.
        centre = abs((x + block_width / 2) / canvas.width - canvas.sun[0])
        block_height = (0.10 + 0.30 * near * min(1.0, centre * 2.6)) * canvas.rng.uniform(0.6, 1.25)
        top = canvas.height * (canvas.horizon + 0.05 - block_height - 0.04 * near)
        draw.rectangle((x, top, x + block_width, canvas.height), fill=255)
        if near > 0.2:
            _draw_windows(canvas, light, (x, top, block_width), near)
        x += block_width * canvas.rng.uniform(1.0, 1.12 if near < 0.6 else 1.3)
    return np.asarray(walls, np.float32) / 255, _add_halo(windows, canvas, near)


def _draw_windows(
    canvas: Canvas,
    draw: ImageDraw.ImageDraw,
    block: tuple[float, float, float],
    near: float,
) -> None:
    x, top, width = block
    step = canvas.height * (0.009 + 0.013 * near)
    for column in np.arange(x + step * 0.7, x + width - step * 0.9, step):
        for line in np.arange(top + step, canvas.height * 0.86, step * 1.45):
            if canvas.rng.random() < 0.22:
                strength = int(canvas.rng.uniform(90, 255))
                draw.rectangle((column, line, column + step * 0.45, line + step * 0.6), strength)


def _add_halo(windows: Image.Image, canvas: Canvas, near: float) -> Floats:
    halo = windows.filter(ImageFilter.GaussianBlur(canvas.height * 0.008 * (0.4 + near)))
    light = np.asarray(windows, np.float32) / 255 * 0.8 + np.asarray(halo, np.float32) / 255
    return np.asarray(np.clip(light, 0, 1), np.float32)


def _wet_street(canvas: Canvas, pixels: Floats) -> Floats:
    line = int(canvas.height * min(0.9, canvas.horizon + 0.20))
    depth = canvas.height - line
    mirror = pixels[line - depth : line][::-1]
    # Reflections on wet ground are smeared vertically.
    image = Image.fromarray((np.clip(mirror, 0, 1) * 255).astype(np.uint8))
    smeared = image.resize((canvas.width, max(2, depth // 9)), Image.Resampling.BOX)
    smeared = smeared.resize((canvas.width, depth), Image.Resampling.BICUBIC)
    fade = np.linspace(0.62, 0.28, depth, dtype=np.float32)[:, None, None]
    street = np.asarray(smeared, np.float32) / 255 * fade + canvas.palette.land * (1 - fade)
    result = pixels.copy()
    result[line:] = street
    return result


def draw_room(canvas: Canvas) -> Floats:
    """Draw a room, and the light of its window on the wall and the floor."""
    palette = canvas.palette
    wall = mix(palette.land, palette.middle, 0.34)
    shade = mix(palette.land, palette.top, 0.30)
    column = gradient([(0.0, shade), (FLOOR, wall), (1.0, wall)], canvas.rows[:, 0])
    pixels = np.repeat(column[:, None, :], canvas.width, axis=1)
    plaster = cloud_noise(canvas.rng, (canvas.width, canvas.height), (5.0, 4.0)) - 0.5
    pixels *= 1 + 0.10 * plaster[..., None]
    depth = np.clip((canvas.rows - FLOOR) / (1 - FLOOR), 0, 1)[..., None]
    floor = mix(palette.land, palette.low, 0.26) * (1.05 - 0.4 * depth)
    floor = floor * (1 + 0.10 * _boards(canvas)[..., None])
    edge = np.clip((canvas.rows - FLOOR) * canvas.height + 0.5, 0, 1)[..., None]
    pixels = screen(pixels * (1 - edge) + floor * edge, _window_light(canvas))
    return _vignette(canvas, pixels)


def draw_studio(canvas: Canvas) -> Floats:
    """Draw a seamless backdrop with a soft light behind the middle."""
    palette = canvas.palette
    far, near = mix(palette.land, palette.middle, 0.55), mix(palette.land, palette.low, 0.42)
    stops = [(0.0, mix(palette.land, palette.top, 0.5)), (0.66, far), (0.76, near), (1.0, near)]
    column = gradient(stops, canvas.rows[:, 0])
    pixels = np.repeat(column[:, None, :], canvas.width, axis=1)
    glow = _glow(canvas, (0.5, 0.48), 0.42)[..., None] * palette.light * 0.38
    return _vignette(canvas, screen(pixels, glow))


def draw_surface(canvas: Canvas) -> Floats:
    """Draw boards from above."""
    palette = canvas.palette
    grain = cloud_noise(canvas.rng, (canvas.width, canvas.height), (3.0, 40.0)) - 0.5
    joint = np.abs((canvas.rows * 4.5) % 1 - 0.5) < 0.012
    shade = 1 + 0.16 * grain - 0.14 * joint
    pixels = mix(palette.land, palette.low, 0.5) * shade[..., None]
    light = _glow(canvas, (canvas.sun[0], 0.2), 0.6)[..., None] * palette.light * 0.25
    return _vignette(canvas, screen(np.asarray(pixels, np.float32), light))


def window_x(canvas: Canvas) -> float:
    """Return the middle of a room's window, as a fraction of the width."""
    return 0.31 if canvas.sun[0] < 0.5 else 0.69


def _boards(canvas: Canvas) -> Floats:
    """Return the gaps between floorboards in perspective: -1 in a gap, 0 elsewhere."""
    depth = np.clip(canvas.rows - FLOOR + 0.16, 0.16, 1)
    dx = (canvas.columns - 0.5) * canvas.width / canvas.height / depth
    gap = np.abs((dx * 2.2) % 1 - 0.5)
    return np.asarray(-np.clip((0.05 - gap) / 0.03, 0, 1), np.float32)


def _window_light(canvas: Canvas) -> Floats:
    x, (top, bottom) = window_x(canvas), WINDOW
    half = (bottom - top) * 0.43 * canvas.height / canvas.width
    left, right, shift = x - half, x + half, 0.30 if x < 0.5 else -0.30
    air = [(left, top), (right, top), (right + shift * 1.5, 1.0), (left + shift * 0.9, 1.0)]
    patch = [(left + shift * 0.75, 0.80), (right + shift * 0.75, 0.80)]
    patch += [(right + shift * 1.25, 0.97), (left + shift * 1.15, 0.97)]
    light = _polygon_mask(canvas, air, 0.035) * 0.16 + _polygon_mask(canvas, patch, 0.008) * 0.42
    light += _glow(canvas, (x, (top + bottom) / 2), 0.28) * 0.34
    return np.asarray(light[..., None] * canvas.palette.light, np.float32)


def _glow(canvas: Canvas, point: tuple[float, float], reach: float) -> Floats:
    dx = (canvas.columns - point[0]) * canvas.width / canvas.height
    distance = np.sqrt(dx**2 + (canvas.rows - point[1]) ** 2)
    return np.asarray(np.exp(-((distance / reach) ** 1.4)), np.float32)


def _polygon_mask(canvas: Canvas, corners: list[tuple[float, float]], blur: float) -> Floats:
    """Return the mask of a polygon, given as fractions of the canvas, with blurred edges."""
    mask = Image.new("L", (canvas.width, canvas.height), 0)
    points = [(x * canvas.width, y * canvas.height) for x, y in corners]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    blurred = mask.filter(ImageFilter.GaussianBlur(canvas.height * blur))
    return np.asarray(blurred, np.float32) / 255


def _vignette(canvas: Canvas, pixels: Floats) -> Floats:
    """Darken the corners slightly."""
    dx, dy = (canvas.columns - 0.5) * 2, (canvas.rows - 0.5) * 2
    shade = 1 - 0.20 * np.clip((dx**2 + dy**2) / 2, 0, 1)
    return np.asarray(pixels * shade[..., None], np.float32)
