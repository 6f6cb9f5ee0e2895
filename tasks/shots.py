"""The steps of a shot as Prefect tasks: seen, named and retried there, done in `jobs`.

A step comes as a function without arguments, for Prefect would look through every argument. Nothing
is cached here: the receipt in the store is what keeps a retry from paying again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from tasks.retries import AWAIT_RETRIES, DOWNLOAD_RETRIES, SUBMIT_RETRIES, retry_condition

T = TypeVar("T")
Step = Callable[[], Awaitable[T]]


@task(
    task_run_name="{shot}: submit",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **SUBMIT_RETRIES,
)
async def submit_shot(shot: str, step: Step[T]) -> T:
    """See to it that the vendor has a job for the shot."""
    return await step()


@task(
    task_run_name="{shot}: render",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **AWAIT_RETRIES,
)
async def await_shot(shot: str, step: Step[T]) -> T:
    """Wait for the vendor, then take the last frame."""
    return await step()


@task(
    task_run_name="{shot}: collect",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **DOWNLOAD_RETRIES,
)
async def collect_clip(shot: str, step: Step[T]) -> T:
    """Bring the clip home."""
    return await step()


@task(task_run_name="{shot}: kept", cache_policy=NO_CACHE, persist_result=False)
async def keep_shot(shot: str) -> Any:
    """A shot that the store has: shown as Cached."""
    return Completed(name="Cached", message=f"{shot} is kept")
