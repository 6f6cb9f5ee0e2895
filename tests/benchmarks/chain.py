"""Compare the duration of a chain with the sum of its jobs' durations at the vendor.

Run by hand:

    python tests/benchmarks/chain.py [--shots 6] [--seconds 3]

Renders a chain at a simulator whose jobs take that many seconds, and prints the ratios of wall time
to job time: as the whole command, whose server starts during the run; as the flow on a local server
that has started; and without Prefect's engine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def write_board(folder: Path, shots: int) -> Path:
    """Write a board of one chain into a new folder and return its path."""
    folder.mkdir()
    lines = ["model: seedance-1.0-pro", "look: {resolution: 480p, seconds: 2}", "shots:"]
    lines += [f'  - {{id: s{number}, prompt: "Picture {number}."}}' for number in range(shots)]
    path = folder / "chain.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def measure_without_engine(board: Path) -> float:
    """Return the seconds of a run without Prefect's engine."""
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import read_settings
    from tests.support.plain_tasks import render_plainly

    run = prepare_run(load(board), RunOptions(), read_settings(), working_folder=board.parent)
    start = time.perf_counter()
    report = render_plainly(run)
    seconds = time.perf_counter() - start
    assert report.film, report.errors
    return seconds


def measure_flow(board: Path) -> tuple[float, float]:
    """Return the seconds of the flow run, and of the start of its server before it."""
    from flows.local_server import prefect_server
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import read_settings

    settings = read_settings()
    run = prepare_run(load(board), RunOptions(), settings, working_folder=board.parent)
    run.store.initialize()
    start = time.perf_counter()
    with prefect_server(settings, run.store) as wait_for_server:
        # Prefect reads the address of its server when it is imported.
        from flows.render import run_flow
        from flows.run_context import Caller

        wait_for_server()
        start_seconds = time.perf_counter() - start
        caller = Caller(board.parent, lambda *_: None)
        start = time.perf_counter()
        run_flow(board, {}, caller)
        seconds = time.perf_counter() - start
    assert caller.report
    assert caller.report.film, caller.report.errors
    return seconds, start_seconds


def measure_command(board: Path) -> float:
    """Return the seconds of the whole command."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "flows.cli", "render", board.name],
        cwd=board.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of each job")
    options = parser.parse_args()
    os.environ["SHOTCHAIN_SIMULATOR_JOB_SECONDS"] = str(options.seconds)
    job_seconds = options.shots * options.seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{options.shots} shots, {options.seconds:g} s each: {job_seconds:g} s at the vendor")
        command = measure_command(write_board(folder / "command", options.shots))
        print(f"whole command    {command:7.2f} s  ratio {command / job_seconds:.3f}")
        flow, start = measure_flow(write_board(folder / "flow", options.shots))
        print(f"as Prefect flow  {flow:7.2f} s  ratio {flow / job_seconds:.3f}")
        print(f"server's start   {start:7.2f} s")
        # Last, because it replaces the tasks of the flow in this process.
        plain = measure_without_engine(write_board(folder / "plain", options.shots))
        print(f"without engine   {plain:7.2f} s  ratio {plain / job_seconds:.3f}")


if __name__ == "__main__":
    main()
