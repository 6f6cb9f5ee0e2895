"""A studio: a board, a store and a served simulator, run by the flow without Prefect's engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.report import RunReport, export
from flows.run import Run, RunOptions, check_ready, prepare_run
from storyboards import load
from tasks.settings import read_settings
from tasks.simulator.app import MOUNTS
from tasks.simulator.clock import ManualClock
from tasks.simulator.faults import Faults
from tasks.simulator.request_log import read_request_log
from tasks.simulator.server import serve
from tasks.store.staleness import StalePolicy
from tests.support.plain_tasks import render_plainly


@dataclass
class Studio:
    """Runs boards against one simulator on a real port; counts what it was asked to make."""

    folder: Path
    root: Path
    faults: Faults
    url: str
    words: dict[str, str] = field(default_factory=dict)
    progress: list[tuple[str, str]] = field(default_factory=list)
    clock: ManualClock | None = None

    def write(self, text: str, name: str = "board") -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    def settings(self, provider: str):
        words = {}
        for name, path in MOUNTS.items():
            upper = name.upper().replace("-", "_")
            words[f"SHOTCHAIN_{upper}_BASE_URL"] = self.url + path
            words[f"SHOTCHAIN_{upper}_API_KEY"] = "canary-key-9f2"
        return read_settings({**words, "SHOTCHAIN_POLL_SECONDS": "0.2", **self.words})

    def prepare(self, text: str, *, name: str = "board", **options) -> Run:
        """Write a board and plan its run with options such as `only=("one",)`."""
        path = self.write(text, name)
        options["stale"] = StalePolicy(options.get("stale", "keep"))
        options = RunOptions(**{"store": self.folder / "store", **options})
        settings = self.settings("simulator")
        return prepare_run(load(path), options, settings, working_folder=self.folder)

    def run(self, text: str, *, tasks=None, **options) -> RunReport:
        """Render a board; `tasks` replaces functions behind the flow's tasks, by name."""
        run = self.prepare(text, **options)
        check_ready(run)
        report = render_plainly(run, self.on_progress, **(tasks or {}))
        if report.film:
            export(report)
        return report

    def on_progress(self, shot: str, activity: str, fraction: float | None) -> None:
        """Keep each activity of each shot in `progress`."""
        del fraction
        self.progress.append((shot, activity))

    @property
    def creates(self) -> int:
        """Jobs that a vendor would charge for."""
        return sum(one.accepted for one in read_request_log(self.root))

    @property
    def submits(self) -> int:
        """Create requests that arrived, taken or not."""
        return sum(one.operation == "create" for one in read_request_log(self.root))


@pytest.fixture
def studio(tmp_path: Path, draw_once: None) -> Iterator[Studio]:
    """A studio of its own, with its simulator on a free port."""
    folder = tmp_path / "work"
    folder.mkdir()
    root, faults = tmp_path / "vendor", Faults()
    with serve(root, faults=faults) as url:
        yield Studio(folder, root, faults, url)


@pytest.fixture
def queueing(tmp_path: Path, draw_once: None) -> Iterator[Studio]:
    """A studio whose jobs wait 20 seconds in the queue and run for 80, by a `clock` of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    root, faults, clock = tmp_path / "vendor", Faults(), ManualClock(time.time())
    with serve(root, faults=faults, clock=clock, job_seconds=100.0) as url:
        yield Studio(folder, root, faults, url, clock=clock)


@pytest.fixture
def chain():
    """The text of a chain of shots of two seconds at 480p: `chain("one", two="other prompt")`."""

    def make(*shots: str, provider: str = "simulator", head: str = "", **prompts: str) -> str:
        lines = [
            f"provider: {provider}",
            "model: seedance-1.0-pro",
            "look: {resolution: 480p, seconds: 2, ratio: '16:9'}",
            *([head] if head else []),
            "shots:",
        ]
        for shot in shots:
            words, _, extra = shot.partition("|")
            prompt = prompts.get(words, f"Picture of {words}.")
            more = f", {extra}" if extra else ""
            lines.append(f'  - {{id: {words}, prompt: "{prompt}"{more}}}')
        return "\n".join(lines) + "\n"

    return make


@pytest.fixture
def outcomes():
    """What became of each shot of a report."""
    return lambda report: {one.shot.id: one.outcome for one in report.results}


@pytest.fixture
def decode():
    """Look at a film: frames, pictures on demand, sound, chapters."""
    import av

    def look(path: Path) -> SimpleNamespace:
        with av.open(str(path)) as container:
            frames = sum(1 for _ in container.decode(video=0))
        with av.open(str(path)) as container:
            chapters = [chapter["metadata"]["title"] for chapter in container.chapters()]
            stream = container.streams.video[0]
            size = (stream.width, stream.height)
            return SimpleNamespace(frames=frames, chapters=chapters, size=size)

    return look
