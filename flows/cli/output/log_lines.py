"""The progress of a run as lines: for pipes, CI, `nohup` and terminals without a cursor.

A line per change of state with the time of day, and at least one a minute while nothing changes.
A stream of JSON lines gets objects with more fields instead.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TextIO

from flows.cli.output.json_lines import JsonLines, format_utc
from flows.cli.output.live import format_duration
from flows.cli.output.run_progress import RunProgress, ShotProgress
from flows.cli.output.style import cell_width, count_noun, fit_to_stream, pad, truncate
from flows.run import Run
from storyboards.terminal_text import escape_control_chars
from tasks.budgets.money import format_max_price, price_to_json
from tasks.progress import ENDED, WAITING, Progress, describe_line, is_same_step

HEARTBEAT_SECONDS = 55.0
"""The longest silence; with the interval below at least one line a minute."""

TICK_SECONDS = 1.0

MAX_NAME_WIDTH = 24
MAX_NAMED_SHOTS = 4


class LineDisplay:
    """Prints the progress of a run as lines.

    Args:
        run: The run to show.
        stream: Where the lines are printed; a `JsonLines` gets objects.
        clock: Returns Unix seconds.
    """

    def __init__(
        self, run: Run, stream: TextIO | JsonLines, clock: Callable[[], float] = time.time
    ) -> None:
        self._stream, self._clock = stream, clock
        self._progress = RunProgress(run, clock())
        self._lock = threading.Lock()
        self._printed_at = clock()
        names = ["film", *(shot.id for shot in run.shots)]
        self._name_width = min(max(map(cell_width, names)), MAX_NAME_WIDTH)

    def print_plan(self) -> None:
        """Print how many shots are rendered, and the most that they cost."""
        progress, pending = self._progress, len(self._progress.run.pending)
        count = len(progress.run.shots)
        text = f"{pending} of {count_noun(count, 'shot')} to render"
        if progress.has_prices:
            text += f", for at most {format_max_price(progress.max_price)}"
        with self._lock:
            self._print(self._clock(), "plan", text)

    def update(self, progress: Progress) -> None:
        """Print a step of a shot or of the film if it is another one than before."""
        now = self._clock()
        with self._lock:
            last = self._progress.last(progress.shot)
            self._progress.update(progress, now)
            if is_same_step(progress, last):
                return
            local = datetime.fromtimestamp(now).astimezone()
            self._print(
                now,
                "progress",
                describe_line(progress, now=local),
                shot=progress.shot or "film",
                **_progress_fields(progress),
            )

    def show_phase(self, text: str) -> None:
        """Print what the program itself does, such as "starting Prefect"."""
        if text:
            with self._lock:
                self._print(self._clock(), "phase", text)

    def print_detail(self, text: str) -> None:
        """Print a line that only `-v` shows, such as a request."""
        with self._lock:
            self._print(self._clock(), "detail", text, level="debug")

    def tick(self) -> None:
        """Print what is done at the moment if no line was printed for almost a minute."""
        now = self._clock()
        with self._lock:
            if now - self._printed_at >= HEARTBEAT_SECONDS:
                self._print(now, "heartbeat", self._describe_run(now))

    def _describe_run(self, now: float) -> str:
        shots = self._progress.shots
        ended = sum(shot.state in ENDED for shot in self._progress.shots_only)
        text = f"{ended} of {len(self._progress.shots_only)} shots"
        active = [shot for shot in shots if shot.state not in ENDED | WAITING]
        named = [_describe_active(shot, now) for shot in active[:MAX_NAMED_SHOTS]]
        if len(active) > MAX_NAMED_SHOTS:
            named.append(f"{len(active) - MAX_NAMED_SHOTS} more")
        return ", ".join([f"still running: {text}", *named])

    def _print(self, now: float, event: str, text: str, **fields: Any) -> None:
        self._printed_at = now
        # A reader that closed the pipe, as `head` does, must not end a run that is paid for.
        with suppress(OSError, ValueError):
            self._write(now, event, text, **fields)

    def _write(self, now: float, event: str, text: str, **fields: Any) -> None:
        if isinstance(self._stream, JsonLines):
            level = fields.pop("level", "info")
            self._stream.write_object(level, text, event=event, **fields)
            return
        at = datetime.fromtimestamp(now).astimezone()
        name = escape_control_chars(fields.get("shot", ""))
        name = f"{pad(truncate(name, self._name_width), self._name_width)}  " if name else ""
        print(
            fit_to_stream(f"{at:%H:%M:%S}  {name}{escape_control_chars(text)}", self._stream),
            file=self._stream,
            flush=True,
        )


def _describe_active(shot: ShotProgress, now: float) -> str:
    elapsed = shot.elapsed_seconds(now) or 0.0
    return f"{shot.progress.shot or 'film'} {shot.state} for {format_duration(elapsed)}"


def _progress_fields(progress: Progress) -> dict[str, Any]:
    return {
        "state": progress.state.value,
        "detail": progress.message or progress.detail or None,
        "fraction": progress.fraction,
        "since": None if progress.since is None else format_utc(progress.since),
        "expected_seconds": progress.expected_seconds,
        "retry": progress.retry or None,
        "max_retries": progress.max_retries or None,
        "delay_seconds": progress.delay_seconds,
        "job": progress.job,
        "provider": progress.provider or None,
        "price": price_to_json(progress.price) if progress.price is not None else None,
    }


@contextmanager
def heartbeat(display: LineDisplay) -> Iterator[None]:
    """Call `tick` of a display every second within this block."""
    has_ended = threading.Event()

    def tick() -> None:
        while not has_ended.wait(TICK_SECONDS):
            display.tick()

    thread = threading.Thread(target=tick, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()


class RequestLog(logging.Handler):
    """Shows each request to a vendor, and its answer: httpx logs them, without the queries.

    Args:
        print_detail: Called with a line.
        skipped: Beginnings of URLs that are not shown, such as that of the Prefect server.
    """

    def __init__(
        self, print_detail: Callable[[str], None], skipped: Callable[[], Sequence[str]]
    ) -> None:
        super().__init__(logging.INFO)
        self._print_detail, self._skipped = print_detail, skipped

    def emit(self, record: logging.LogRecord) -> None:
        """Print a request, unless it went to Prefect."""
        text = record.getMessage()
        if not any(url in text for url in self._skipped()):
            self._print_detail(text.removeprefix("HTTP Request: "))
