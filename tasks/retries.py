"""Retry settings of the Prefect tasks, as data with reasons, and the condition that applies them.

A second create after a failed job is decided in `submission.retry_rules`, not here.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from storyboards.problems import ShotchainError
from tasks.errors import ProviderError, Recovery
from tasks.progress import Progress, ProgressState, describe_reason
from tasks.providers.error_mapping import sanitize_text
from tasks.submission.context import current_context

MAX_REASON_CHARS = 160
"""The longest reason that is shown beside a shot while it waits for a retry."""

SUBMIT_RETRIES: dict[str, Any] = {
    # Only after errors that prove that nothing was accepted; vendors limit the rate per minute.
    "retries": 4,
    "retry_delay_seconds": [1, 5, 20, 60],
    "retry_jitter_factor": 0.3,
}
AWAIT_RETRIES: dict[str, Any] = {
    # Queries cost nothing: outlast an outage of some minutes, then leave the job to the next run.
    "retries": 5,
    "retry_delay_seconds": [1, 5, 20, 60, 120],
    "retry_jitter_factor": 0.3,
}
DOWNLOAD_RETRIES: dict[str, Any] = {
    # The clip is already paid for; the vendor keeps its file for a day.
    "retries": 5,
    "retry_delay_seconds": [1, 5, 20, 60, 120],
    "retry_jitter_factor": 0.3,
}
JOIN_RETRIES: dict[str, Any] = {
    # The same clips lead to the same result.
    "retries": 0,
}


def is_retryable(error: BaseException) -> bool:
    """Return True if repeating the same call may help."""
    return isinstance(error, ProviderError) and error.recovery is Recovery.RETRY


async def retry_condition(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Return True if Prefect should retry a failed task run, and report the reason as progress."""
    try:
        await state.aresult()
    except Exception as error:
        if not is_retryable(error):
            return False
        with suppress(LookupError):
            current_context().on_progress(_describe_retry(task, run, error))
        return True
    return False


def _describe_retry(task: Task[..., Any], run: TaskRun, error: BaseException) -> Progress:
    seconds = task.retry_delay_seconds
    delays = seconds if isinstance(seconds, list) and seconds else [None]
    return Progress(
        # The names of these runs begin with the id of the shot.
        run.name.rpartition(": ")[0] or None,
        ProgressState.RETRYING,
        detail=sanitize_text(describe_reason(error), max_chars=MAX_REASON_CHARS),
        message=sanitize_text(str(error), max_chars=MAX_REASON_CHARS),
        retry=run.run_count,
        max_retries=task.retries,
        # Prefect repeats the last delay, and varies each by chance.
        delay_seconds=delays[min(run.run_count, len(delays)) - 1],
        is_delay_estimated=True,
    )


class _OneLineErrors(logging.Filter):
    """Removes the traceback from log records of expected errors, whose message is complete."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record."""
        if record.exc_info and isinstance(record.exc_info[1], ShotchainError):
            record.exc_info = None
        return True


_ONE_LINE_ERRORS = _OneLineErrors()


def log_expected_errors_in_one_line() -> None:
    """Let Prefect log expected errors of flows and tasks without a traceback."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_ONE_LINE_ERRORS)
