"""Queries and waits: retries, poll intervals, time-outs and clips that are missing."""

from functools import partial
from itertools import accumulate

import pytest

from tasks.errors import (
    AuthenticationFailed,
    JobFailed,
    JobLost,
    JobNotFound,
    JobTimedOut,
    MalformedResponse,
    RateLimited,
    Recovery,
    Unreachable,
)
from tasks.providers.types import JobPending, JobResult, Retry
from tests.support.wire import (
    API_KEY,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    cut_off,
    reset,
    respond,
    run_client,
)


def query(client):
    """Query a job."""
    return client.query("cgt-1")


def wait(client, *, age_seconds=0.0, timeout_seconds=600, **options):
    """Wait for a job that was created `age_seconds` ago."""
    started_at = client.now() - age_seconds
    return client.wait("cgt-1", started_at=started_at, timeout_seconds=timeout_seconds, **options)


@pytest.fixture
def remote(monkeypatch):
    """Treat the stub vendor as a remote host: on loopback the client polls faster."""
    monkeypatch.setattr("tasks.providers.client.is_loopback_url", lambda _url: False)


def test_query_returns_state():
    """By a GET with the key."""
    status, vendor = run_client(query, respond(200, RUNNING))

    received = vendor.requests[0]
    assert status.state == "running"
    assert (received.method, received.body) == ("GET", b"")
    assert received.target == "/ark/api/v3/contents/generations/tasks/cgt-1"
    assert received.headers["authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize("handler", [reset, cut_off])
def test_query_lost_response_is_retried(clock, handler):
    """A query is free."""
    status, vendor = run_client(query, handler, handler, respond(200, SUCCEEDED), clock=clock)

    assert isinstance(status, JobResult)
    assert (len(vendor.requests), clock.sleeps) == (3, [0.5, 1.0])


@pytest.mark.parametrize("status_code", [500, 502, 503, 408])
def test_query_vendor_failure_is_retried(status_code):
    """Also if the body is a page."""
    status, _ = run_client(query, respond(status_code, b"<html>"), respond(200, SUCCEEDED))

    assert isinstance(status, JobResult)


def test_query_waits_for_retry_after(clock):
    """As many seconds as the vendor requires."""
    body = {"error": {"code": "ServerOverloaded", "message": "x"}}
    rate_limited = respond(429, body, {"Retry-After": "9"})

    status, _ = run_client(query, rate_limited, respond(200, SUCCEEDED), clock=clock)

    assert isinstance(status, JobResult)
    assert clock.sleeps == [9]


@pytest.mark.parametrize(
    ("status", "body", "error_class", "attempts"),
    [
        (503, b"", Unreachable, 4),
        (429, {"error": {"code": "ServerOverloaded", "message": "x"}}, RateLimited, 4),
        (200, b"<html>maintenance</html>", MalformedResponse, 4),
        (200, {}, MalformedResponse, 4),
        (302, b"", MalformedResponse, 4),
        (404, b"<html>not here</html>", MalformedResponse, 4),
        (401, {"error": {"code": "AuthenticationError", "message": "x"}}, AuthenticationFailed, 1),
        (404, {"error": {"code": "NotFound", "message": "no such task"}}, JobNotFound, 4),
        (200, {"id": "cgt-1", "status": "failed", "error": {"message": "x"}}, JobFailed, 2),
        (200, {"status": "failed", "error": {"message": "x"}}, MalformedResponse, 4),
        (200, {"id": "cgt-2", "status": "failed"}, MalformedResponse, 4),
        (200, {"id": "cgt-2", "status": "succeeded"}, MalformedResponse, 4),
    ],
)
def test_query_persistent_error_attempts(status, body, error_class, attempts):
    """Errors that may pass are retried up to four attempts, final errors are not."""
    error, vendor = run_client(query, respond(status, body))

    assert type(error) is error_class
    assert len(vendor.requests) == attempts


FAILED = {"id": "cgt-1", "status": "failed", "error": {"message": "x"}}


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("second", [SUCCEEDED, RUNNING])
def test_query_end_is_confirmed_before_it_counts(clock, second):
    """Some seconds after `failed` the vendor may report another state, which counts."""
    status, vendor = run_client(query, respond(200, FAILED), respond(200, second), clock=clock)

    assert isinstance(status, JobResult if second is SUCCEEDED else JobPending)
    assert (len(vendor.requests), clock.sleeps) == (2, [5.0])


@pytest.mark.usefixtures("remote")
def test_query_end_confirmed_twice_is_final(clock):
    """The second answer counts."""
    expired = {"id": "cgt-1", "status": "expired"}

    error, vendor = run_client(query, respond(200, FAILED), respond(200, expired), clock=clock)

    assert (type(error), error.is_final, "time limit" in str(error)) == (JobFailed, True, True)
    assert len(vendor.requests) == 2


def test_query_end_without_confirmation_is_open():
    """If the second query finds no job, the first answer proves nothing."""
    unknown = respond(404, {"error": {"code": "NotFound", "message": "no such task"}})

    error, _ = run_client(query, respond(200, FAILED), unknown)

    assert (type(error), error.is_final) == (JobNotFound, False)


def test_query_unknown_job_is_asked_again():
    """A copy of the vendor's records may lag behind the create."""
    unknown = respond(404, {"error": {"code": "NotFound", "message": "no such task"}})

    status, _ = run_client(query, unknown, unknown, respond(200, QUEUED))

    assert status.state == "queued"


def test_query_retry_is_reported_with_reason():
    """In the vendor's own words, without its secrets."""
    body = {"error": {"message": f"no available channel for {API_KEY}", "type": "server_error"}}
    retries: list[Retry] = []

    run_client(
        lambda client: client.query("cgt-1", on_retry=retries.append),
        respond(503, body),
        respond(200, RUNNING),
    )

    (retry,) = retries
    assert (retry.number, retry.max_retries, retry.delay_seconds) == (1, 3, 0.5)
    assert str(retry.error).startswith("ark: ")
    assert "no available channel for" in str(retry.error)
    assert API_KEY not in str(retry.error)


POLISHED = {**SUCCEEDED, "status": "polished"}


def test_wait_clip_of_unknown_status_is_looked_at():
    """A sound clip proves the success; it is asked for once per answer."""
    looks = []

    async def look(result):
        looks.append(result.vendor_text)
        return len(looks) == 2

    result, vendor = run_client(partial(wait, look_at_clip=look), respond(200, POLISHED))

    assert isinstance(result, JobResult)
    assert looks == ["status 'polished'"] * 2
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"id": "cgt-1", "status": "polished", "message": "in the mill"}, "'polished', in the"),
        ({"id": "cgt-1", "status": "error", "error": "no channel"}, "'error', no channel"),
        ({"id": "cgt-1", "status": "succeeded"}, "succeeded, but names no clip"),
        (POLISHED, "status 'polished'"),
    ],
)
def test_wait_unknown_status_ends_after_minutes(clock, body, text):
    """Not only at the time limit, and with the vendor's words; the next run goes on."""
    error, _ = run_client(
        partial(wait, timeout_seconds=6000, typical_seconds=60), respond(200, body), clock=clock
    )

    assert type(error) is JobTimedOut
    assert text in str(error)
    assert 180 <= sum(clock.sleeps) < 240


def test_wait_queries_until_success():
    """With a progress report per query, also for a state that is not known; on one connection."""
    states = []

    result, vendor = run_client(
        partial(wait, on_progress=lambda status: states.append(status.state)),
        respond(200, QUEUED),
        respond(200, {"id": "cgt-1", "status": "polishing"}),
        respond(200, RUNNING),
        respond(200, SUCCEEDED),
    )

    assert isinstance(result, JobResult)
    assert states == ["queued", "unknown", "running"]
    assert vendor.connections == 1


@pytest.mark.usefixtures("remote")
def test_wait_polls_most_often_at_expected_end(clock):
    """Within the provider's bounds, and less often the longer the job takes beyond it."""
    error, vendor = run_client(
        partial(wait, timeout_seconds=900, typical_seconds=240), respond(200, RUNNING), clock=clock
    )
    delays = dict(zip(accumulate(clock.sleeps), clock.sleeps[1:], strict=False))

    assert type(error) is JobTimedOut
    assert (min(clock.sleeps[:-1]), max(clock.sleeps)) == (2, 10)
    assert max(delay for at, delay in delays.items() if 200 < at < 300) < 6
    assert {delay for at, delay in delays.items() if 600 < at < 880} == {10}
    assert len(vendor.requests) < 900 / 5


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize(("tier", "delay"), [(None, 6), ("flex", 15)])
def test_wait_learns_from_previous_jobs(clock, tier, delay):
    """Also from a job that ended long ago; not for flex jobs, which wait for idle hours."""
    old_job = {
        **SUCCEEDED,
        "created_at": int(clock.now) - 9999,
        "updated_at": int(clock.now) - 9699,
    }

    async def wait_twice(client):
        await wait(client, age_seconds=9999, service_tier=tier)
        return await wait(client, age_seconds=300, service_tier=tier)

    run_client(
        wait_twice,
        respond(200, old_job),
        respond(200, RUNNING),
        respond(200, SUCCEEDED),
        clock=clock,
    )

    # 1/50 of the elapsed 300 s if the job is expected to end after 300 s; else 1/20.
    assert clock.sleeps == [delay]


def test_wait_on_loopback_polls_fast(clock):
    """The simulator is on this machine."""
    run_client(
        partial(wait, timeout_seconds=60),
        respond(200, RUNNING),
        respond(200, SUCCEEDED),
        clock=clock,
    )

    assert clock.sleeps == [0.1, 0.1]


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize(("tier", "longest"), [("flex", 60), (None, 10)])
def test_wait_polls_flex_job_once_a_minute(clock, tier, longest):
    """Flex jobs take hours."""
    run_client(
        partial(wait, age_seconds=3600, timeout_seconds=3900, service_tier=tier),
        respond(200, RUNNING),
        clock=clock,
    )

    assert max(clock.sleeps) == longest


@pytest.mark.usefixtures("remote")
def test_wait_user_maximum_wins(clock):
    """Also if it is shorter than the provider's shortest interval."""
    run_client(
        partial(wait, timeout_seconds=5), respond(200, RUNNING), poll_max_seconds=0.5, clock=clock
    )

    assert set(clock.sleeps) == {0.5}


def test_wait_timeout_raises_and_can_be_resumed():
    """Also in a state that is not known; the next run waits for the job again."""
    error, _ = run_client(
        partial(wait, timeout_seconds=30), respond(200, {"id": "cgt-1", "status": "???"})
    )

    assert type(error) is JobTimedOut
    assert "cgt-1" in str(error)
    assert error.recovery is Recovery.RESUME


def test_wait_for_old_job_queries_at_once(clock):
    """A resumed run finds a job that ended meanwhile."""
    result, vendor = run_client(
        partial(wait, age_seconds=9999), respond(200, SUCCEEDED), clock=clock
    )

    assert isinstance(result, JobResult)
    assert (len(vendor.requests), clock.sleeps) == (1, [])


def test_wait_timeout_counts_from_the_call(clock):
    """Otherwise a slow job could never be resumed."""
    result, vendor = run_client(
        partial(wait, age_seconds=9999), respond(200, RUNNING), respond(200, SUCCEEDED), clock=clock
    )

    assert isinstance(result, JobResult)
    assert (len(vendor.requests), len(clock.sleeps)) == (2, 1)


def succeeded_without_clip(clock, hours):
    """Return a job that succeeded some hours ago and names no clip."""
    ended_at = int(clock.now - hours * 3600)
    return {"id": "cgt-1", "status": "succeeded", "content": None, "updated_at": ended_at}


def test_query_new_job_without_clip_is_pending(clock):
    """It was paid a moment ago, so it is queried again instead of rendered again."""
    status, _ = run_client(query, respond(200, succeeded_without_clip(clock, 1)), clock=clock)

    assert isinstance(status, JobPending)


def test_query_old_job_without_clip_is_lost(clock):
    """Vendors keep files for 24 hours; one more is for their clocks."""
    error, _ = run_client(query, respond(200, succeeded_without_clip(clock, 26)), clock=clock)

    assert type(error) is JobLost


def test_query_job_age_uses_vendor_clock(clock):
    """Our clock may be wrong."""
    date = {"Date": "Fri, 01 Jan 2010 00:00:00 GMT"}

    status, _ = run_client(
        query, respond(200, succeeded_without_clip(clock, 25), date), clock=clock
    )

    assert isinstance(status, JobPending)


COMPLETED = {"id": "video_1", "status": "completed", "completed_at": 1_800_000_000_000}


@pytest.mark.parametrize("hours", [0, 24])
def test_query_clip_with_key_is_available_for_a_day(clock, hours):
    """Such a clip has no URL; the result contains the call that downloads it."""
    clock.now += hours * 3600

    result, _ = run_client(
        lambda client: client.query("video_1"),
        respond(200, COMPLETED),
        provider="infinity-blue",
        clock=clock,
    )

    assert type(result) is JobResult
    assert result.clip_call is not None
    assert result.clip_call.path == "/videos/video_1/content"


def test_query_clip_with_key_is_lost_later(clock):
    """After 25 hours the vendor no longer has it."""
    clock.now += 26 * 3600

    error, _ = run_client(
        lambda client: client.query("video_1"),
        respond(200, COMPLETED),
        provider="infinity-blue",
        clock=clock,
    )

    assert type(error) is JobLost


def test_query_on_loopback_ignores_proxies(monkeypatch):
    """A corporate proxy can't reach the simulator."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    status, _ = run_client(query, respond(200, RUNNING))

    assert isinstance(status, JobPending)
