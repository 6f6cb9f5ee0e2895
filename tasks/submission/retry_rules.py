"""The failures after which the same run creates another job, as data with reasons.

Retries of queries and downloads belong to `tasks.retries`.
"""

from __future__ import annotations

from typing import NamedTuple

from tasks.errors import JobFailed, JobInternalError, OutputModerated, ProviderError
from tasks.plan import ShotToRender


class RetryRule(NamedTuple):
    """A kind of failure that allows another job."""

    error: type[JobFailed]
    allowed_by: str
    """The key in the board that allows it; empty if it is always allowed."""
    reason: str


RETRY_RULES = (
    RetryRule(
        JobInternalError, "", "the vendor's service failed, and a second job usually succeeds"
    ),
    RetryRule(
        OutputModerated,
        "reseed",
        "another seed leads to another picture, but each rejection counts against the account",
    ),
)
"""Each allows one more job. A seed in the board is not changed, so such a shot is not retried."""


def should_retry(shot: ShotToRender, error: ProviderError) -> bool:
    """Return True if a shot whose job ended with `error` is rendered once more in this run."""
    for rule in RETRY_RULES:
        if isinstance(error, rule.error):
            return not rule.allowed_by or rule.allowed_by in shot.allowed_retries
    return False
