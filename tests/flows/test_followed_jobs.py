"""Jobs that the vendor has accepted are followed to their clip, whatever it answers meanwhile.

`CASES` is a table of answers, with what is created, charged and reported in the run that meets them
and in the next run. `ark` lists its jobs and provides last frames, `cometapi-volc` does neither.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from flows.report import RunReport
from tasks.budgets.money import ZERO
from tasks.errors import KeyChanged, SubmissionUnclear, UsageError
from tasks.retries import AWAIT_RETRIES, DOWNLOAD_RETRIES
from tasks.store.receipts import AttemptState
from tests.flows.conftest import Studio
from tests.support.plain_tasks import PlainTask, retried
from tests.support.reports import attempts_of

PROVIDERS = ("ark", "cometapi-volc")

RETRIED: dict[str, PlainTask] = {
    "await_frame": retried("await_frame", AWAIT_RETRIES["retries"]),
    "download_clip": retried("download_clip", DOWNLOAD_RETRIES["retries"]),
}
"""The tasks as the engine retries them, without its delays."""


class Case(NamedTuple):
    """Answers of a vendor about a job that it accepted, and the outcome of the run."""

    name: str
    fault: dict[str, Any]
    """Arguments of `Faults.inject`."""
    outcome: str
    exit_code: int = 0
    message: str = ""


def answers(name: str, body: object, outcome: str, exit_code: int = 0, **fault: Any) -> Case:
    """Build a case in which queries are answered with a body."""
    message = fault.pop("message", "")
    fault = {"kind": "other_body", "operation": "get", "body": json.dumps(body), **fault}
    return Case(name, fault, outcome, exit_code, message)


def files(name: str, outcome: str, exit_code: int = 0, message: str = "", **fault: Any) -> Case:
    """Build a case in which the host of the files answers with an error."""
    fault = {"kind": "download_error", "match": ".mp4", **fault}
    return Case(name, fault, outcome, exit_code, message)


UNKNOWN = {"error": {"code": "NotFound", "message": "task not found"}}
FAILED = {"id": "JOB", "status": "failed", "error": {"code": "InternalServiceError"}}
NO_CHANNEL = {"error": {"code": "busy", "message": "no available channel"}}

CASES = (
    answers("unknown once", UNKNOWN, "rendered", status=404),
    answers("unknown, 9 times", UNKNOWN, "rendered", status=404, times=9),
    answers("unknown for minutes", UNKNOWN, "unclear", 1, status=404, times=-1,
            message="only --resubmit one pays for another"),
    answers("unknown in a 400", {"message": "task_not_exist"}, "unclear", 1, status=400, times=-1,
            message="is unclear: "),
    answers("no such page", {"error": "Not Found"}, "failed", 1, status=404, times=-1,
            message="does not state that the job is unknown"),
    answers("failed once", FAILED, "rendered"),
    answers("failed without an id", {"status": "failed"}, "rendered", times=3),
    answers("another job failed", {**FAILED, "id": "other"}, "rendered", times=3),
    answers("error in a 200", {"status": "error", "message": "busy"}, "rendered", times=2),
    answers("fail in a 200", {"id": "JOB", "status": "fail"}, "rendered", times=2),
    answers("timeout in a 200", {"status": "timeout"}, "rendered", times=2),
    answers("error code in a 200", {"code": 500, "message": "fail"}, "rendered", times=3),
    answers("done without a clip", {"id": "JOB", "status": "succeeded"}, "rendered", times=2),
    answers("no channel for minutes", NO_CHANNEL, "failed", 1, status=503, times=-1,
            message="no available channel"),
    answers("forbidden for minutes", {"error": {"code": "AccessDenied", "message": "no"}},
            "failed", 3, status=403, times=-1, message="lacks a permission"),
    files("file: 403 twice", "rendered", status=403, times=2),
    files("file: 404, 7 times", "rendered", status=404, times=7),
    files("file: 404 for minutes", "failed", 1, "does not serve its clip now",
          status=404, times=-1),
    files("file: 403 for minutes", "failed", 1, "the next run asks again", status=403, times=-1),
)  # fmt: skip


@pytest.fixture(autouse=True)
def fast_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat queries and downloads without the delays."""
    monkeypatch.setattr("tasks.providers.polling.backoff_seconds", lambda _: 0.01)


def count_charged(studio: Studio) -> int:
    """Return how many jobs the vendor charges for: all but those that failed or were cancelled."""
    jobs = [json.loads(path.read_bytes()) for path in (studio.root / "jobs").glob("*.json")]
    return sum(job["status"] not in ("failed", "cancelled", "expired") for job in jobs)


def exit_code(report: RunReport) -> int:
    return max((error.exit_code for error in report.errors), default=0)


def outcome(report: RunReport) -> str:
    return report.results[0].outcome.value


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_accepted_job_is_paid_once(
    studio: Studio, chain: Callable[..., str], provider: str, case: Case
) -> None:
    """One job is created, and its clip is in the store when the vendor is well again."""
    text = chain("one", provider=provider)
    studio.faults.inject(**case.fault)
    report = studio.run(text, tasks=RETRIED)
    (attempt,) = attempts_of(report, "one")

    assert (outcome(report), exit_code(report)) == (case.outcome, case.exit_code)
    assert case.message in " ".join(map(str, report.errors))
    assert bool(case.message) == bool(report.errors)
    assert attempt.job
    assert (studio.submits, studio.creates, count_charged(studio)) == (1, 1, 1)

    studio.faults.clear()
    following = studio.run(text, tasks=RETRIED)
    assert outcome(following) == ("kept" if case.outcome == "rendered" else "rendered")
    assert (studio.submits, studio.creates, count_charged(studio)) == (1, 1, 1)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_unclear_job_is_shown_by_plan(
    studio: Studio, chain: Callable[..., str], provider: str
) -> None:
    """With the vendor's words and the price; no run pays for another without the author's word."""
    text = chain("one", provider=provider)
    body = json.dumps(UNKNOWN)
    studio.faults.inject("other_body", operation="get", status=404, body=body, times=-1)
    for _ in range(3):
        report = studio.run(text)
    status = studio.prepare(text).status["one"]

    assert isinstance(report.results[0].error, SubmissionUnclear)
    assert status.state == "unclear"
    assert status.max_price == ZERO
    assert "task not found" in status.reason
    assert "may be charged" in status.reason
    assert studio.submits == 1


def test_unclear_job_is_replaced_by_resubmit(studio: Studio, chain: Callable[..., str]) -> None:
    """Only then another job is created; the unclear one stays booked."""
    text = chain("one", provider="cometapi-volc")
    body = json.dumps(UNKNOWN)
    studio.faults.inject("other_body", operation="get", status=404, body=body, times=-1)
    first = attempts_of(studio.run(text), "one")[0]
    studio.faults.clear()
    studio.faults.inject(
        "other_body", operation="get", match=first.job or "", status=404, body=body, times=-1
    )
    report = studio.run(text, resubmit=("one",))

    assert outcome(report) == "rendered"
    states = [attempt.state for attempt in attempts_of(report, "one")]
    assert states == [AttemptState.ABANDONED, AttemptState.KEPT]
    assert attempts_of(report, "one")[0].booked_price == first.max_price
    assert studio.submits == 2


def test_known_job_is_not_replaced_by_resubmit(studio: Studio, chain: Callable[..., str]) -> None:
    """The vendor finds the job again: its clip is fetched, although `--resubmit` was given."""
    text = chain("one", provider="cometapi-volc")
    body = json.dumps(UNKNOWN)
    studio.faults.inject("other_body", operation="get", status=404, body=body, times=-1)
    studio.run(text)
    studio.faults.clear()
    report = studio.run(text, resubmit=("one",))

    assert outcome(report) == "rendered"
    assert studio.submits == 1
    with pytest.raises(UsageError, match="one is kept, not unclear"):
        studio.prepare(text, resubmit=("one",))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_job_of_another_key_is_not_judged(
    studio: Studio, chain: Callable[..., str], provider: str, status: int
) -> None:
    """Another account has none of the jobs: exit 3, and the right key still gets the clip."""

    async def power_off(*_: object) -> None:
        raise KeyboardInterrupt

    text = chain("one", provider=provider)
    with pytest.raises(KeyboardInterrupt):
        studio.run(text, tasks={"await_frame": power_off})
    variable = f"SHOTCHAIN_{provider.upper().replace('-', '_')}_API_KEY"
    studio.env[variable] = "key-of-another-account"
    body = json.dumps({"error": {"code": "NotFound", "message": "no such task"}})
    studio.faults.inject("other_body", operation="get", status=status, body=body, times=-1)
    report = studio.run(text, tasks=RETRIED)
    error = report.results[0].error

    assert isinstance(error, KeyChanged)
    assert error.exit_code == 3
    assert f"set {variable} to that key" in str(error)
    assert attempts_of(report, "one")[0].state is AttemptState.SUBMITTED

    studio.faults.clear()
    del studio.env[variable]
    assert outcome(studio.run(text)) == "rendered"
    assert (studio.submits, studio.creates) == (1, 1)
