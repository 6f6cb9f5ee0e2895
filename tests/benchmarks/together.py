"""Check that two runs at the same time pay each shot once.

Run by hand:

    python tests/benchmarks/together.py [--rounds 20] [--engine none] [--seed 1]

Each round starts two `shotchain render` processes together, with one `shotchain simulate` as their
vendor, and counts the created jobs of each prompt in its request log. In every second round one of
the two is killed at a random moment, and a third run resumes it. In every third round the two
render different boards that share shots. `--engine none` runs the command without Prefect's engine,
which takes most of the time of a round.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.simulator_process import simulator_process  # noqa: E402 - needs the path

RUN_TIMEOUT_SECONDS = 600
PROGRAMS = {"prefect": "flows.cli", "none": "tests.support.plain_tasks"}
MAX_KILL_SECONDS = {"prefect": 15.0, "none": 4.0}
"""Roughly the duration of a run, so that the kill can come at any moment of it."""


@dataclass(frozen=True)
class Bench:
    """A served simulator, and the way to start runs against it."""

    folder: Path
    env: dict[str, str]
    engine: str

    def start(self, board: Path) -> subprocess.Popen[bytes]:
        """Start a run of a board in its folder; all runs there share a store."""
        out = f"{board.stem}-{time.monotonic_ns()}.mp4"
        argv = ["render", board.name, "--provider", "ark", "--yes", "--json", "--out", out]
        return subprocess.Popen(
            [sys.executable, "-m", PROGRAMS[self.engine], *argv],
            cwd=board.parent,
            env={**os.environ, **self.env, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def count_jobs(self, label: str) -> Counter[str]:
        """Return the number of created jobs for each prompt of a round."""
        from tasks.simulator.request_log import read_request_log

        simulator = self.folder / "vendor" / "simulator"
        jobs = [request.job for request in read_request_log(simulator) if request.accepted]
        records = [json.loads((simulator / "jobs" / f"{job}.json").read_text()) for job in jobs]
        prompts = [record["commission"]["prompt"] for record in records]
        return Counter(prompt for prompt in prompts if f"<{label}>" in prompt)


def write_board(folder: Path, name: str, shots: list[str], label: str) -> Path:
    """Write a chain of short shots; equal shots in equal order have equal keys."""
    lines = ["model: seedance-1.0-pro", "look: {resolution: 480p, seconds: 2}", "shots:"]
    lines += [
        f'  - {{id: {shot}-{name}, prompt: "Picture of {shot} <{label}>."}}' for shot in shots
    ]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def run_round(bench: Bench, number: int, rng: random.Random) -> list[str]:
    """Run one round and return its problems."""
    label = f"round {number}"
    folder = bench.folder / f"round-{number}"
    (folder / ".shotchain").mkdir(parents=True)
    shots = ["dawn", "stairs"]
    first = second = write_board(folder, "first", shots, label)
    if number % 3 == 2:
        second = write_board(folder, "second", [*shots, "lamp"], label)
    boards = dict.fromkeys([first, second])
    runs = [bench.start(first), bench.start(second)]
    is_killed = number % 2 == 1
    if is_killed:
        time.sleep(rng.uniform(0.5, MAX_KILL_SECONDS[bench.engine]))
        with suppress(ProcessLookupError):
            os.killpg(runs[0].pid, signal.SIGKILL)
    codes = [wait_for(run) for run in runs]
    later_codes = [wait_for(bench.start(board)) for board in boards] if any(codes) else []
    jobs = bench.count_jobs(label)
    prompts = {prompt for board in boards for prompt in read_prompts(board)}
    problems = [f"{prompt} was paid {count} times" for prompt, count in jobs.items() if count > 1]
    # A run that is killed between a create and its response may leave an unclear shot.
    is_unclear = is_killed and 1 in later_codes
    if not is_unclear:
        last_codes = (*codes[is_killed:], *later_codes)
        problems += [f"a run ended with {code}" for code in last_codes if code]
        problems += [f"{prompt} was not rendered" for prompt in prompts - set(jobs)]
    problems += find_damage(folder)
    result = f"{'one run killed' if is_killed else 'no run killed'}, codes {codes}, {later_codes}"
    result += f", {sum(jobs.values())} jobs for {len(prompts)} shots"
    print(f"{label}: {result}{', unclear' if is_unclear else ''} {problems or ''}", flush=True)
    return problems


def read_prompts(board: Path) -> list[str]:
    return [line.split('"')[1] for line in board.read_text().splitlines() if "prompt" in line]


def wait_for(run: subprocess.Popen[bytes]) -> int:
    """Return the exit code of a run, and print its messages if it failed."""
    _, err = run.communicate(timeout=RUN_TIMEOUT_SECONDS)
    if run.returncode > 0:
        print(err.decode().strip(), flush=True)
    return run.returncode


def find_damage(folder: Path) -> list[str]:
    """Return the problems that `verify` finds in the shared store."""
    command = [sys.executable, "-m", "flows.cli", "verify", "--store", ".shotchain", "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    return [problem["what"] for problem in json.loads(result.stdout)["damaged"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--engine", choices=PROGRAMS, default="prefect")
    parser.add_argument("--seed", type=int, default=1, help="seed of the moments of the kills")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulator_process(folder / "vendor") as env:
            bench = Bench(folder, {**env, "SHOTCHAIN_POLL_SECONDS": "0.2"}, options.engine)
            rounds = [run_round(bench, number, rng) for number in range(options.rounds)]
    good = rounds.count([])
    print(f"{good} of {options.rounds} rounds paid each shot once")
    return 0 if good == options.rounds else 1


if __name__ == "__main__":
    sys.exit(main())
