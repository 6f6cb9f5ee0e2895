"""Runs at the same time: each key is paid and downloaded once, also if one run is killed.

`tests/benchmarks/together.py` does the same with whole commands, twenty times.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flows.cli.main import main
from flows.render import render_storyboard
from flows.report import RunReport
from flows.run import Run
from tasks.errors import NotConfigured
from tasks.store.lock_probe import GRANTED
from tasks.store.receipts import AttemptState, read_receipt
from tests.support.plain_tasks import command_without_engine, render_plainly

ROOT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("engine", "rounds"), [("none", 2), pytest.param("prefect", 1, marks=pytest.mark.long)]
)
def test_two_processes_pay_each_shot_once(tmp_path: Path, engine: str, rounds: int) -> None:
    """In the first round both runs live; in the second round one of them is killed."""
    program = ROOT / "tests/benchmarks/together.py"
    result = subprocess.run(
        [sys.executable, program, f"--rounds={rounds}", f"--engine={engine}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{rounds} of {rounds} rounds paid each shot once" in result.stdout


def render_together(studio, runs: Sequence[Run]) -> list[RunReport]:
    """Render runs in a thread each and return their reports in the order of the runs."""
    reports: dict[int, RunReport] = {}

    def render(index: int) -> None:
        reports[index] = render_plainly(runs[index], studio.on_progress)

    threads = [threading.Thread(target=render, args=(index,)) for index in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [reports[index] for index in range(len(runs))]


def test_shared_job_is_downloaded_once(studio, chain) -> None:
    """A waiting run uses the clip and the frame of the first one, so no digest is replaced."""
    run = studio.prepare(chain("one", "two"))
    reports = render_together(studio, [run] * 3)
    downloads = Counter(request.path for request in studio.requests("download"))

    assert [report.errors for report in reports] == [()] * 3
    assert studio.creates == 2
    assert len(downloads) == 4
    assert set(downloads.values()) == {1}


def test_boards_with_equal_shots_share_jobs(studio, chain) -> None:
    """Equal keys are paid once, although boards and shots have other names."""
    first = studio.prepare(chain("one", "two"), name="first")
    other = chain("uno", "due", "tre", uno="Picture of one.", due="Picture of two.")
    second = studio.prepare(other, name="second")
    reports = render_together(studio, [first, second])

    assert [report.film.frame_count for report in reports] == [97, 145]
    assert studio.creates == 3


LOCK_HOLDER = """
import sys
from pathlib import Path
from tasks.store.layout import Store
from tasks.store.locks import try_lock
records = Store(Path(sys.argv[1])).records(loopback=True)
with records.lock_file(sys.argv[2], sys.argv[3]) as file:
    assert try_lock(file)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("lock", None),
        ("frame.lock", AttemptState.DONE),
        ("clip.lock", AttemptState.DONE),
    ],
)
def test_lock_of_killed_process_is_released(
    studio, chain, name: str, state: AttemptState | None
) -> None:
    """A run waits while another process holds a lock, and goes on when that process is killed."""
    run = studio.prepare(chain("one"))
    run.store.initialize()
    key = run.plan.shot("one").key
    reports: list[RunReport] = []
    thread = threading.Thread(
        target=lambda: reports.append(render_plainly(run, studio.on_progress))
    )
    with subprocess.Popen(
        [sys.executable, "-c", LOCK_HOLDER, str(run.store.root), key, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        thread.start()
        wait_while(thread, lambda: current_state(run, key) is not state)
        thread.join(timeout=0.3)
        is_waiting = thread.is_alive()
        holder.kill()
        thread.join()

    assert is_waiting
    assert reports[0].film.frame_count == 49
    assert studio.creates == 1


def wait_while(thread: threading.Thread, condition: Callable[[], bool]) -> None:
    """Wait until a condition of a running thread is false."""
    while condition():
        assert thread.is_alive()
        thread.join(timeout=0.02)


def current_state(run: Run, key: str) -> AttemptState | None:
    (shot,) = run.plan.shots_to_render
    attempt = read_receipt(key, run.records_of(shot).read(key)).current
    return attempt.state if attempt else None


@pytest.mark.parametrize(("provider", "code"), [("ark", 3), ("simulator", 0)])
def test_store_whose_locks_do_not_exclude(
    studio,
    chain: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    provider: str,
    code: int,
) -> None:
    """If a second process gets the lock too, no provider is paid; free runs need no proof."""
    board = studio.write(chain("one", provider=provider))
    monkeypatch.chdir(studio.folder)
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tasks.store.lock_probe._run_probe", lambda _: GRANTED)

    with command_without_engine():
        assert main(["render", str(board), "--yes"]) == code
        assert main(["plan", str(board)]) == 0

    assert studio.creates == (1 if code == 0 else 0)
    assert ("use a --store on a local disk" in capsys.readouterr().err) == (code == 3)


def test_deployment_checks_store_before_paying(
    studio, chain: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flow itself refuses: a worker has no command line that could have done so."""
    # The film would be put into the working directory, where another test may have put one.
    monkeypatch.chdir(studio.folder)
    board = studio.write(chain("one", provider="ark"))
    for name, value in studio.settings().variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tasks.store.lock_probe._run_probe", lambda _: GRANTED)

    with pytest.raises(NotConfigured, match="two processes"):
        asyncio.run(render_storyboard.fn(str(board), store=str(studio.folder / "store"), yes=True))

    assert studio.creates == 0
