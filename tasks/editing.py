"""The cut as a Prefect task: seen and named there, done in `media`."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.retries import JOIN_RETRIES, retry_condition
from tasks.shots import Step, T


@task(
    task_run_name="join {film}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **JOIN_RETRIES,
)
async def join_film(film: str, step: Step[T]) -> T:
    """Join the clips into the film."""
    return await step()
