"""The lines of `render` on stderr without a terminal: text, JSON, or nothing but the end."""

from __future__ import annotations

import io
import json
import logging
import re
from contextlib import redirect_stderr
from datetime import datetime
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.cli.output import LogOptions
from flows.cli.output.display import open_display
from flows.cli.output.json_lines import FIELDS, JsonLines
from flows.cli.output.log_lines import LineDisplay
from tasks.simulator.clock import ManualClock
from tests.support.plain_tasks import command_without_engine
from tests.support.played_run import make_progress, prepare

BOARD = """\
provider: modelark
model: seedance-1.5-pro
look: {resolution: 480p, seconds: 5}
shots:
  - {id: dawn, prompt: "a"}
  - {id: 灯台, prompt: "b"}
  - {id: a-shot-with-a-name-of-more-than-24-letters, prompt: "c"}
"""
SIMULATED = """\
model: seedance-1.0-pro
look: {resolution: 480p, seconds: 2}
shots:
  - {id: one, prompt: "Dawn over the sea."}
  - {id: two, prompt: "A lighthouse."}
"""
TIME = re.compile(r"\d\d:\d\d:\d\d  ")


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three shots of one chain, in the working directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "board.yaml"
    path.write_text(BOARD)
    return path


@pytest.fixture
def clock() -> ManualClock:
    """A clock that is set by hand."""
    return ManualClock(1_780_000_000)


def lines_of(stream: io.StringIO) -> list[str]:
    """Return the printed lines without their times."""
    lines = stream.getvalue().splitlines()
    assert all(TIME.match(line) for line in lines)
    return [TIME.sub("", line, count=1) for line in lines]


def test_line_per_change_of_state(board: Path, clock: ManualClock) -> None:
    """With the job once it is known, and no line for a percentage."""
    stream = io.StringIO()
    display = LineDisplay(prepare(board), stream, clock.now)
    job = {"job": "cgt-001", "provider": "modelark"}
    display.print_plan()
    display.show_phase("starting Prefect")
    display.update(make_progress("dawn", "sending"))
    for fraction in (0.1, 0.2, 0.3):
        display.update(make_progress("dawn", "rendering", fraction=fraction, **job))
    reason = "modelark: no available channel (HTTP 503)"
    display.update(
        make_progress(
            "dawn",
            "retrying",
            retry=2,
            max_retries=5,
            delay_seconds=8,
            detail="503 from the vendor",
            message=reason,
        )
    )
    display.update(make_progress("灯台", "skipped", detail="dawn has no last frame"))
    display.update(make_progress(None, "joining", detail="1 clip"))

    assert lines_of(stream) == [
        "3 of 3 shots to render, for at most 0.37 USD",
        "starting Prefect",
        f"{'dawn':24}  sending",
        f"{'dawn':24}  rendering 10 % (job cgt-001 at modelark)",
        f"{'dawn':24}  retry 2 of 5 in 8 s: {reason}",
        f"{'灯台':22}  skipped: dawn has no last frame",
        f"{'film':24}  joining 1 clip",
    ]


def test_line_has_local_time(board: Path, clock: ManualClock) -> None:
    """The time of day, as a person reads it."""
    stream = io.StringIO()
    LineDisplay(prepare(board), stream, clock.now).show_phase("starting Prefect")

    local = datetime.fromtimestamp(clock.now()).astimezone()
    assert stream.getvalue().startswith(f"{local:%H:%M:%S}  ")


def test_heartbeat_at_least_once_a_minute(board: Path, clock: ManualClock) -> None:
    """While nothing changes, a line has what is done since when; not sooner."""
    stream = io.StringIO()
    display = LineDisplay(prepare(board), stream, clock.now)
    display.update(make_progress("dawn", "rendering"))
    printed = []
    for _ in range(180):
        clock.advance(1)
        display.tick()
        printed.append(len(stream.getvalue().splitlines()))

    assert printed[53] == 1
    assert all(later - earlier >= 1 for earlier, later in zip(printed, printed[60:], strict=False))
    assert printed[-1] == 4
    assert lines_of(stream)[1] == "still running: 0 of 3 shots, dawn rendering for 0:55"


def test_line_of_hostile_text_is_one_line(board: Path, clock: ManualClock) -> None:
    """Neither a line break nor an escape sequence of a vendor reaches the log."""
    stream = io.StringIO()
    display = LineDisplay(prepare(board), stream, clock.now)
    display.update(make_progress("dawn", "failed", detail="a\nfake 12:00:00  line\x1b[2J"))

    (line,) = lines_of(stream)
    assert line.endswith("failed: a\\nfake 12:00:00  line\\x1b[2J")


class ClosedPipe(io.StringIO):
    """A pipe whose reader has ended."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("as_json", [False, True])
def test_closed_pipe_does_not_end_the_run(
    board: Path, clock: ManualClock, *, as_json: bool
) -> None:
    """A run that is paid for goes on: `render | head` is not an interrupt."""
    stream = ClosedPipe()
    display = LineDisplay(prepare(board), JsonLines(stream) if as_json else stream, clock.now)

    display.print_plan()
    display.update(make_progress("dawn", "sending"))
    display.show_phase("ending Prefect")
    clock.advance(60)
    display.tick()


def test_json_lines_have_the_same_fields(board: Path, clock: ManualClock) -> None:
    """Progress, phases, heartbeats, and the text that others print."""
    stream = io.StringIO()
    log = JsonLines(stream, clock.now)
    display = LineDisplay(prepare(board), log, clock.now)
    display.print_plan()
    display.show_phase("starting Prefect")
    display.update(make_progress("dawn", "rendering", since=0, fraction=0.5, job="cgt-001"))
    print("warning: half", "of a line", file=log)
    print("shotchain: it failed\nboard.yaml:3:1: shots: wrong", file=log)
    clock.advance(60)
    display.tick()
    objects = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert {tuple(each) for each in objects} == {FIELDS}
    assert [(each["event"], each["level"]) for each in objects] == [
        ("plan", "info"),
        ("phase", "info"),
        ("progress", "info"),
        ("message", "warning"),
        ("message", "error"),
        ("message", "error"),
        ("heartbeat", "info"),
    ]
    progress = objects[2]
    assert (progress["shot"], progress["state"], progress["fraction"]) == ("dawn", "rendering", 0.5)
    assert progress["message"] == "rendering 50 % (job cgt-001 at )"
    assert progress["since"].endswith("Z")
    assert objects[3]["message"] == "half of a line"


def test_quiet_display_prints_nothing(board: Path) -> None:
    """Not even that the run begins."""
    stream = io.StringIO()
    with open_display(prepare(board), stream, LogOptions(is_quiet=True)) as display:
        display.show_phase("starting Prefect")
        display.update(make_progress("dawn", "sending"))

    assert stream.getvalue() == ""


def test_verbose_display_prints_requests(board: Path) -> None:
    """Those to vendors as httpx logs them, and none of the level of a detail."""
    stream, logger = io.StringIO(), logging.getLogger("httpx")
    with open_display(prepare(board), stream, LogOptions(is_verbose=True)):
        logger.info('HTTP Request: %s %s "%s"', "GET", "https://ark.example.com/tasks/1", "200 OK")
        logger.debug("a detail")
    logger.info("after the run")

    assert lines_of(stream)[1:] == ['GET https://ark.example.com/tasks/1 "200 OK"']


def run(board: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    """Render a board at the simulator; return exit code, stdout and stderr."""
    board.write_text(SIMULATED)
    with command_without_engine():
        code = main(["render", board.name, *options])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.usefixtures("draw_once")
def test_render_on_a_pipe_prints_lines(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a JSON document as well: it is on stdout, the lines are on stderr."""
    code, out, err = run(board, capsys, "--json")

    assert code == 0
    assert json.loads(out)["frames"] == 97
    lines = lines_of(io.StringIO(err))
    steps = [line.split(" (")[0] for line in lines if line.startswith("two ")]
    assert steps[:2] == ["two   sending", "two   queued"]
    assert steps[-3:] == ["two   downloading", "two   checking", "two   rendered"]
    assert lines[-1] == "film  joining 2 clips"


@pytest.mark.usefixtures("draw_once")
def test_render_quiet_prints_only_the_end(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And errors."""
    code, out, err = run(board, capsys, "-q")

    assert (code, err) == (0, "")
    assert "2 rendered" in out


@pytest.mark.usefixtures("draw_once")
def test_render_with_json_log_prints_only_objects(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The errors included, those in the command line as well."""
    code, _, err = run(board, capsys, "--log-format", "json")
    objects = [json.loads(line) for line in err.splitlines()]
    wrong = main(["render", "none.yaml", "--log-format=json"])
    (problem,) = capsys.readouterr().err.splitlines()
    usage = main(["render", "--log-format=json", "--oops", "board.yaml"])
    (error,) = capsys.readouterr().err.splitlines()

    assert (code, wrong, usage) == (0, 2, 2)
    assert {tuple(each) for each in objects} == {FIELDS}
    assert {"progress", "plan"} <= {each["event"] for each in objects}
    assert "none.yaml" in json.loads(problem)["message"]
    assert json.loads(error)["level"] == "error"


def test_json_log_keeps_other_streams() -> None:
    """Only what is printed within the command becomes JSON."""
    stream = io.StringIO()
    with redirect_stderr(stream):
        assert main(["check", "none.yaml"]) == 2

    assert not stream.getvalue().startswith("{")
