"""Measure the commands that render nothing, relative to importing yaml and pydantic.

Run by hand:

    python tests/benchmarks/quick.py [--rounds 7]

`check` and `plan` of a board of 500 shots, a fully kept `render` of 100 shots, and a `render` of
three kept shots whose film is joined again: after another title, which copies the packets of the
film, and without the film, which joins the clips. Each is a whole process, and all run in turn.
Prints CPU seconds (user and system) and wall time, as minimum and median.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

BASELINE_NAME = "import yaml, pydantic"
BASELINE = [sys.executable, "-c", "import yaml; from pydantic import BaseModel"]
COMMAND = [str(Path(sys.executable).with_name("shotchain"))]


class Usage(NamedTuple):
    """Seconds that a process took."""

    cpu: float
    wall: float


def board_text(shots: int) -> str:
    lines = [
        "model: seedance-1.0-pro",
        "look: {resolution: 480p, seconds: 2, style: cold dawn palette}",
        "cast: {keeper: {is: an old keeper in a raincoat}}",
        "shots:",
    ]
    for number in range(shots):
        lines += [
            f"  - id: shot-{number}",
            f"    title: Shot number {number}",
            f'    prompt: "{{keeper}} climbs stair {number}, slowly, and looks back once."',
        ]
        if number % 10 == 0 and number:
            lines.append("    first_frame: none")
    return "\n".join(lines) + "\n"


def fill_store(board: Path) -> None:
    """Fill a store as if every shot of a board had been rendered and its film joined."""
    from flows.report import Outcome, RunReport, ShotResult, film_title, find_edit
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import Settings
    from tasks.store import films
    from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile, utc_now

    run = prepare_run(load(board), RunOptions(), Settings(), working_folder=board.parent)
    run.store.initialize()
    results = []
    for shot in run.plan.shots_to_render:
        files = [StoredFile(name, shot.key, 4) for name in ("clip.mp4", "last_frame.png")]
        attempt = Attempt(
            AttemptState.KEPT, board.stem, shot.id, 1, "simulator", "m", "", "o", utc_now(),
            job="j", frames=49, tokens=1, clip=files[0], last_frame=files[1],
        )  # fmt: skip
        records = run.records_of(shot)
        records.write(shot.key, Receipt(shot.key, (attempt,)).to_record())
        for file in files:
            (records.folder_of(shot.key) / file.name).write_bytes(b"clip")
        results.append(ShotResult(shot, Outcome.KEPT, attempt))
    report = RunReport(run, tuple(results))
    title = film_title(run.plan, ())
    run.store.films_folder.mkdir()
    marker = films.film_marker(run.board.name, run.board.file)
    (run.store.films_folder / f"{title.name}.mp4").write_bytes(marker.encode())
    identity = find_edit(report, run.plan).identity()
    film = films.record_film(run.store, title.name, identity, 4900)
    films.export_film(run.store, film, run.film_path, run.board.file)


def render_example(folder: Path) -> None:
    """Render the example of three shots with the simulator."""
    board = (ROOT / "storyboards" / "lighthouse.yaml").read_text()
    (folder / "joined.yaml").write_text(board)
    env = {**os.environ, "SHOTCHAIN_SIMULATOR_JOB_SECONDS": "0"}
    command = [*COMMAND, "render", "joined.yaml"]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)


def change_title(folder: Path) -> None:
    """Give the example another title."""
    path = folder / "joined.yaml"
    path.write_text(path.read_text().replace("title: The", "title: The other", 1))


def remove_film(folder: Path) -> None:
    """Remove the film of the example from the store."""
    (folder / ".shotchain" / "films" / "joined.mp4").unlink()


def measure(command: list[str], folder: Path) -> Usage:
    """Return the usage of a process that must succeed."""
    # Bytecode is cached, as it is for an installed program.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Usage(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall)


def print_table(usages: dict[str, list[Usage]]) -> None:
    """Print a line for each command; the ratios are medians of those of each round."""
    baseline = usages[BASELINE_NAME]
    print(f"{'':24} {'CPU min':>9} {'median':>8} {'wall min':>9} {'ratio CPU':>10} {'wall':>6}")
    for label, rounds in usages.items():
        pairs = list(zip(rounds, baseline, strict=True))
        cpu_ratio = statistics.median(usage.cpu / base.cpu for usage, base in pairs)
        wall_ratio = statistics.median(usage.wall / base.wall for usage, base in pairs)
        cpu = [usage.cpu for usage in rounds]
        wall = min(usage.wall for usage in rounds)
        print(
            f"{label:24} {min(cpu):9.3f} {statistics.median(cpu):8.3f} {wall:9.3f} "
            f"{cpu_ratio:10.2f} {wall_ratio:6.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "big.yaml").write_text(board_text(500))
        (folder / "kept.yaml").write_text(board_text(100))
        fill_store(folder / "kept.yaml")
        render_example(folder)
        commands = {
            BASELINE_NAME: BASELINE,
            "check, 500 shots": [*COMMAND, "check", "big.yaml"],
            "plan, 500 shots": [*COMMAND, "plan", "big.yaml"],
            "render, 100 kept shots": [*COMMAND, "render", "kept.yaml"],
            "re-join, other title": [*COMMAND, "render", "joined.yaml"],
            "re-join, film missing": [*COMMAND, "render", "joined.yaml"],
        }
        preparations = {"re-join, other title": change_title, "re-join, film missing": remove_film}
        usages: dict[str, list[Usage]] = {label: [] for label in commands}
        for number in range(options.rounds + 1):
            for label, command in commands.items():
                if label in preparations:
                    preparations[label](folder)
                usage = measure(command, folder)
                if number:  # the first round fills the caches
                    usages[label].append(usage)
    print_table(usages)


if __name__ == "__main__":
    main()
