"""Run boards through the flow's own code without Prefect's engine.

    python -m tests.support.plain_tasks render board.yaml    run the command without the engine

The engine adds seconds to each run and changes nothing about what is paid. Within `plain_tasks` the
functions behind the tasks of `flows.render` are called directly; outside of it the tasks are what
they are, so that tests with the engine can run in the same process.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest import mock

from flows import render
from flows.cli.output import LogOptions
from flows.cli.output.display import open_display
from flows.report import RunReport
from flows.run import Run
from flows.run_context import serve_simulator
from tasks.errors import ProviderError, Recovery
from tasks.progress import OnProgress, ignore_progress

PlainTask = Callable[..., Awaitable[Any]]

_TASKS = (
    "submit_shot",
    "await_frame",
    "download_clip",
    "decode_frame",
    "measure_clip",
    "keep_shot",
    "join_film",
)
_PLAIN: ContextVar[Mapping[str, PlainTask] | None] = ContextVar("plain_tasks", default=None)


def _install(name: str) -> PlainTask:
    """Replace a task of the flow by a function that calls its plain function if there is one."""
    task = getattr(render, name)

    async def call(*args: Any, **kwargs: Any) -> Any:
        plain = _PLAIN.get()
        return await (task if plain is None else plain[name])(*args, **kwargs)

    setattr(render, name, call)
    return _without_state(task.fn)


def _without_state(function: PlainTask) -> PlainTask:
    """Unwrap the state that a task returns to be shown as Cached."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        return getattr(result, "data", result) if type(result).__name__ == "State" else result

    return call


FUNCTIONS: Mapping[str, PlainTask] = {name: _install(name) for name in _TASKS}
"""The functions behind the tasks, by the task's name."""


@contextmanager
def plain_tasks(**replaced: PlainTask) -> Iterator[None]:
    """Call tasks without an engine within this block; `replaced` are used in place of some."""
    token = _PLAIN.set({**FUNCTIONS, **replaced})
    try:
        yield
    finally:
        _PLAIN.reset(token)


def retried(name: str, retries: int) -> PlainTask:
    """Return a task's function that is retried as the engine does it, without the delays."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        for _ in range(retries):
            try:
                return await FUNCTIONS[name](*args, **kwargs)
            except ProviderError as error:
                if error.recovery is not Recovery.RETRY:
                    raise
        return await FUNCTIONS[name](*args, **kwargs)

    return call


def render_plainly(
    run: Run, on_progress: OnProgress = ignore_progress, **replaced: PlainTask
) -> RunReport:
    """Render a run without an engine and return its report. Serves the simulator if needed."""
    run.store.initialize()
    with plain_tasks(**replaced), serve_simulator(run) as opened:
        return asyncio.run(render.render_run(opened, on_progress))


@contextmanager
def command_without_engine(
    before: Callable[[Run], None] = lambda _: None, **replaced: PlainTask
) -> Iterator[None]:
    """Let `shotchain render` run in this process without Prefect; `before` sees its run."""

    def render_command(run: Run, log: LogOptions) -> RunReport:
        before(run)
        with open_display(run, sys.stderr, log) as display:
            display.show_phase("")
            return render_plainly(run, display.update, **replaced)

    with mock.patch("flows.cli.render._render", render_command):
        yield


def main() -> int:
    """Run the `shotchain` command without the engine in this process."""
    from flows.cli.main import main as run_command

    with command_without_engine():
        return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
