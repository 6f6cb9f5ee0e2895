"""Fixtures that render boards at a served simulator, without Prefect's engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.report import RunReport, export
from flows.run import Run, RunOptions, check_ready, prepare_run
from storyboards import load
from tasks.progress import Progress
from tasks.settings import Settings, read_settings
from tasks.simulator.app import MOUNTS
from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Faults
from tasks.simulator.request_log import LoggedRequest, read_request_log
from tasks.simulator.server import serve
from tasks.store.staleness import StalePolicy
from tests.support.plain_tasks import FUNCTIONS, PlainTask, render_plainly
from tests.support.reports import outcomes_of


@dataclass
class Studio:
    """Renders boards at one simulator on a real port and counts the requests that it received."""

    folder: Path
    """The working folder, with the boards and the store."""
    root: Path
    """The simulator's folder."""
    faults: Faults
    url: str
    env: dict[str, str] = field(default_factory=dict)
    """Variables that replace those of `settings`."""
    progress: list[Progress] = field(default_factory=list)
    """Each reported step of a shot."""
    clock: ManualClock | None = None

    def write(self, text: str, name: str = "board") -> Path:
        """Write a board into the working folder."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def settings(self) -> Settings:
        """Return settings that send the requests to every provider to the simulator."""
        env = {"SHOTCHAIN_POLL_SECONDS": "0.2"}
        for name, path in MOUNTS.items():
            upper = name.upper().replace("-", "_")
            env[f"SHOTCHAIN_{upper}_BASE_URL"] = self.url + path
            env[f"SHOTCHAIN_{upper}_API_KEY"] = "canary-key-9f2"
        return read_settings({**env, **self.env})

    def prepare(self, text: str, *, name: str = "board", **options: Any) -> Run:
        """Write a board and plan its run with options such as `only=("one",)`."""
        path = self.write(text, name)
        options["stale"] = StalePolicy(options.get("stale", "keep"))
        run_options = RunOptions(**{"store": self.folder / "store", **options})
        return prepare_run(load(path), run_options, self.settings(), working_folder=self.folder)

    def run(
        self, text: str, *, tasks: dict[str, PlainTask] | None = None, **options: Any
    ) -> RunReport:
        """Render a board; `tasks` replaces functions behind the flow's tasks, by name."""
        run = self.prepare(text, **options)
        check_ready(run)
        report = render_plainly(run, self.on_progress, **(tasks or {}))
        if report.film:
            export(report)
        return report

    def count_submitted(self, text: str, expected: int, **options: Any) -> int:
        """Render a board and return how many shots were submitted at once at most.

        Args:
            text: The board.
            expected: No job ends before this many shots were submitted together.
            **options: See `prepare`.
        """
        submitted, highest = 0, 0

        async def submit_shot(*args: Any) -> Any:
            nonlocal submitted, highest
            job = await FUNCTIONS["submit_shot"](*args)
            submitted += 1
            highest = max(highest, submitted)
            return job

        async def await_frame(job: Any) -> Any:
            nonlocal submitted
            async with asyncio.timeout(30):
                while highest < expected:
                    await asyncio.sleep(0.02)
            # A shot beyond the limit would be submitted now.
            await asyncio.sleep(0.5)
            submitted -= 1
            return await FUNCTIONS["await_frame"](job)

        tasks: dict[str, PlainTask] = {"submit_shot": submit_shot, "await_frame": await_frame}
        assert self.run(text, tasks=tasks, **options).errors == ()
        return highest

    def on_progress(self, progress: Progress) -> None:
        """Add a step to `progress`."""
        self.progress.append(progress)

    def requests(self, operation: str) -> list[LoggedRequest]:
        """Return the requests of an operation that the simulator received, oldest first."""
        log = read_request_log(self.root)
        return [request for request in log if request.operation == operation]

    @property
    def creates(self) -> int:
        """Number of jobs that a vendor would charge for."""
        return sum(request.accepted for request in read_request_log(self.root))

    @property
    def submits(self) -> int:
        """Number of create requests that arrived, accepted or not."""
        return len(self.requests("create"))


@pytest.fixture
def studio(tmp_path: Path, draw_once: None) -> Iterator[Studio]:  # noqa: ARG001 - saves minutes
    """Provide a studio with a simulator on a free port."""
    folder = tmp_path / "work"
    folder.mkdir()
    root, faults = tmp_path / "vendor", Faults()
    with serve(root, faults=faults) as url:
        yield Studio(folder, root, faults, url)


@pytest.fixture
def queueing(tmp_path: Path, draw_once: None) -> Iterator[Studio]:  # noqa: ARG001 - saves minutes
    """Provide a studio with a `clock` whose jobs are queued for 20 s and run for 80 s."""
    folder = tmp_path / "work"
    folder.mkdir()
    root, faults, clock = tmp_path / "vendor", Faults(), ManualClock(time.time())
    with serve(root, faults=faults, clock=clock, job_seconds=100.0) as url:
        yield Studio(folder, root, faults, url, clock=clock)


@pytest.fixture
def chain() -> Callable[..., str]:
    """Build the text of a chain of two-second shots: `chain("one", two="other prompt")`.

    A shot may have more fields behind a bar: `chain("one|seed: 7")`.
    """

    def build(*shots: str, provider: str = "simulator", head: str = "", **prompts: str) -> str:
        lines = [
            f"provider: {provider}",
            "model: seedance-1.0-pro",
            "look: {resolution: 480p, seconds: 2, ratio: '16:9'}",
            *([head] if head else []),
            "shots:",
        ]
        for shot in shots:
            shot_id, _, fields = shot.partition("|")
            prompt = prompts.get(shot_id, f"Picture of {shot_id}.")
            more = f", {fields}" if fields else ""
            lines.append(f'  - {{id: {shot_id}, prompt: "{prompt}"{more}}}')
        return "\n".join(lines) + "\n"

    return build


@pytest.fixture
def outcomes() -> Callable[[RunReport], dict[str, str]]:
    """Return the outcome of each shot of a report."""
    return outcomes_of


@pytest.fixture
def decode() -> Callable[[Path], SimpleNamespace]:
    """Decode a film and return its number of frames, its chapters and its size."""
    import av

    def read(path: Path) -> SimpleNamespace:
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        with av.open(str(path)) as container:
            chapters = [chapter["metadata"]["title"] for chapter in container.chapters()]
            stream = container.streams.video[0]
            size = (stream.width, stream.height)
            return SimpleNamespace(frames=frames, chapters=chapters, size=size)

    return read
