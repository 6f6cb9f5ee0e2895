"""A simulator's jobs go when nobody needs them, and never while one is served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tasks.simulator.cleanup import RemovedJobs, remove_jobs
from tasks.simulator.state import open_state

ROOT = Path(__file__).parents[3]


def furnish(root: Path) -> None:
    open_state(root).close()
    write_jobs(root)


def write_jobs(root: Path) -> None:
    for job in ("a", "b"):
        (root / "jobs" / f"{job}.json").write_bytes(b"not of this version")
        (root / "files" / f"{job}.mp4").write_bytes(b"0123456789")
        (root / "files" / f"{job}.png").write_bytes(b"01234")
    (root / "inputs" / "picture").write_bytes(b"012")
    (root / "files" / ".1f.a.mp4").write_bytes(b"half")
    (root / "ledger.jsonl").write_bytes(b"")


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_jobs_that_are_not_needed_go_with_their_files(tmp_path: Path) -> None:
    """Those that are stay, and so does every input as long as one of them may need it."""
    furnish(tmp_path)
    told = remove_jobs(tmp_path, lambda job: job == "b", dry_run=True)
    before = files(tmp_path)
    swept = remove_jobs(tmp_path, lambda job: job == "b")

    assert told == swept == RemovedJobs(jobs=1, kept=1, bytes=19 + 15 + 4)
    assert before - files(tmp_path) == {
        "jobs/a.json",
        "files/a.mp4",
        "files/a.png",
        "files/.1f.a.mp4",
    }


def test_without_any_job_only_the_ledger_and_the_secret_are_left(tmp_path: Path) -> None:
    """The ledger is the only record of what was asked."""
    furnish(tmp_path)
    remove_jobs(tmp_path, lambda job: False)

    assert files(tmp_path) == {"ledger.jsonl", "secret", "served", "lock"} & files(tmp_path)
    assert {"ledger.jsonl", "secret"} <= files(tmp_path)


def test_a_root_that_never_was_is_empty(tmp_path: Path) -> None:
    """Nothing is made by looking."""
    assert remove_jobs(tmp_path / "none", lambda job: False) == RemovedJobs(0, 0, 0)
    assert not (tmp_path / "none").exists()


def test_nothing_goes_while_a_simulator_is_served_and_a_kill_lets_go(tmp_path: Path) -> None:
    """Beside each other two may be served; both count."""
    program = (
        "import sys; from pathlib import Path; from tasks.simulator.state import open_state\n"
        "house = open_state(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    first = open_state(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as second:
        second.stdout.readline()
        write_jobs(tmp_path)
        both = remove_jobs(tmp_path, lambda job: False)
        first.close()
        one = remove_jobs(tmp_path, lambda job: False)
        second.send_signal(signal.SIGKILL)
    none = remove_jobs(tmp_path, lambda job: False)

    assert both is one is None
    assert none is not None
    assert none.jobs == 2
