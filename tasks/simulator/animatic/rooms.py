"""A room: a wall, a floor, a window or a doorway, and the light that falls in; or a stair."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tasks.simulator.animatic.colour import Floats, mix, ramp, to_image
from tasks.simulator.animatic.noise import clouds
from tasks.simulator.animatic.skies import Canvas, screened

Corners = list[tuple[float, float]]


def draw_room(canvas: Canvas) -> Floats:
    """Return a room with a tall window, and its light across wall and floor."""
    picture = _walls(canvas)
    left, top, right, bottom = _window_place(canvas)
    picture = screened(picture, _beam(canvas, (left, top, right, bottom)))
    picture = _with_window(canvas, picture, (left, top, right, bottom))
    return _shaded(canvas, picture)


def draw_stair(canvas: Canvas) -> Floats:
    """Return a stair that climbs towards a lit doorway."""
    picture = _walls(canvas)
    side = 1 if canvas.sun[0] > 0.5 else -1
    landing = (0.5 + side * 0.12, 0.47)
    half = 0.075 * min(1.0, canvas.height / canvas.width * 1.7)
    door = (landing[0] - half, 0.16, landing[0] + half, landing[1] + 0.01)
    picture = screened(picture, _halo(canvas, (landing[0], 0.32)))
    picture = _with_doorway(canvas, picture, door)
    return _shaded(canvas, _with_steps(canvas, picture, landing))


def _walls(canvas: Canvas) -> Floats:
    palette = canvas.palette
    floor_line = 0.74
    wall = mix(palette.land, palette.middle, 0.34)
    shade = mix(palette.land, palette.top, 0.30)
    floor = mix(palette.land, palette.low, 0.26)
    column = ramp([(0.0, shade), (floor_line, wall), (1.0, wall)], canvas.rows[:, 0])
    picture = np.repeat(column[:, None, :], canvas.width, axis=1)
    plaster = clouds(canvas.chance, (canvas.width, canvas.height), (5.0, 4.0)) - 0.5
    picture *= 1 + 0.10 * plaster[..., None]
    depth = np.clip((canvas.rows - floor_line) / (1 - floor_line), 0, 1)[..., None]
    boards = floor * (1.05 - 0.4 * depth) * (1 + 0.10 * _boards(canvas, floor_line)[..., None])
    edge = np.clip((canvas.rows - floor_line) * canvas.height + 0.5, 0, 1)[..., None]
    return np.asarray(picture * (1 - edge) + boards * edge, np.float32)


def _boards(canvas: Canvas, floor_line: float) -> Floats:
    """Return the floor's boards, -1 to 0 at the gaps, running to a vanishing point."""
    depth = np.clip(canvas.rows - floor_line + 0.16, 0.16, 1)
    across = (canvas.columns - 0.5) * canvas.width / canvas.height / depth
    gap = np.abs((across * 2.2) % 1 - 0.5)
    return np.asarray(-np.clip((0.05 - gap) / 0.03, 0, 1), np.float32)


def _window_place(canvas: Canvas) -> tuple[float, float, float, float]:
    half = min(0.17, 0.125 * canvas.height / canvas.width * 1.6)
    middle = 0.31 if canvas.sun[0] < 0.5 else 0.69
    return middle - half, 0.17, middle + half, 0.58


def _beam(canvas: Canvas, window: tuple[float, float, float, float]) -> Floats:
    left, top, right, bottom = window
    away = 0.30 if left < 0.5 else -0.30
    air = [(left, top), (right, top), (right + away * 1.5, 1.0), (left + away * 0.9, 1.0)]
    patch = [
        (left + away * 0.75, 0.80),
        (right + away * 0.75, 0.80),
        (right + away * 1.25, 0.97),
        (left + away * 1.15, 0.97),
    ]
    light = _soft(canvas, air, 0.035) * 0.16 + _soft(canvas, patch, 0.008) * 0.42
    light += _halo_strength(canvas, ((left + right) / 2, (top + bottom) / 2), 0.28) * 0.34
    return np.asarray(light[..., None] * canvas.palette.light, np.float32)


def _with_window(
    canvas: Canvas, picture: Floats, window: tuple[float, float, float, float]
) -> Floats:
    left, top, right, bottom = window
    palette = canvas.palette
    share = np.clip((canvas.rows - top) / (bottom - top), 0, 1)[:, 0]
    outside = ramp([(0.0, palette.middle), (0.75, palette.low), (1.0, palette.light)], share)
    outside = screened(outside, palette.light * 0.22)
    glass = _soft(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], 0.0)
    bars = _window_bars(canvas, window)
    mask = (glass * (1 - bars))[..., None]
    framed = picture * (1 - (glass * bars)[..., None] * 0.55)
    return np.asarray(framed * (1 - mask) + outside[:, None, :] * mask, np.float32)


def _window_bars(canvas: Canvas, window: tuple[float, float, float, float]) -> Floats:
    left, top, right, bottom = window
    thick = 0.0065
    aspect = canvas.height / canvas.width
    mask = np.zeros((canvas.height, canvas.width), np.float32)
    for x in (left, (left + right) / 2, right):
        mask = np.maximum(mask, (np.abs(canvas.columns - x) < thick * aspect).astype(np.float32))
    for y in (top, top + (bottom - top) * 0.36, bottom):
        mask = np.maximum(mask, (np.abs(canvas.rows - y) < thick).astype(np.float32))
    return mask


def _with_doorway(
    canvas: Canvas, picture: Floats, door: tuple[float, float, float, float]
) -> Floats:
    left, top, right, bottom = door
    arch = [(left, bottom), (left, top + 0.05)]
    arch += [
        ((left + right) / 2 - np.cos(angle) * (right - left) / 2, top + 0.05 - np.sin(angle) * 0.05)
        for angle in np.linspace(0, np.pi, 12)
    ]
    arch.append((right, bottom))
    mask = _soft(canvas, arch, 0.0)[..., None]
    inside = screened(canvas.palette.low[None, None, :], canvas.palette.light * 0.35)
    return np.asarray(picture * (1 - mask) + inside * mask, np.float32)


def _with_steps(canvas: Canvas, picture: Floats, landing: tuple[float, float]) -> Floats:
    """Return the picture with a flight of steps, drawn at once and shrunk to smooth its edges."""
    scale = 2
    image = to_image(picture).resize((canvas.width * scale, canvas.height * scale))
    draw = ImageDraw.Draw(image)
    count = 11
    dark = mix(canvas.palette.land, canvas.palette.middle, 0.10)
    aspect = min(1.0, canvas.height / canvas.width * 1.7)
    for step in range(count):
        share = (step + 1) / count
        # Each step is nearer, lower and wider than the one above, and catches less light.
        y = landing[1] + (1.06 - landing[1]) * share**1.35
        middle = landing[0] + (0.5 - landing[0]) * share
        half = (0.085 + 0.50 * share**1.2) * aspect
        riser = mix(dark, canvas.palette.middle, 0.42 * (1 - share) ** 1.5)
        tread = mix(riser, canvas.palette.low, 0.62 * (1 - share) + 0.07)
        lip = 0.012 + 0.030 * share
        _fill(draw, image.size, (middle, y - lip, half * 0.96, half, lip), tread)
        _fill(draw, image.size, (middle, y, half, half, 1.2 - y), riser)
    small = image.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def _fill(
    draw: ImageDraw.ImageDraw,
    size: tuple[int, int],
    slab: tuple[float, float, float, float, float],
    colour: Floats,
) -> None:
    """Fill a slab (middle, top, half width above and below, height; shares of the canvas)."""
    middle, top, above, below, tall = slab
    corners = [
        *((middle - above, top), (middle + above, top)),
        *((middle + below, top + tall), (middle - below, top + tall)),
    ]
    red, green, blue = (int(value * 255 + 0.5) for value in colour)
    draw.polygon([(x * size[0], y * size[1]) for x, y in corners], fill=(red, green, blue))


def _halo(canvas: Canvas, place: tuple[float, float]) -> Floats:
    return np.asarray(_halo_strength(canvas, place, 0.32)[..., None] * canvas.palette.light * 0.55)


def _halo_strength(canvas: Canvas, place: tuple[float, float], reach: float) -> Floats:
    across = (canvas.columns - place[0]) * canvas.width / canvas.height
    distance = np.sqrt(across**2 + (canvas.rows - place[1]) ** 2)
    return np.asarray(np.exp(-((distance / reach) ** 1.4)), np.float32)


def _soft(canvas: Canvas, corners: Corners, blur: float) -> Floats:
    """Return a filled polygon (shares of width and height) with smooth or blurred edges."""
    scale = 2
    mask = Image.new("L", (canvas.width * scale, canvas.height * scale), 0)
    points = [(x * mask.width, y * mask.height) for x, y in corners]
    ImageDraw.Draw(mask).polygon(points, fill=255)
    small = mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    if blur:
        small = small.filter(ImageFilter.GaussianBlur(canvas.height * blur))
    return np.asarray(small, np.float32) / 255


def _shaded(canvas: Canvas, picture: Floats) -> Floats:
    """Return the picture with its corners a little darker, as rooms are."""
    across, down = (canvas.columns - 0.5) * 2, (canvas.rows - 0.5) * 2
    shade = 1 - 0.20 * np.clip((across**2 + down**2) / 2, 0, 1)
    soft = to_image(picture * shade[..., None])
    return np.asarray(soft, np.float32) / 255
