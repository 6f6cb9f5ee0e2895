"""Compare the joined film and its cost with `ffmpeg -f concat -c copy`.

Run by hand:

    python tests/benchmarks/join.py [--clips 4] [--rounds 5] [--many 200]

Makes chained clips of 121 numbered pictures, 864×480, with B-frames and sound; joins them in
processes of their own, alternating with ffmpeg's copy, and prints one table. On a busy machine only
the ratios are meaningful.
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
    "hole": "lowest level near a seam / tone's level",
    "click": "largest step at a seam / tone's step",
    "end": "end of sound minus end of picture, ms",
    "identical": "pictures bit for bit the clips'",
}


def main() -> None:
    """Make the clips, join them both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=0, help="also join this many clips, for memory")
    parser.add_argument("--child", nargs="+", metavar="PATH", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(join_here([Path(path) for path in options.child])))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options.clips, options.rounds)
        if options.many:
            measure_many(Path(folder), options.many)


def join_here(paths: list[Path]) -> dict[str, float]:
    """Join clips in this process; the first path is the film. Returns CPU seconds by part."""
    from tests.support.film_joins import chain_edit, join_prepared, prepare_edit

    film, *clips = paths
    start = time.process_time()
    prepared = prepare_edit(chain_edit(clips))
    ready = time.process_time()
    join_prepared(prepared, film)
    ended = time.process_time()
    return {"prepare": ready - start, "join": ended - ready}


def compare(folder: Path, count: int, rounds: int) -> None:
    """Join the same clips both ways, alternating, and print the table."""
    studio = load_studio(folder)
    clips = make_clips(studio, count)
    copied, joined = folder / "copied.mp4", folder / "joined.mp4"
    costs: dict[str, list[float]] = {"copy": [], "ours": [], "prepare": [], "join": []}
    memory = {"copy": 0.0, "ours": 0.0}
    for _ in range(rounds):
        _, cost, peak = run(copy_command(studio, clips, copied))
        costs["copy"].append(cost)
        memory["copy"] = max(memory["copy"], peak)
        output, cost, peak = run(join_command(clips, joined))
        costs["ours"].append(cost)
        memory["ours"] = max(memory["ours"], peak)
        for part, seconds in json.loads(output).items():
            costs[part].append(seconds)
    print_films(studio, clips, (copied, joined))
    medians = {name: statistics.median(values) for name, values in costs.items()}
    print_costs(medians, memory, count)


def measure_many(folder: Path, count: int) -> None:
    """Join the clips repeatedly into a long film and print the peak memory."""
    clips = sorted(folder.glob("shot-*.mp4"))
    many = list(itertools.islice(itertools.cycle(clips), count))
    output, _, peak = run(join_command(many, folder / "many.mp4"))
    seconds = json.loads(output)
    print(
        f"{count} clips: peak {peak:.0f} MB, prepare {seconds['prepare']:.1f} s CPU, "
        f"join {seconds['join']:.1f} s CPU"
    )


def print_films(studio: Any, clips: list[Path], films: tuple[Path, Path]) -> None:
    """Print the measurements of both films."""
    expected = [digest for clip in clips[:-1] for digest in studio.digests(clip)[:-1]]
    expected += studio.digests(clips[-1])
    columns = [measure_film(studio, film, expected, len(clips)) for film in films]
    print(f"{'':44}{'concat -c copy':>16}{'shotchain':>16}")
    for key, title in MEASURED.items():
        label = title.format(ideal=len(expected))
        print(f"{label:44}{columns[0][key]:>16}{columns[1][key]:>16}")


def measure_film(studio: Any, film: Path, expected: list[str], clips: int) -> dict[str, str]:
    """Return the measurements of a film by their key in MEASURED."""
    import numpy as np

    numbers, times = studio.numbers(film), studio.times(film)
    samples = read_sound(film)
    tone_level, tone_step = 0.2 / np.sqrt(2), 2 * np.pi * 220 / 48_000 * 0.2
    levels, steps = [], []
    for seam in range(1, clips):
        at = seam * (FRAMES - 1) * 2000
        near = samples[at - 4800 : at + 4800]
        levels.append(np.sqrt((near.reshape(-1, 480) ** 2).mean(axis=1)).min())
        steps.append(np.abs(np.diff(near)).max())
    same = sum(a == b for a, b in zip(studio.digests(film), expected, strict=False))
    uneven = [b - a for a, b in itertools.pairwise(times) if b - a != Fraction(1, 24)]
    end = len(samples) / 48_000 - float(times[-1] + Fraction(1, 24))
    return {
        "frames": str(len(numbers)),
        "repeated": str(sum(a >= b for a, b in itertools.pairwise(numbers))),
        "uneven": str(len(uneven)),
        "hole": f"{min(levels) / tone_level:.2f}" if levels else "-",
        "click": f"{max(steps) / tone_step:.1f}" if steps else "-",
        "end": f"{end * 1000:+.1f}",
        "identical": f"{100 * same / len(expected):.1f} %",
    }


def print_costs(medians: dict[str, float], memory: dict[str, float], count: int) -> None:
    """Print CPU time and memory of both ways."""
    copy = medians["copy"]
    own = medians["prepare"] + medians["join"]
    print(f"{'CPU of the whole process, s':44}{copy:>16.3f}{medians['ours']:>16.3f}")
    print(f"{'  the same, of copying':44}{1:>16.1f}{medians['ours'] / copy:>16.1f}")
    print(f"{'CPU of prepare + join alone, of copying':44}{'':16}{own / copy:>16.1f}")
    print(f"{'CPU of join alone, of copying':44}{'':16}{medians['join'] / copy:>16.1f}")
    print(f"{'CPU of prepare for one clip, ms':44}{'':16}{medians['prepare'] / count * 1e3:>16.0f}")
    print(f"{'peak memory, MB':44}{memory['copy']:>16.0f}{memory['ours']:>16.0f}")


def read_sound(film: Path) -> Any:
    """Decode the first audio channel of a film, placed by its timestamps as players do."""
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


def make_clips(studio: Any, count: int) -> list[Path]:
    """Make the chained clips."""
    tests = sys.modules["studio"]
    return studio.chain(
        count, frames=FRAMES, video=tests.VideoOptions(size=(864, 480)), tone=tests.Tone()
    )


def load_studio(folder: Path) -> Any:
    """Return the media tests' `Studio`, which makes clips with numbered pictures."""
    from tasks.media.ffmpeg_binary import find_ffmpeg

    where = ROOT / "tests" / "tasks" / "media" / "conftest.py"
    spec = importlib.util.spec_from_file_location("studio", where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["studio"] = module
    spec.loader.exec_module(module)
    return module.Studio(folder, find_ffmpeg(None))


def copy_command(studio: Any, clips: list[Path], film: Path) -> list[str]:
    """Return the command that concatenates clips without decoding them."""
    listed = film.with_suffix(".txt")
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips))
    source = ["-f", "concat", "-safe", "0", "-i", str(listed)]
    return [str(studio.ffmpeg), "-v", "error", "-y", *source, "-c", "copy", str(film)]


def join_command(clips: list[Path], film: Path) -> list[str]:
    """Return the command that joins clips in a process of its own."""
    paths = [str(path) for path in (film, *clips)]
    return [sys.executable, str(Path(__file__).resolve()), "--child", *paths]


def run(command: list[str]) -> tuple[str, float, float]:
    """Run a command; return its output, its CPU seconds and its peak memory in MB."""
    script = (
        "import resource, subprocess, sys, json;"
        "r = subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True);"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([r.stdout, u.ru_utime + u.ru_stime, u.ru_maxrss / 1024]))"
    )
    # The peak is that of the largest child so far, so each process gets a parent of its own.
    result = subprocess.run(
        [sys.executable, "-c", script, *command], check=True, capture_output=True, text=True
    )
    output, seconds, peak = json.loads(result.stdout)
    return str(output), float(seconds), float(peak)


if __name__ == "__main__":
    main()
