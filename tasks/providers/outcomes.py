"""What came of a request: whether a create surely failed, surely worked, or is unclear.

The one rule about money at the wire lives here, and it is pure. Questions cost nothing, so their
rule is milder.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import (
    NotSent,
    ProviderError,
    Refused,
    Rejected,
    Throttled,
    Unauthorized,
    Unclear,
    Unreachable,
    Unreadable,
)
from tasks.providers.contract import Dialect, Reply
from tasks.providers.patience import retry_after_seconds
from tasks.providers.reading import clean

# A create that ends so was surely not accepted; every other end is unclear.
_CLOSED = (NotSent, Throttled, Rejected, Unauthorized, Refused)

# 408 and 425 tell that the vendor has not dealt with it, 409 that it may have done so before.
_UNDECIDED = (408, 409, 425)


@dataclass(frozen=True)
class Lost:
    """A request without a whole reply."""

    sent: bool
    """False where it surely never left."""
    why: str
    """A few words, without address or key."""
    status: int = 0
    """The status, where the reply broke off behind it."""


def of_create(dialect: Dialect, outcome: Reply | Lost, *, now: float) -> str | ProviderError:
    """The job that a create made, or the error that it ended with.

    The error is NotSent, Throttled, Rejected, Unauthorized or Refused where nothing was accepted,
    and Unclear where a job may exist.
    """
    if isinstance(outcome, Lost):
        if _is_refusal(outcome.status):
            outcome = Reply(outcome.status)
        elif outcome.sent:
            return _unclear(outcome.why, outcome.status)
        else:
            return NotSent(f"the vendor could not be reached: {outcome.why}; nothing was sent")
    if not 200 <= outcome.status < 300 and not _is_refusal(outcome.status):
        return _unclear(f"it answered {outcome.status}{_words(outcome)}", outcome.status)
    error = dialect.explain(outcome)
    if error is not None:
        closed = _closed(error, outcome)
        closed.retry_after_seconds = retry_after_seconds(outcome.headers.get("retry-after"), now)
        return closed
    try:
        return dialect.created(outcome)
    except Unreadable:
        return _unclear(f"its answer names no job{_words(outcome)}", outcome.status)


def of_question(
    dialect: Dialect, outcome: Reply | Lost, *, job: str, now: float
) -> Reply | ProviderError:
    """The reply to a question, or the error that it is; Unreachable where asking again may help."""
    if isinstance(outcome, Lost):
        return Unreachable(
            f"the vendor gave no answer: {outcome.why}; ask again later", status=outcome.status
        )
    error = dialect.explain(outcome, job=job)
    if error is None:
        return outcome
    if outcome.status >= 500 or outcome.status in (408, 425):
        error = Unreachable(str(error), code=error.code, status=outcome.status)
    error.retry_after_seconds = retry_after_seconds(outcome.headers.get("retry-after"), now)
    return error


def _is_refusal(status: int) -> bool:
    return 400 <= status < 500 and status not in _UNDECIDED


def _closed(error: ProviderError, reply: Reply) -> ProviderError:
    """An error that says by its class that nothing was accepted."""
    if reply.status == 429 and not isinstance(error, _CLOSED):
        return Throttled(str(error), code=error.code, status=reply.status)
    if not isinstance(error, _CLOSED):
        return Rejected(str(error), code=error.code, status=reply.status)
    return error


def _unclear(why: str, status: int) -> Unclear:
    return Unclear(
        f"the create may have arrived and may be charged: {why}; "
        "look for the job in the vendor's console before asking for it again",
        status=status,
    )


def _words(reply: Reply) -> str:
    words = clean(reply.text, most=120)
    return f" ({words})" if words else ""
