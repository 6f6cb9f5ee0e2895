"""Two runs at once pay each shot once. Run by hand:

    python tests/benchmarks/together.py [--times 20] [--steps bare] [--seed 1]

Starts two `shotchain render` processes together, again and again, against one `shotchain simulate`
on a real port, and counts in its ledger what was made for each prompt. In every other round one of
the two is killed at a moment that chance picks, and a third run picks up what is left. In every
third round the two render different boards that share shots. `--steps bare` leaves Prefect out,
which is as many times faster as Prefect takes to start.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 600

BARE = """
import asyncio, json, sys
from pathlib import Path
from flows.production import Wish, prepare
from flows.shooting import BareSteps, shoot
from flows.told import render_document
from storyboards import load
from tasks.settings import read_settings

wish = Wish(provider="ark", yes=True)
production = prepare(load(Path(sys.argv[1])), wish, read_settings(), working=Path.cwd())
production.store.initialize()
report = asyncio.run(shoot(production, BareSteps(), lambda *_: None))
print(json.dumps(render_document(report, str(report.film and report.film.path))))
sys.exit(0 if report.film else 1)
"""


@dataclass(frozen=True)
class Bench:
    """One simulator that is served, and how a run is started against it."""

    folder: Path
    root: str
    bare: bool

    @property
    def words(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SHOTCHAIN_ARK_BASE_URL": f"{self.root}/ark/api/v3",
            "SHOTCHAIN_ARK_API_KEY": "simulated",
            "SHOTCHAIN_POLL_SECONDS": "0.2",
        }

    def start(self, board: Path) -> subprocess.Popen[bytes]:
        """A run of the board in its own folder, whose store it shares with the others there."""
        command = [sys.executable, "-m", "flows.cli", "render", board.name, "--json"]
        command += [
            "--provider",
            "ark",
            "--yes",
            "--out",
            f"{board.stem}-{time.monotonic_ns()}.mp4",
        ]
        if self.bare:
            command = [sys.executable, "-c", BARE, board.name]
        return subprocess.Popen(
            command,
            cwd=board.parent,
            env=self.words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def made(self, label: str) -> Counter[str]:
        """How many jobs were made for each prompt of a round."""
        simulator = self.folder / "vendor" / "simulator"
        lines = (simulator / "ledger.jsonl").read_text().splitlines()
        accepted = [one["job"] for one in map(json.loads, lines) if one["accepted"]]
        jobs = [json.loads((simulator / "jobs" / f"{job}.json").read_text()) for job in accepted]
        prompts = [one["commission"]["prompt"] for one in jobs]
        return Counter(prompt for prompt in prompts if f"<{label}>" in prompt)


def write_board(folder: Path, name: str, shots: list[str], label: str) -> Path:
    """A chain of the shortest shots; equal shots in equal order have equal keys."""
    lines = ["model: seedance-1.0-pro", "look: {resolution: 480p, seconds: 2}", "shots:"]
    lines += [
        f'  - {{id: {shot}-{name}, prompt: "Picture of {shot} <{label}>."}}' for shot in shots
    ]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextlib.contextmanager
def vendor(folder: Path) -> Iterator[str]:
    """`shotchain simulate` in a process of its own; yields where it answers."""
    command = [
        sys.executable,
        "-m",
        "flows.cli.main",
        "simulate",
        "--store",
        str(folder / "vendor"),
    ]
    words = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=words, stdout=subprocess.PIPE, text=True) as served:
        try:
            yield served.stdout.readline().split()[1]
        finally:
            served.terminate()


def play(bench: Bench, number: int, chance: random.Random) -> str:
    """One round. Returns what went wrong, or nothing."""
    label = f"round {number}"
    folder = bench.folder / f"round-{number}"
    (folder / ".shotchain").mkdir(parents=True)
    shots = ["dawn", "stairs"]
    boards = [write_board(folder, "first", shots, label)]
    boards.append(write_board(folder, "second", [*shots, "lamp"], label) if number % 3 == 2
                  else boards[0])  # fmt: skip
    runs = [bench.start(board) for board in boards]
    killed = number % 2 == 1
    if killed:
        # From the start of Python to the end of the film, wherever it falls.
        time.sleep(chance.uniform(0.5, 4.0 if bench.bare else 15.0))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(runs[0].pid, signal.SIGKILL)
    codes = [finish(run) for run in runs]
    # What was killed is picked up by another run; unless it was killed before the answer, whole.
    last = [finish(bench.start(board)) for board in dict.fromkeys(boards)] if any(codes) else []
    made = bench.made(label)
    wanted = {prompt for board in boards for prompt in prompts_of(board)}
    wrong = [f"{prompt} was made {count} times" for prompt, count in made.items() if count > 1]
    unclear = any(code == 1 for code in last) and killed
    if not unclear:
        wrong += [f"a run ended with {code}" for code in (*codes[killed:], *last) if code]
        wrong += [f"{prompt} was not made" for prompt in wanted - set(made)]
    wrong += damaged(folder)
    told = "one was killed" if killed else "both lived"
    told += f", codes {codes}, then {last}; {sum(made.values())} made for {len(wanted)} shots"
    print(f"{label}: {told}{'; unclear' if unclear else ''} {wrong or ''}", flush=True)
    return "; ".join(wrong)


def prompts_of(board: Path) -> list[str]:
    return [line.split('"')[1] for line in board.read_text().splitlines() if "prompt" in line]


def finish(run: subprocess.Popen[bytes]) -> int:
    _, said = run.communicate(timeout=PATIENCE_SECONDS)
    if run.returncode > 0:
        print(said.decode().strip(), flush=True)
    return run.returncode


def damaged(folder: Path) -> list[str]:
    """What `verify` finds wrong with the store that was fought over."""
    command = [sys.executable, "-m", "flows.cli", "verify", "--store", ".shotchain", "--json"]
    words = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, cwd=folder, env=words, capture_output=True, check=False)
    return [one["what"] for one in json.loads(found.stdout)["damaged"]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--steps", choices=["bare", "prefect"], default="prefect")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    chance = random.Random(words.seed)
    with tempfile.TemporaryDirectory() as base, vendor(Path(base)) as root:
        bench = Bench(Path(base), root, words.steps == "bare")
        wrong = [play(bench, number, chance) for number in range(words.times)]
    failed = sum(map(bool, wrong))
    print(f"{words.times - failed} of {words.times} rounds paid each shot once")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
