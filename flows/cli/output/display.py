"""The display of `render` while it runs: the live display, lines, both, or nothing.

The choice is made here, from the stream and the options; how each looks is in `live` and
`log_lines`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol, TextIO

from flows.cli.output import LogOptions
from flows.cli.output.live import MIN_HEIGHT, SPINNER, LiveDisplay
from flows.cli.output.live_region import open_region, terminal_height
from flows.cli.output.log_lines import LineDisplay, RequestLog, heartbeat
from flows.cli.output.style import terminal_width
from flows.run import Run
from tasks.progress import Progress
from tasks.settings import read_settings, read_terminal_settings


class Display(Protocol):
    """Shows the progress of a run."""

    def update(self, progress: Progress) -> None:
        """Show a step of a shot or of the film. May be called from any thread."""

    def show_phase(self, text: str) -> None:
        """Show what the program itself does; an empty text is nothing."""


class Displays:
    """Several displays of one run; none shows nothing."""

    def __init__(self, *displays: Display) -> None:
        self._displays = displays

    def update(self, progress: Progress) -> None:
        """See `Display.update`."""
        for display in self._displays:
            display.update(progress)

    def show_phase(self, text: str) -> None:
        """See `Display.show_phase`."""
        for display in self._displays:
            display.show_phase(text)


@contextmanager
def open_display(run: Run, stream: TextIO, options: LogOptions) -> Iterator[Display]:
    """Show the progress of a run within this block.

    Args:
        run: The run to show.
        stream: Where it is shown; a live display needs a terminal.
        options: The options of the command.
    """
    if options.is_quiet:
        yield Displays()
        return
    is_live = not options.as_json and is_live_terminal(stream)
    with ExitStack() as stack:
        displays: list[Display] = [_open_live(run, stream, stack)] if is_live else []
        if options.is_verbose or not is_live:
            # Within `open_region` stderr prints above the live display.
            lines = LineDisplay(run, sys.stderr if is_live else stream)
            displays.append(lines)
            lines.print_plan()
            if not is_live:
                stack.enter_context(heartbeat(lines))
            if options.is_verbose:
                stack.enter_context(_requests_shown(lines.print_detail))
        yield Displays(*displays)


def is_live_terminal(stream: TextIO) -> bool:
    """Return True if lines of the stream can be drawn again."""
    has_cursor = read_terminal_settings().term not in ("", "dumb")
    return stream.isatty() and has_cursor and terminal_height(stream) >= MIN_HEIGHT


def _open_live(run: Run, stream: TextIO, stack: ExitStack) -> Display:
    display = LiveDisplay(run, with_symbols=_can_encode(SPINNER, stream))

    def draw() -> list[str]:
        return list(display.draw(terminal_width(stream), terminal_height(stream)))

    stack.enter_context(open_region(stream, draw))
    return display


def _can_encode(text: str, stream: TextIO) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@contextmanager
def _requests_shown(print_detail: Callable[[str], None]) -> Iterator[None]:
    """Show requests to vendors within this block."""

    def prefect_url() -> list[str]:
        url = read_settings().prefect_api_url
        return [url] if url else []

    logger, handler = logging.getLogger("httpx"), RequestLog(print_detail, prefect_url)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    # The console of Prefect would show the same lines.
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True
