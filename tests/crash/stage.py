"""A board of four shots, a vendor that is served, and runs of the command against it.

Each trial has a vendor and a store of its own, so what the vendor was asked to make can be counted.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(ROOT) not in sys.path:
    # Run by hand, only this folder is on the path.
    sys.path.insert(0, str(ROOT))

SHOTS = ("one", "two", "three", "four")
FRAMES = 4 * 49 - 2
KEY = "canary-key-9f2"

BOARD = """\
provider: {provider}
model: seedance-1.0-pro
look: {{resolution: 480p, seconds: 2, ratio: "16:9"}}
shots:
  - {{id: one, prompt: "Picture of one."}}
  - {{id: two, prompt: "Picture of two."}}
  - {{id: three, prompt: "Picture of three."}}
  - {{id: four, prompt: "Picture of four.", first_frame: none}}
"""
"""Two chains, so that two shots may be on their way when a run dies."""

VENDORS = {"ark": True, "cometapi-volc": False}
"""Ark's own wire, and one without a list of jobs and without a last frame; whether it lists."""

RUN_SECONDS = 300


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str
    steps: tuple[str, ...]
    """The moments of durable writes that it passed."""
    seconds: float


@dataclass
class Place:
    """One trial: a working folder with the board, its store, and its vendor."""

    folder: Path
    vendor: Path
    words: dict[str, str]
    provider: str
    runs: list[Ended] = field(default_factory=list)

    @property
    def film(self) -> Path:
        return self.folder / "films" / "board.mp4"

    @property
    def argv(self) -> list[str]:
        return ["render", "board.yaml", "--json", "--yes", "--store", "store"]

    def receipts(self) -> dict[str, dict[str, Any]]:
        """The attempt that counts of every shot that was ever sent."""
        found = {}
        for path in (self.folder / "store").rglob("receipt.json"):
            attempt = json.loads(path.read_bytes())["attempts"][-1]
            found[attempt["shot"]] = attempt
        return found

    def clips(self) -> dict[str, str]:
        """The jobs whose clip is in the store, whole by its digest, and the shot of each."""
        found = {}
        for path in (self.folder / "store").rglob("receipt.json"):
            attempt = json.loads(path.read_bytes())["attempts"][-1]
            kept = attempt.get("clip")
            clip = path.with_name("clip.mp4")
            if kept and clip.exists() and digest(clip) == kept["sha256"]:
                found[attempt["job"]] = attempt["shot"]
        return found

    def creates(self) -> Counter[str]:
        """How many jobs the vendor took for each shot, by its own ledger."""
        found: Counter[str] = Counter()
        for job in self.jobs():
            told = json.loads((self.vendor / "jobs" / f"{job}.json").read_bytes())
            prompt = told["commission"]["prompt"]
            found[next(shot for shot in SHOTS if f"Picture of {shot}." in prompt)] += 1
        return found

    def jobs(self) -> list[str]:
        from tasks.simulator.request_log import read_request_log

        return [one.job for one in read_request_log(self.vendor) if one.accepted]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def frame_digests(film: Path) -> list[str]:
    """A digest of every picture of a film, as a decoder shows it."""
    import av

    with av.open(str(film)) as container:
        return [
            hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


class Children:
    """Starts runs by the process that forks them."""

    def __init__(self) -> None:
        # Bytecode is cached and one thread is enough: many runs share the machine.
        words = {name: word for name, word in os.environ.items() if name != "PYTHONPATH"}
        words |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._words = {name: word for name, word in words.items() if not is_ours(name)}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._words,
        )

    def run(
        self,
        place: Place,
        *,
        kill: str | None = None,
        after: float | None = None,
        more: tuple[str, ...] = (),
    ) -> Ended:
        """Run the command once, with more words; killed at a named moment, or after seconds."""
        scratch = place.folder.parent
        names = {name: str(scratch / name) for name in ("out", "err", "log")}
        Path(names["log"]).unlink(missing_ok=True)
        job = {
            "words": self._words | place.words,
            "folder": str(place.folder),
            "argv": [*place.argv, *more],
            "kill": kill,
            **names,
        }
        begun = time.perf_counter()
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        child = int(self._line(RUN_SECONDS))
        if after is not None and not self._is_over(begun + after - time.perf_counter()):
            os.kill(child, signal.SIGKILL)
        code = int(self._line(RUN_SECONDS))
        seconds = time.perf_counter() - begun
        out, err, log = (Path(names[name]) for name in ("out", "err", "log"))
        steps = tuple(log.read_text().splitlines()) if log.exists() else ()
        ended = Ended(code, read(out), read(err), steps, seconds)
        place.runs.append(ended)
        return ended

    def _is_over(self, seconds: float) -> bool:
        return bool(select.select([self._process.stdout], [], [], max(0.0, seconds))[0])

    def _line(self, seconds: float) -> bytes:
        if not self._is_over(seconds):
            self.close()
            msg = f"a run took longer than {seconds} s"
            raise TimeoutError(msg)
        # A line is written at once, and never two without an answer between.
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def is_ours(name: str) -> bool:
    return name.startswith(("SHOTCHAIN_", "PREFECT_"))


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def children() -> Iterator[Children]:
    """The process that forks the runs."""
    found = Children()
    try:
        yield found
    finally:
        found.close()


@contextmanager
def opened(
    scratch: Path, provider: str, *, job_seconds: float = 0.1, faults: Any = None
) -> Iterator[Place]:
    """A trial at a vendor of its own. The paths are the same each time, and so are the films."""
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    shutil.rmtree(scratch, ignore_errors=True)
    folder, vendor = scratch / "work", scratch / "vendor"
    folder.mkdir(parents=True)
    (folder / "board.yaml").write_text(BOARD.format(provider=provider))
    with serve(vendor, job_seconds=job_seconds, faults=faults) as url:
        name = provider.upper().replace("-", "_")
        words = {
            f"SHOTCHAIN_{name}_BASE_URL": url + MOUNTS[provider],
            f"SHOTCHAIN_{name}_API_KEY": KEY,
            "SHOTCHAIN_POLL_SECONDS": "0.1",
            "HOME": str(scratch / "home"),
        }
        yield Place(folder, vendor, words, provider)


@contextmanager
def remembered(drawn: dict[Any, tuple[bytes, bytes]] | None = None) -> Iterator[None]:
    """Let the simulator draw each picture once: the same request gives the same clip anyway."""
    from tasks.simulator.footage import renderer

    drawn = {} if drawn is None else drawn
    draw = renderer.render_clip

    def render_clip(brief: Any, path: Path, **words: Any) -> bytes:
        # The label is a digest of all that was asked for.
        key = (brief.prompt, brief.seed, brief.label)
        if key not in drawn:
            last = draw(brief, path, **words)
            drawn[key] = path.read_bytes(), last
        clip, last = drawn[key]
        path.write_bytes(clip)
        return last

    renderer.render_clip = render_clip
    try:
        yield
    finally:
        renderer.render_clip = draw
