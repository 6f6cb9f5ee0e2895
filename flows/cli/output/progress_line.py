"""A line on stderr that is replaced while a command works through a list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.cli.output.style import pad, terminal_width, truncate
from storyboards.terminal_text import escape_control_chars

OnItem = Callable[[str, int, int], None]
"""Called with the name of an item and its number among `total`."""


@contextmanager
def show_progress(verb: str, *, is_quiet: bool) -> Iterator[OnItem]:
    """Yield a function that shows the item a command works on; the line is removed at the end.

    Args:
        verb: What is done, such as `drawing`.
        is_quiet: Show nothing; without a terminal nothing is shown either.
    """
    is_shown = sys.stderr.isatty() and not is_quiet

    def show(name: str, number: int, total: int) -> None:
        if is_shown:
            _replace_line(f"{verb} {number} of {total}: {name}")

    try:
        yield show
    finally:
        if is_shown:
            _replace_line("")


def _replace_line(text: str) -> None:
    """Write a text over the last line of stderr, which is a terminal."""
    width = terminal_width(sys.stderr) - 1
    line = pad(truncate(escape_control_chars(text), width), width)
    print(f"\r{line}\r", end="", file=sys.stderr, flush=True)
