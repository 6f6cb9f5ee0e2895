"""The condition that applies the retry settings, and the reasons that it reports."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prefect import task
from prefect.client.schemas.objects import TaskRun
from prefect.states import Failed

from tasks.errors import JobFailed, JobNotFound, Unreachable
from tasks.progress import Progress, ProgressState
from tasks.retries import MAX_REASON_CHARS, retry_condition
from tasks.store.layout import Store
from tasks.submission.context import use_context
from tests.support.paid_path import FakeVendor, make_context


@task(retries=5, retry_delay_seconds=[8, 20])
async def wait_for_frame() -> None:
    """Stand for a task of a shot."""


def run_condition(error: Exception, store: Store | None) -> tuple[bool, list[Progress]]:
    """Return whether the second failure of a run is retried, and the progress it reports."""
    run = TaskRun(name="one: await frame", run_count=2, task_key="t", dynamic_key="0")
    progress: list[Progress] = []

    async def decide() -> bool:
        return await retry_condition(wait_for_frame, run, Failed(data=error))

    if store is None:
        return asyncio.run(decide()), progress
    context = make_context(
        store,
        FakeVendor().client(),
        on_progress=progress.append,
    )
    with use_context(context):
        return asyncio.run(decide()), progress


@pytest.mark.parametrize("error_class", [Unreachable, JobNotFound])
def test_retry_condition_reports_the_reason(
    tmp_path: Path, error_class: type[Unreachable | JobNotFound]
) -> None:
    """In the vendor's words, bounded, with the number of the retry."""
    text = "ark: the vendor had an internal error: no available channel; " + "x" * 999
    error = error_class(text, status=503)
    is_retried, progress = run_condition(error, Store(tmp_path))

    (step,) = progress
    assert is_retried
    assert (step.shot, step.state) == ("one", ProgressState.RETRYING)
    assert (step.retry, step.max_retries, step.delay_seconds) == (2, 5, 20)
    assert step.detail == "503 from the vendor"
    assert step.message.startswith("ark: the vendor had an internal error: no available channel")
    assert len(step.message) == MAX_REASON_CHARS


def test_retry_condition_of_final_error_is_false(tmp_path: Path) -> None:
    """Nothing is reported either."""
    assert run_condition(JobFailed("no"), Store(tmp_path)) == (False, [])


def test_retry_condition_needs_no_context() -> None:
    """A failure before the run has its context is decided all the same."""
    assert run_condition(Unreachable("busy"), None) == (True, [])
