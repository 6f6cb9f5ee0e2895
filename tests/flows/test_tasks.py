"""The tasks as Prefect sees them: arguments, results, and the edges between shots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.support.plain_tasks import FUNCTIONS, PlainTask
from tests.support.reports import folder_of

ROOT = Path(__file__).parents[2]
MAX_JSON_BYTES = 2048


@dataclass
class TaskRecorder:
    """Records every argument and result of the tasks of a run."""

    values: list[tuple[str, Any]] = field(default_factory=list)
    """Each value with the name of its task."""

    def tasks(self) -> dict[str, PlainTask]:
        """Return the functions of all tasks, recorded."""
        return {name: self._record(name) for name in FUNCTIONS}

    def _record(self, name: str) -> PlainTask:
        async def call(*args: Any, **kwargs: Any) -> Any:
            result = await FUNCTIONS[name](*args, **kwargs)
            self.values += [(name, value) for value in (*args, *kwargs.values(), result)]
            return result

        return call

    def documents(self) -> list[str]:
        """Return the values as JSON."""
        return [adapter_of(value).dump_json(value).decode() for _, value in self.values]


def adapter_of(value: Any) -> TypeAdapter[Any]:
    """Return the adapter for a value, or for a list by its first element."""
    kind: Any = type(value)
    if isinstance(value, list):
        element: Any = type(value[0])
        kind = list[element]
    return TypeAdapter(kind)


@pytest.fixture
def recorder(studio, chain) -> TaskRecorder:
    """The tasks of a run that renders, keeps and joins shots at a vendor with signed URLs."""
    recorder = TaskRecorder()
    first = studio.run(chain("one", provider="ark"), tasks=recorder.tasks())
    clip = folder_of(first, "one") / "clip.mp4"
    (studio.folder / "own.mp4").write_bytes(clip.read_bytes())
    shots = ("one", "two", "three|first_frame: {shot: own}")
    text = chain(*shots, provider="ark", head="qc: {}")
    own = "  - {id: own, clip: own.mp4, use: [{to: 24f}]}\n"
    text = text.replace("shots:\n", f"shots:\n{own}")
    report = studio.run(text.replace("{id: one,", "{id: one, first_frame: none,"),
                        tasks=recorder.tasks())  # fmt: skip
    assert report.errors == ()
    return recorder


def test_recorder_has_every_task(recorder) -> None:
    """The tests below cover the values of all tasks of the flow."""
    assert {name for name, _ in recorder.values} == set(FUNCTIONS)


def test_task_values_survive_json(recorder) -> None:
    """Arguments and results are the same after a round trip through JSON."""
    for _, value in recorder.values:
        adapter = adapter_of(value)
        assert adapter.validate_json(adapter.dump_json(value)) == value


def test_task_values_are_small(recorder) -> None:
    """Prefect stores arguments and results of every task, so they must not contain pictures."""
    assert max(len(document.encode()) for document in recorder.documents()) < MAX_JSON_BYTES


def test_task_values_contain_no_secret(recorder, studio) -> None:
    """Neither the API key nor the address or signature of a file at the vendor is in any value."""
    text = "\n".join(recorder.documents())

    for secret in ("canary-key-9f2", "Signature", "X-Tos", "?", "http", studio.url):
        assert secret not in text


def test_task_values_contain_no_store_path(recorder, studio) -> None:
    """Files of the store are named relative to it, so that the values are true on any machine."""
    values = "\n".join(recorder.documents())

    assert str(studio.folder / "store") not in values
    assert "previz/" in values


RUN_WITH_ENGINE = """
import asyncio, json, sys
from pathlib import Path
from flows.local_server import prefect_server
from flows.run import RunOptions, prepare_run
from storyboards import load
from tasks.settings import read_settings

folder = Path(sys.argv[1])
settings = read_settings()
run = prepare_run(load(folder / "board.yaml"), RunOptions(), settings, working_folder=folder)
run.store.initialize()
with prefect_server(settings, run.store) as wait_for_server:
    from prefect import get_client
    from flows.render import run_flow
    from flows.run_context import Caller

    wait_for_server()
    caller = Caller(folder, lambda *_: None)
    run_flow(folder / "board.yaml", {}, caller)

    async def read_task_runs():
        async with get_client() as client:
            for _ in range(120):
                task_runs = await client.read_task_runs()
                if len(task_runs) >= int(sys.argv[2]) and all(
                    task_run.state and task_run.state.is_final() for task_run in task_runs
                ):
                    break
                await asyncio.sleep(0.5)
            return task_runs

    task_runs = asyncio.run(read_task_runs())
names = {str(task_run.id): task_run.name for task_run in task_runs}
print(json.dumps({
    task_run.name: {
        name: [names[str(source.id)] for source in sources if source.input_type == "task_run"]
        for name, sources in task_run.task_inputs.items()
    }
    for task_run in task_runs
}))
"""


@pytest.mark.engine
def test_engine_records_edges_between_shots(tmp_path: Path, chain) -> None:
    """A shot's submit depends on the frame that it starts on, at an out point on the whole clip."""
    text = chain("one", "two", "x|first_frame: none, use: [{to: 24f}]", "y")
    (tmp_path / "board.yaml").write_text(text)
    result = subprocess.run(
        [sys.executable, "-c", RUN_WITH_ENGINE, str(tmp_path), "14"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    inputs = json.loads(result.stdout.splitlines()[-1])
    join = inputs.pop("join board")
    edges = {
        (shot_of(source), shot_of(target))
        for target, arguments in inputs.items()
        for sources in arguments.values()
        for source in sources
    }

    assert "one: await frame" in inputs["two: submit"]["first_frame"]
    assert inputs["one: submit"]["first_frame"] == []
    assert "two: submit" in inputs["two: await frame"]["job"]
    assert "two: submit" in inputs["two: download clip"]["job"]
    assert "x: frame 24" in inputs["y: submit"]["first_frame"]
    assert inputs["x: frame 24"] == {"clip": ["x: download clip"], "number": []}
    chains = {("one", "one"), ("one", "two"), ("two", "two")}
    assert edges == chains | {("x", "x"), ("x", "y"), ("y", "y")}
    clips = {f"{shot}: download clip" for shot in ("one", "two", "x", "y")}
    assert clips <= set(join["clips"])


def shot_of(task_run_name: str) -> str:
    return task_run_name.partition(":")[0]
