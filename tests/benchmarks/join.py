"""What joining costs and gives, beside `ffmpeg -f concat -c copy`. Run by hand, not by pytest.

    python tests/benchmarks/join.py [--clips 4] [--rounds 5] [--many 200]

Makes chained clips of 121 numbered pictures, 864×480, with B-frames and sound; joins them in
processes of their own, in turn with ffmpeg's copy, and prints one table. Only the ratios mean
something on a busy machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

FRAMES = 121
MEASURED = {
    "frames": "frames of the film (of {ideal})",
    "repeated": "pictures shown twice or frozen",
    "uneven": "steps other than 1/24 s",
    "hole": "lowest level near a seam, of the tone's",
    "click": "largest step at a seam, of the tone's",
    "end": "end of sound minus end of picture, ms",
    "identical": "pictures bit for bit the clips'",
}


def main() -> None:
    """Make the clips, join them both ways and print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--clips", type=int, default=4)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--many", type=int, default=0, help="also join so many, for the memory")
    asked.add_argument("--child", nargs="+", metavar="PATH", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        print(json.dumps(join_here([Path(path) for path in given.child])))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.clips, given.rounds)
        if given.many:
            measure_many(Path(folder), given.many)


def join_here(paths: list[Path]) -> dict[str, float]:
    """Prepare and join within this process; the first path is the film."""
    from tasks.media.join import JoinInput, join, prepare

    film, *clips = paths
    began = time.process_time()
    prepared = [
        prepare(JoinInput(clip, k < len(clips) - 1, clip.stem)) for k, clip in enumerate(clips)
    ]
    ready = time.process_time()
    join(prepared, film)
    ended = time.process_time()
    return {"prepare": ready - began, "join": ended - ready}


def compare(folder: Path, count: int, rounds: int) -> None:
    """Join the same clips both ways, in turn, and print what came of it."""
    recorder = studio(folder)
    clips = make_clips(recorder, count)
    copied, joined = folder / "copied.mp4", folder / "joined.mp4"
    costs: dict[str, list[float]] = {"copy": [], "ours": [], "prepare": [], "join": []}
    memory = {"copy": 0.0, "ours": 0.0}
    for _ in range(rounds):
        _, cost, peak = run(copy_command(recorder, clips, copied))
        costs["copy"].append(cost)
        memory["copy"] = max(memory["copy"], peak)
        said, cost, peak = run(join_command(clips, joined))
        costs["ours"].append(cost)
        memory["ours"] = max(memory["ours"], peak)
        for part, seconds in json.loads(said).items():
            costs[part].append(seconds)
    report(recorder, clips, (copied, joined))
    medians = {name: statistics.median(values) for name, values in costs.items()}
    print_costs(medians, memory, count)


def measure_many(folder: Path, count: int) -> None:
    """Join the clips over and over to a long film and print the peak of memory."""
    clips = sorted(folder.glob("shot-*.mp4"))
    many = list(itertools.islice(itertools.cycle(clips), count))
    said, _, peak = run(join_command(many, folder / "many.mp4"))
    seconds = json.loads(said)
    print(
        f"{count} clips: peak {peak:.0f} MB, prepare {seconds['prepare']:.1f} s CPU, "
        f"join {seconds['join']:.1f} s CPU"
    )


def report(recorder: Any, clips: list[Path], films: tuple[Path, Path]) -> None:
    """Print what both films show and sound like."""
    wanted = [digest for clip in clips[:-1] for digest in recorder.digests(clip)[:-1]]
    wanted += recorder.digests(clips[-1])
    columns = [judge(recorder, film, wanted, len(clips)) for film in films]
    print(f"{'':44}{'concat -c copy':>16}{'shotchain':>16}")
    for key, words in MEASURED.items():
        label = words.format(ideal=len(wanted))
        print(f"{label:44}{columns[0][key]:>16}{columns[1][key]:>16}")


def judge(recorder: Any, film: Path, wanted: list[str], clips: int) -> dict[str, str]:
    """Return what is worth knowing about a film."""
    import numpy as np

    numbers, times = recorder.numbers(film), recorder.times(film)
    samples = read_sound(film)
    tone_level, tone_step = 0.2 / np.sqrt(2), 2 * np.pi * 220 / 48_000 * 0.2
    levels, steps = [], []
    for seam in range(1, clips):
        at = seam * (FRAMES - 1) * 2000
        near = samples[at - 4800 : at + 4800]
        levels.append(np.sqrt((near.reshape(-1, 480) ** 2).mean(axis=1)).min())
        steps.append(np.abs(np.diff(near)).max())
    same = sum(a == b for a, b in zip(recorder.digests(film), wanted, strict=False))
    uneven = [b - a for a, b in itertools.pairwise(times) if b - a != Fraction(1, 24)]
    end = len(samples) / 48_000 - float(times[-1] + Fraction(1, 24))
    return {
        "frames": str(len(numbers)),
        "repeated": str(sum(a >= b for a, b in itertools.pairwise(numbers))),
        "uneven": str(len(uneven)),
        "hole": f"{min(levels) / tone_level:.2f}" if levels else "-",
        "click": f"{max(steps) / tone_step:.1f}" if steps else "-",
        "end": f"{end * 1000:+.1f}",
        "identical": f"{100 * same / len(wanted):.1f} %",
    }


def print_costs(medians: dict[str, float], memory: dict[str, float], count: int) -> None:
    """Print CPU and memory of both."""
    copy = medians["copy"]
    own = medians["prepare"] + medians["join"]
    print(f"{'CPU of the whole process, s':44}{copy:>16.3f}{medians['ours']:>16.3f}")
    print(f"{'  the same, of copying':44}{1:>16.1f}{medians['ours'] / copy:>16.1f}")
    print(f"{'CPU of prepare + join alone, of copying':44}{'':16}{own / copy:>16.1f}")
    print(f"{'CPU of join alone, of copying':44}{'':16}{medians['join'] / copy:>16.1f}")
    print(f"{'CPU of prepare for one clip, ms':44}{'':16}{medians['prepare'] / count * 1e3:>16.0f}")
    print(f"{'peak memory, MB':44}{memory['copy']:>16.0f}{memory['ours']:>16.0f}")


def read_sound(film: Path) -> Any:
    """Decode a film's first channel as a player does: placed by its own times."""
    import av
    import numpy as np

    blocks = []
    with av.open(str(film)) as container:
        for frame in container.decode(audio=0):
            at = round(frame.pts * 48_000 * frame.time_base.numerator / frame.time_base.denominator)
            blocks.append((at, frame.to_ndarray()[0]))
    samples = np.zeros(max(at + len(block) for at, block in blocks), np.float32)
    for at, block in blocks:
        first = max(0, -at)
        samples[at + first : at + len(block)] = block[first:]
    return samples


def make_clips(recorder: Any, count: int) -> list[Path]:
    """Make the chained clips."""
    tests = sys.modules["studio"]
    return recorder.chain(  # type: ignore[no-any-return]
        count, frames=FRAMES, picture=tests.Picture(size=(864, 480)), tone=tests.Tone()
    )


def studio(folder: Path) -> Any:
    """Return the tests' own studio, which makes clips with numbered pictures."""
    from tasks.media.ffmpeg_binary import find_ffmpeg

    where = ROOT / "tests" / "tasks" / "media" / "conftest.py"
    spec = importlib.util.spec_from_file_location("studio", where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["studio"] = module
    spec.loader.exec_module(module)
    return module.Studio(folder, find_ffmpeg(None))


def copy_command(recorder: Any, clips: list[Path], film: Path) -> list[str]:
    """Return the command that puts clips in a row without looking at them."""
    listed = film.with_suffix(".txt")
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips))
    source = ["-f", "concat", "-safe", "0", "-i", str(listed)]
    return [str(recorder.ffmpeg), "-v", "error", "-y", *source, "-c", "copy", str(film)]


def join_command(clips: list[Path], film: Path) -> list[str]:
    """Return the command that joins in a process of its own."""
    paths = [str(path) for path in (film, *clips)]
    return [sys.executable, str(Path(__file__).resolve()), "--child", *paths]


def run(command: list[str]) -> tuple[str, float, float]:
    """Run a command; return what it printed, its CPU in seconds and its peak memory in MB."""
    watch = (
        "import resource, subprocess, sys, json;"
        "r = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True);"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([r.stdout, u.ru_utime + u.ru_stime, u.ru_maxrss / 1024]))"
    )
    # In a process between, for the peak is that of the largest child so far.
    ran = subprocess.run(
        [sys.executable, "-c", watch, *command], check=True, capture_output=True, text=True
    )
    said, seconds, peak = json.loads(ran.stdout)
    return str(said), float(seconds), float(peak)


if __name__ == "__main__":
    main()
