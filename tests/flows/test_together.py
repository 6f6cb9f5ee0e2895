"""Two runs at once: each key is paid once and brought home once, also where one of them is killed.

`tests/benchmarks/together.py` does the same with whole commands, twenty times.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tasks.simulator.request_log import read_request_log
from tasks.store.receipts import AttemptState, read_receipt
from tests.support.plain_tasks import render_plainly

ROOT = Path(__file__).parents[2]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("steps", "times"), [("bare", 2), pytest.param("prefect", 1, marks=pytest.mark.long)]
)
def test_two_processes_together_pay_each_shot_once(tmp_path: Path, steps: str, times: int) -> None:
    """In the first round both live, in the second one of them is killed; on a new store each."""
    played = subprocess.run(
        [
            sys.executable,
            ROOT / "tests/benchmarks/together.py",
            f"--times={times}",
            f"--steps={steps}",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert played.returncode == 0, played.stdout + played.stderr
    assert f"{times} of {times} rounds paid each shot once" in played.stdout


def test_what_two_runs_wait_for_is_brought_home_once(studio, chain) -> None:
    """The second takes the first one's clip and frame, so file and digest never part."""
    production = studio.prepare(chain("one", "two"))
    production.store.initialize()

    def run() -> None:
        render_plainly(production, studio.on_progress)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fetched = Counter(
        one.path for one in read_request_log(studio.root) if one.operation == "download"
    )

    assert studio.creates == 2
    assert len(fetched) == 4
    assert set(fetched.values()) == {1}


def test_two_boards_that_share_shots_share_their_jobs(studio, chain) -> None:
    """By other names in other boards: the key is what is paid."""
    first = studio.prepare(chain("one", "two"), name="first")
    other = chain("uno", "due", "tre", uno="Picture of one.", due="Picture of two.")
    second = studio.prepare(other, name="second")
    first.store.initialize()
    reports = {}

    def run(production) -> None:
        reports[production.board.name] = render_plainly(production, studio.on_progress)

    threads = [threading.Thread(target=run, args=(one,)) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {name: report.film.frame_count for name, report in reports.items()} == {
        "first": 97,
        "second": 145,
    }
    assert studio.creates == 3


HOLDER = """
import sys, time
from pathlib import Path
from tasks.store.layout import Store
from tasks.store.locks import try_lock
shelf = Store(Path(sys.argv[1])).records(loopback=True)
with shelf.lock_file(sys.argv[2], sys.argv[3]) as file:
    assert try_lock(file)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["lock", "frame.lock", "clip.lock"])
def test_whoever_is_killed_with_a_lock_strands_nobody(studio, chain, name: str) -> None:
    """The run waits as long as the other lives, and goes on when it is dead."""
    production = studio.prepare(chain("one"))
    production.store.initialize()
    key = production.plan.shot("one").key
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(production.store.root), key, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with holder:
        holder.stdout.readline()
        reports = []
        run = threading.Thread(
            target=lambda: reports.append(render_plainly(production, studio.on_progress))
        )
        run.start()
        before = {"lock": None, "frame.lock": AttemptState.DONE, "clip.lock": AttemptState.DONE}[
            name
        ]
        while state_of(production, key) is not before:
            assert run.is_alive()
            run.join(timeout=0.02)
        run.join(timeout=0.3)
        waited = run.is_alive()
        holder.kill()
        run.join()

    assert waited
    assert reports[0].film.frame_count == 49
    assert studio.creates == 1


def state_of(production, key: str) -> AttemptState | None:
    shelf = production.records_of(production.plan.shots[0])
    latest = read_receipt(key, shelf.read(key)).current
    return latest.state if latest else None
