"""The lines at the bottom of a terminal that are drawn again and again while a run lasts.

Whatever else is printed meanwhile appears above them. Imports no library, so that the first lines
are there before Prefect is imported. What the lines say is decided in `live`.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TextIO

from flows.cli.output.style import cell_width, fit_to_stream, terminal_width

FRAME_SECONDS = 0.2

DEFAULT_HEIGHT = 24

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_ERASE_LINE_END, _ERASE_BELOW = "\x1b[K", "\x1b[J"


def terminal_height(stream: TextIO) -> int:
    """Return the lines of a terminal, 24 if they are not known."""
    try:
        return os.get_terminal_size(stream.fileno()).lines or DEFAULT_HEIGHT
    except (OSError, ValueError):
        return DEFAULT_HEIGHT


class LiveRegion:
    """The last lines of a terminal. Every change is one write, so that no picture is torn.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: Sequence[str] = ()
        self._width = 0
        self._lock = threading.RLock()

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the lines; does nothing if they are the same."""
        with self._lock:
            width = terminal_width(self._stream)
            if (lines, width) == (self._lines, self._width) or not self._is_in_foreground():
                return
            self._write(self._to_start() + self._format(lines))
            self._lines, self._width = lines, width

    def print_above(self, text: str) -> None:
        """Print whole lines above this region, where they stay."""
        with self._lock:
            if not self._is_in_foreground():
                self._lines = ()
            text = text.replace("\n", f"{_ERASE_LINE_END}\n")
            self._write(self._to_start() + text + self._format(self._lines))

    def clear(self) -> None:
        """Remove the lines and show the cursor."""
        with self._lock:
            self._write(self._to_start() + _ERASE_BELOW + _SHOW_CURSOR)
            self._lines = ()

    def _format(self, lines: Sequence[str]) -> str:
        body = "".join(f"{fit_to_stream(line, self._stream)}{_ERASE_LINE_END}\n" for line in lines)
        return f"{_HIDE_CURSOR}{body}{_ERASE_BELOW}"

    def _to_start(self) -> str:
        """Return the sequence that moves the cursor to the first of the lines that were drawn."""
        # A terminal that became narrower has broken the lines that no longer fit.
        width = max(terminal_width(self._stream), 1)
        rows = sum(max(-(-cell_width(line) // width), 1) for line in self._lines)
        return f"\r\x1b[{rows}A" if rows else "\r"

    def _write(self, text: str) -> None:
        # A terminal that was closed must not end a run that is paid for.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def _is_in_foreground(self) -> bool:
        """Return False if the shell shows its prompt: the run was sent to the background."""
        try:
            is_ours = os.tcgetpgrp(self._stream.fileno()) == os.getpgrp()
        except (OSError, ValueError):
            return True
        if not is_ours:
            self._lines = ()
        return is_ours


class _PrintAbove(io.TextIOBase):
    """A stream that prints its lines above a region."""

    def __init__(self, region: LiveRegion, stream: TextIO) -> None:
        self._region, self._stream = region, stream
        self._rest = ""
        self._is_open = True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if not self._is_open:
            return self._stream.write(text)
        whole, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._region.print_above(whole + newline)
        return len(text)

    def end(self) -> None:
        """Print what is left directly to the stream, as everything that follows."""
        self._is_open = False
        if self._rest:
            self._stream.write(f"{self._rest}\n")


@contextmanager
def open_region(stream: TextIO, draw: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Draw lines at the bottom of a terminal within this block, and remove them at its end.

    Args:
        stream: The terminal.
        draw: Returns the present lines; called several times a second in a thread of its own.
    """
    region, has_ended = LiveRegion(stream), threading.Event()

    def draw_frames() -> None:
        while not has_ended.is_set():
            region.draw(draw())
            has_ended.wait(FRAME_SECONDS)

    with ExitStack() as stack:
        for redirect, original in ((redirect_stdout, sys.stdout), (redirect_stderr, sys.stderr)):
            if original is stream or (original and original.isatty()):
                above = _PrintAbove(region, original)
                stack.callback(above.end)
                stack.enter_context(redirect(above))
        stack.callback(region.clear)
        drawer = threading.Thread(target=draw_frames, name="live", daemon=True)
        drawer.start()
        try:
            yield
        finally:
            has_ended.set()
            drawer.join()
