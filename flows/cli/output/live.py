"""The live display of a run: a line per shot, grouped by chain, and a line about the whole run.

The picture is plain lines of text; `live_region` puts them on the terminal. Imports neither rich
nor Prefect, so that the first picture is there at once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from flows.cli.output.run_progress import RunProgress, ShotProgress
from flows.cli.output.style import (
    STATE_STYLES,
    StateStyle,
    cell_width,
    count_noun,
    pad,
    paint,
    truncate,
)
from flows.run import Run
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import format_price
from tasks.progress import ENDED, WAITING, Progress, ProgressState, describe_progress

MAX_WIDTH = 120
"""Columns that are used at most: the eye loses the line of a wider table."""

MIN_HEIGHT = 4
"""Lines below which lines of text are printed instead."""

WIDE, VERY_WIDE = 76, 100
"""Columns from which a line has space for longer words, and for a price of its own."""

MAX_STATE_WIDTH = 38
MAX_KEPT_LINES = 3

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ASCII_SPINNER = "|/-\\"
FRAMES_PER_SECOND = 5

_STYLE_WORDS = {
    ProgressState.KEPT: "kept",
    ProgressState.RENDERED: "rendered",
    ProgressState.FAILED: "failed",
    ProgressState.UNCLEAR: "unclear",
    ProgressState.SKIPPED: "skipped",
    ProgressState.TO_RENDER: "to render",
    ProgressState.QUEUED: "queued",
    ProgressState.WAITING_FOR_SHOT: "waiting",
    ProgressState.WAITING_FOR_SLOT: "waiting",
}
"""The word of `STATE_STYLES` for a state; the others are steps of rendering."""

_WITH_REASON = frozenset(
    {
        ProgressState.FAILED,
        ProgressState.UNCLEAR,
        ProgressState.SKIPPED,
        ProgressState.RETRYING,
    }
)
"""The states whose text ends with a reason, for which a line gives up its other columns."""

_RANKS = (
    frozenset({ProgressState.JOINING}),
    frozenset(ProgressState) - ENDED - WAITING - {ProgressState.JOINING},
    frozenset({ProgressState.FAILED, ProgressState.UNCLEAR}),
    WAITING,
    frozenset({ProgressState.SKIPPED, ProgressState.RENDERED, ProgressState.KEPT}),
)
"""The states whose shots are shown first if the terminal has too few lines for all."""


@dataclass(frozen=True)
class _Layout:
    """The widths of the columns of a picture."""

    total: int
    name: int
    state: int
    elapsed: int
    tail: int
    price: int
    """0 if the price has no column of its own."""

    @property
    def is_wide(self) -> bool:
        return self.total >= WIDE


class LiveDisplay:
    """Shows the progress of a run as lines that are drawn again and again.

    Args:
        run: The run to show.
        clock: Returns Unix seconds.
        with_symbols: False for a terminal whose encoding lacks them.
    """

    def __init__(
        self, run: Run, *, clock: Callable[[], float] = time.time, with_symbols: bool = True
    ) -> None:
        self._progress = RunProgress(run, clock())
        self._clock = clock
        self._spinner = SPINNER if with_symbols else ASCII_SPINNER
        self._lock = threading.Lock()
        self._phase = "starting Prefect"

    def update(self, progress: Progress) -> None:
        """Show a step of a shot or of the film. May be called from any thread."""
        with self._lock:
            self._progress.update(progress, self._clock())

    def show_phase(self, text: str) -> None:
        """Show what the program itself does, such as "starting Prefect"; empty for nothing."""
        self._phase = text

    def draw(self, width: int, height: int) -> Sequence[str]:
        """Return the lines of the present picture.

        Args:
            width: Columns of the terminal; the last one stays empty.
            height: Lines of the terminal; the last one stays empty.
        """
        with self._lock:
            now = self._clock()
            shots = self._progress.shots
            layout = self._lay_out(shots, min(width - 1, MAX_WIDTH))
            lines = self._shot_lines(layout, max(height - 2, 1), now)
            return [*lines, self._footer(layout.total, now)]

    def _lay_out(self, shots: Iterable[ShotProgress], total: int) -> _Layout:
        longest = max((cell_width(escape_control_chars(shot.name)) for shot in shots), default=4)
        name = min(longest, max(total * 3 // 10, 8), 40)
        elapsed, tail = 7, 17 if total >= WIDE else 10
        price = 10 if total >= VERY_WIDE and self._progress.has_prices else 0
        gaps = 2 + 2 + 2 + 2 + (2 if price else 0)
        state = total - name - elapsed - tail - price - gaps
        return _Layout(total, name, min(state, MAX_STATE_WIDTH), elapsed, tail, price)

    def _shot_lines(self, layout: _Layout, max_lines: int, now: float) -> list[str]:
        shots = self._progress.shots
        kept = [shot for shot in shots if shot.state is ProgressState.KEPT]
        is_crowded = len(kept) > MAX_KEPT_LINES or len(shots) > max_lines
        shown = [shot for shot in shots if not (is_crowded and shot in kept)]
        summary = [self._kept_line(layout, len(kept))] if is_crowded and kept else []
        space = max_lines - len(summary)
        if len(shown) <= space:
            return [*summary, *(self._shot_line(layout, shot, now) for shot in shown)]
        chosen = sorted(shown, key=_rank)[: max(max_lines - 1, 0)]
        hidden = [shot for shot in shots if shot not in chosen]
        lines = [self._shot_line(layout, shot, now) for shot in shown if shot in chosen]
        return [*lines, paint(truncate(_count_hidden(hidden), layout.total), "dim")]

    def _kept_line(self, layout: _Layout, count: int) -> str:
        symbol, colour = STATE_STYLES["kept"]
        text = truncate(f"{count_noun(count, 'shot')} kept", layout.total - 4)
        return f"  {paint(symbol, colour)} {paint(text, colour)}"

    def _shot_line(self, layout: _Layout, shot: ShotProgress, now: float) -> str:
        name = truncate(escape_control_chars(shot.name), layout.name)
        is_active = shot.state not in ENDED | WAITING
        text, cells = self._fit(layout, shot, now)
        symbol, colour = _style_of(shot.state)
        state = paint(f"{symbol} {text}", colour or "dim")
        line = f"{paint(shot.gutter, 'dim')} {paint(name, 'bold' if is_active else '')}"
        line += " " * (layout.name - cell_width(name) + 2) + state
        if cells:
            line += " " * (layout.state - 2 - cell_width(text))
        right = (paint(pad(cell, width, right=True), "dim") for cell, width in cells)
        return "  ".join([line, *right])

    def _fit(
        self, layout: _Layout, shot: ShotProgress, now: float
    ) -> tuple[str, list[tuple[str, int]]]:
        """Return the text of the state and the cells on its right, for which it leaves space."""
        cells = self._right_cells(layout, shot, now)
        text, width = self._state_text(shot, now), layout.state - 2
        if cell_width(text) > width and shot.state not in _WITH_REASON:
            text = self._state_text(shot, now, is_short=True)
        if cell_width(text) <= width:
            return text, cells
        # A long reason takes the columns on the right.
        return truncate(text, layout.total - layout.name - 6), []

    def _state_text(self, shot: ShotProgress, now: float, *, is_short: bool = False) -> str:
        progress = shot.progress_at(now)
        text = describe_progress(
            progress,
            now=datetime.fromtimestamp(now).astimezone(),
            name=self._progress.name_of(progress.detail),
            is_short=is_short or progress.state is ProgressState.RETRYING,
        )
        return escape_control_chars(text)

    def _right_cells(
        self, layout: _Layout, shot: ShotProgress, now: float
    ) -> list[tuple[str, int]]:
        """Return the elapsed time, the remaining time and the price with their widths."""
        elapsed = shot.elapsed_seconds(now)
        if elapsed is None or shot.state is ProgressState.RETRYING:
            return []
        price = format_price(shot.price) if shot.is_paid and self._progress.has_prices else ""
        remaining = "" if price else self._remaining_text(shot, now, is_wide=layout.is_wide)
        cells = [(format_duration(elapsed), layout.elapsed)]
        if layout.price:
            return [*cells, (remaining, layout.tail), (price, layout.price)]
        return [*cells, (remaining or price, layout.tail)]

    def _remaining_text(self, shot: ShotProgress, now: float, *, is_wide: bool) -> str:
        remaining = shot.remaining_seconds(now)
        if remaining is None:
            return ""
        if remaining > 0:
            return f"about {format_duration(ceil(remaining))}{' left' if is_wide else ''}"
        return "longer than usual" if is_wide else "overdue"

    def _footer(self, width: int, now: float) -> str:
        progress = self._progress
        frame = self._spinner[int(now * FRAMES_PER_SECOND) % len(self._spinner)]
        ended = sum(shot.state in ENDED for shot in progress.shots_only)
        count = len(progress.shots_only)
        parts = [
            self._phase,
            f"{ended} of {count_noun(count, 'shot')}",
            format_duration(now - progress.started_at),
            progress.price_text,
            self._left_text(now),
        ]
        text = ""
        for part in filter(None, parts):
            longer = f"{text} · {part}" if text else part
            if cell_width(longer) <= width - 2:
                text = longer
        return f"{paint(frame, 'cyan')} {paint(text, 'dim')}"

    def _left_text(self, now: float) -> str:
        remaining = None if self._phase else self._progress.remaining_seconds(now)
        return f"about {format_duration(ceil(remaining))} left" if remaining else ""


def format_duration(seconds: float) -> str:
    """Return a duration such as `0:31`, `12:04` or `1:02:03`."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _style_of(state: ProgressState) -> StateStyle:
    return STATE_STYLES[_STYLE_WORDS.get(state, "rendering")]


def _rank(shot: ShotProgress) -> int:
    return next(rank for rank, states in enumerate(_RANKS) if shot.state in states)


def _count_hidden(shots: Sequence[ShotProgress]) -> str:
    """Return how many shots are not shown, such as `+4 more: 2 waiting, 2 rendered`."""
    counts = Counter(_STYLE_WORDS.get(shot.state, "rendering") for shot in shots)
    return f"  +{len(shots)} more: " + ", ".join(f"{n} {word}" for word, n in counts.items())
