"""One trial: a board of four shots, a served simulator, and runs of the command against it.

Each trial has a vendor and a store of its own, so the jobs that the vendor created can be counted.
The checks on the outcome belong in `matrix`, `faults` and `whole_command`.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
if str(ROOT) not in sys.path:
    # A program in this folder that is started by hand has only the folder itself on its path.
    sys.path.insert(0, str(ROOT))

SHOTS = ("one", "two", "three", "four")
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
"""Two chains, so that two shots can be in flight when a run dies."""

VENDORS = {"ark": True, "cometapi-volc": False}
"""The vendors of the trials; True if the vendor lists its jobs and provides last frames."""

RUN_TIMEOUT_SECONDS = 300


class RunResult(NamedTuple):
    """The end of one run of the command."""

    code: int
    out: str
    err: str
    steps: tuple[str, ...]
    """The steps of durable writes that the run passed; see `child.WriteMonitor`."""
    seconds: float


@dataclass
class Trial:
    """A working folder with a board, its store, and its vendor."""

    folder: Path
    vendor: Path
    env: dict[str, str]
    provider: str

    @property
    def film(self) -> Path:
        return self.folder / "films" / "board.mp4"

    @property
    def argv(self) -> list[str]:
        return ["render", "board.yaml", "--json", "-q", "--yes", "--store", "store"]

    def attempts(self) -> dict[str, dict[str, Any]]:
        """Return the latest attempt of every shot that was ever submitted, by shot id."""
        latest = [
            json.loads(path.read_bytes())["attempts"][-1]
            for path in (self.folder / "store").rglob("receipt.json")
        ]
        return {attempt["shot"]: attempt for attempt in latest}

    def clips(self) -> dict[str, str]:
        """Return the shots whose clip is in the store with the recorded digest, by job id."""
        stored = {}
        for path in (self.folder / "store").rglob("receipt.json"):
            attempt = json.loads(path.read_bytes())["attempts"][-1]
            recorded = attempt.get("clip")
            clip = path.with_name("clip.mp4")
            if recorded and clip.exists() and digest(clip) == recorded["sha256"]:
                stored[attempt["job"]] = attempt["shot"]
        return stored

    def creates(self) -> Counter[str]:
        """Return how many jobs the vendor created for each shot, by its own request log."""
        counts: Counter[str] = Counter()
        for job in self.jobs():
            record = json.loads((self.vendor / "jobs" / f"{job}.json").read_bytes())
            prompt = record["commission"]["prompt"]
            counts[next(shot for shot in SHOTS if f"Picture of {shot}." in prompt)] += 1
        return counts

    def jobs(self) -> list[str]:
        """Return the ids of the jobs that the vendor created."""
        from tasks.simulator.request_log import read_request_log

        return [request.job for request in read_request_log(self.vendor) if request.accepted]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def frame_digests(film: Path) -> list[str]:
    """Return a digest of every decoded picture of a film."""
    import av

    with av.open(str(film)) as container:
        return [
            hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


class ForkServer:
    """A process with all imports done, which forks one child per run of the command."""

    def __init__(self) -> None:
        # Bytecode is cached and one thread is enough: many runs share the machine.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        env |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._env = {name: value for name, value in env.items() if not is_tool_variable(name)}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "child.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._env,
        )

    def run(
        self,
        trial: Trial,
        *,
        kill_at: str | None = None,
        kill_after_seconds: float | None = None,
        extra_argv: tuple[str, ...] = (),
    ) -> RunResult:
        """Run the command once.

        Args:
            trial: The folder, vendor and environment of the run.
            kill_at: Kill the run at this step of a durable write.
            kill_after_seconds: Kill the run after this time.
            extra_argv: Arguments to add to the trial's command line.

        Raises:
            TimeoutError: The run did not end.
        """
        scratch = trial.folder.parent
        paths = {name: str(scratch / name) for name in ("out", "err", "log")}
        Path(paths["log"]).unlink(missing_ok=True)
        job = {
            "env": self._env | trial.env,
            "folder": str(trial.folder),
            "argv": [*trial.argv, *extra_argv],
            "kill_at": kill_at,
            **paths,
        }
        start = time.perf_counter()
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        child = int(self._read_line(RUN_TIMEOUT_SECONDS))
        if kill_after_seconds is not None:
            remaining = start + kill_after_seconds - time.perf_counter()
            if not self._has_line(remaining):
                os.kill(child, signal.SIGKILL)
        code = int(self._read_line(RUN_TIMEOUT_SECONDS))
        seconds = time.perf_counter() - start
        steps = tuple(read(Path(paths["log"])).splitlines())
        return RunResult(code, read(Path(paths["out"])), read(Path(paths["err"])), steps, seconds)

    def _has_line(self, seconds: float) -> bool:
        return bool(select.select([self._process.stdout], [], [], max(0.0, seconds))[0])

    def _read_line(self, seconds: float) -> bytes:
        if not self._has_line(seconds):
            self.close()
            msg = f"a run took longer than {seconds} s"
            raise TimeoutError(msg)
        # A line is written in one piece, and the next one only after a new request.
        return self._process.stdout.readline()

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def is_tool_variable(name: str) -> bool:
    """Return True for a variable that changes what shotchain or Prefect does."""
    return name.startswith(("SHOTCHAIN_", "PREFECT_"))


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    """Yield a process that forks runs, and end it afterwards."""
    server = ForkServer()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def open_trial(
    scratch: Path, provider: str, *, job_seconds: float = 0.1, faults: Any = None
) -> Iterator[Trial]:
    """Yield a trial with a served vendor of its own.

    The paths are the same for each trial in `scratch`, and therefore the films are as well.
    """
    from tasks.simulator.app import MOUNTS
    from tasks.simulator.server import serve

    shutil.rmtree(scratch, ignore_errors=True)
    folder, vendor = scratch / "work", scratch / "vendor"
    folder.mkdir(parents=True)
    (folder / "board.yaml").write_text(BOARD.format(provider=provider))
    with serve(vendor, job_seconds=job_seconds, faults=faults) as url:
        name = provider.upper().replace("-", "_")
        env = {
            f"SHOTCHAIN_{name}_BASE_URL": url + MOUNTS[provider],
            f"SHOTCHAIN_{name}_API_KEY": KEY,
            "SHOTCHAIN_POLL_SECONDS": "0.1",
            "HOME": str(scratch / "home"),
        }
        yield Trial(folder, vendor, env, provider)


@contextmanager
def cached_clips(clips: dict[Any, tuple[bytes, bytes]] | None = None) -> Iterator[None]:
    """Make the simulator render each clip once: equal requests give equal clips anyway.

    Args:
        clips: The cache, to share it between blocks: clip and last frame by request.
    """
    from tasks.simulator.footage import renderer

    cache = {} if clips is None else clips
    render = renderer.render_clip

    def render_clip(spec: Any, path: Path, **options: Any) -> bytes:
        # The label contains a digest of the whole request.
        key = (spec.prompt, spec.seed, spec.label)
        if key not in cache:
            frame = render(spec, path, **options)
            cache[key] = path.read_bytes(), frame
        clip, frame = cache[key]
        path.write_bytes(clip)
        return frame

    renderer.render_clip = render_clip
    try:
        yield
    finally:
        renderer.render_clip = render
