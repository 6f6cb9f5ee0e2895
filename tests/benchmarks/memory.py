"""Whether memory grows with the number of shots, as ratios of peaks. Run by hand:

    python tests/benchmarks/memory.py [--rounds 3] [--kept 1000] [--rendered 40]

The peak (`ru_maxrss`) of whole processes: `check`, `plan` and a fully kept `render` of a long board
against one of ten shots; a kept `render` that joins its film anew; and a run that renders a chain,
without its engine, against a simulator in another process, long against four shots.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
FEW, FEW_RENDERED = 10, 4
PROGRAM = [sys.executable, "-m", "flows.cli"]

BARE = """
import asyncio, sys
from flows.commands import rendering
from flows.cli import main
from flows.production import served
from flows.shooting import BareSteps, shoot

def run(production, board, *, wanted):
    with served(production) as opened:
        return asyncio.run(shoot(opened, BareSteps(), lambda *_: None))

rendering._run = run
sys.exit(main(sys.argv[1:]))
"""


def board(shots: int) -> str:
    lines = [
        "model: seedance-1.0-pro",
        "look: {resolution: 480p, seconds: 2, style: cold dawn palette}",
        "cast: {keeper: {is: an old keeper in a raincoat}}",
        "shots:",
    ]
    for number in range(shots):
        lines += [
            f"  - id: shot-{number}",
            f'    prompt: "{{keeper}} climbs stair {number}, slowly, and looks back once."',
        ]
        if number % 10 == 0 and number:
            lines.append("    first_frame: none")
    return "\n".join(lines) + "\n"


def fill(folder: Path, name: str, clip: bytes, frame: bytes) -> None:
    """Fill a store as if every shot of a board had been rendered; all have the same clip."""
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import Settings
    from tasks.store.atomic_files import digest_bytes
    from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile, utc_now

    production = prepare_run(
        load(folder / f"{name}.yaml"), RunOptions(), Settings(), working=folder
    )
    production.store.initialize()
    sums = digest_bytes(clip), digest_bytes(frame)
    for shot in production.plan:
        attempt = Attempt(AttemptState.KEPT, name, shot.id, 1, "simulator", "m", "", "o", utc_now(),
                          job="j", frames=49, tokens=1,
                          clip=StoredFile("clip.mp4", sums[0], len(clip)),
                          last_frame=StoredFile("last_frame.png", sums[1], len(frame)))  # fmt: skip
        shelf = production.records_of(shot)
        shelf.write(shot.key, Receipt(shot.key, (attempt,)).to_record())
        (shelf.folder_of(shot.key) / "clip.mp4").write_bytes(clip)
        (shelf.folder_of(shot.key) / "last_frame.png").write_bytes(frame)


def peak_mb(command: list[str], folder: Path, **words: str) -> float:
    """Peak memory of a whole process that must end well."""
    watch = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    # Bytecode is cached, as it is wherever a program is installed and used twice.
    kept = {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPATH": str(ROOT), **words}
    # In a process between, for the peak is that of the largest child so far.
    ran = subprocess.run([sys.executable, "-c", watch, *command], cwd=folder, env=environment,
                         check=True, capture_output=True, text=True)  # fmt: skip
    return float(ran.stdout)


@contextmanager
def vendor(folder: Path) -> Iterator[dict[str, str]]:
    """A simulator in a process of its own; what to export."""
    process = subprocess.Popen(
        [*PROGRAM, "simulate", "--store", str(folder), "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SHOTCHAIN_SIMULATOR_JOB_SECONDS": "0"},
        stdout=subprocess.PIPE,
    )
    try:
        exported: dict[str, str] = json.loads(process.stdout.readline())["export"]
        yield exported
    finally:
        process.terminate()
        process.communicate()


def make_clip(folder: Path) -> tuple[bytes, bytes]:
    """One rendered clip and its last frame."""
    (folder / "one.yaml").write_text(board(1))
    peak_mb([sys.executable, "-c", BARE, "render", "one.yaml"], folder)
    clip = next((folder / ".shotchain").rglob("clip.mp4"))
    return clip.read_bytes(), clip.with_name("last_frame.png").read_bytes()


def measure_kept(folder: Path, shots: tuple[int, int]) -> dict[str, list[float]]:
    """Peaks of few and many kept shots, for each command."""
    found: dict[str, list[float]] = {"check": [], "plan": [], "joined": [], "kept": []}
    (folder / "clip").mkdir()
    clip, frame = make_clip(folder / "clip")
    for count in shots:
        place = folder / f"kept-{count}"
        place.mkdir()
        (place / "kept.yaml").write_text(board(count))
        fill(place, "kept", clip, frame)
        for name in ("check", "plan"):
            found[name].append(peak_mb([*PROGRAM, name, "kept.yaml"], place))
        joining = [sys.executable, "-c", BARE, "render", "kept.yaml"]
        found["joined"].append(peak_mb(joining, place))
        found["kept"].append(peak_mb([*PROGRAM, "render", "kept.yaml"], place))
    return found


def measure_rendered(folder: Path, shots: tuple[int, int]) -> list[float]:
    """Peaks of runs that render few and many shots in one chain."""
    found = []
    for count in shots:
        place = folder / f"rendered-{count}"
        place.mkdir()
        (place / "chain.yaml").write_text(board(count).replace("    first_frame: none\n", ""))
        command = [sys.executable, "-c", BARE, "render", "chain.yaml"]
        with vendor(place / "vendor") as words:
            found.append(peak_mb(command, place, **words))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kept", type=int, default=1000)
    parser.add_argument("--rendered", type=int, default=40)
    words = parser.parse_args()
    peaks: dict[str, list[list[float]]] = {}
    for _ in range(words.rounds):
        with tempfile.TemporaryDirectory() as name:
            found = measure_kept(Path(name), (FEW, words.kept))
            found["rendered"] = measure_rendered(Path(name), (FEW_RENDERED, words.rendered))
        for label, pair in found.items():
            peaks.setdefault(label, []).append(pair)
    few = {"rendered": FEW_RENDERED}
    many = {"rendered": words.rendered}
    print(f"{'peak memory, MB':28} {'few':>7} {'many':>7} {'ratio':>6}  (medians)")
    for label, pairs in peaks.items():
        ratio = statistics.median(after / before for before, after in pairs)
        low, high = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        shots = f"{label}, {few.get(label, FEW)} and {many.get(label, words.kept)} shots"
        print(f"{shots:28} {low:7.1f} {high:7.1f} {ratio:6.2f}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
