"""Compare the peak memory of commands for few and for many shots, as ratios.

Run by hand:

    python tests/benchmarks/memory.py [--rounds 3] [--kept 1000] [--rendered 40]

The peak (`ru_maxrss`) of whole processes: `check`, `plan` and a fully kept `render` of a long board
compared with a board of ten shots; a kept `render` that joins its film again; and a run that
renders a chain at a simulator in another process, compared with a chain of four shots. Runs that
render or join are without Prefect's engine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.simulator_process import simulator_process  # noqa: E402 - needs the path

FEW, FEW_RENDERED = 10, 4
COMMAND = [sys.executable, "-m", "flows.cli"]
COMMAND_WITHOUT_ENGINE = [sys.executable, "-m", "tests.support.plain_tasks"]


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
            f'    prompt: "{{keeper}} climbs stair {number}, slowly, and looks back once."',
        ]
        if number % 10 == 0 and number:
            lines.append("    first_frame: none")
    return "\n".join(lines) + "\n"


def fill_store(board: Path, clip: bytes, frame: bytes) -> None:
    """Fill a store as if every shot of a board had been rendered; all have the same clip."""
    from flows.run import RunOptions, prepare_run
    from storyboards import load
    from tasks.settings import Settings
    from tasks.store.atomic_files import digest_bytes
    from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile, utc_now

    run = prepare_run(load(board), RunOptions(), Settings(), working_folder=board.parent)
    run.store.initialize()
    stored_clip = StoredFile("clip.mp4", digest_bytes(clip), len(clip))
    stored_frame = StoredFile("last_frame.png", digest_bytes(frame), len(frame))
    for shot in run.plan.shots_to_render:
        attempt = Attempt(
            AttemptState.KEPT, board.stem, shot.id, 1, "simulator", "m", "", "o", utc_now(),
            job="j", frames=49, tokens=1, clip=stored_clip, last_frame=stored_frame,
        )  # fmt: skip
        records = run.records_of(shot)
        records.write(shot.key, Receipt(shot.key, (attempt,)).to_record())
        (records.folder_of(shot.key) / stored_clip.name).write_bytes(clip)
        (records.folder_of(shot.key) / stored_frame.name).write_bytes(frame)


def measure_peak(command: list[str], folder: Path, **env: str) -> float:
    """Return the peak memory in MB of a process that must succeed."""
    script = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    # Bytecode is cached, as it is for an installed program.
    inherited = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    # The peak is that of the largest child so far, so each process gets a parent of its own.
    result = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(ROOT), **env},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(result.stdout)


def render_clip(folder: Path) -> tuple[bytes, bytes]:
    """Render one shot; return its clip and its last frame."""
    (folder / "one.yaml").write_text(board_text(1))
    measure_peak([*COMMAND_WITHOUT_ENGINE, "render", "one.yaml"], folder)
    clip = next((folder / ".shotchain").rglob("clip.mp4"))
    return clip.read_bytes(), clip.with_name("last_frame.png").read_bytes()


def measure_kept(folder: Path, counts: tuple[int, int]) -> dict[str, list[float]]:
    """Return the peaks of each command for few and for many kept shots."""
    peaks: dict[str, list[float]] = {"check": [], "plan": [], "joined": [], "kept": []}
    (folder / "clip").mkdir()
    clip, frame = render_clip(folder / "clip")
    for count in counts:
        board = folder / f"kept-{count}" / "kept.yaml"
        board.parent.mkdir()
        board.write_text(board_text(count))
        fill_store(board, clip, frame)
        for name in ("check", "plan"):
            peaks[name].append(measure_peak([*COMMAND, name, board.name], board.parent))
        join = [*COMMAND_WITHOUT_ENGINE, "render", board.name]
        peaks["joined"].append(measure_peak(join, board.parent))
        peaks["kept"].append(measure_peak([*COMMAND, "render", board.name], board.parent))
    return peaks


def measure_rendered(folder: Path, counts: tuple[int, int]) -> list[float]:
    """Return the peaks of runs that render few and many shots in one chain."""
    peaks = []
    for count in counts:
        place = folder / f"rendered-{count}"
        place.mkdir()
        text = board_text(count).replace("    first_frame: none\n", "")
        (place / "chain.yaml").write_text(text)
        command = [*COMMAND_WITHOUT_ENGINE, "render", "chain.yaml"]
        with simulator_process(place / "vendor", SHOTCHAIN_SIMULATOR_JOB_SECONDS="0") as env:
            peaks.append(measure_peak(command, place, **env))
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kept", type=int, default=1000, help="number of kept shots")
    parser.add_argument("--rendered", type=int, default=40, help="number of rendered shots")
    options = parser.parse_args()
    rounds: dict[str, list[list[float]]] = {}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as name:
            peaks = measure_kept(Path(name), (FEW, options.kept))
            counts = (FEW_RENDERED, options.rendered)
            peaks["rendered"] = measure_rendered(Path(name), counts)
        for label, pair in peaks.items():
            rounds.setdefault(label, []).append(pair)
    print(f"{'peak memory, MB':28} {'few':>7} {'many':>7} {'ratio':>6}  (medians)")
    for label, pairs in rounds.items():
        is_rendered = label == "rendered"
        few = FEW_RENDERED if is_rendered else FEW
        many = options.rendered if is_rendered else options.kept
        ratio = statistics.median(after / before for before, after in pairs)
        low, high = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        print(f"{f'{label}, {few} and {many} shots':28} {low:7.1f} {high:7.1f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
