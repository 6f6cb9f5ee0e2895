"""Clean-up of a simulator's jobs, which is refused while a simulator is served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.simulator.cleanup import RemovedJobs, remove_jobs
from tasks.simulator.state import open_state

ROOT = Path(__file__).parents[3]
PICTURE = "0" * 64
OPEN_STATE = """
import sys
from pathlib import Path
from tasks.simulator.state import open_state
state = open_state(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def write_jobs(root: Path) -> None:
    """Write two jobs with their files, an input, an unfinished file and a log."""
    for job in ("a", "b"):
        (root / "jobs" / f"{job}.json").write_bytes(b"not of this version")
        (root / "files" / f"{job}.mp4").write_bytes(b"0123456789")
        (root / "files" / f"{job}.png").write_bytes(b"01234")
    (root / "inputs" / PICTURE).write_bytes(b"012")
    (root / "files" / ".0123abcd.a.mp4").write_bytes(b"half")
    (root / "ledger.jsonl").write_bytes(b"")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with two jobs that is not served."""
    open_state(tmp_path).close()
    write_jobs(tmp_path)
    return tmp_path


def list_files(root: Path) -> set[str]:
    """Return the files below a root."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_remove_jobs_keeps_needed_job(root: Path) -> None:
    """A needed job keeps its files, and all inputs are kept because it may need them."""
    planned = remove_jobs(root, lambda job: job == "b", dry_run=True)
    before = list_files(root)
    removed = remove_jobs(root, lambda job: job == "b")

    assert planned == removed == RemovedJobs(jobs=1, kept=1, bytes=19 + 15 + 4)
    assert before - list_files(root) == {
        "jobs/a.json",
        "files/a.mp4",
        "files/a.png",
        "files/.0123abcd.a.mp4",
    }


def test_remove_jobs_keeps_log_and_secret(root: Path) -> None:
    """If no job is needed, only the log, the signing key and the lock files are left."""
    remove_jobs(root, lambda _: False)

    assert list_files(root) - {"served", "lock"} == {"ledger.jsonl", "secret"}


def test_remove_jobs_of_missing_root_is_empty(tmp_path: Path) -> None:
    """A root that does not exist is not created."""
    assert remove_jobs(tmp_path / "none", lambda _: False) == RemovedJobs(0, 0, 0)
    assert not (tmp_path / "none").exists()


def test_remove_jobs_while_served_returns_none(tmp_path: Path) -> None:
    """Several processes can serve one root; a killed one no longer counts."""
    first = open_state(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", OPEN_STATE, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as second:
        assert second.stdout is not None
        second.stdout.readline()
        write_jobs(tmp_path)
        with_both = remove_jobs(tmp_path, lambda _: False)
        first.close()
        with_second = remove_jobs(tmp_path, lambda _: False)
        second.send_signal(signal.SIGKILL)
    with_none = remove_jobs(tmp_path, lambda _: False)

    assert with_both is None
    assert with_second is None
    assert with_none is not None
    assert with_none.jobs == 2
