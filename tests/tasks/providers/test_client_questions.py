"""Questions: asked again where it helps, patient, and never more than needed."""

import asyncio
from itertools import accumulate

import pytest

from tasks.errors import (
    AccountError,
    JobFailed,
    JobLost,
    JobTimedOut,
    MalformedResponse,
    ProviderError,
    RateLimited,
    Unreachable,
)
from tasks.providers.types import JobPending, JobResult

QUEUED = {"id": "cgt-1", "status": "queued"}
RUNNING = {"id": "cgt-1", "status": "running"}
DONE = {
    "id": "cgt-1",
    "status": "succeeded",
    "content": {"video_url": "https://v.example.com/c.mp4?sig=1"},
}


def talk(serving, client_of, say, *acts, **more):
    """Let a client say something to a vendor that acts so: what came of it, and the vendor."""

    async def run():
        async with serving(*acts) as vendor, client_of(vendor.url, **more) as client:
            try:
                return await say(client), vendor
            except ProviderError as error:
                return error, vendor

    return asyncio.run(run())


def ask(client):
    return client.query("cgt-1")


async def reset(connection):
    await connection.reset()


async def break_off(connection):
    await connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{"id":"cgt-')
    connection.writer.close()


def test_a_question_tells_the_state(serving, client_of, answers, key):
    """With the key, by GET."""
    told, vendor = talk(serving, client_of, ask, answers(200, RUNNING))

    request = vendor.requests[0]
    assert told.state == "running"
    assert (request.method, request.body) == ("GET", b"")
    assert request.target == "/ark/api/v3/contents/generations/tasks/cgt-1"
    assert request.headers["authorization"] == f"Bearer {key}"


@pytest.mark.parametrize("act", [reset, break_off])
def test_a_lost_answer_is_asked_for_again(serving, client_of, answers, clock, act):
    """A question costs nothing."""
    told, vendor = talk(serving, client_of, ask, act, act, answers(200, DONE))

    assert isinstance(told, JobResult)
    assert (len(vendor.requests), clock.naps) == (3, [0.5, 1.0])


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_a_vendor_s_own_failure_is_asked_again(serving, client_of, answers, status):
    """Also where it comes as a page."""
    told, _ = talk(serving, client_of, ask, answers(status, b"<html>"), answers(200, DONE))

    assert isinstance(told, JobResult)


def test_retry_after_is_kept_to(serving, client_of, answers, clock):
    """In seconds, before the next question."""
    body = {"error": {"code": "ServerOverloaded", "message": "x"}}

    told, _ = talk(
        serving, client_of, ask, answers(429, body, {"Retry-After": "9"}), answers(200, DONE)
    )

    assert isinstance(told, JobResult)
    assert clock.naps == [9]


@pytest.mark.parametrize(
    ("status", "body", "kind", "times"),
    [
        (503, b"", Unreachable, 4),
        (429, {"error": {"code": "ServerOverloaded", "message": "x"}}, RateLimited, 4),
        (200, b"<html>maintenance</html>", MalformedResponse, 4),
        (200, {}, MalformedResponse, 4),
        (302, b"", MalformedResponse, 4),
        (404, b"<html>not here</html>", MalformedResponse, 4),
        (401, {"error": {"code": "AuthenticationError", "message": "x"}}, AccountError, 1),
        (404, {"error": {"code": "NotFound", "message": "no such task"}}, JobLost, 1),
        (200, {"id": "cgt-1", "status": "failed", "error": {"message": "x"}}, JobFailed, 1),
    ],
)
def test_an_answer_that_stays_is_told_after_a_few_questions(
    serving, client_of, answers, status, body, kind, times
):
    """What may pass is asked four times, what is final once."""
    told, vendor = talk(serving, client_of, ask, answers(status, body))

    assert type(told) is kind
    assert len(vendor.requests) == times


def test_a_wait_goes_on_until_the_job_is_done(serving, client_of, answers):
    """And tells its progress on the way, also in a state it does not know."""
    seen = []

    def wait(client):
        return client.wait(
            "cgt-1",
            started_at=client._clock(),
            timeout_seconds=600,
            on_progress=lambda status: seen.append(status.state),
        )

    told, vendor = talk(
        serving,
        client_of,
        wait,
        answers(200, QUEUED),
        answers(200, {"id": "cgt-1", "status": "polishing"}),
        answers(200, RUNNING),
        answers(200, DONE),
    )

    assert isinstance(told, JobResult)
    assert seen == ["queued", "unknown", "running"]
    assert vendor.connections == 1


def test_a_wait_asks_most_often_when_the_job_should_be_done(
    serving, client_of, answers, clock, monkeypatch
):
    """Between the row's least and longest wait, more rarely the longer it takes beyond."""
    monkeypatch.setattr("tasks.providers.client.is_loopback_url", lambda url: False)
    began = clock.now

    def wait(client):
        return client.wait("cgt-1", started_at=began, timeout_seconds=900, typical_seconds=240)

    told, vendor = talk(serving, client_of, wait, answers(200, RUNNING))
    asked = dict(zip(accumulate(clock.naps), clock.naps[1:], strict=False))

    assert type(told) is JobTimedOut
    assert (min(clock.naps[:-1]), max(clock.naps)) == (2, 10)
    assert max(nap for at, nap in asked.items() if 200 < at < 300) < 6
    assert {nap for at, nap in asked.items() if 600 < at < 880} == {10}
    assert len(vendor.requests) < 900 / 5


@pytest.mark.parametrize("tier", [None, "flex"])
def test_a_wait_learns_from_the_jobs_before(serving, client_of, answers, clock, monkeypatch, tier):
    """How long they took, also one that had ended long ago; not where jobs wait for the night."""
    monkeypatch.setattr("tasks.providers.client.is_loopback_url", lambda url: False)
    long_ago = {**DONE, "created_at": int(clock.now) - 9999, "updated_at": int(clock.now) - 9699}

    async def waits(client):
        words = {"timeout_seconds": 600, "service_tier": tier}
        await client.wait("cgt-1", started_at=clock.now - 9999, **words)
        return await client.wait("cgt-2", started_at=clock.now - 300, **words)

    talk(
        serving, client_of, waits, answers(200, long_ago), answers(200, RUNNING), answers(200, DONE)
    )

    # A fiftieth where a job is due after 300 s as the one before; else a twentieth.
    assert clock.naps == [6 if tier is None else 15]


def test_a_wait_for_this_machine_asks_soon(serving, client_of, answers, clock):
    """The simulator is near and quick."""

    def wait(client):
        return client.wait("cgt-1", started_at=clock.now, timeout_seconds=60)

    talk(serving, client_of, wait, answers(200, RUNNING), answers(200, DONE))

    assert clock.naps == [0.1, 0.1]


@pytest.mark.parametrize(("tier", "longest"), [("flex", 60), (None, 10)])
def test_flex_jobs_are_asked_once_a_minute(
    serving, client_of, answers, clock, monkeypatch, tier, longest
):
    """They take hours."""
    monkeypatch.setattr("tasks.providers.client.is_loopback_url", lambda url: False)

    def wait(client):
        started = clock.now - 3600
        return client.wait("cgt-1", started_at=started, timeout_seconds=3900, service_tier=tier)

    talk(serving, client_of, wait, answers(200, RUNNING))

    assert max(clock.naps) == longest


def test_a_user_s_longest_wait_rules(serving, client_of, answers, clock, monkeypatch):
    """Also where it is shorter than the row's least."""
    monkeypatch.setattr("tasks.providers.client.is_loopback_url", lambda url: False)

    def wait(client):
        return client.wait("cgt-1", started_at=clock.now, timeout_seconds=5)

    talk(serving, client_of, wait, answers(200, RUNNING), poll_max_seconds=0.5)

    assert set(clock.naps) == {0.5}


def test_a_job_that_outlives_its_deadline_is_overdue_and_kept(serving, client_of, answers, clock):
    """Even in a state that nobody knows; the next run goes on."""

    def wait(client):
        return client.wait("cgt-1", started_at=clock.now, timeout_seconds=30)

    told, _ = talk(serving, client_of, wait, answers(200, {"id": "cgt-1", "status": "???"}))

    assert type(told) is JobTimedOut
    assert "cgt-1" in str(told)
    assert told.recovery.value == "resume"


def test_an_old_job_is_asked_at_once_and_at_least_once(serving, client_of, answers, clock):
    """A run that resumes finds what was done meanwhile."""

    def wait(client):
        return client.wait("cgt-1", started_at=clock.now - 9999, timeout_seconds=600)

    told, vendor = talk(serving, client_of, wait, answers(200, DONE))

    assert isinstance(told, JobResult)
    assert (len(vendor.requests), clock.naps) == (1, [])


def test_a_job_older_than_the_deadline_is_waited_for_again(serving, client_of, answers, clock):
    """The deadline bounds a run's own patience: a slow job would else never be resumed."""

    def wait(client):
        return client.wait("cgt-1", started_at=clock.now - 9999, timeout_seconds=600)

    still = answers(200, {"id": "cgt-1", "status": "running"})
    told, vendor = talk(serving, client_of, wait, still, answers(200, DONE))

    assert isinstance(told, JobResult)
    assert (len(vendor.requests), len(clock.naps)) == (2, 1)


def finished(clock, hours):
    return {
        "id": "cgt-1",
        "status": "succeeded",
        "content": None,
        "updated_at": int(clock.now - hours * 3600),
    }


def test_a_fresh_job_without_a_clip_is_not_ready(serving, client_of, answers, clock):
    """It was paid a moment ago, so it is asked again, not rendered again."""
    told, _ = talk(serving, client_of, ask, answers(200, finished(clock, 1)))

    assert isinstance(told, JobPending)


def test_an_old_job_without_a_clip_has_lost_it(serving, client_of, answers, clock):
    """Files live 24 hours."""
    told, _ = talk(serving, client_of, ask, answers(200, finished(clock, 25)))

    assert type(told) is JobLost


def test_the_vendor_s_clock_tells_how_old_a_job_is(serving, client_of, answers, clock):
    """Ours may be wrong."""
    act = answers(200, finished(clock, 25), {"Date": "Fri, 01 Jan 2010 00:00:00 GMT"})

    told, _ = talk(serving, client_of, ask, act)

    assert isinstance(told, JobPending)


COMPLETED = {"id": "video_1", "status": "completed", "completed_at": 1_800_000_000_000}


@pytest.mark.parametrize(("hours", "kind"), [(0, JobResult), (24, JobResult), (26, JobLost)])
def test_a_clip_behind_the_key_is_there_for_a_day(serving, client_of, answers, clock, hours, kind):
    """Without a URL it is asked for by itself; then the vendor has it no more."""
    clock.now += hours * 3600
    told, _ = talk(
        serving,
        client_of,
        lambda client: client.query("video_1"),
        answers(200, COMPLETED),
        provider="infinity-blue",
    )

    assert type(told) is kind
    assert kind is JobLost or told.clip_call.path == "/videos/video_1/content"


def test_proxies_of_the_environment_never_stand_before_this_machine(
    serving, client_of, answers, monkeypatch
):
    """A corporate proxy can't reach our simulator."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    told, _ = talk(serving, client_of, ask, answers(200, RUNNING))

    assert isinstance(told, JobPending)
