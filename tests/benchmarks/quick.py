"""How long the instant commands take, as ratios to importing yaml and pydantic. Run by hand:

    python tests/benchmarks/quick.py [--rounds 7]

`check` and `plan` of a 500-shot board, and a fully kept `render` of a 100-shot board, each as a
whole process, taken in turn; CPU seconds (user and system) and wall, the least and the median.
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

ROOT = Path(__file__).parents[2]
BASE = [sys.executable, "-c", "import yaml; from pydantic import BaseModel"]
PROGRAM = [str(Path(sys.executable).with_name("shotchain"))]


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
            f"    title: Shot number {number}",
            f'    prompt: "{{keeper}} climbs stair {number}, slowly, and looks back once."',
        ]
        if number % 10 == 0 and number:
            lines.append("    first_frame: none")
    return "\n".join(lines) + "\n"


def keep(folder: Path) -> None:
    """Fill a store as if every shot of the board had been rendered, and join a film of nothing."""
    from flows.report import list_clips
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import Settings
    from tasks.store import films
    from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile, utc_now

    production = prepare_run(load(folder / "kept.yaml"), RunOptions(), Settings(), working=folder)
    production.store.initialize()
    attempts = {}
    for shot in production.plan:
        attempt = Attempt(AttemptState.KEPT, "kept", shot.id, 1, "simulator", "m", "", "o", utc_now(),
                          job="j", frames=49, tokens=1, clip=StoredFile("clip.mp4", shot.key, 4),
                          last_frame=StoredFile("last_frame.png", shot.key, 4),
                          first_frame_sha256=None)  # fmt: skip
        attempts[shot.id] = attempt
        shelf = production.records_of(shot)
        shelf.write(shot.key, Receipt(shot.key, (attempt,)).to_record())
        for name in ("clip.mp4", "last_frame.png"):
            (shelf.folder_of(shot.key) / name).write_bytes(b"clip")
    pieces = list_clips(production, attempts)
    production.store.films_folder.mkdir()
    (production.store.films_folder / "kept.mp4").write_bytes(b"film")
    film = films.record_film(
        production.store, "kept", films.compute_film_identity(pieces, "kept"), 4900
    )
    films.export_film(production.store, film, folder / "films" / "kept.mp4", production.board.file)


def measure(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of a whole process that must end well."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # Bytecode is cached, as it is wherever a program is installed and used twice.
    words = {name: word for name, word in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(command, cwd=folder, env=words, check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "big.yaml").write_text(board(500))
        (folder / "kept.yaml").write_text(board(100))
        keep(folder)
        commands = {
            "import yaml, pydantic": BASE,
            "check, 500 shots": [*PROGRAM, "check", "big.yaml"],
            "plan, 500 shots": [*PROGRAM, "plan", "big.yaml"],
            "render, 100 kept shots": [*PROGRAM, "render", "kept.yaml"],
        }
        taken: dict[str, list[tuple[float, float]]] = {label: [] for label in commands}
        for turn in range(rounds + 1):
            for label, command in commands.items():
                spent = measure(command, folder)
                if turn:  # the first fills the caches
                    taken[label].append(spent)
    base = taken["import yaml, pydantic"]
    print(
        f"{'':24} {'CPU least':>10} {'median':>8} {'wall least':>11} {'ratio CPU':>10} {'wall':>6}"
    )
    for label, spent in taken.items():
        cpu, wall = [one[0] for one in spent], [one[1] for one in spent]
        pairs = list(zip(spent, base, strict=True))
        ratios = [statistics.median(one[k] / other[k] for one, other in pairs) for k in (0, 1)]
        print(f"{label:24} {min(cpu):10.3f} {statistics.median(cpu):8.3f} {min(wall):11.3f} "
              f"{ratios[0]:10.2f} {ratios[1]:6.2f}")  # fmt: skip


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
