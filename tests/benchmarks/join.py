"""Compare the join of a film with `ffmpeg -c copy`, a whole re-encode, and moviepy.

Run by hand:

    python tests/benchmarks/join.py [--clips 10 50 200] [--rounds 3] [--moviepy PYTHON]

Makes chained clips of 121 numbered pictures, 864x480, with texture, grain and B-frames, whose sound
is like that of a film: syllables, pauses, and noise of all frequencies. Joins them in processes of
their own, one after the other, and prints CPU, wall time and memory as ratios to ffmpeg's copy.

`again` is a join whose encoded spans are in the store, as they are after a run, which encodes the
ends of clips while the vendor renders. `faded` has a crossfade at each second seam. `own` is the
CPU without the start of Python and its imports, in parts: measuring the clips, and joining them.
moviepy runs in the environment of another Python. It, the re-encode and the faded film are made of
the fewest clips only, unless `--all` is given. On a busy machine only the ratios are meaningful.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

FRAMES = 121
SIZE = (864, 480)
DISTINCT_CLIPS = 10
"""More clips are these again, since making them takes longer than joining them."""

MOVIEPY = """
import sys
from moviepy import VideoFileClip, concatenate_videoclips

film, *paths = sys.argv[1:]
clips = [VideoFileClip(path) for path in paths]
concatenate_videoclips(clips).write_videofile(film, fps=24, logger=None, threads=2)
"""


@dataclass
class Costs:
    """The cost of one way to make the film, in each round."""

    cpu_seconds: list[float]
    wall_seconds: list[float]
    peak_mb: float = 0.0


def main() -> None:
    """Make the clips, join them in all ways and print a table for each number of clips."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--channels", type=int, default=1, choices=(1, 2))
    parser.add_argument("--moviepy", metavar="PYTHON", help="a Python that has moviepy")
    parser.add_argument("--all", action="store_true", help="re-encode any number of clips")
    parser.add_argument("--child", nargs="+", metavar="PATH", help=argparse.SUPPRESS)
    parser.add_argument("--faded", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        film, store, *clips = map(Path, options.child)
        print(json.dumps(join_here(film, store, clips, faded=options.faded)))
        return
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder), options.channels)
        for count in options.clips:
            is_slow_too = options.all or count == min(options.clips)
            compare(Path(folder), repeat(clips, count), options, is_slow_too=is_slow_too)


def join_here(film: Path, store: Path, clips: list[Path], *, faded: bool) -> dict[str, float]:
    """Join clips in this process, and return its CPU seconds by part."""
    from dataclasses import replace

    from tasks.edit import Transition, TransitionKind
    from tests.support.film_joins import chain_edit, join_prepared, prepare_edit

    start = time.process_time()
    edit = chain_edit(clips)
    if faded:
        fade = Transition(TransitionKind.CROSSFADE, 12)
        parts = list(edit.clips)
        for number in range(1, len(parts), 2):
            parts[number - 1] = replace(parts[number - 1], drop_last_frame=False)
            parts[number] = replace(parts[number], transition=fade)
        edit = replace(edit, clips=tuple(parts))
    prepared = prepare_edit(edit)
    ready = time.process_time()
    result = join_prepared(prepared, film, store=store)
    ended = time.process_time()
    return {
        "prepare": round(ready - start, 3),
        "join": round(ended - ready, 3),
        "frames": result.frames,
        "encoded": result.encoded_frames,
    }


def compare(
    folder: Path, clips: list[Path], options: argparse.Namespace, *, is_slow_too: bool
) -> None:
    """Join the same clips in all ways, one after the other in each round, and print the table."""
    stores = (folder / f"store-{len(clips)}-{number}" for number in itertools.count())
    kept = folder / f"store-{len(clips)}"
    own = [sys.executable, str(Path(__file__).resolve())]
    paths = [str(clip) for clip in clips]

    def join_command(store: Path, *flags: str) -> list[str]:
        return [*own, *flags, "--child", str(folder / "film.mp4"), str(store), *paths]

    ways: dict[str, Callable[[], list[str]]] = {
        "ffmpeg -c copy": lambda: copy_command(folder, clips),
        "shotchain": lambda: join_command(next(stores)),
        "shotchain again": lambda: join_command(kept),
    }
    run(join_command(kept))
    if is_slow_too:
        ways["shotchain faded"] = lambda: join_command(next(stores), "--faded")
        ways["shotchain faded again"] = lambda: join_command(kept, "--faded")
        run(join_command(kept, "--faded"))
    costs = {name: Costs([], []) for name in ways}
    parts: dict[str, str] = {}
    for _ in range(options.rounds):
        for name, command in ways.items():
            parts[name] = measure(costs[name], command())
    if is_slow_too:
        slow = {"re-encode": reencode_command(folder, clips)}
        if options.moviepy:
            slow["moviepy"] = [options.moviepy, "-c", MOVIEPY, str(folder / "slow.mp4"), *paths]
        for name, slow_command in slow.items():
            costs[name] = Costs([], [])
            measure(costs[name], slow_command)
    print_costs(costs, parts, len(clips))


def measure(costs: Costs, command: list[str]) -> str:
    """Run a command, add its costs, and return its output."""
    output, cpu_seconds, wall_seconds, peak_mb = run(command)
    costs.cpu_seconds.append(cpu_seconds)
    costs.wall_seconds.append(wall_seconds)
    costs.peak_mb = max(costs.peak_mb, peak_mb)
    return output


def print_costs(costs: dict[str, Costs], parts: dict[str, str], count: int) -> None:
    """Print the costs of all ways and their ratios to a copy."""
    copy = costs["ffmpeg -c copy"]
    base_cpu = statistics.median(copy.cpu_seconds)
    base_wall = statistics.median(copy.wall_seconds)
    print(f"\n{count} clips, {count * FRAMES} pictures")
    header = f"{'':24}{'CPU s':>9}{'x copy':>8}{'own x':>7}{'wall s':>9}{'x copy':>8}{'MB':>6}"
    print(f"{header}  parts")
    for name, cost in costs.items():
        cpu, wall = statistics.median(cost.cpu_seconds), statistics.median(cost.wall_seconds)
        detail = json.loads(parts.get(name) or "{}")
        own = detail.get("prepare", 0.0) + detail.get("join", cpu)
        line = f"{name:24}{cpu:>9.2f}{cpu / base_cpu:>8.1f}{own / base_cpu:>7.1f}"
        line += f"{wall:>9.2f}{wall / base_wall:>8.1f}{cost.peak_mb:>6.0f}"
        described = ", ".join(f"{key} {value:g}" for key, value in detail.items())
        print(f"{line}  {described}")


def make_clips(folder: Path, channels: int) -> list[Path]:
    """Make the distinct clips; each starts with the last picture of the one before it."""
    import numpy as np

    rng = np.random.default_rng(5)
    scenery = make_scenery(rng)
    sound = make_sound(rng, channels, DISTINCT_CLIPS * FRAMES * 2000)
    grain = [rng.normal(0, 3, SIZE[::-1]).astype(np.float32) for _ in range(16)]
    return [make_clip(folder, k, scenery, grain, sound) for k in range(DISTINCT_CLIPS)]


def make_scenery(rng: Any) -> Any:
    """Return a large picture with structure of all sizes, as landscapes have."""
    import numpy as np

    height, width = SIZE[1] * 2, SIZE[0] * 3
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)[:, None]
    spectrum = np.fft.rfft2(rng.normal(size=(height, width)))
    picture = np.fft.irfft2(spectrum / np.maximum(np.hypot(across, down), 1e-3) ** 1.2)
    return (128 + 45 * picture / picture.std()).clip(16, 235).astype(np.float32)


def make_sound(rng: Any, channels: int, count: int) -> Any:
    """Return noise of all frequencies, with syllables and pauses, in two seconds of difference."""
    import numpy as np

    tracks = []
    for _ in range(channels):
        spectrum = np.fft.rfft(rng.normal(size=count))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        noise = np.fft.irfft(spectrum, count)
        seconds = np.arange(count) / 48_000
        syllables = np.clip(np.sin(2 * np.pi * 3.7 * seconds) + 0.4, 0, 1) ** 2
        phrases = (np.sin(2 * np.pi * 0.23 * seconds) > -0.3) * syllables
        tracks.append((0.05 + 0.3 * phrases) * noise / np.abs(noise).max())
    return np.array(tracks, np.float32)


def make_clip(folder: Path, number: int, scenery: Any, grain: list[Any], sound: Any) -> Path:
    """Write a clip as a vendor does: H.264 with B-frames, AAC at 48 kHz."""
    import av
    import numpy as np

    path, (width, height) = folder / f"shot-{number}.mp4", SIZE
    layout = "mono" if len(sound) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 24)
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        context.options = {"preset": "veryfast", "crf": "23"}
        audio: Any = container.add_stream("aac", rate=48_000, layout=layout)
        for index in range(FRAMES):
            shown = number * (FRAMES - 1) + index
            left, top = shown % (width * 2), 40 + round(30 * np.sin(shown / 40))
            luma = scenery[top : top + height, left : left + width] + grain[shown % len(grain)]
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = np.clip(luma, 16, 235)
            planes[height:] = np.clip(128 + (planes[: height // 2] - 128.0) / 4, 16, 240)
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 24)
            container.mux(stream.encode(frame))
        first = number * (FRAMES - 1) * 2000
        block = np.ascontiguousarray(sound[:, first : first + FRAMES * 2000])
        samples = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        samples.sample_rate, samples.pts = 48_000, 0
        samples.time_base = Fraction(1, 48_000)
        for packets in (audio.encode(samples), audio.encode(None), stream.encode(None)):
            container.mux(packets)
    return path


def repeat(clips: list[Path], count: int) -> list[Path]:
    """Return so many clips, each with a content of its own, as the shots of a film have."""
    paths = []
    for number, clip in enumerate(itertools.islice(itertools.cycle(clips), count)):
        path = clip.with_name(f"{count}-{number}.mp4")
        # A box that players skip.
        path.write_bytes(clip.read_bytes() + struct.pack(">I4sI", 12, b"free", number))
        paths.append(path)
    return paths


def copy_command(folder: Path, clips: list[Path]) -> list[str]:
    """Return the command that concatenates clips without decoding them."""
    return [*_concat(folder, clips), "-c", "copy", str(folder / "copied.mp4")]


def reencode_command(folder: Path, clips: list[Path]) -> list[str]:
    """Return the command that encodes all of a film, as most scripts do."""
    coding = ["-c:v", "libx264", "-crf", "18", "-preset", "medium", "-c:a", "aac"]
    return [*_concat(folder, clips), *coding, str(folder / "slow.mp4")]


def _concat(folder: Path, clips: list[Path]) -> list[str]:
    from tasks.media.ffmpeg_binary import find_ffmpeg

    listed = folder / f"{len(clips)}.txt"
    listed.write_text("".join(f"file '{clip}'\n" for clip in clips))
    command = [str(find_ffmpeg(None)), "-v", "error", "-y", "-f", "concat", "-safe", "0"]
    return [*command, "-i", str(listed)]


def run(command: list[str]) -> tuple[str, float, float, float]:
    """Run a command; return its output, its CPU and wall seconds and its peak memory in MB."""
    script = (
        "import resource, subprocess, sys, json, time;"
        "t = time.monotonic();"
        "r = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True);"
        "t = time.monotonic() - t;"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(json.dumps([r.stdout, u.ru_utime + u.ru_stime, t, u.ru_maxrss / 1024]))"
    )
    # The peak is that of the largest child so far, so each process gets a parent of its own.
    result = subprocess.run(
        [sys.executable, "-c", script, *command], check=True, stdout=subprocess.PIPE, text=True
    )
    output, cpu_seconds, wall_seconds, peak_mb = json.loads(result.stdout)
    return str(output), float(cpu_seconds), float(wall_seconds), float(peak_mb)


if __name__ == "__main__":
    main()
