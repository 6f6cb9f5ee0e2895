"""Draw what a terminal shows as a picture, as a light and as a dark terminal do."""

from __future__ import annotations

import functools
import subprocess
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from pyte.screens import Char

Colour = tuple[int, int, int]

THEMES = ("dark", "light")

SIZE = 16
BACKGROUNDS = {"dark": (24, 24, 27), "light": (255, 255, 255)}
FOREGROUNDS = {"dark": (212, 212, 216), "light": (39, 39, 42)}

PALETTES = {
    # The colours of xterm on dark, and of a common light theme (Solarized's are paler still).
    "dark": {
        "black": "000000", "red": "cd3131", "green": "0dbc79", "brown": "e5e510",
        "blue": "2472c8", "magenta": "bc3fbc", "cyan": "11a8cd", "white": "e5e5e5",
        "brightblack": "666666", "brightred": "f14c4c", "brightgreen": "23d18b",
        "brightbrown": "f5f543", "brightyellow": "f5f543", "brightblue": "3b8eea",
        "brightmagenta": "d670d6", "brightcyan": "29b8db", "brightwhite": "ffffff",
    },
    "light": {
        "black": "000000", "red": "cd3131", "green": "00a854", "brown": "949800",
        "blue": "0451a5", "magenta": "bc05bc", "cyan": "0598bc", "white": "b0b0b0",
        "brightblack": "666666", "brightred": "cd3131", "brightgreen": "14ce14",
        "brightbrown": "b5ba00", "brightyellow": "b5ba00", "brightblue": "0451a5",
        "brightmagenta": "bc05bc", "brightcyan": "0598bc", "brightwhite": "a5a5a5",
    },
}  # fmt: skip

BRAILLE = 0x2800
"""The first of the braille patterns; each bit is a dot."""
BRAILLE_DOTS = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))


def draw(rows: Sequence[Sequence[Char]], theme: str) -> Image.Image:
    """Draw lines of a terminal; empty lines at the end are left out."""
    while rows and not any(cell.data.strip() for cell in rows[-1]):
        rows = rows[:-1]
    width, height = cell_size()
    columns = max((len(cells) for cells in rows), default=1)
    size = (columns * width + 16, len(rows) * height + 16)
    picture = Image.new("RGB", size, BACKGROUNDS[theme])
    pen = ImageDraw.Draw(picture)
    for y, cells in enumerate(rows):
        for x, cell in enumerate(cells):
            _draw_cell(pen, (8 + x * width, 8 + y * height), cell, theme)
    return picture


@functools.cache
def load_font(*, bold: bool) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return a monospaced font of this machine, or the one of Pillow."""
    style = "bold" if bold else "regular"
    command = ["fc-match", "-f", "%{file}", f"monospace:style={style}:weight={style}"]
    try:
        file = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return ImageFont.truetype(Path(file), SIZE)
    except (OSError, subprocess.CalledProcessError):
        return ImageFont.load_default(SIZE)


@functools.cache
def cell_size() -> tuple[int, int]:
    """Return width and height of a cell in pixels."""
    return round(load_font(bold=False).getlength("M")), round(SIZE * 1.3)


def _draw_cell(pen: ImageDraw.ImageDraw, corner: tuple[int, int], cell: Char, theme: str) -> None:
    foreground, background = _colours(cell, theme)
    (x, y), (width, height) = corner, cell_size()
    if background != BACKGROUNDS[theme]:
        pen.rectangle((x, y, x + width - 1, y + height - 1), fill=background)
    char = cell.data
    if char.strip():
        name = unicodedata.name(char[0], "")
        if name.startswith("BOX DRAWINGS "):
            _draw_lines(pen, corner, name, foreground)
        elif BRAILLE <= ord(char[0]) < BRAILLE + 256:
            _draw_braille(pen, corner, ord(char[0]) - BRAILLE, foreground)
        elif _is_missing(char[0]):
            span = 2 if unicodedata.east_asian_width(char[0]) in "WF" else 1
            box = (x + 1, y + 3, x + span * width - 2, y + height - 4)
            pen.rectangle(box, outline=foreground)
        else:
            pen.text(corner, char, font=load_font(bold=cell.bold), fill=foreground)
    if cell.underscore:
        pen.line((x, y + height - 2, x + width, y + height - 2), fill=foreground)


def _draw_lines(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, colour: Colour
) -> None:
    """Draw a box-drawing character from its Unicode name, so that neighbours connect."""
    (x, y), (width, height) = corner, cell_size()
    centre = (x + width // 2, y + height // 2)
    ends = {
        "LEFT": (x, centre[1]),
        "RIGHT": (x + width, centre[1]),
        "UP": (centre[0], y),
        "DOWN": (centre[0], y + height),
    }
    name = name.replace("HORIZONTAL", "LEFT RIGHT").replace("VERTICAL", "UP DOWN")
    for side, end in ends.items():
        if side in name.split():
            pen.line((*centre, *end), fill=colour, width=3 if "HEAVY" in name else 1)


def _draw_braille(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], bits: int, colour: Colour
) -> None:
    width, height = cell_size()
    for index, (column, line) in enumerate(BRAILLE_DOTS):
        if bits >> index & 1:
            x = corner[0] + width * (1 + 2 * column) // 4
            y = corner[1] + height * (2 + 2 * line) // 10
            pen.rectangle((x - 1, y - 1, x + 1, y + 1), fill=colour)


@functools.cache
def _is_missing(char: str) -> bool:
    font = load_font(bold=False)
    return bytes(font.getmask(char)) == bytes(font.getmask("\U0010fffe"))


def _colours(cell: Char, theme: str) -> tuple[Colour, Colour]:
    foreground = _parse(cell.fg, theme) or FOREGROUNDS[theme]
    background = _parse(cell.bg, theme) or BACKGROUNDS[theme]
    if cell.reverse:
        foreground, background = background, foreground
    if cell.blink:  # Faint: see `terminal._Emulator`.
        foreground = _mix(foreground, background)
    return foreground, background


def _parse(name: str, theme: str) -> Colour | None:
    if name == "default":
        return None
    red, green, blue = bytes.fromhex(PALETTES[theme].get(name, name))
    return red, green, blue


def _mix(colour: Colour, other: Colour) -> Colour:
    red, green, blue = ((6 * a + 4 * b) // 10 for a, b in zip(colour, other, strict=True))
    return red, green, blue
