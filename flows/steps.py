"""The steps of a run as Prefect's tasks, so that each is seen, named and retried there."""

from __future__ import annotations

from flows.bug_report import report_bugs
from flows.shooting import Step, T
from tasks.editing import join_film
from tasks.shots import await_shot, collect_clip, keep_shot, submit_shot


class PrefectSteps:
    """Each step runs as a task of the flow run around it."""

    def __init__(self, secrets: frozenset[str]) -> None:
        """`secrets` are struck out of the log of a bug, which is all that Prefect sees of one."""
        self._secrets = secrets

    async def submit(self, shot: str, step: Step[T]) -> T:
        """See to it that the vendor has a job."""
        return await submit_shot(shot, self._guarded(step))

    async def render(self, shot: str, step: Step[T]) -> T:
        """Wait for the vendor, and take the last frame."""
        return await await_shot(shot, self._guarded(step))

    async def collect(self, shot: str, step: Step[T]) -> T:
        """Bring the clip home."""
        return await collect_clip(shot, self._guarded(step))

    async def keep(self, shot: str) -> None:
        """Show a shot that is kept."""
        await keep_shot(shot)

    async def join(self, film: str, step: Step[T]) -> T:
        """Join the film."""
        return await join_film(film, self._guarded(step))

    def _guarded(self, step: Step[T]) -> Step[T]:
        async def guarded() -> T:
            with report_bugs(self._secrets):
                return await step()

        return guarded
