"""One board at every provider by changing one word, as a table. Run by hand:

    python tests/benchmarks/vendors.py [MODEL …]

Serves the simulator as a user does, on a real port, and runs the whole command for every provider
that has the model. Prints shots, creates that the vendor saw, frames, what was paid, and how far
each shot's first picture is from the last frame of the shot before it (mean, of 255).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks.media.frames import first_frame, mean_difference
from tasks.providers import PROVIDERS
from tasks.providers.dialects import DIALECTS
from tasks.settings import child_environment
from tasks.simulator.request_log import read_request_log

SHOTCHAIN = (sys.executable, "-m", "flows.cli")
MODELS = ("seedance-2.0", "seedance-1.5-pro", "seedance-1.0-pro")
COLUMNS = ("provider", "model", "shots", "creates", "frames", "paid", "seams", "anchor", "exit")

BOARD = """\
provider: {provider}
model: {model}
look: {{resolution: 480p, seconds: 4, ratio: "16:9"}}
shots:
  - {{id: dawn, prompt: "An old keeper opens the lamp-room door. Slow push in."}}
  - {{id: stairs, prompt: "He climbs the spiral stair."}}
  - {{id: storm, first_frame: none, prompt: "Waves break over the rocks."}}
  - {{id: lamp, first_frame: {{shot: stairs}}, prompt: "The lamp turns on."}}
"""


@contextmanager
def simulator(root: Path) -> Iterator[dict[str, str]]:
    """A served simulator, and the variables that it says to export."""
    command = [*SHOTCHAIN, "simulate", "--json", "--store", str(root)]
    words = child_environment({"SHOTCHAIN_SIMULATOR_JOB_SECONDS": "0.5"})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=words) as process:
        try:
            assert process.stdout is not None
            told = ""
            while not told.rstrip().endswith("}"):
                told += process.stdout.readline()
            yield json.loads(told)["export"]
        finally:
            process.terminate()


def row(provider: str, model: str, folder: Path, words: dict[str, str]) -> tuple[str, ...]:
    """One run of the whole command, as a row of the table."""
    board = folder / f"{provider}-{model}.yaml"
    board.write_text(BOARD.format(provider=provider, model=model))
    command = [*SHOTCHAIN, "render", str(board), "--yes", "--json", "--store", f"{board}.store"]
    before = _creates(folder)
    done = subprocess.run(
        command,
        cwd=folder,
        env=child_environment({}) | words,
        capture_output=True,
        text=True,
        check=False,
    )
    told = json.loads(done.stdout)
    if "shots" not in told:
        return provider, model, "-", "-", "-", "-", told["error"]["message"], "-", "2"
    shots = {one["id"]: one for one in told["shots"]}
    seams = [_apart(shots, *pair) for pair in (("dawn", "stairs"), ("stairs", "lamp"))]
    good = sum(one["outcome"] == "rendered" for one in shots.values())
    spent = told["spent"]
    return (
        provider,
        model,
        f"{good} of {len(shots)}",
        str(_creates(folder) - before),
        str(told["frames"]),
        "unknown" if spent["amount"] is None else f"{spent['amount']:.2f} {spent['currency']}",
        " ".join(seams),
        DIALECTS[PROVIDERS[provider].dialect].first_frame_anchor,
        str(done.returncode),
    )


def _creates(folder: Path) -> int:
    return sum(one.accepted for one in read_request_log(folder / "vendor" / "simulator"))


def _apart(shots: dict[str, Any], before: str, after: str) -> str:
    last, clip = shots[before]["last_frame"], shots[after]["clip"]
    if not (last and clip):
        return "-"
    return f"{mean_difference(Path(last).read_bytes(), first_frame(Path(clip))):.2f}"


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("models", nargs="*", default=list(MODELS[:2]), metavar="MODEL")
    models = arguments.parse_args().models
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| " + " | ".join(COLUMNS) + " |\n" + "| --- " * len(COLUMNS) + "|")
        with simulator(folder / "vendor") as words:
            for model in models:
                for provider, one in PROVIDERS.items():
                    if model in one.models and one.get_family(model).first_frame:
                        print("| " + " | ".join(row(provider, model, folder, words)) + " |")
                        sys.stdout.flush()


if __name__ == "__main__":
    main()
