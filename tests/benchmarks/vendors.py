"""Render the same board at every provider and print a table.

Run by hand:

    python tests/benchmarks/vendors.py [MODEL ...]

Serves the simulator in a process of its own and runs the whole command for every provider that has
the model. Prints the shots, the created jobs, the frames, the price, and how far each shot's first
picture is from the last frame of the shot before it (mean difference, of 255).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tasks.media.frames import first_frame, mean_difference  # noqa: E402 - needs the path
from tasks.providers import PROVIDERS  # noqa: E402
from tasks.providers.dialects import DIALECTS  # noqa: E402
from tasks.settings import child_environment  # noqa: E402
from tasks.simulator.request_log import read_request_log  # noqa: E402
from tests.support.simulator_process import simulator_process  # noqa: E402

MODELS = ("seedance-2.0", "seedance-1.5-pro")
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


def render_board(
    provider: str, model: str, folder: Path, env: dict[str, str]
) -> tuple[dict[str, Any], int]:
    """Render the board; return the document of the command and its exit code."""
    board = folder / f"{provider}-{model}.yaml"
    board.write_text(BOARD.format(provider=provider, model=model))
    argv = ["render", str(board), "--yes", "--json", "--store", f"{board}.store"]
    result = subprocess.run(
        [sys.executable, "-m", "flows.cli", *argv],
        cwd=folder,
        env=child_environment({"PYTHONPATH": str(ROOT), **env}),
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(result.stdout), result.returncode


def table_row(provider: str, model: str, folder: Path, env: dict[str, str]) -> tuple[str, ...]:
    """Render the board and return the provider's row of the table."""
    before = count_creates(folder)
    document, code = render_board(provider, model, folder, env)
    if "shots" not in document:
        return provider, model, "-", "-", "-", "-", document["error"]["message"], "-", str(code)
    shots = {shot["id"]: shot for shot in document["shots"]}
    seams = [measure_seam(shots, *pair) for pair in (("dawn", "stairs"), ("stairs", "lamp"))]
    rendered = sum(shot["outcome"] == "rendered" for shot in shots.values())
    spent = document["spent"]
    return (
        provider,
        model,
        f"{rendered} of {len(shots)}",
        str(count_creates(folder) - before),
        str(document["frames"]),
        "unknown" if spent["amount"] is None else f"{spent['amount']:.2f} {spent['currency']}",
        " ".join(seams),
        DIALECTS[PROVIDERS[provider].dialect].first_frame_anchor,
        str(code),
    )


def count_creates(folder: Path) -> int:
    """Return the number of jobs that the simulator created so far."""
    requests = read_request_log(folder / "vendor" / "simulator")
    return sum(request.accepted for request in requests)


def measure_seam(shots: dict[str, Any], before: str, after: str) -> str:
    """Return the mean difference at a seam, or "-" if a picture is missing."""
    frame, clip = shots[before]["last_frame"], shots[after]["clip"]
    if not (frame and clip):
        return "-"
    return f"{mean_difference(Path(frame).read_bytes(), first_frame(Path(clip))):.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="MODEL")
    models = parser.parse_args().models
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("| " + " | ".join(COLUMNS) + " |\n" + "| --- " * len(COLUMNS) + "|")
        with simulator_process(folder / "vendor", SHOTCHAIN_SIMULATOR_JOB_SECONDS="0.5") as env:
            for model in models:
                for name, provider in PROVIDERS.items():
                    if model in provider.models and provider.get_family(model).first_frame:
                        print("| " + " | ".join(table_row(name, model, folder, env)) + " |")
                        sys.stdout.flush()


if __name__ == "__main__":
    main()
