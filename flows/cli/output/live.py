"""The live display of a run: a line per shot in the terminal, removed when the run ends.

Imports rich, so it is imported only by a run that renders something.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from flows.report import Outcome
from flows.run import Run
from tasks.store.status import ShotState

WAITING = "waiting"

OUTCOME_COLOURS: dict[str, str] = {
    Outcome.KEPT: "green",
    Outcome.RENDERED: "green",
    Outcome.FAILED: "red",
    Outcome.UNCLEAR: "red",
    Outcome.SKIPPED: "yellow",
}

_RESERVED_LINES = 3
_MIN_LINES = 4


class Display:
    """A display that shows nothing: for pipes, and beside a JSON document."""

    def update(self, shot_id: str, activity: str, fraction: float | None) -> None:
        """Show what is done for a shot. May be called from any thread.

        Args:
            shot_id: The shot.
            activity: One or two words, such as "downloading", or the outcome.
            fraction: Progress from 0 to 1, None if it is not known.
        """

    def show_note(self, text: str) -> None:
        """Show a note below the shots; an empty text removes it."""


class LiveDisplay(Display):
    """A display with a line per shot.

    Args:
        run: The run to show.
        console: The terminal.
    """

    def __init__(self, run: Run, console: Console) -> None:
        run_ids = {shot.id for shot in run.shots}
        self._shot_ids = [shot.id for shot in run.plan if shot.id in run_ids]
        kept = run.status.shots_in_state(ShotState.KEPT)
        self._activities: dict[str, str] = {
            shot_id: Outcome.KEPT if shot_id in kept else WAITING for shot_id in self._shot_ids
        }
        self._fractions: dict[str, float | None] = {}
        self._started_at: dict[str, float] = {}
        self._durations: dict[str, float] = {}
        self._note = ""
        self._run_started_at = time.monotonic()
        self._lock = threading.Lock()
        self._console = console
        self._spinner = Spinner("dots", style="cyan")

    def update(self, shot_id: str, activity: str, fraction: float | None) -> None:
        """See `Display.update`."""
        now = time.monotonic()
        with self._lock:
            self._activities[shot_id] = activity
            self._fractions[shot_id] = fraction
            started_at = self._started_at.get(shot_id, now)
            if activity in OUTCOME_COLOURS:
                self._durations[shot_id] = now - started_at
            else:
                self._started_at[shot_id] = started_at

    def show_note(self, text: str) -> None:
        """See `Display.show_note`."""
        self._note = text

    def draw(self) -> RenderableType:
        """Return the current picture. rich calls this several times a second."""
        table = Table.grid(padding=(0, 2))
        with self._lock:
            for shot_id in self._visible_ids():
                table.add_row(*self._cells(shot_id))
            left = sum(activity not in OUTCOME_COLOURS for activity in self._activities.values())
        seconds = time.monotonic() - self._run_started_at
        footer = f"{left} of {len(self._shot_ids)} shots to go, {seconds:.0f} s"
        if self._note:
            footer += f" · {self._note}"
        return Group(table, Text(footer, style="dim"))

    def _visible_ids(self) -> list[str]:
        """Return the shots that fit the terminal, active ones first, in the order of the film."""
        max_lines = max(self._console.height - _RESERVED_LINES, _MIN_LINES)
        inactive = (*OUTCOME_COLOURS, WAITING)
        by_activity = sorted(self._shot_ids, key=lambda shot: self._activities[shot] in inactive)
        visible = set(by_activity[:max_lines])
        return [shot_id for shot_id in self._shot_ids if shot_id in visible]

    def _cells(self, shot_id: str) -> tuple[RenderableType, ...]:
        activity, fraction = self._activities[shot_id], self._fractions.get(shot_id)
        now = time.monotonic()
        duration = self._durations.get(shot_id) or now - self._started_at.get(shot_id, now)
        style = OUTCOME_COLOURS.get(activity, "dim" if activity == WAITING else "cyan")
        bar = Text("") if fraction is None else ProgressBar(100, fraction * 100, width=18)
        return (
            self._mark(activity),
            Text(shot_id, style="bold"),
            Text(activity, style=style),
            bar,
            Text(f"{duration:.0f} s" if duration >= 0.5 else ""),
        )

    def _mark(self, activity: str) -> RenderableType:
        if activity == WAITING:
            return Text("·", style="dim")
        colour = OUTCOME_COLOURS.get(activity)
        if colour is None:
            return self._spinner
        return Text("✓" if colour == "green" else "✗", style=colour)


@contextmanager
def open_display(run: Run, stream: TextIO, *, wanted: bool) -> Iterator[Display]:
    """Show a live display within this block, if the stream is a terminal.

    Args:
        run: The run to show.
        stream: Where to draw.
        wanted: False for a display that shows nothing.
    """
    if not wanted or not stream.isatty():
        yield Display()
        return
    console = Console(file=stream)
    display = LiveDisplay(run, console)
    with Live(console=console, get_renderable=display.draw, refresh_per_second=8, transient=True):
        yield display
