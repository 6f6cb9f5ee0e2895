r"""Run commands in a terminal: of this process with a typed answer, or of their own and captured.

By hand, to look at what a command shows (text on stdout, pictures beside each other):

    python -m tests.support.terminal --columns 80 --lines 24 --at 3 --when joining \
        --png /tmp/live -- shotchain render board.yaml

writes `/tmp/live-1-dark.png` and `/tmp/live-1-light.png` for the first of the requested screens,
and so on, and `/tmp/live-last-*.png` with everything that was printed. `--type "yes\n"` types an
answer.
"""

from __future__ import annotations

import argparse
import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pyte
from pyte.screens import Char
from wcwidth import wcwidth


def run_in_terminal(command: Callable[[], int], answer: bytes) -> tuple[int, str]:
    """Run a command with stdin and stderr in a terminal.

    Returns:
        The exit code, and the text in the terminal.
    """
    screen, inside = pty.openpty()
    os.write(screen, answer)
    with (
        open(inside, encoding="utf-8", closefd=False) as stdin,
        open(inside, "w", encoding="utf-8", closefd=False) as stderr,
        mock.patch.object(sys, "stdin", stdin),
        mock.patch.object(sys, "stderr", stderr),
    ):
        code = command()
    os.close(inside)
    text = b"".join(iter(lambda: read_screen(screen), b"")).decode(errors="replace")
    os.close(screen)
    return code, text.replace("\r\n", "\n")


def read_screen(screen: int) -> bytes:
    """Return the next output of a terminal; empty after it was closed."""
    try:
        return os.read(screen, 65536)
    except OSError:  # Linux reports the closed terminal like this.
        return b""


_PICTURE_END = "\x1b[J"
"""The erasure of what is below: every picture of the live display ends with it."""


@dataclass(frozen=True)
class Screen:
    """The content of a terminal at one moment."""

    seconds: float
    """Since the command was started."""
    rows: tuple[tuple[Char, ...], ...]
    """Every line from the first printed one, with those that were scrolled away."""
    height: int
    is_cursor_hidden: bool
    wraps: int
    """The number of lines so far that were too long and were continued below."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The visible lines, without the spaces at their ends."""
        return self.all_lines[-self.height :]

    @property
    def all_lines(self) -> tuple[str, ...]:
        """Every line, also those that were scrolled away."""
        return tuple("".join(cell.data for cell in cells).rstrip() for cells in self.rows)

    @property
    def text(self) -> str:
        """The visible lines as one text, without empty lines at its end."""
        return "\n".join(self.lines).rstrip()


class _Emulator(pyte.HistoryScreen):
    """A screen that counts lines that are too long, and keeps faint text.

    pyte has no faint text: blinking, which our output never does, takes its place.
    """

    wraps = 0

    def draw(self, data: str) -> None:
        """Draw a text."""
        for char in data:
            self.wraps += self.cursor.x >= self.columns and wcwidth(char) > 0
            super().draw(char)

    def select_graphic_rendition(self, *attrs: int) -> None:
        """Set colours and weight."""
        if {38, 48} & set(attrs):  # The number of a colour follows.
            super().select_graphic_rendition(*attrs)
            return
        for attribute in attrs or (0,):
            super().select_graphic_rendition(*{2: (5,), 22: (22, 25)}.get(attribute, (attribute,)))


@dataclass
class Terminal:
    """A terminal in which a command runs."""

    columns: int
    height: int
    started_at: float = field(default_factory=time.monotonic)
    screens: list[Screen] = field(default_factory=list)
    process: Any = None
    exit_code: int = -1
    is_interrupted: bool = False
    """For the function that is called with each screen, to interrupt once."""

    def __post_init__(self) -> None:
        self._outside, self._inside = pty.openpty()
        self._emulator = _Emulator(self.columns, self.height, history=10_000, ratio=0.5)
        self._stream = pyte.Stream(self._emulator)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._set_size()

    @property
    def last(self) -> Screen:
        """The last screen."""
        return self.screens[-1]

    def type(self, keys: bytes) -> None:
        r"""Type keys; `b"\x03"` is Ctrl-C."""
        os.write(self._outside, keys)

    def resize(self, columns: int, height: int) -> None:
        """Change the size of the window."""
        self.columns, self.height = columns, height
        self._emulator.resize(height, columns)
        self._set_size()
        os.killpg(self.process.pid, signal.SIGWINCH)

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start a command as the foreground job of this terminal."""
        self.process = subprocess.Popen(
            command,
            stdin=self._inside,
            stdout=self._inside,
            stderr=self._inside,
            env=environment,
            cwd=folder,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(self._inside)

    def follow(self, on_screen: Callable[[Terminal], None]) -> None:
        """Take a screen of each live picture and whenever the output pauses, until the end."""
        while self._read():
            if not select.select([self._outside], [], [], 0.015)[0]:
                self.screens.append(self._take())
                on_screen(self)
        self.screens.append(self._take())
        os.close(self._outside)
        self.exit_code = self.process.wait()

    def _read(self) -> bool:
        data = read_screen(self._outside)
        # On a busy machine several pictures arrive at once.
        *pictures, rest = self._decoder.decode(data).split(_PICTURE_END)
        for picture in pictures:
            self._stream.feed(picture + _PICTURE_END)
            self.screens.append(self._take())
        self._stream.feed(rest)
        return bool(data)

    def _take(self) -> Screen:
        scrolled = [[line[x] for x in range(self.columns)] for line in self._emulator.history.top]
        buffer = self._emulator.buffer
        shown = [[buffer[y][x] for x in range(self.columns)] for y in range(self.height)]
        return Screen(
            time.monotonic() - self.started_at,
            tuple(map(tuple, [*scrolled, *shown])),
            self.height,
            self._emulator.cursor.hidden,
            self._emulator.wraps,
        )

    def _set_size(self) -> None:
        size = struct.pack("HHHH", self.height, self.columns, 0, 0)
        fcntl.ioctl(self._outside, termios.TIOCSWINSZ, size)


def capture(
    command: Sequence[str],
    *,
    columns: int = 80,
    lines: int = 24,
    term: str = "xterm-256color",
    environment: Mapping[str, str | None] | None = None,
    folder: Path | None = None,
    on_screen: Callable[[Terminal], None] = lambda _: None,
) -> Terminal:
    """Run a command in a terminal of its own, and return it with all its screens.

    Args:
        command: The program and its arguments.
        columns: Width of the terminal.
        lines: Its height.
        term: The value of TERM.
        environment: Replaces variables of this process; None removes one.
        folder: The working directory.
        on_screen: Called with the terminal after each of its screens, to type or to resize.
    """
    base = {name: text for name, text in os.environ.items() if not name.startswith("SHOTCHAIN_")}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CI"):
        base.pop(name, None)
    changed = {**base, "TERM": term, **(environment or {})}
    terminal = Terminal(columns, lines)
    terminal.start(
        command,
        {name: text for name, text in changed.items() if text is not None},
        folder or Path.cwd(),
    )
    try:
        terminal.follow(on_screen)
    finally:
        if terminal.process.poll() is None:
            terminal.process.kill()
    return terminal


def main() -> None:
    """Capture a command and draw what it showed."""
    from tests.support.terminal_picture import THEMES, draw

    parser = argparse.ArgumentParser(prog="python -m tests.support.terminal")
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--lines", type=int, default=24)
    parser.add_argument("--term", default="xterm-256color")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=TEXT")
    parser.add_argument("--at", action="append", type=float, default=[], metavar="SECONDS")
    parser.add_argument("--when", action="append", default=[], metavar="TEXT")
    parser.add_argument("--type", default="", metavar="KEYS")
    parser.add_argument("--png", metavar="PREFIX", help="where the pictures are written")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    keys = codecs.decode(arguments.type, "unicode_escape").encode()
    terminal = capture(
        arguments.command,
        columns=arguments.columns,
        lines=arguments.lines,
        term=arguments.term,
        environment=dict(text.split("=", 1) for text in arguments.set),
        on_screen=lambda terminal: _type_once(terminal, keys),
    )
    for name, screen in _choose(terminal, arguments.at, arguments.when):
        text = "\n".join(screen.all_lines if name == "last" else screen.lines).rstrip()
        print(f"--- {name} ({screen.seconds:.1f} s)\n{text}")
        for theme in THEMES if arguments.png else ():
            rows = screen.rows if name == "last" else screen.rows[-screen.height :]
            draw(rows, theme).save(f"{arguments.png}-{name}-{theme}.png")
    print(f"--- exit code {terminal.exit_code}, {terminal.last.wraps} wrapped lines")


def _type_once(terminal: Terminal, keys: bytes) -> None:
    if not terminal.is_interrupted:
        terminal.is_interrupted = True
        terminal.type(keys)


def _choose(
    terminal: Terminal, seconds: Sequence[float], texts: Sequence[str]
) -> list[tuple[str, Screen]]:
    """Return the screens that were asked for by time or by text, and the last one."""
    chosen = [[screen for screen in terminal.screens if screen.seconds >= at] for at in seconds]
    chosen += [[screen for screen in terminal.screens if text in screen.text] for text in texts]
    firsts = [screens[0] for screens in chosen if screens]
    return [
        *((str(number), screen) for number, screen in enumerate(firsts, 1)),
        ("last", terminal.last),
    ]


if __name__ == "__main__":
    main()
