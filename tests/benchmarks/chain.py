"""How much longer a chain takes than its vendor. Run by hand:

    python tests/benchmarks/chain.py [--shots 6] [--seconds 3]

Renders a chain against a simulator whose jobs take that many seconds, and prints the wall time as a
ratio to the sum of the job times: by bare steps, as Prefect's flow once its engine stands, and as
the whole command with a server of its own, whose start is shown apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def board(shots: int) -> str:
    lines = ["model: seedance-1.0-pro", "look: {resolution: 480p, seconds: 2}", "shots:"]
    lines += [f'  - {{id: s{number}, prompt: "Picture {number}."}}' for number in range(shots)]
    return "\n".join(lines) + "\n"


def by_steps(folder: Path, steps: object) -> float:
    from flows.shooting import shoot

    from flows.run import RunOptions, prepare_run, serve_simulator
    from storyboards import load
    from tasks.settings import read_settings

    production = prepare_run(
        load(folder / "chain.yaml"), RunOptions(), read_settings(), working=folder
    )
    production.store.initialize()
    with serve_simulator(production) as opened:
        begun = time.perf_counter()
        report = asyncio.run(shoot(opened, steps, lambda *_: None))
        taken = time.perf_counter() - begun
    assert report.film, report
    return taken


def by_flow(folder: Path) -> tuple[float, float]:
    """Seconds of the flow run, and of the engine's start before it."""
    from flows.running import Run

    from flows.local_server import prefect_server
    from flows.run import RunOptions, prepare_run, serve_simulator
    from storyboards import load
    from tasks.settings import read_settings

    settings = read_settings()
    production = prepare_run(load(folder / "chain.yaml"), RunOptions(), settings, working=folder)
    production.store.initialize()
    begun = time.perf_counter()
    with (
        serve_simulator(production) as opened,
        prefect_server(settings, opened.store) as wait_for_server,
    ):
        from flows.render import run_open

        wait_for_server()
        started = time.perf_counter() - begun
        begun = time.perf_counter()
        report = run_open(Run(opened, lambda *_: None), str(folder / "chain.yaml"), {})
        taken = time.perf_counter() - begun
    assert report.film, report
    return taken, started


def by_command(folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "flows.cli", "render", "chain.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0)
    words = parser.parse_args()
    os.environ["SHOTCHAIN_SIMULATOR_JOB_SECONDS"] = str(words.seconds)
    ideal = words.shots * words.seconds
    from flows.shooting import BareSteps

    def fresh(name: str) -> Path:
        folder = Path(base) / name
        folder.mkdir()
        (folder / "chain.yaml").write_text(board(words.shots))
        return folder

    with tempfile.TemporaryDirectory() as base:
        print(f"{words.shots} shots, {words.seconds:g} s each: {ideal:g} s at the vendor")
        bare = by_steps(fresh("bare"), BareSteps())
        print(f"bare steps       {bare:7.2f} s  ratio {bare / ideal:.3f}")
        command = by_command(fresh("command"))
        print(f"whole command    {command:7.2f} s  ratio {command / ideal:.3f}")
        flow, started = by_flow(fresh("flow"))
        print(f"as Prefect flow  {flow:7.2f} s  ratio {flow / ideal:.3f}")
        print(f"Prefect's start  {started:7.2f} s")
        hidden = flow + started - command
        print(f"hidden behind the first submit: {hidden:.2f} s of {started:.2f} s")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
