"""A Prefect task finds the context of its run, and the shot that it works on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tasks.store.layout import Store
from tasks.submission.context import SubmissionContext, current_context, use_context
from tests.support.paid_path import KEY, FakeVendor, make_context, make_existing_clip, make_shot


def test_current_context_outside_of_a_run_is_an_error() -> None:
    """A task without a run is a bug, not a run with defaults."""
    with pytest.raises(LookupError, match="use_context"):
        current_context()


def test_use_context_holds_for_tasks_of_its_block(context: SubmissionContext) -> None:
    """Concurrent tasks see the context in which they were started."""

    async def in_task() -> SubmissionContext:
        await asyncio.sleep(0)
        return current_context()

    async def run() -> SubmissionContext:
        with use_context(context):
            task = asyncio.create_task(in_task())
        return await task

    assert asyncio.run(run()) is context
    with pytest.raises(LookupError):
        current_context()


def test_context_shot_existing_clip_is_an_error(store: Store, vendor: FakeVendor) -> None:
    """Only shots that are rendered can be submitted."""
    shot = make_shot()
    existing = make_existing_clip(
        shot.shot.model_copy(update={"id": "old"}), 1, "e" * 64, Path("old.mp4")
    )
    context = make_context(store, vendor.client(), shot, existing)

    assert context.shot("one") is shot
    with pytest.raises(TypeError, match="old is a file"):
        context.shot("old")


def test_context_relative_path_is_inside_the_store(context: SubmissionContext) -> None:
    """Task results contain no path of the machine."""
    assert context.relative_path(make_shot(), "clip.mp4") == f"shots/{KEY}/clip.mp4"
