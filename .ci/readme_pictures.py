#!/usr/bin/env python3
"""Render the lighthouse and draw the two pictures of the README.

    .venv/bin/python .ci/readme_pictures.py

`.github/terminal.svg` is what `shotchain render` prints in a terminal: its live display in the
middle of the run, and the report at the end. `.github/contact-sheet.jpg` shows three frames of each
shot of the film. The run is a real one with the simulator and takes about half a minute.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / ".github"

BOARD = "storyboards/lighthouse.yaml"
FILM = "films/lighthouse.mp4"
SHOTS = 3
FRAMES_PER_SHOT = 96
"""Frames of a shot in the film, without the last, which is the first of the next shot."""

JOB_SECONDS = "8"
"""Time of a simulated job: long enough for a picture of the live display in between."""

COLUMNS, LINES = 72, 30

THUMBNAIL = (320, 184)
GAP = 8

REDRAW = re.compile(r"\r\x1b\[\d+A")
"""The control sequence that moves back to the first line of the live display."""

ERASE_OR_CURSOR = re.compile(r"\x1b\[(?:[KJ]|\?25[lh])")

FONT_FACE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""rich's SVG loads a font from another host; pages that show it block that."""


def main() -> None:
    """Render in a temporary folder, and replace both pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "storyboards", folder / "storyboards")
        output = render(folder)
        draw_terminal(output.replace(f"{folder.resolve()}/", ""), PICTURES / "terminal.svg")
        draw_contact_sheet(folder / FILM, PICTURES / "contact-sheet.jpg")


def render(folder: Path) -> str:
    """Run `shotchain render` in a terminal of its own and return everything it prints."""
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("SHOTCHAIN_")},
        "SHOTCHAIN_SIMULATOR_JOB_SECONDS": JOB_SECONDS,
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
        "TERM": "xterm-256color",
    }
    command = [str(Path(sys.executable).with_name("shotchain")), "render", BOARD]
    terminal, program_end = pty.openpty()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=program_end, stderr=program_end
    ) as process:
        os.close(program_end)
        output = b"".join(read_terminal(terminal))
    if process.returncode:
        sys.exit(output.decode(errors="replace"))
    return output.decode().replace("\r\n", "\n")


def read_terminal(terminal: int) -> Iterator[bytes]:
    """Yield the output of a terminal until its program ends."""
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            # Linux reports the end of the program as an error.
            return
        if not chunk:
            return
        yield chunk


def draw_terminal(output: str, path: Path) -> None:
    """Draw the live display in the middle of the run, and the report below it, as SVG."""
    *displays, report = REDRAW.split(ERASE_OR_CURSOR.sub("", output))
    displays = [display for display in displays if is_in_the_middle(display)]
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    console.print(Text(f"$ shotchain render {BOARD}", style="bold"))
    console.print(Text.from_ansi(displays[len(displays) // 2]))
    console.print()
    console.print(Text.from_ansi(report))
    svg = console.export_svg(title="shotchain", theme=MONOKAI, unique_id="terminal")
    path.write_text(FONT_FACE.sub("", svg).replace("Fira Code", "ui-monospace"))


def is_in_the_middle(display: str) -> bool:
    """Return True if the display shows a rendered, a rendering and a waiting shot."""
    return all(word in display for word in ("rendered", "rendering", "waiting"))


def draw_contact_sheet(film: Path, path: Path) -> None:
    """Draw the first, the middle and the last frame of each shot, a row per shot.

    The last frame of a row is the first of the next row: that is the chain.
    """
    step = FRAMES_PER_SHOT // 2
    with av.open(str(film)) as container:
        frames = [
            Image.fromarray(frame.to_ndarray(format="rgb24")).resize(
                THUMBNAIL, Image.Resampling.LANCZOS
            )
            for index, frame in enumerate(container.decode(video=0))
            if index % step == 0
        ]
    width, height = THUMBNAIL
    sheet = Image.new("RGB", (3 * (width + GAP) + GAP, SHOTS * (height + GAP) + GAP), "#16161a")
    for index in range(SHOTS):
        for column, frame in enumerate(frames[2 * index : 2 * index + 3]):
            sheet.paste(frame, (GAP + column * (width + GAP), GAP + index * (height + GAP)))
    sheet.save(path, quality=85, optimize=True)


if __name__ == "__main__":
    main()
