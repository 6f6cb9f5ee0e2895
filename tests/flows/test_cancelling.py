"""`cancel` against the simulator on a real port: what is queued goes, whatever else is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from flows.cli.cancel import cancel_jobs
from flows.run_context import open_run
from tasks.errors import JobFailed, ProviderError
from tasks.simulator.request_log import read_request_log
from tasks.store.receipts import AttemptState, read_receipt
from tasks.submission import download


@pytest.fixture
def send(queueing):
    """Submit the shots of a board that start chains, and leave the jobs to their vendor."""

    def submit(text: str, **wishes):
        production = queueing.prepare(text, **wishes)
        production.store.initialize()

        async def run() -> None:
            async with open_run(production, queueing.on_progress) as context:
                for shot in production.plan:
                    if shot.continues is None:
                        await submit.submit(shot, None, context.submission)

        asyncio.run(run())
        return queueing.prepare(text, **wishes)

    return submit


def told(said) -> tuple[dict[str, str], int]:
    """What a cancel said of each shot, and its code."""
    document, _, code = said
    json.dumps(document)
    return {one["id"]: one["outcome"] for one in document["shots"]}, code


def deletes(studio) -> int:
    return sum(one.operation == "delete" for one in read_request_log(studio.root))


def latest(production, shot: str):
    planned = production.plan.shot(shot)
    shelf = production.records_of(planned)
    return read_receipt(planned.key, shelf.read(planned.key)).current


def test_a_queued_job_is_taken_back_and_costs_nothing(queueing, send, chain) -> None:
    """Its receipt says so, the plan would send it again, and a second cancel has nothing to do."""
    text = chain("a", "b", "x|first_frame: none", provider="ark")
    production = send(text)
    said = cancel_jobs(production)
    standing = queueing.prepare(text).status["a"]

    assert told(said) == ({"a": "cancelled", "b": "none", "x": "cancelled"}, 0)
    assert said[1].endswith("2 of 2 cancelled")
    assert latest(production, "a").state is AttemptState.CANCELLED
    assert not latest(production, "a").booked_price.amount
    assert standing.state == "to render"
    assert "took it back" in standing.reason
    again = cancel_jobs(queueing.prepare(text))
    assert told(again) == ({"a": "none", "b": "none", "x": "none"}, 0)
    assert "nothing to cancel" in again[1]
    assert deletes(queueing) == 2


@pytest.mark.parametrize(("seconds", "outcome"), [(50, "running"), (200, "done")])
def test_a_job_that_is_no_longer_queued_is_never_deleted(
    queueing, send, chain, seconds: int, outcome: str
) -> None:
    """On one that is over the same request would delete what was paid for."""
    production = send(chain("a", provider="ark"))
    if outcome == "done":
        wait_for_picture(queueing)
    queueing.clock.advance(seconds)

    assert told(cancel_jobs(production)) == ({"a": outcome}, 0)
    assert deletes(queueing) == 0
    assert latest(production, "a").state is AttemptState.SUBMITTED


def wait_for_picture(studio) -> None:
    import time

    deadline = time.monotonic() + 60
    while not list((studio.root / "files").glob("*.mp4")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    job = next((studio.root / "jobs").glob("*.json"))
    while json.loads(job.read_bytes())["rendered_at"] is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_job_that_begins_between_question_and_request_goes_on(
    queueing, send, chain, monkeypatch
) -> None:
    """The vendor refuses to delete what runs; that is no failure of ours."""
    from tasks.providers.client import Client

    production = send(chain("a", provider="ark"))
    query = Client.query

    async def ask(self, job):
        status = await query(self, job)
        queueing.clock.advance(30)
        return status

    monkeypatch.setattr(Client, "query", ask)

    assert told(cancel_jobs(production)) == ({"a": "running"}, 0)
    assert latest(production, "a").state is AttemptState.SUBMITTED


def test_a_lost_answer_to_a_cancel_is_asked_for(queueing, send, chain) -> None:
    """The job was taken back all the same, and the vendor says so."""
    production = send(chain("a", provider="ark"))
    queueing.faults.inject("lost_reply", operation="delete")
    said = cancel_jobs(production)

    assert told(said) == ({"a": "over"}, 0)
    assert "cancelled at the vendor" in said[1]
    assert deletes(queueing) == 1


def test_a_vendor_that_takes_nothing_back_is_not_asked(queueing, send, chain) -> None:
    """kkiai documents no way; all that could be cancelled was, so it ends with 0."""
    production = send(chain("a", provider="kkiai"))
    requests = len(read_request_log(queueing.root))
    said = cancel_jobs(production)

    assert told(said) == ({"a": "refused"}, 0)
    assert "kkiai takes no job back" in said[1]
    assert len(read_request_log(queueing.root)) == requests


def test_a_vendor_that_can_t_be_asked_ends_with_1(queueing, send, chain, monkeypatch) -> None:
    """And nothing is noted: the next run finds the job as it is."""

    monkeypatch.setattr(conversation, "pause_seconds", lambda *_: 0.0)
    production = send(chain("a", "x|first_frame: none", provider="ark"))
    queueing.faults.inject("server_error", operation="get", times=100)

    assert told(cancel_jobs(production)) == ({"a": "unasked", "x": "unasked"}, 1)
    assert latest(production, "a").state is AttemptState.SUBMITTED


def test_a_refused_key_ends_with_3(queueing, send, chain) -> None:
    """As everywhere, the operator acts on that."""
    production = send(chain("a", provider="ark"))
    queueing.faults.inject("refused", operation="get", code="AuthenticationError", times=100)

    assert told(cancel_jobs(production)) == ({"a": "unasked"}, 3)


def test_an_unclear_shot_is_named_and_ends_with_1(queueing, chain) -> None:
    """Nobody knows its job, so nobody can take it back."""
    queueing.faults.inject("lost_reply", operation="create")
    text = chain("a", provider="cometapi-volc")
    queueing.run(text)
    production = queueing.prepare(text)
    said = cancel_jobs(production)

    assert told(said) == ({"a": "unclear"}, 1)
    assert "never answered" in said[1]


def test_what_was_sent_before_an_edit_is_taken_back_too(queueing, send, chain) -> None:
    """The author who regrets a prompt has mostly changed it already."""
    send(chain("a", provider="ark"))
    edited = queueing.prepare(chain("a", provider="ark", a="Something else."))
    document, text, code = cancel_jobs(edited)

    assert [(one["present"], one["outcome"]) for one in document["shots"]] == [
        (True, "none"),
        (False, "cancelled"),
    ]
    assert "a (before an edit): " in text
    assert code == 0


def test_shots_that_share_a_key_share_their_cancel(queueing, send, chain) -> None:
    """One job, one request, both shots told."""
    text = chain("a", "b|first_frame: none", provider="ark", b="Picture of a.")
    production = send(text)

    assert told(cancel_jobs(production)) == ({"a": "cancelled", "b": "cancelled"}, 0)
    assert deletes(queueing) == 1


def test_a_run_that_waits_for_the_job_hears_that_it_is_cancelled(queueing, send, chain) -> None:
    """It ends with the vendor's word, and the receipt keeps the author's."""
    production = send(chain("a", provider="ark"))
    shot = production.plan.shot("a")

    async def wait() -> ProviderError | None:
        async with open_run(production, queueing.on_progress) as context:
            waiting = asyncio.ensure_future(download.await_job(shot, context.submission))
            await asyncio.to_thread(cancel_jobs, production)
            with pytest.raises(JobFailed) as raised:
                await waiting
            return raised.value

    error = asyncio.run(wait())

    assert "cancelled" in str(error)
    assert latest(production, "a").state is AttemptState.CANCELLED
    assert queueing.creates == 1


def test_an_interrupt_takes_nothing_back(queueing, send, chain) -> None:
    """Only an explicit cancel does."""
    production = send(chain("a", provider="ark"))
    shot = production.plan.shot("a")

    async def wait() -> None:
        async with open_run(production, queueing.on_progress) as context:
            waiting = asyncio.ensure_future(download.await_job(shot, context.submission))
            while not queueing.progress:
                await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(wait())

    assert deletes(queueing) == 0
    assert latest(production, "a").state is AttemptState.SUBMITTED


def test_a_job_at_a_gateway_of_the_user_s_own_is_taken_back(queueing, send, chain) -> None:
    """It is asked for by the row that the configuration gives."""
    file = queueing.folder / "own.toml"
    file.write_text(
        f'[providers.mine]\nlike = "ark"\nbase_url = "{queueing.url}/ark/api/v3"\n'
        'key = "SHOTCHAIN_MINE_API_KEY"\n'
    )
    queueing.env |= {"SHOTCHAIN_CONFIG": str(file), "SHOTCHAIN_MINE_API_KEY": "canary-key"}
    said = cancel_jobs(send(chain("a", provider="mine")))

    assert told(said) == ({"a": "cancelled"}, 0)
    assert deletes(queueing) == 1
