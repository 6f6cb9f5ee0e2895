"""`shotchain cancel` against the simulator: queued jobs are cancelled, all others are reported."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from flows.cli.cancel import CancelReport, cancel_jobs
from flows.run import Run
from flows.run_context import open_run
from tasks.errors import JobFailed, ProviderError
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.dialects.ark import Ark
from tasks.providers.types import ApiCall
from tasks.simulator.request_log import read_request_log
from tasks.store.receipts import Attempt, AttemptState, read_receipt
from tasks.store.status import ShotState
from tasks.submission.await_job import await_job
from tasks.submission.submit import submit

Chain = Callable[..., str]
Send = Callable[..., Run]


@pytest.fixture
def send(queueing: Any) -> Send:
    """Submit the shots of a board that start chains, and leave their jobs at the vendor."""

    def send(text: str, **options: Any) -> Run:
        run = queueing.prepare(text, **options)
        run.store.initialize()

        async def submit_all() -> None:
            async with open_run(run, queueing.on_progress) as context:
                for shot in run.plan.shots_to_render:
                    if shot.continues is None:
                        await submit(shot, None, context.submission)

        asyncio.run(submit_all())
        return queueing.prepare(text, **options)

    return send


def outcomes_of(report: CancelReport) -> dict[str, str]:
    """Return the outcome of each shot, from the document, which must be valid JSON."""
    document = json.loads(json.dumps(report.document()))
    return {shot["id"]: shot["outcome"] for shot in document["shots"]}


def count_deletes(studio: Any) -> int:
    return sum(request.operation == "delete" for request in read_request_log(studio.root))


def latest_attempt(run: Run, shot_id: str) -> Attempt:
    shot = run.plan.shot(shot_id)
    assert isinstance(shot, ShotToRender)
    records = run.records_of(shot)
    return read_receipt(shot.key, records.read(shot.key)).current


def test_cancel_queued_job_costs_nothing(queueing: Any, send: Send, chain: Chain) -> None:
    """A cancelled job costs nothing, and its shot can be sent again."""
    text = chain("a", "b", "x|first_frame: none", provider="ark")
    run = send(text)
    report = cancel_jobs(run)
    status = queueing.prepare(text).status["a"]

    assert outcomes_of(report) == {"a": "cancelled", "b": "none", "x": "cancelled"}
    assert report.exit_code == 0
    assert report.text().endswith("2 of 2 cancelled")
    assert latest_attempt(run, "a").state is AttemptState.CANCELLED
    assert not latest_attempt(run, "a").booked_price.amount
    assert status.state is ShotState.TO_RENDER
    assert "while it was queued" in status.reason
    again = cancel_jobs(queueing.prepare(text))
    assert outcomes_of(again) == {"a": "none", "b": "none", "x": "none"}
    assert again.exit_code == 0
    assert "nothing to cancel" in again.text()
    assert count_deletes(queueing) == 2


@pytest.mark.parametrize(("seconds", "outcome"), [(50, "running"), (200, "done")])
def test_cancel_never_deletes_a_started_job(
    queueing: Any, send: Send, chain: Chain, seconds: int, outcome: str
) -> None:
    """A job that is running or done is not deleted: the same request would delete its clip."""
    run = send(chain("a", provider="ark"))
    if outcome == "done":
        wait_for_clip(queueing)
    queueing.clock.advance(seconds)
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": outcome}, 0)
    assert count_deletes(queueing) == 0
    assert latest_attempt(run, "a").state is AttemptState.SUBMITTED


def wait_for_clip(studio: Any) -> None:
    """Wait until the simulator has drawn the clip of its only job."""
    deadline = time.monotonic() + 60
    while not list((studio.root / "files").glob("*.mp4")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job = next((studio.root / "jobs").glob("*.json"))
    while json.loads(job.read_bytes())["rendered_at"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_cancel_of_job_that_just_started(
    queueing: Any, send: Send, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that starts between query and delete goes on: the vendor rejects the delete."""
    run = send(chain("a", provider="ark"))
    query = Client.query

    async def query_then_start(self: Client, job: str) -> Any:
        status = await query(self, job)
        queueing.clock.advance(30)
        return status

    monkeypatch.setattr(Client, "query", query_then_start)
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "running"}, 0)
    assert latest_attempt(run, "a").state is AttemptState.SUBMITTED


def test_cancel_without_response_queries_the_job(queueing: Any, send: Send, chain: Chain) -> None:
    """If the response to a delete is lost, the vendor is asked for the job's state."""
    run = send(chain("a", provider="ark"))
    queueing.faults.inject("lost_reply", operation="delete")
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "cancelled"}, 0)
    assert not latest_attempt(run, "a").booked_price.amount
    assert count_deletes(queueing) == 1


def test_cancel_racing_with_completion_keeps_the_clip(
    queueing: Any, send: Send, chain: Chain, monkeypatch: pytest.MonkeyPatch, outcomes: Any
) -> None:
    """A job that goes on after an accepted cancel stays booked, and the next run has its clip."""
    text = chain("a", provider="ark")
    run = send(text)
    # The vendor accepts the request without acting on it.
    monkeypatch.setattr(
        Ark, "build_cancel", lambda _, job: ApiCall("GET", f"{Ark.jobs_path}/{job}")
    )
    query = Client.query

    async def query_and_advance(self: Client, job: str, **kwargs: Any) -> Any:
        status = await query(self, job, **kwargs)
        queueing.clock.advance(50)
        return status

    monkeypatch.setattr(Client, "query", query_and_advance)
    report = cancel_jobs(run)
    monkeypatch.undo()

    assert outcomes_of(report) == {"a": "running"}
    assert "will be charged, and the next run downloads its clip" in report.text()
    assert latest_attempt(run, "a").state is AttemptState.SUBMITTED
    queueing.clock.advance(200)
    assert outcomes(queueing.run(text)) == {"a": "rendered"}
    assert queueing.creates == 1


def test_cancel_unsupported_sends_no_request(queueing: Any, send: Send, chain: Chain) -> None:
    """A provider that documents no cancellation gets no request, and the exit code is 0."""
    run = send(chain("a", provider="kkiai"))
    requests = len(read_request_log(queueing.root))
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "refused"}, 0)
    assert "a: kkiai " in report.text()
    assert len(read_request_log(queueing.root)) == requests


def test_cancel_unreachable_vendor_ends_with_1(
    queueing: Any, send: Send, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the vendor cannot be asked, the exit code is 1 and the receipt is unchanged."""
    monkeypatch.setattr("tasks.providers.client.retry_delay_seconds", lambda *_: 0.0)
    run = send(chain("a", "x|first_frame: none", provider="ark"))
    queueing.faults.inject("server_error", operation="get", times=100)
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "unasked", "x": "unasked"}, 1)
    assert latest_attempt(run, "a").state is AttemptState.SUBMITTED


def test_cancel_rejected_key_ends_with_3(queueing: Any, send: Send, chain: Chain) -> None:
    """If the vendor rejects the key, the exit code is 3 as in every command."""
    run = send(chain("a", provider="ark"))
    queueing.faults.inject("refused", operation="get", code="AuthenticationError", times=100)
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "unasked"}, 3)


def test_cancel_unclear_shot_ends_with_1(queueing: Any, chain: Chain) -> None:
    """The job of an unclear shot is not known, so it cannot be cancelled; the shot is named."""
    queueing.faults.inject("lost_reply", operation="create")
    text = chain("a", provider="cometapi-volc")
    queueing.run(text)
    report = cancel_jobs(queueing.prepare(text))

    assert (outcomes_of(report), report.exit_code) == ({"a": "unclear"}, 1)
    assert "a: " in report.text()
    assert "without a response" in report.text()


def test_cancel_includes_jobs_before_an_edit(queueing: Any, send: Send, chain: Chain) -> None:
    """A job that was sent before the board was edited is cancelled too."""
    send(chain("a", provider="ark"))
    report = cancel_jobs(queueing.prepare(chain("a", provider="ark", a="Something else.")))

    shots = report.document()["shots"]
    assert [(shot["present"], shot["outcome"]) for shot in shots] == [
        (True, "none"),
        (False, "cancelled"),
    ]
    assert "a (before an edit): " in report.text()
    assert report.exit_code == 0


def test_cancel_shared_key_sends_one_request(queueing: Any, send: Send, chain: Chain) -> None:
    """Shots that share a key share a job: one delete, and the outcome is reported for both."""
    run = send(chain("a", "b|first_frame: none", provider="ark", b="Picture of a."))
    report = cancel_jobs(run)

    assert (outcomes_of(report), report.exit_code) == ({"a": "cancelled", "b": "cancelled"}, 0)
    assert count_deletes(queueing) == 1


def test_cancel_ends_a_run_that_awaits_the_job(queueing: Any, send: Send, chain: Chain) -> None:
    """A run that waits for the job fails with the vendor's state; the receipt stays cancelled."""
    run = send(chain("a", provider="ark"))
    shot = run.plan.shots_to_render[0]

    async def wait_and_cancel() -> ProviderError:
        async with open_run(run, queueing.on_progress) as context:
            waiting = asyncio.ensure_future(await_job(shot, context.submission))
            await asyncio.to_thread(cancel_jobs, run)
            with pytest.raises(JobFailed) as raised:
                await waiting
            return raised.value

    error = asyncio.run(wait_and_cancel())

    assert "cancelled" in str(error)
    assert latest_attempt(run, "a").state is AttemptState.CANCELLED
    assert queueing.creates == 1


def test_interrupted_run_cancels_no_job(queueing: Any, send: Send, chain: Chain) -> None:
    """An interrupt ends the wait for a job and leaves the job at the vendor."""
    run = send(chain("a", provider="ark"))
    shot = run.plan.shots_to_render[0]

    async def interrupt() -> None:
        async with open_run(run, queueing.on_progress) as context:
            waiting = asyncio.ensure_future(await_job(shot, context.submission))
            while not queueing.progress:
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(interrupt())

    assert count_deletes(queueing) == 0
    assert latest_attempt(run, "a").state is AttemptState.SUBMITTED


def test_cancel_at_configured_gateway(queueing: Any, send: Send, chain: Chain) -> None:
    """A job at a gateway of the user's `shotchain.toml` is cancelled there."""
    file = queueing.folder / "own.toml"
    file.write_text(
        f'[providers.mine]\nlike = "ark"\nbase_url = "{queueing.url}/ark/api/v3"\n'
        'key = "SHOTCHAIN_MINE_API_KEY"\n'
    )
    env = {"SHOTCHAIN_CONFIG": str(file), "SHOTCHAIN_MINE_API_KEY": "canary-key"}
    queueing.env |= env
    report = cancel_jobs(send(chain("a", provider="mine")))

    assert (outcomes_of(report), report.exit_code) == ({"a": "cancelled"}, 0)
    assert count_deletes(queueing) == 1
