"""A run that is only played: the display of `render` gets its steps, and nothing is sent.

    python -m tests.support.played_run BOARD [STEPS]

A step of the JSON list STEPS is a list: the seconds to wait before it, the id of the shot (null
for the film) or a command, the state or the argument of the command, and further fields of
`Progress`. The commands are `say` (print a line to stderr), `phase` and `fail` (end with an
exception).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from flows.cli.output import LogOptions
from flows.cli.output.display import Display, open_display
from flows.cli.output.live_region import LiveRegion
from flows.run import Run, RunOptions, prepare_run
from flows.signals import forward_sigterm
from storyboards.loading import load_partial
from tasks.progress import Progress, ProgressState
from tasks.settings import read_settings

MAX_PICTURE_SECONDS = 20
"""The longest wait for a picture; a display that hangs fails its test by what is missing."""


def prepare(board: Path) -> Run:
    """Return the run of a board with an empty store beside it."""
    options = RunOptions(store=board.parent / "store")
    return prepare_run(load_partial(board), options, read_settings({}), working_folder=board.parent)


def make_progress(shot: str | None, state: str, **fields: Any) -> Progress:
    """Return a step of a shot; `since` counts from now."""
    if "since" in fields:
        fields["since"] += time.time()
    return Progress(shot, ProgressState(state), **fields)


@contextmanager
def count_pictures() -> Iterator[Callable[[], None]]:
    """Return a function that waits until a live display has drawn what it was given so far."""
    draw, drawn = LiveRegion.draw, threading.Semaphore(0)

    def draw_and_count(region: LiveRegion, lines: Sequence[str]) -> None:
        draw(region, lines)
        drawn.release()

    def wait_for_picture() -> None:
        if all(thread.name != "live" for thread in threading.enumerate()):
            return  # Lines are printed, and nothing is drawn.
        while drawn.acquire(blocking=False):
            pass
        # The first of them may have been composed before the last step.
        for _ in range(2):
            drawn.acquire(timeout=MAX_PICTURE_SECONDS)

    with mock.patch.object(LiveRegion, "draw", draw_and_count):
        yield wait_for_picture


def play(display: Display, steps: list[list[Any]], wait_for_picture: Callable[[], None]) -> None:
    """Report the steps at their times, the earlier ones being drawn."""
    for seconds, name, value, *fields in steps:
        if seconds:
            wait_for_picture()
            time.sleep(seconds)
        if name == "say":
            print(value, file=sys.stderr)
        elif name == "phase":
            display.show_phase(value)
        elif name == "fail":
            raise RuntimeError(value)
        else:
            display.update(make_progress(name, value, **(fields[0] if fields else {})))


def main() -> None:
    """Play a run in this terminal, interrupted by Ctrl-C and SIGTERM as `render` is."""
    board, steps = Path(sys.argv[1]), json.loads(sys.argv[2])
    with (
        forward_sigterm(),
        count_pictures() as wait_for_picture,
        open_display(prepare(board), sys.stderr, LogOptions()) as display,
    ):
        play(display, steps, wait_for_picture)
    print("the report")


if __name__ == "__main__":
    main()
