"""How a plan, a run and a failure look in a terminal; plain text in a pipe.

The live display needs rich and is imported only where there is a terminal to draw on.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from flows.cli.output.json import count_film_frames, list_price_sources
from flows.consent import list_budgets
from flows.report import RunReport, ShotResult, price_of
from flows.run import Run
from tasks.budgets.money import ZERO, format_exact, format_price, sum_prices
from tasks.plan import ExistingClip, PlannedShot, ShotToRender
from tasks.store.status import ShotState

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

KEY_LENGTH = 10

COLUMNS = ("shot", "chain", "provider", "model", "length", "size", "key", "tokens", "price")

_COLOURS = {
    "kept": "green",
    "rendered": "green",
    "failed": "red",
    "unclear": "red",
    "skipped": "yellow",
}


def format_plan(production: Run) -> str:
    """The plan of a board: a line per shot, what is to pay, how long the longest chain is."""
    plan, survey = production.plan, production.status
    rows: list[tuple[str, ...]] = [COLUMNS]
    notes: list[str] = []
    for shot in plan:
        standing = survey[shot.id]
        rows.append(_plan_row(shot))
        notes.append(f"{standing.state}: {standing.reason}")
    lines = align_columns(rows)
    told = [lines[0], *(f"{line}  {note}" for line, note in zip(lines[1:], notes, strict=True))]
    told += ["", *(f"note: {note}" for note in plan.warnings), _sums(production)]
    return "\n".join(told)


def _plan_row(shot: PlannedShot) -> tuple[str, ...]:
    if isinstance(shot, ExistingClip):
        key = shot.key[:KEY_LENGTH]
        return shot.id, shot.chain_id, "file", "-", "-", "-", key, "-", format_price(ZERO)
    size = f"{shot.width}x{shot.height}" if shot.width else "-"
    clip = " (clip)" if shot.continues_clip else ""
    starts = f"{shot.chain_id} < {shot.continues}{clip}" if shot.continues else shot.chain_id
    if shot.pinned_take:
        starts = f"{shot.chain_id} < {shot.pinned_take.shot} take {shot.pinned_take.take.number}"
    return (
        shot.id,
        starts,
        shot.provider.name,
        shot.family or shot.model,
        _length(shot),
        size,
        shot.key[:KEY_LENGTH],
        str(shot.tokens) if shot.tokens is not None else "-",
        format_price(shot.max_price),
    )


def _length(shot: ShotToRender) -> str:
    if shot.has_auto_duration:
        return f"auto, {shot.duration_seconds:g} s at most"
    return f"{shot.duration_seconds:g} s"


def _sums(production: Run) -> str:
    plan, survey = production.plan, production.status
    found: Counter[str] = Counter(survey[shot.id].state for shot in plan)
    counts = [f"{found[state]} {state}" for state in ShotState if found[state]]
    frames, to_pay = count_film_frames(production), production.max_cost
    lines = [
        f"{len(plan.shots)} shots: {', '.join(counts)}",
        f"to pay: {to_pay}" + (" at most" if not to_pay.is_free else ""),
        *(
            f"budget of {wall.owner}: {format_exact(sum_prices([wall.amount]))}, of it booked: {format_exact(booked)}"
            for wall, booked in list_budgets(production)
        ),
        *(f"prices of {dated}: {source}" for dated, source in list_price_sources(plan)),
        f"longest chain: {' > '.join(plan.critical_path)}",
    ]
    if frames:
        lines.append(f"film: {frames} frames, {frames / 24:.2f} s")
    return "\n".join(lines)


def align_columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines with their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = "  ".join(f"{{:<{width}}}" for width in widths)
    head, *lines = (padded.format(*row) for row in rows)
    return [head.rstrip(), *lines]


def format_report(report: RunReport, film: str | None) -> str:
    """What became of a run: a line per shot, the film, what was kept, rendered and paid."""
    rows = [_result_row(one) for one in report.results]
    lines = [line.rstrip() for line in align_columns(rows)] if rows else []
    counts: dict[str, int] = {}
    for one in report.results:
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
    lines.append("")
    if film and report.film:
        seconds = report.film.frame_count / 24
        without = f", without {', '.join(report.missing)}" if report.missing else ""
        lines.append(f"{film}  ({report.film.frame_count} frames, {seconds:.2f} s{without})")
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    lines.append(f"{told}; paid {report.spent}")
    return "\n".join(lines)


def _result_row(result: ShotResult) -> tuple[str, ...]:
    attempt = result.attempt
    frames = f"{attempt.frames} frames" if attempt and attempt.frames else ""
    why = str(result.error) if result.error else ""
    if result.outcome == "skipped" and not result.error:
        why = f"continues {result.shot.continues}, which has no last frame"
    if attempt and attempt.seam_difference is not None and not why:
        why = f"a soft anchor: its first picture is {attempt.seam_difference:.1f} of 255 away"
    price = (
        ""
        if result.outcome in ("failed", "skipped")
        else format_price(price_of(result.shot, attempt))
    )
    return result.shot.id, result.outcome, frames, price, why


class Quiet:
    """No display: a pipe, or a document for another program."""

    def tell(self, shot: str, doing: str, progress: float | None) -> None:
        """Nothing is shown."""

    def say_engine(self, words: str) -> None:
        """Nothing is shown."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is to clear away."""


class Live:
    """A line per shot that moves while the run does, and is gone when it is over."""

    def __init__(self, production: Run, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._shots = {one.id: one for one in production.shots}
        self._order = [one.id for one in production.plan if one.id in self._shots]
        kept = production.status.shots_in_state(ShotState.KEPT)
        self._doing = {one: "kept" if one in kept else "waiting" for one in self._order}
        self._progress: dict[str, float | None] = {}
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._engine = ""
        self._console: Console = Console(file=stream)
        self._live = RichLive(
            console=self._console, get_renderable=self._draw, refresh_per_second=8, transient=True
        )

    def tell(self, shot: str, doing: str, progress: float | None) -> None:
        """A shot does something else now. From any thread."""
        with self._lock:
            self._doing[shot] = doing
            self._progress[shot] = progress
            if doing in _COLOURS:
                self._took[shot] = time.monotonic() - self._since.get(shot, time.monotonic())
            else:
                self._since.setdefault(shot, time.monotonic())

    def say_engine(self, words: str) -> None:
        """What Prefect does, where that is worth a word."""
        self._engine = words

    def __enter__(self) -> Live:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def _draw(self) -> RenderableType:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        with self._lock:
            rows = list(self._visible())
            left = sum(1 for one in self._order if self._doing[one] not in _COLOURS)
        for row in rows:
            table.add_row(*row)
        spent = time.monotonic() - self._begun
        foot = f"{left} of {len(self._order)} shots to go, {spent:.0f} s"
        return Group(
            table, Text(foot + (f" · {self._engine}" if self._engine else ""), style="dim")
        )

    def _visible(self) -> Iterator[tuple[Any, ...]]:
        """The shots that fit the terminal: those at work first."""
        room = max(self._console.height - 3, 4)
        busy = [one for one in self._order if self._doing[one] not in (*_COLOURS, "waiting")]
        rest = [one for one in self._order if one not in busy]
        chosen = set((busy + rest)[:room])
        for shot in self._order:
            if shot in chosen:
                yield self._row(shot)

    def _row(self, shot: str) -> tuple[Any, ...]:
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.text import Text

        doing = self._doing[shot]
        if doing in _COLOURS:
            good = _COLOURS[doing] == "green"
            mark: Any = Text("✓" if good else "✗", style=_COLOURS[doing])
        elif doing == "waiting":
            mark = Text("·", style="dim")
        else:
            mark = self._spinner(Spinner)
        took = self._took.get(shot) or time.monotonic() - self._since.get(shot, time.monotonic())
        progress = self._progress.get(shot)
        bar = ProgressBar(100, progress * 100, width=18) if progress is not None else Text("")
        style = _COLOURS.get(doing, "dim" if doing == "waiting" else "cyan")
        seconds = f"{took:.0f} s" if took >= 0.5 else ""
        return mark, Text(shot, style="bold"), Text(doing, style=style), bar, Text(seconds)

    def _spinner(self, make: Any) -> Any:
        if not hasattr(self, "_spin"):
            self._spin = make("dots", style="cyan")
        return self._spin


@contextmanager
def live_display(production: Run, stream: TextIO, *, wanted: bool) -> Iterator[Quiet | Live]:
    """The live display where there is a terminal for it, else nothing."""
    if not wanted or not stream.isatty():
        yield Quiet()
        return
    with Live(production, stream) as live:
        yield live
