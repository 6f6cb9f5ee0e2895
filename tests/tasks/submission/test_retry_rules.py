"""Only failures with a rule lead to another job in the same run."""

from __future__ import annotations

import pytest

from tasks.errors import (
    AccountError,
    InputModerated,
    InvalidRequest,
    JobFailed,
    JobInternalError,
    JobLost,
    JobTimedOut,
    OutputModerated,
    ProviderError,
    SubmissionUnclear,
)
from tasks.submission.retry_rules import should_retry
from tests.support.paid_path import make_shot


@pytest.mark.parametrize(
    ("error", "allowed_retries", "expected"),
    [
        (JobInternalError, (), True),
        (JobInternalError, ("reseed",), True),
        (OutputModerated, (), False),
        (OutputModerated, ("reseed",), True),
        (JobFailed, ("reseed",), False),
        (InputModerated, ("reseed",), False),
        (InvalidRequest, ("reseed",), False),
        (AccountError, ("reseed",), False),
        (JobTimedOut, ("reseed",), False),
        (JobLost, ("reseed",), False),
        (SubmissionUnclear, ("reseed",), False),
    ],
)
def test_should_retry_by_error_and_board(
    error: type[ProviderError], allowed_retries: tuple[str, ...], *, expected: bool
) -> None:
    """A moderated result needs the board's `reseed`; most failures are never retried."""
    shot = make_shot(allowed_retries=frozenset(allowed_retries))

    assert should_retry(shot, error("no")) is expected
