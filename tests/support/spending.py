"""A vendor that bills and fails as a test requests, and a run that spends money at it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from storyboards.models import Money, Shot
from tasks.budgets.limits import BudgetGuard, make_reserve
from tasks.errors import (
    BudgetExceeded,
    JobFailed,
    JobLost,
    RateLimited,
    SubmissionUnclear,
    Unreachable,
)
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.types import CreatedJob, JobDetails, JobResult, RenderRequest
from tasks.store.layout import Store
from tasks.submission.await_job import await_job
from tasks.submission.context import SubmissionContext
from tasks.submission.submit import submit
from tests.support.paid_path import make_context, make_shot

FAILURES = ("none", "half usage", "no usage", "rate limited", "unclear", "failed", "lost")
"""The results of a job at `SpendingVendor`."""

_PRICE_PER_TOKEN = Decimal("2.5") / 1_000_000
"""BytePlus's price of seedance-1.0-pro."""


def usd(amount: str | int | Decimal) -> Money:
    """Return a price in USD."""
    return Money(amount=Decimal(amount), currency="USD")


def priced_shot(key: str, tokens: int, *, run: int = 0) -> ShotToRender:
    """Return a shot with that usage, which is also its seed; its id begins with the run."""
    return make_shot(
        shot=Shot(id=f"{run}-{key}", prompt="A picture."),
        key=key,
        request={"seed": tokens},
        max_price=usd(_PRICE_PER_TOKEN * tokens),
    )


class SpendingVendor:
    """Bills the seed of each request as its usage.

    Args:
        failures: The results of the jobs, the last one first; jobs without one succeed.
        on_call: Called before each response.
    """

    base_url = "https://vendor.example"

    def __init__(
        self, failures: Sequence[str] = (), on_call: Callable[[], None] = lambda: None
    ) -> None:
        self._failures = list(failures)
        self._on_call = on_call
        self._jobs: dict[str, tuple[str, int]] = {}

    def sign_base_url(self) -> str:
        """Return a constant instead of an HMAC."""
        return ""

    def has_signed(self, base_url: str, signature: str | None) -> bool:
        """Return True: there is one account."""
        del base_url, signature
        return True

    async def sleep(self, seconds: float) -> None:
        """Return at once."""

    def expected_job_seconds(self, *_: object) -> None:
        """Return no expectation."""

    async def create(self, request: RenderRequest, *, shot_id: str = "") -> CreatedJob:
        """Create a job, or fail as requested."""
        del shot_id
        self._on_call()
        await asyncio.sleep(0)
        failure = self._failures.pop() if self._failures else "none"
        if failure == "rate limited":
            raise RateLimited("slow down")
        if failure == "unclear":
            raise SubmissionUnclear("no response")
        # Different in each process, as the ids of a vendor are.
        job = f"job-{os.getpid()}-{len(self._jobs)}"
        self._jobs[job] = (failure, request.seed or 0)
        return CreatedJob(job)

    async def query(self, job: str) -> JobResult:
        """Return the usage of a job, or fail as requested."""
        return await self.wait(job)

    async def wait(self, job: str, **_: object) -> JobResult:
        """Return the usage of a job, or fail as requested."""
        self._on_call()
        await asyncio.sleep(0)
        failure, tokens = self._jobs[job]
        if failure == "failed":
            raise JobFailed("no")
        if failure == "lost":
            raise JobLost("gone")
        usage = {"no usage": None, "half usage": tokens // 2}.get(failure, tokens)
        return JobResult(details=JobDetails(tokens=usage))


def spending_context(
    store: Store, vendor: SpendingVendor, guard: BudgetGuard, *, board_name: str = "b"
) -> SubmissionContext:
    """Return the context of a run under the limits of `guard`."""
    context = make_context(store, cast(Client, vendor))
    reserve = make_reserve(guard, store.ledger_lock_path)
    return replace(context, board_name=board_name, reserve=reserve)


async def render(shot: ShotToRender, context: SubmissionContext) -> str:
    """Render a shot with at most three requests, and return the result."""
    for _ in range(3):
        try:
            await submit(shot, None, context, reconcile_unclear=False)
            await await_job(shot, context)
        except (RateLimited, JobFailed, JobLost, Unreachable):
            continue
        except SubmissionUnclear:
            return "unclear"
        except BudgetExceeded:
            return "over budget"
        return "rendered"
    return "failed"


async def render_all(shots: Sequence[ShotToRender], context: SubmissionContext) -> list[Any]:
    """Render shots at the same time and return their results."""
    return await asyncio.gather(*(render(shot, context) for shot in shots))
