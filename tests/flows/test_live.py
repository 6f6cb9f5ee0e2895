"""The live display as a terminal shows it, through an emulator; and the lines of each picture."""

from __future__ import annotations

import io
import json
import shlex
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flows.cli.output.live import LiveDisplay
from flows.cli.output.live_region import LiveRegion
from flows.cli.output.style import cell_width, fit_to_stream
from storyboards.models import Money
from tasks.progress import ProgressState
from tests.support.played_run import make_progress, prepare
from tests.support.terminal import Terminal, capture

ROOT = Path(__file__).resolve().parents[2]

BOARD = """\
title: Twelve shots
provider: modelark
model: seedance-1.5-pro
look: {resolution: 480p, seconds: 5}
shots:
  - {id: dawn, title: Dawn over the harbour, prompt: "a"}
  - {id: stairs, title: The keeper climbs the spiral stair, prompt: "b"}
  - {id: lamp, prompt: "c"}
  - {id: storm, title: 暴风雨中的灯塔与海浪, prompt: "d", first_frame: none}
  - {id: sea, prompt: "e"}
  - {id: boat, prompt: "f", first_frame: none}
  - {id: harbour, prompt: "g", first_frame: {shot: lamp}}
  - {id: logo, title: Logo, prompt: "h", first_frame: none}
  - {id: gull, prompt: "i", first_frame: none}
  - {id: rock, prompt: "j"}
  - {id: wave, prompt: "k", first_frame: none}
  - {id: end, prompt: "l"}
"""

PRICE = Money(amount=Decimal("0.1214"), currency="USD")

MOMENTS: list[tuple[str | None, str, dict[str, Any]]] = [
    ("dawn", "rendered", {"price": PRICE}),
    ("stairs", "waiting for slot", {}),
    ("storm", "rendering", {"fraction": 0.42, "since": -91, "expected_seconds": 120}),
    ("boat", "rendering", {"since": -7200, "expected_seconds": 60, "is_resumed": True}),
    ("logo", "failed", {"detail": "the vendor moderated the output: " + "a trademark " * 20}),
    ("gull", "retrying", {"retry": 2, "max_retries": 5, "delay_seconds": 8.2, "detail": "503"}),
    ("wave", "at the vendor", {"detail": "'polishing'", "since": -10}),
]
"""A moment of a run with every kind of state."""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Twelve shots in four chains and two shots of their own."""
    path = tmp_path / "board.yaml"
    path.write_text(BOARD)
    return path


def show(board: Path, moments: list[tuple[str | None, str, dict[str, Any]]]) -> LiveDisplay:
    """Return the display of a run at a moment."""
    display = LiveDisplay(prepare(board))
    display.show_phase("")
    for shot, state, fields in moments:
        display.update(make_progress(shot, state, **fields))
    return display


def draw(display: LiveDisplay, columns: int, lines: int = 24) -> list[str]:
    """Return the picture of a display without colours."""
    return [fit_to_stream(line, sys.__stdout__) for line in display.draw(columns, lines)]


def play(board: Path, *steps: list[Any], **options: Any) -> Terminal:
    """Play a run in a terminal."""
    command = [sys.executable, "-m", "tests.support.played_run", str(board), json.dumps(steps)]
    environment = {"PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    return capture(command, folder=board.parent, environment=environment, **options)


@pytest.mark.parametrize("columns", [60, 80, 110, 200])
def test_picture_has_every_state_without_wrapping(board: Path, columns: int) -> None:
    """Each shot has a line with its state, no line is longer than the terminal."""
    lines = draw(show(board, MOMENTS), columns)
    text = "\n".join(lines)

    assert all(cell_width(line) < columns for line in lines)
    assert len(lines) == 13
    for state in ("✓ rendered", "waiting for a slot", "rendering 42 %", "since", "✗ failed"):
        assert state in text
    assert "retry 2 of 5 in 8 s: 503" in text
    assert "at the vendor" in text
    assert "1 of 12" not in lines[-1]
    assert "2 of 12 shots" in lines[-1]
    assert "paid 0.12 of at most 1.46 USD" in lines[-1]


def test_picture_shows_chains(board: Path) -> None:
    """The shots of a chain stand together, also if another shot is between them in the film."""
    lines = draw(show(board, []), 80)

    assert [line[:7] for line in lines[:6]] == [
        "┌ Dawn ",
        "├ The k",
        "├ lamp ",
        "└ harbo",
        "┌ 暴风雨中的",
        "└ sea  ",
    ]
    assert lines[6].startswith("  boat ")
    assert "waiting for Dawn over the harbour" in lines[1]


@pytest.mark.parametrize("lines", [4, 8, 12])
def test_picture_of_few_lines_shows_active_shots(board: Path, lines: int) -> None:
    """Shots without a line are counted; the last line of the terminal stays empty."""
    picture = draw(show(board, MOMENTS), 80, lines)

    assert len(picture) == lines - 1
    assert any("rendering 42 %" in line for line in picture)
    shown = len(picture) - 2
    assert picture[-2].startswith(f"  +{12 - shown} more: ")
    assert "waiting" in picture[-2]


def test_picture_estimates_with_about(board: Path) -> None:
    """No estimate is shown as a fact, and none that has passed."""
    storm, boat = (
        next(line for line in draw(show(board, MOMENTS), 80) if name in line)
        for name in ("rendering 42 %", "boat")
    )

    assert "1:31    about 0:29 left" in storm
    assert "longer than usual" in boat


def test_picture_of_resumed_job_has_time(board: Path) -> None:
    """With the date if it was not sent today."""
    since = time.strftime("%H:%M", time.localtime(time.time() - 90))
    moments = [("boat", "rendering", {"since": -90, "is_resumed": True})]
    line = next(line for line in draw(show(board, moments), 200) if "boat" in line)

    days = [("boat", "queued", {"since": -200_000, "is_resumed": True})]
    earlier = next(line for line in draw(show(board, days), 200) if "boat" in line)
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 200_000))

    if time.localtime().tm_hour or time.localtime().tm_min > 1:
        assert f"rendering at the vendor since {since}" in line
    assert f"queued since {day} " in earlier


def test_picture_collapses_kept_shots(board: Path) -> None:
    """Many kept shots are one line."""
    ids = ("dawn", "stairs", "lamp", "harbour")
    display = show(board, [(shot, "kept", {}) for shot in ids])

    assert "4 shots kept" in draw(display, 80)[0]
    assert len(draw(display, 80)) == 10
    few = show(board, [("dawn", "kept", {})])
    assert "✓ kept" in draw(few, 80)[0]


def test_picture_of_join(board: Path) -> None:
    """The film has a line of its own, also if there is no space for the shots."""
    shots = [shot.id for shot in prepare(board).shots]
    moments = [(shot, "rendered", {"price": PRICE}) for shot in shots]
    display = show(board, [*moments, (None, "joining", {"detail": "12 clips"})])

    assert "film" in draw(display, 80)[-2]
    assert any("joining 12 clips" in line for line in draw(display, 60, 5))
    assert "12 of 12 shots" in draw(display, 60)[-1]


def test_picture_escapes_control_characters(board: Path) -> None:
    """A vendor's word can't move the cursor."""
    display = show(board, [("gull", "failed", {"detail": "a \x1b[31m word"})])

    assert not any("\x1b[31m word" in line for line in draw(display, 80))
    assert any("a \\x1b[31m word" in line for line in draw(display, 80))


STEPS = [
    [0.1, "phase", ""],
    [0, "dawn", "sending"],
    [0.25, "dawn", "rendering", {"since": 0, "fraction": 0.42, "job": "cgt-1"}],
    [0.25, "say", "warning: a line in between"],
    [0.25, "dawn", "downloading"],
    [0.25, "dawn", "rendered"],
    [0, None, "joining", {"detail": "1 clip"}],
    [0.25, "phase", "ending Prefect"],
    [0.25, "phase", ""],
]


@pytest.mark.parametrize(("columns", "lines"), [(60, 24), (80, 24), (110, 24), (200, 24), (80, 8)])
def test_terminal_is_left_clean(board: Path, columns: int, lines: int) -> None:
    """Every state is seen, a line in between stays, and only the report follows it."""
    terminal = play(board, *STEPS, columns=columns, lines=lines)
    texts = [screen.text for screen in terminal.screens]

    assert terminal.exit_code == 0
    printed = "\n".join(terminal.last.all_lines).strip()
    assert printed == "warning: a line in between\nthe report"
    assert terminal.last.wraps == 0
    assert not terminal.last.is_cursor_hidden
    assert any(screen.is_cursor_hidden for screen in terminal.screens)
    for state in ("starting Prefect", "rendering 42 %", "downloading", "joining", "ending Prefect"):
        assert any(state in text for text in texts), state
    assert all(text.count(" of 12 shots") <= 1 for text in texts), "a picture is torn"


def test_terminal_without_colour_has_no_colour(board: Path) -> None:
    """NO_COLOR: the words say everything."""
    terminal = play(board, *STEPS, environment={"NO_COLOR": "1"})
    cells = [cell for screen in terminal.screens for cells in screen.rows for cell in cells]

    assert {(cell.fg, cell.bold) for cell in cells} == {("default", False)}
    assert any("rendering 42 %" in screen.text for screen in terminal.screens)


def test_dumb_terminal_gets_lines(board: Path) -> None:
    """TERM=dumb: no escape sequence at all, and a line per change."""
    terminal = play(board, *STEPS, term="dumb", columns=80)

    assert not any(screen.is_cursor_hidden for screen in terminal.screens)
    lines = terminal.last.text.splitlines()
    assert [line[10:] for line in lines if "  dawn  " in line] == [
        "dawn     sending",
        "dawn     rendering 42 % (job cgt-1 at )",
        "dawn     downloading",
        "dawn     rendered",
    ]


def test_terminal_without_unicode_gets_ascii(board: Path) -> None:
    """A terminal that can't show the symbols gets others."""
    board.write_text(BOARD.replace("暴风雨中的灯塔与海浪", "Storm"))
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    terminal = play(board, *STEPS, environment=environment)

    assert all(screen.text.isascii() for screen in terminal.screens)


def test_terminal_that_is_resized_stays_clean(board: Path) -> None:
    """The next picture fits, and nothing of the last one stays."""

    def shrink(terminal: Terminal) -> None:
        if "rendering 42 %" in terminal.last.text and terminal.columns == 110:
            terminal.resize(70, 20)

    terminal = play(board, *STEPS, columns=110, on_screen=shrink)

    assert terminal.columns == 70
    assert any("downloading" in screen.text for screen in terminal.screens)
    assert terminal.last.text.endswith("the report")
    assert "shots" not in terminal.last.text


@pytest.mark.parametrize("end", ["exception", "Ctrl-C", "SIGTERM"])
def test_cursor_is_shown_after_every_end(board: Path, end: str) -> None:
    """Also if the run is interrupted or fails."""

    def interrupt(terminal: Terminal) -> None:
        if "rendering" not in terminal.last.text or terminal.is_interrupted:
            return
        if end == "Ctrl-C":
            terminal.type(b"\x03")
        if end == "SIGTERM":
            terminal.process.send_signal(signal.SIGTERM)
        terminal.is_interrupted = True

    last = [0.3, "fail", "odd"] if end == "exception" else [30, "phase", "never"]
    terminal = play(board, *STEPS[:3], last, on_screen=interrupt)

    assert terminal.exit_code != 0
    assert any(screen.is_cursor_hidden for screen in terminal.screens)
    assert not terminal.last.is_cursor_hidden
    assert " of 12 shots" not in terminal.last.text
    assert ("RuntimeError" if end == "exception" else "KeyboardInterrupt") in terminal.last.text


def test_background_job_draws_nothing(board: Path) -> None:
    """The shell shows its prompt there; only the report is printed."""
    command = [sys.executable, "-m", "tests.support.played_run", str(board), json.dumps(STEPS)]
    terminal = capture(
        ["sh", "-mc", f"{shlex.join(command)} & wait"],
        folder=board.parent,
        environment={"PYTHONPATH": str(ROOT)},
    )

    assert terminal.exit_code == 0
    assert not any("of 12 shots" in screen.text for screen in terminal.screens)
    assert "the report" in terminal.last.text


class ClosedTerminal(io.StringIO):
    """A terminal that was closed."""

    def isatty(self) -> bool:
        return True

    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")


def test_region_in_narrower_window_moves_past_broken_lines(monkeypatch) -> None:
    """A terminal breaks the lines of the last picture when it gets narrower."""
    stream = io.StringIO()
    region = LiveRegion(stream)
    monkeypatch.setenv("COLUMNS", "80")
    region.draw(["x" * 60, "a line"])
    monkeypatch.setenv("COLUMNS", "40")
    region.draw(["y" * 30, "a line"])
    region.clear()

    assert stream.getvalue().count("\r\x1b[3A") == 1
    assert stream.getvalue().count("\r\x1b[2A") == 1


def test_closed_terminal_does_not_end_the_run() -> None:
    """A run that is paid for goes on without its picture."""
    region = LiveRegion(ClosedTerminal())

    region.draw(["a line"])
    region.print_above("a warning\n")
    region.clear()


def test_every_state_has_a_line(board: Path) -> None:
    """No state breaks the display."""
    for state in ProgressState:
        (line, *_), footer = (lambda lines: (lines, lines[-1]))(
            draw(show(board, [("dawn", state.value, {})]), 80)
        )
        assert line
        assert footer
