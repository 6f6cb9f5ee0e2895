"""The failures after which a job is created once more in the same run, as data with reasons.

Retries of requests and downloads are defined in `tasks.retries`."""

from __future__ import annotations

from typing import NamedTuple

from tasks.errors import JobInternalError, OutputModerated, ProviderError
from tasks.plan import ShotToRender


class RetryRule(NamedTuple):
    """One kind of failure that deserves another try."""

    error: type[ProviderError]
    allowed_by: str
    """The board's word that allows it; empty where it needs none."""
    reason: str


RETRY_RULES = (
    RetryRule(
        JobInternalError, "", "the vendor failed by itself, and asked again it mostly does not"
    ),
    RetryRule(
        OutputModerated,
        "reseed",
        "another seed is another picture, but each refusal counts against the account",
    ),
)
"""At most one more try each; a given seed leaves nothing to change, so it stays as it is."""


def should_retry(shot: ShotToRender, error: ProviderError) -> bool:
    """Whether a shot whose job ended so is rendered once more in the same run."""
    for leniency in RETRY_RULES:
        if isinstance(error, leniency.error):
            return not leniency.allowed_by or leniency.allowed_by in shot.allowed_retries
    return False
