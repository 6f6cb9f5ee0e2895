"""What lies under the sky: ridges, open water, a wood, a city. Each is drawn from far to near."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tasks.simulator.animatic.colour import Floats, mix
from tasks.simulator.animatic.noise import clouds, profile
from tasks.simulator.animatic.skies import Canvas, draw_sky, screened, with_glow


def draw_ridges(canvas: Canvas) -> Floats:
    """Return hazy ridges, one behind the other, lighter with distance."""
    picture = draw_sky(canvas)
    smooth = canvas.palette.name in {"desert", "sea", "snow"}
    layers = 5
    for layer in range(layers):
        near = (layer + 0.6) / layers
        cells = (5.5 - 3.2 * near) * canvas.width / canvas.height / 1.6
        line = profile(canvas.chance, canvas.width, cells, 0.34 if smooth else 0.46)
        if canvas.rugged:
            line = _peaks(canvas, line, near)
        base = canvas.horizon - 0.03 + 0.30 * near**1.25
        skyline = base + line * (0.028 + 0.045 * near)
        picture = _covered(canvas, picture, skyline, near)
    return with_glow(canvas, picture, disc=False, strength=0.35)


def draw_sea(canvas: Canvas) -> Floats:
    """Return open water to the horizon, with the light's path upon it."""
    picture = draw_sky(canvas, cloudiness=0.7)
    depth = np.clip((canvas.rows - canvas.horizon) / (1 - canvas.horizon), 0, 1)
    water = _water_colours(canvas, depth)
    waves = _waves(canvas, depth)
    water = water * (1 + 0.20 * (waves - 0.5)[..., None])
    path = _light_path(canvas, depth, waves)
    water = screened(water, path[..., None] * canvas.palette.light)
    edge = np.clip((canvas.rows - canvas.horizon) * canvas.height + 0.5, 0, 1)[..., None]
    return np.asarray(picture * (1 - edge) + water * edge, np.float32)


def draw_wood(canvas: Canvas) -> Floats:
    """Return trunks in mist, with light falling between them."""
    picture = draw_sky(canvas, cloudiness=0.0)
    floor = np.clip((canvas.rows - canvas.horizon) / 0.4, 0, 1)[..., None]
    ground = mix(canvas.palette.land, canvas.palette.middle, 0.42)
    picture = picture * (1 - 0.75 * floor) + ground * 0.75 * floor
    for layer in range(4):
        near = (layer + 0.7) / 4
        mask = _trunks(canvas, near)[..., None]
        mist = mix(canvas.palette.land, canvas.palette.low, 0.86 - 0.72 * near)
        picture = picture * (1 - mask) + mist * mask
        picture = screened(picture, _shafts(canvas)[..., None] * canvas.palette.light * 0.13)
    return with_glow(canvas, np.asarray(picture, np.float32), disc=False, strength=0.5)


def draw_city(canvas: Canvas) -> Floats:
    """Return a skyline in layers, with windows lit where it is near, over a wet street."""
    picture = draw_sky(canvas, cloudiness=0.35)
    for layer in range(4):
        near = (layer + 0.5) / 4
        walls, windows = _blocks(canvas, near)
        colour = mix(canvas.palette.low, canvas.palette.land, 0.34 + 0.56 * near)
        picture = picture * (1 - walls[..., None]) + colour * walls[..., None]
        lamp = canvas.palette.light if layer % 2 else canvas.palette.low
        picture = screened(picture, windows[..., None] * lamp * (0.15 + 0.6 * near))
    return with_glow(canvas, _wet_street(canvas, np.asarray(picture, np.float32)), disc=False)


def _peaks(canvas: Canvas, line: Floats, near: float) -> Floats:
    sharp = profile(canvas.chance, canvas.width, 4.0 + 3.0 * near, 0.5)
    folded = np.abs(sharp) * (2.3 - 1.9 * near)
    return np.asarray(line * 0.6 + folded - 1.7 * (1 - near), np.float32)


def _covered(canvas: Canvas, picture: Floats, skyline: Floats, near: float) -> Floats:
    mask = np.clip((canvas.rows - skyline[None, :]) * canvas.height + 0.5, 0, 1)
    colour = mix(canvas.palette.low, canvas.palette.land, 0.16 + 0.74 * near)
    below = np.clip((canvas.rows - skyline[None, :]) / 0.22, 0, 1)
    # Mist gathers at the foot of every ridge but the last.
    mist = (below * (0.42 - 0.34 * near))[..., None]
    tone = colour * (1 - mist) + canvas.palette.low * mist
    return np.asarray(picture * (1 - mask[..., None]) + tone * mask[..., None], np.float32)


def _water_colours(canvas: Canvas, depth: Floats) -> Floats:
    palette = canvas.palette
    far = mix(palette.low, palette.middle, 0.55)
    near = mix(palette.land, palette.top, 0.35)
    share = np.clip(depth[..., None] ** 0.55, 0, 1)
    return np.asarray(far * (1 - share) + near * share, np.float32)


def _waves(canvas: Canvas, depth: Floats) -> Floats:
    """Return noise from 0 to 1 that lies flat: fine at the horizon, broad in front."""
    size = 512
    tile = clouds(canvas.chance, (size, size), (22.0, 60.0))
    tile = np.clip((tile - 0.5) * 2.4 + 0.5, 0, 1)
    # Mirrored, so that it has no seam where it begins again.
    tile = np.concatenate((tile, tile[:, ::-1]), axis=1)
    rows = np.floor(size * 0.42 * np.log(depth + 0.045)).astype(int) % size
    aspect = canvas.width / canvas.height
    columns = (canvas.columns - 0.5) * aspect * size * 0.5 / (depth * 0.9 + 0.14)
    flat = tile[rows, np.floor(columns).astype(int) % (2 * size)]
    calm = np.clip(depth / 0.10, 0, 1)
    soft = Image.fromarray((0.5 + (flat - 0.5) * calm).astype(np.float32))
    # Half the size and back: as good as a blur, which Pillow does not have for floats.
    small = (max(1, canvas.width // 2), max(1, canvas.height // 2))
    soft = soft.resize(small, Image.Resampling.BOX)
    return np.asarray(soft.resize((canvas.width, canvas.height), Image.Resampling.BICUBIC))


def _light_path(canvas: Canvas, depth: Floats, waves: Floats) -> Floats:
    width = 0.035 + 0.11 * depth
    across = np.abs(canvas.columns - canvas.sun[0])
    core = np.exp(-((across / width) ** 2))
    glitter = np.clip((waves - 0.42) * 3.4, 0, 1)
    return np.asarray(core * (0.30 + 0.62 * glitter) * (1 - 0.55 * depth), np.float32)


def _trunks(canvas: Canvas, near: float) -> Floats:
    scale = 2
    width, height = canvas.width * scale, canvas.height * scale
    mask = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(mask)
    count = int((26 - 20 * near) * canvas.width / canvas.height / 1.5) + 2
    thick = height * (0.006 + 0.030 * near**1.7)
    for trunk in range(count):
        x = width * (trunk + canvas.chance.uniform(0.1, 0.9)) / count
        lean = canvas.chance.uniform(-0.03, 0.03) * height
        half = thick * canvas.chance.uniform(0.6, 1.3)
        foot = height * min(1.02, canvas.horizon + 0.06 + 0.42 * near)
        _trunk(draw, (x, foot), lean, half)
    # Shrinking is the antialiasing.
    small = mask.resize((canvas.width, canvas.height), Image.Resampling.BOX)
    if near < 0.5:
        small = small.filter(ImageFilter.GaussianBlur(canvas.height * 0.0025 * (1 - near)))
    return np.asarray(small, np.float32) / 255


def _trunk(draw: ImageDraw.ImageDraw, foot: tuple[float, float], lean: float, half: float) -> None:
    x, y = foot
    sides = [(-1.9, 0.0), (-1.15, -0.05), (-0.85, -0.3), (-0.62, -1.3)]
    left = [(x + across * half + lean * -up, y + up * y) for across, up in sides]
    right = [(x - across * half + lean * -up, y + up * y) for across, up in reversed(sides)]
    draw.polygon(left + right, fill=255)


def _shafts(canvas: Canvas) -> Floats:
    aspect = canvas.width / canvas.height
    across = (canvas.columns - canvas.sun[0]) * aspect
    down = canvas.rows - (canvas.sun[1] - 0.35)
    angle = np.arctan2(across, down)
    wave = np.sin(angle * 19 + canvas.chance.uniform(0, 6)) + np.sin(angle * 43)
    fade = np.clip(1.2 - canvas.rows, 0, 1) * np.clip(down * 3, 0, 1)
    return np.asarray(np.clip(wave * 0.5, 0, 1) ** 1.5 * fade, np.float32)


def _blocks(canvas: Canvas, near: float) -> tuple[Floats, Floats]:
    walls = Image.new("L", (canvas.width, canvas.height), 0)
    windows = Image.new("L", (canvas.width, canvas.height), 0)
    draw, light = ImageDraw.Draw(walls), ImageDraw.Draw(windows)
    x = -canvas.width * 0.03
    while x < canvas.width:
        wide = canvas.height * canvas.chance.uniform(0.05, 0.10) * (0.7 + 0.9 * near)
        # Low in the middle and near the light: a street to look down.
        centre = abs((x + wide / 2) / canvas.width - canvas.sun[0])
        tall = (0.10 + 0.30 * near * min(1.0, centre * 2.6)) * canvas.chance.uniform(0.6, 1.25)
        top = canvas.height * (canvas.horizon + 0.05 - tall - 0.04 * near)
        draw.rectangle((x, top, x + wide, canvas.height), fill=255)
        if near > 0.2:
            _windows(canvas, light, (x, top, wide), near)
        x += wide * canvas.chance.uniform(1.0, 1.12 if near < 0.6 else 1.3)
    return np.asarray(walls, np.float32) / 255, _glowing(windows, canvas, near)


def _windows(
    canvas: Canvas,
    draw: ImageDraw.ImageDraw,
    block: tuple[float, float, float],
    near: float,
) -> None:
    x, top, wide = block
    step = canvas.height * (0.009 + 0.013 * near)
    for column in np.arange(x + step * 0.7, x + wide - step * 0.9, step):
        for row in np.arange(top + step, canvas.height * 0.86, step * 1.45):
            if canvas.chance.random() < 0.22:
                strength = int(canvas.chance.uniform(90, 255))
                draw.rectangle((column, row, column + step * 0.45, row + step * 0.6), strength)


def _glowing(windows: Image.Image, canvas: Canvas, near: float) -> Floats:
    halo = windows.filter(ImageFilter.GaussianBlur(canvas.height * 0.008 * (0.4 + near)))
    light = np.asarray(windows, np.float32) / 255 * 0.8 + np.asarray(halo, np.float32) / 255
    return np.asarray(np.clip(light, 0, 1), np.float32)


def _wet_street(canvas: Canvas, picture: Floats) -> Floats:
    line = int(canvas.height * min(0.9, canvas.horizon + 0.20))
    depth = canvas.height - line
    mirror = picture[line - depth : line][::-1]
    # Wet ground smears what it mirrors downwards.
    image = Image.fromarray((np.clip(mirror, 0, 1) * 255).astype(np.uint8))
    smeared = image.resize((canvas.width, max(2, depth // 9)), Image.Resampling.BOX)
    smeared = smeared.resize((canvas.width, depth), Image.Resampling.BICUBIC)
    fade = np.linspace(0.62, 0.28, depth, dtype=np.float32)[:, None, None]
    street = np.asarray(smeared, np.float32) / 255 * fade + canvas.palette.land * (1 - fade)
    result = picture.copy()
    result[line:] = street
    return result
