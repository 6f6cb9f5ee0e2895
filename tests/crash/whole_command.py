"""Kill the whole command, Prefect's engine included, at moments that the vendor observes.

    python tests/crash/whole_command.py [--vendor ark] [--only TEXT]

The board and the requirements are those of `matrix.py`, with five kills at each vendor. No Prefect
server may be left after the last run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from matrix import (
    MAX_RUNS,
    KillResult,
    Reference,
    add_result,
    check_result,
    count_wrong,
    find_in_flight,
    print_table,
)
from trial import (
    ROOT,
    SHOTS,
    VENDORS,
    RunResult,
    Trial,
    cached_clips,
    digest,
    frame_digests,
    is_tool_variable,
    open_trial,
)

RUN_TIMEOUT_SECONDS = 240


def count_served(trial: Trial, operation: str, suffix: str = "") -> int:
    """Return how often the vendor served an operation on a path with this suffix."""
    from tasks.simulator.request_log import read_request_log

    return sum(
        request.operation == operation
        and request.path.endswith(suffix)
        and 200 <= request.status < 300
        for request in read_request_log(trial.vendor)
    )


def job_statuses(trial: Trial) -> list[str]:
    """Return the statuses of the vendor's jobs."""
    return [json.loads(path.read_bytes())["status"] for path in trial.vendor.glob("jobs/*.json")]


MOMENTS: Mapping[str, Callable[[Trial], bool]] = {
    "the first create arrived": lambda trial: bool(trial.jobs()),
    "a job is running": lambda trial: "running" in job_statuses(trial),
    "a job is done": lambda trial: "succeeded" in job_statuses(trial),
    "a clip is being downloaded": lambda trial: count_served(trial, "download", ".mp4") > 0,
    "the last clip was downloaded": lambda trial: (
        count_served(trial, "download", ".mp4") == len(SHOTS) and len(trial.clips()) == len(SHOTS)
    ),
}


def start(trial: Trial) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not is_tool_variable(name)}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *trial.argv],
        cwd=trial.folder,
        env={**env, "PYTHONPATH": str(ROOT), **trial.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(trial: Trial, is_moment: Callable[[Trial], bool] | None = None) -> RunResult:
    """Run the command; kill it as soon as `is_moment` is true."""
    begin = time.perf_counter()
    process = start(trial)
    while is_moment and process.poll() is None and not is_moment(trial):
        time.sleep(0.005)
    if is_moment:
        process.send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=RUN_TIMEOUT_SECONDS)
    return RunResult(process.returncode, out, err, (), time.perf_counter() - begin)


def find_servers(trial: Trial) -> list[int]:
    """Return the pids of the Prefect servers that were started for this trial and still run."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            env, command = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(trial.folder).encode() in env and b"flows.server_process" in command:
            pids.append(int(path.name))
    return pids


def render_reference(scratch: Path, provider: str) -> Reference:
    """Render the film that all others must equal."""
    with open_trial(scratch, provider, job_seconds=1.0) as trial:
        result = run(trial)
        assert result.code == 0, result.err
        return Reference(digest(trial.film), frame_digests(trial.film), (), result.seconds)


def try_kill(scratch: Path, provider: str, reference: Reference, moment: str) -> KillResult:
    """Kill the command at a moment, run it again, and check the outcome."""
    from flows.server_process import GRACE_SECONDS
    from tasks.simulator.faults import Faults

    faults = Faults()
    if moment == "a clip is being downloaded":
        faults.inject("slow_download", match=".mp4", seconds=3.0)
    with open_trial(scratch, provider, job_seconds=1.0, faults=faults) as trial:
        first = run(trial, MOMENTS[moment])
        if first.code != -signal.SIGKILL:
            return KillResult(f"was not killed: exit {first.code}: {first.err}", False, ())
        in_flight = find_in_flight(trial)
        for _ in range(MAX_RUNS):
            last = run(trial)
            if last.code == 0 or in_flight:
                break
        outcome = check_result(trial, last, reference, in_flight)
        # A second run that only joins kept shots starts no server and is over before the server of
        # the killed run, which notices that its parent has ended.
        deadline = time.monotonic() + GRACE_SECONDS + 3
        while (pids := find_servers(trial)) and time.monotonic() < deadline:
            time.sleep(0.1)
        return KillResult(f"SERVERS STILL RUN: {pids}" if pids else outcome, True, in_flight)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--only", default="", help="only the moments that contain this text")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, cached_clips():
        for provider in options.vendor or VENDORS:
            scratch = Path(folder) / "trial"
            reference = render_reference(scratch, provider)
            results: dict[str, list[KillResult]] = {}
            for moment in MOMENTS:
                if options.only in moment:
                    result = try_kill(scratch, provider, reference, moment)
                    add_result(results, moment, result, f"{provider}, killed when {moment}")
            print_table(provider, results)
            wrong += count_wrong(results)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
