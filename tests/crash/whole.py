"""Kill the whole command, engine and all, at moments taken from what the vendor has seen.

    python tests/crash/whole.py [--vendor ark] [--only WORDS]

The same board and the same demands as `matrix.py`; five kills at each vendor.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from matrix import RUNS_MOST, Reference, Verdict, judge, may_stay_unclear, note, show, under_way
from stage import ROOT, SHOTS, VENDORS, Ended, Place, digest, frame_digests, is_ours, opened
from stage import remembered as drawn_once

WAIT_SECONDS = 240


def seen(place: Place, operation: str, ending: str = "") -> int:
    """How often the vendor was asked for something and gave it."""
    from tasks.simulator.request_log import read_request_log

    return sum(
        one.operation == operation and one.path.endswith(ending) and 200 <= one.status < 300
        for one in read_request_log(place.vendor)
    )


def statuses(place: Place) -> list[str]:
    """How the vendor's jobs stand."""
    return [json.loads(path.read_bytes())["status"] for path in place.vendor.glob("jobs/*.json")]


MOMENTS: Mapping[str, Callable[[Place], bool]] = {
    "the first create arrived": lambda place: bool(place.jobs()),
    "a job turned running": lambda place: "running" in statuses(place),
    "a job is done": lambda place: "succeeded" in statuses(place),
    "a clip is being downloaded": lambda place: seen(place, "download", ".mp4") > 0,
    "the last clip was downloaded": lambda place: (
        seen(place, "download", ".mp4") == len(SHOTS) and len(place.clips()) == len(SHOTS)
    ),
}


def start(place: Place) -> subprocess.Popen[str]:
    kept = {name: word for name, word in os.environ.items() if not is_ours(name)}
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", *place.argv],
        cwd=place.folder,
        env={**kept, "PYTHONPATH": str(ROOT), **place.words},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(place: Place, kill: Callable[[Place], bool] | None = None) -> Ended:
    """Run the command; killed as soon as the vendor has seen that."""
    begun = time.perf_counter()
    process = start(place)
    while kill and process.poll() is None and not kill(place):
        time.sleep(0.005)
    if kill:
        process.send_signal(signal.SIGKILL)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    return Ended(process.returncode, out, err, (), time.perf_counter() - begun)


def servers_of(place: Place) -> list[int]:
    """The Prefect servers that still run for this trial."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment, words = (path / "environ").read_bytes(), (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(place.folder).encode() in environment and b"flows.server_process" in words:
            found.append(int(path.name))
    return found


def film_uninterrupted(scratch: Path, provider: str) -> Reference:
    with opened(scratch, provider, job_seconds=1.0) as place:
        ended = run(place)
        assert ended.code == 0, ended.err
        return Reference(digest(place.film), frame_digests(place.film), (), ended.seconds)


def try_kill(scratch: Path, provider: str, reference: Reference, moment: str) -> Verdict:
    """Kill the command at a moment, run it again, and judge."""
    from tasks.simulator.faults import Faults

    faults = Faults()
    if moment == "a clip is being downloaded":
        faults.inject("slow_download", match=".mp4", seconds=3.0)
    with opened(scratch, provider, job_seconds=1.0, faults=faults) as place:
        first = run(place, MOMENTS[moment])
        if first.code != -signal.SIGKILL:
            return Verdict(f"was not killed: exit {first.code}: {first.err}", False, ())
        sent = under_way(place)
        for _ in range(RUNS_MOST):
            last = run(place)
            if last.code == 0 or may_stay_unclear(provider, sent):
                break
        outcome = judge(place, last, reference, sent)
        time.sleep(0.5)
        left = servers_of(place)
        return Verdict(f"PROCESSES ARE LEFT: {left}" if left else outcome, True, sent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--vendor", choices=VENDORS, action="append")
    parser.add_argument("--only", default="", help="only the moments with these words")
    words = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, drawn_once():
        for provider in words.vendor or VENDORS:
            scratch = Path(folder) / "trial"
            reference = film_uninterrupted(scratch, provider)
            found: dict[str, list[Verdict]] = {}
            for moment in (one for one in MOMENTS if words.only in one):
                verdict = try_kill(scratch, provider, reference, moment)
                note(found, moment, verdict, f"{provider}, killed when {moment}")
            show(provider, found)
            wrong += sum(not one.good for verdicts in found.values() for one in verdicts)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
