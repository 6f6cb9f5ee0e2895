"""Run commands of this process in a terminal in which an answer was typed."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Callable
from unittest import mock


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
