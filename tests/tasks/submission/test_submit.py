"""`submit` creates at most one job per shot, and records every step before the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tasks.errors import (
    BudgetExceeded,
    InvalidRequest,
    JobFailed,
    ProviderError,
    RateLimited,
    Recovery,
    RequestNotSent,
    SubmissionUnclear,
)
from tasks.planning.keys import derive_seed
from tasks.progress import Progress, ProgressState
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import Attempt, AttemptState, StoredFile, read_receipt, utc_now
from tasks.submission import reconcile
from tasks.submission.context import SubmissionContext
from tasks.submission.payload import LastFrame
from tasks.submission.submit import submit
from tests.support.paid_path import (
    KEY,
    PRICE,
    FakeVendor,
    make_attempt,
    make_context,
    make_shot,
    picture,
    read_attempts,
    response,
    write_attempts,
)

FRAME = LastFrame(picture(128), "frame-sha256")


def respond(status: int, body: Any = None) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    """Return a response to a create request."""

    async def send(_: httpx.Request) -> httpx.Response:
        return response(status, body)

    return send


def lose(error: type[httpx.TransportError]) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    """Fail a create request on the way."""

    async def fail(_: httpx.Request) -> httpx.Response:
        raise error("lost")

    return fail


@pytest.fixture(autouse=True)
def no_clock_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the vendor's list once, without waiting for late entries."""
    monkeypatch.setattr(reconcile, "CLOCK_MARGIN_SECONDS", 0.0)


@pytest.fixture
def unlisted_context(store: Store, vendor: FakeVendor) -> SubmissionContext:
    """The context of a run whose provider has no list of jobs."""
    return make_context(store, vendor.client(supports_listing=False))


def test_submit_intent_is_durable_before_the_request(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """While the request is sent, its intent is on disk with price, seed and first frame."""
    on_disk: list[Attempt] = []

    async def read_receipt(_: httpx.Request) -> httpx.Response:
        on_disk.extend(read_attempts(records))
        return response(200, {"id": "cgt-1"})

    vendor.on_create = read_receipt
    asyncio.run(submit(make_shot(), FRAME, context))

    (intent,) = on_disk
    assert intent.state is AttemptState.INTENDED
    assert (intent.board, intent.shot, intent.max_price) == ("board", "one", PRICE)
    assert (intent.seed, intent.first_frame_sha256) == (7, "frame-sha256")
    assert len(intent.base_url_hmac or "") == 32
    assert intent.job is None


def test_submit_job_is_durable_before_progress_is_reported(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The job's id is on disk right after the response."""
    states: list[tuple[str, str | None]] = []

    def on_progress(progress: Progress) -> None:
        if progress.state is ProgressState.QUEUED:
            assert progress.job == "cgt-1"
            (attempt,) = read_attempts(records)
            states.append((attempt.state, attempt.job))

    context = make_context(store, vendor.client(), on_progress=on_progress)
    attempt = asyncio.run(submit(make_shot(), None, context))

    assert states == [("submitted", "cgt-1")]
    assert attempt == read_attempts(records)[0]


@pytest.mark.parametrize("state", [AttemptState.SUBMITTED, AttemptState.DONE, AttemptState.KEPT])
def test_submit_existing_job_is_returned(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore, state: AttemptState
) -> None:
    """A job on record is never created again."""
    attempt = make_attempt(state, job="cgt-9")
    write_attempts(records, attempt)

    assert asyncio.run(submit(make_shot(), FRAME, context)) == attempt
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "RateLimitExceeded", RateLimited),
        (400, "InvalidParameter", InvalidRequest),
    ],
)
def test_submit_rejection_closes_the_intent(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    status: int,
    code: str,
    error: type[ProviderError],
) -> None:
    """A rejected request is sent once and costs nothing; the next call sends a new attempt."""
    vendor.on_create = respond(status, {"error": {"code": code, "message": "no"}})
    with pytest.raises(error):
        asyncio.run(submit(make_shot(), None, context))
    states_after_rejection = [attempt.state for attempt in read_attempts(records)]
    asyncio.run(submit(make_shot(), None, context))

    assert states_after_rejection == [AttemptState.CLOSED]
    assert [attempt.state for attempt in read_attempts(records)] == [
        AttemptState.CLOSED,
        AttemptState.SUBMITTED,
    ]
    assert len(vendor.created()) == 2


def test_submit_refused_connection_closes_the_intent(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A request that never arrived costs nothing."""
    vendor.on_create = lose(httpx.ConnectError)
    with pytest.raises(RequestNotSent):
        asyncio.run(submit(make_shot(), None, context))

    assert [attempt.state for attempt in read_attempts(records)] == [AttemptState.CLOSED]


@pytest.mark.parametrize(
    "on_create",
    [lose(httpx.ReadTimeout), lose(httpx.WriteError), respond(500, {}), respond(200, {"x": 1})],
    ids=["read-timeout", "write-error", "status-500", "no-id"],
)
def test_submit_unanswered_request_is_never_repeated(
    vendor: FakeVendor,
    unlisted_context: SubmissionContext,
    records: RecordStore,
    on_create: Callable[[httpx.Request], Awaitable[httpx.Response]],
) -> None:
    """Without a list the shot stays unclear in every run, and one request was sent."""
    vendor.on_create = on_create
    for _ in range(2):
        with pytest.raises(SubmissionUnclear, match=r"0\.25 USD may be charged.*--resubmit one"):
            asyncio.run(submit(make_shot(), None, unlisted_context))

    (attempt,) = read_attempts(records)
    assert attempt.state is AttemptState.UNCLEAR
    assert attempt.request_ended_at
    assert len(vendor.created()) == 1


def test_submit_intent_of_killed_run_is_unclear(
    vendor: FakeVendor, unlisted_context: SubmissionContext, records: RecordStore
) -> None:
    """A run that was killed between intent and response may have created a job."""
    write_attempts(records, make_attempt(AttemptState.INTENDED))
    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, unlisted_context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, vendor.created()) == (AttemptState.UNCLEAR, [])


def test_submit_resubmit_abandons_the_unclear_attempt(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The author may pay for another attempt; the unclear one stays booked."""
    unclear = make_attempt(AttemptState.UNCLEAR)
    write_attempts(records, unclear)
    client = vendor.client(supports_listing=False)
    context = make_context(store, client, resubmit={KEY: unclear.intended_at})
    asyncio.run(submit(make_shot(), None, context))

    first, second = read_attempts(records)
    assert (first.state, second.state) == (AttemptState.ABANDONED, AttemptState.SUBMITTED)
    assert first.booked_price == PRICE


def test_submit_resubmit_of_another_attempt_does_not_count(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The author's decision is valid for the attempt that the plan showed, and no later one."""
    write_attempts(records, make_attempt(AttemptState.UNCLEAR))
    client = vendor.client(supports_listing=False)
    context = make_context(store, client, resubmit={KEY: "2026-01-01T00:00:00.000+00:00"})
    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, context))

    assert vendor.created() == []


def test_submit_listed_job_is_adopted(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A lost response does no harm if the list contains a job with the seed that was sent."""

    async def create_and_lose(_: httpx.Request) -> httpx.Response:
        vendor.add_job("cgt-lost")
        raise httpx.ReadTimeout("lost")

    vendor.on_create = create_and_lose
    attempt = asyncio.run(submit(make_shot(), None, context))

    assert (attempt.state, attempt.job) == (AttemptState.SUBMITTED, "cgt-lost")
    assert (attempt.proof, attempt.error) == ("seed", None)
    assert read_attempts(records) == (attempt,)
    assert len(vendor.created()) == 1


def test_submit_missing_job_stays_unclear(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A list without the job proves nothing; nothing is sent again."""
    vendor.on_create = lose(httpx.ReadTimeout)
    for _ in range(2):
        with pytest.raises(SubmissionUnclear, match="which proves nothing"):
            asyncio.run(submit(make_shot(), None, context))

    assert [attempt.state for attempt in read_attempts(records)] == [AttemptState.UNCLEAR]
    assert len(vendor.created()) == 1


@pytest.mark.parametrize("key", ["e" * 64, KEY], ids=["other-shot", "earlier-attempt"])
def test_submit_job_of_another_attempt_is_unclear(
    vendor: FakeVendor, unlisted_context: SubmissionContext, records: RecordStore, key: str
) -> None:
    """A vendor that returns a known job id has a picture of something else under it."""
    state = AttemptState.CLEANED if key == KEY else AttemptState.DONE
    write_attempts(records, make_attempt(state, job="cgt-1", shot="two"), key=key)
    vendor.on_create = respond(200, {"id": "cgt-1"})
    for _ in range(2):
        with pytest.raises(
            SubmissionUnclear, match=r"returned job cgt-1, .* the job of two already"
        ):
            asyncio.run(submit(make_shot(), None, unlisted_context))

    attempt = read_attempts(records)[-1]
    assert (attempt.state, attempt.job) == (AttemptState.UNCLEAR, None)
    assert len(vendor.created()) == 1


def test_submit_job_id_of_other_provider_counts(
    context: SubmissionContext, records: RecordStore
) -> None:
    """Two providers may use the same ids."""
    other = make_attempt(
        AttemptState.DONE, job="cgt-1", provider="ark", base_url="https://ark.example"
    )
    write_attempts(records, other, key="e" * 64)

    assert asyncio.run(submit(make_shot(), None, context)).job == "cgt-1"


def test_submit_one_job_for_two_creates_is_claimed_once(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Of two creates that return one job at the same moment, one shot stays unclear."""
    both_arrived = asyncio.Event()

    async def replay(_: httpx.Request) -> httpx.Response:
        if len(vendor.created()) == 2:
            both_arrived.set()
        await both_arrived.wait()
        return response(200, {"id": "cgt-1"})

    async def submit_both() -> list[Attempt | BaseException]:
        shots = [make_shot(key=key * 64) for key in "ab"]
        return await asyncio.gather(
            *(submit(shot, None, context, reconcile_unclear=False) for shot in shots),
            return_exceptions=True,
        )

    vendor.on_every_create = replay
    results = asyncio.run(submit_both())

    assert sorted(type(result).__name__ for result in results) == ["Attempt", "SubmissionUnclear"]
    assert {read_attempts(records, key * 64)[0].job for key in "ab"} == {"cgt-1", None}


def test_submit_revived_job_is_not_paid_again(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A failed job that the vendor reports as done when asked once more is followed."""
    failed = make_attempt(AttemptState.FAILED, job="cgt-1", error="no")
    write_attempts(records, failed, make_attempt(AttemptState.CLOSED))
    vendor.add_job("cgt-1")
    attempt = asyncio.run(submit(make_shot(), None, context))

    assert (attempt.state, attempt.job) == (AttemptState.SUBMITTED, "cgt-1")
    assert read_receipt(KEY, records.read(KEY)).current == attempt
    assert vendor.created() == []


@pytest.mark.parametrize(
    ("status", "created"),
    [("failed", 1), ("cancelled", 1), ("expired", 1), (None, 1), ("running", 0), ("odd", 0)],
)
def test_submit_after_failure_asks_the_job_once_more(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    status: str | None,
    created: int,
) -> None:
    """Only a job that goes on holds back the next request."""
    write_attempts(records, make_attempt(AttemptState.FAILED, job="cgt-9"))
    if status:
        vendor.add_job("cgt-9", status)
    asyncio.run(submit(make_shot(), None, context))

    assert len(vendor.created()) == created
    assert "cgt-9" in vendor.requests[0].url.path


def test_submit_run_sends_a_shot_twice_at_most(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """After a rejection one more request goes out automatically; another needs another run."""
    context = make_context(store, vendor.client())
    vendor.on_every_create = respond(400, {"error": {"code": "InvalidParameter", "message": "no"}})
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            asyncio.run(submit(make_shot(), None, context))
    with pytest.raises(JobFailed, match="one was sent 2 times in this run"):
        asyncio.run(submit(make_shot(), None, context))

    assert len(vendor.created()) == len(read_attempts(records)) == 2


@pytest.mark.parametrize(("retry_after", "seconds"), [("7", 7.0), (None, 0.0)])
def test_submit_rate_limit_delays_the_next_request(
    vendor: FakeVendor, store: Store, retry_after: str | None, seconds: float
) -> None:
    """Beside the delays of the retry settings, a repetition waits as long as the vendor asks."""
    waits: list[float] = []

    async def reject(_: httpx.Request) -> httpx.Response:
        rejection = response(429, {})
        if retry_after:
            rejection.headers["Retry-After"] = retry_after
        return rejection

    async def record_wait(seconds: float) -> None:
        waits.append(seconds)

    client = vendor.client()
    client.sleep = record_wait  # type: ignore[method-assign]
    vendor.on_create = reject
    context = make_context(store, client)
    with pytest.raises(RateLimited):
        asyncio.run(submit(make_shot(), None, context))
    asyncio.run(submit(make_shot(), None, context))

    assert waits == [0.0, seconds]


@pytest.mark.parametrize(
    ("create", "error"),
    [(lose(httpx.ConnectError), RequestNotSent), (respond(429, {}), RateLimited)],
    ids=["not-sent", "rate-limit"],
)
def test_submit_unsent_requests_do_not_count(
    vendor: FakeVendor, store: Store, create: Any, error: type[ProviderError]
) -> None:
    """A request that the vendor did not look at is sent as often as the retry settings allow."""
    context = make_context(store, vendor.client())
    vendor.on_every_create = create
    for _ in range(4):
        with pytest.raises(error) as caught:
            asyncio.run(submit(make_shot(), None, context))
        assert caught.value.recovery is Recovery.RETRY

    assert context.sent == {KEY: 0}


def test_submit_intents_have_different_times(
    vendor: FakeVendor,
    unlisted_context: SubmissionContext,
    records: RecordStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time of an intent identifies an attempt, also if the clock stands still."""
    now = utc_now()
    monkeypatch.setattr("tasks.submission.submit.utc_now", lambda: now)
    write_attempts(records, make_attempt(AttemptState.CLOSED, intended_at=now))
    vendor.on_create = lose(httpx.ReadTimeout)
    context = replace(unlisted_context, resubmit={KEY: now})
    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, context))

    assert [attempt.state for attempt in read_attempts(records)] == ["closed", "unclear"]


def test_submit_without_reconciliation_reads_no_list(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """With `reconcile_unclear=False` a proven job in the list is not adopted yet."""
    vendor.add_job("cgt-lost")
    write_attempts(records, make_attempt(AttemptState.UNCLEAR))
    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, context, reconcile_unclear=False))

    assert vendor.requests == []


def test_submit_interrupt_waits_for_the_response(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """An interrupt during the request is raised only after the job's id is on disk."""

    async def interrupt() -> None:
        arrived, release = asyncio.Event(), asyncio.Event()

        async def respond_late(_: httpx.Request) -> httpx.Response:
            arrived.set()
            await release.wait()
            return response(200, {"id": "cgt-late"})

        vendor.on_create = respond_late
        submitting = asyncio.ensure_future(submit(make_shot(), None, context))
        await arrived.wait()
        submitting.cancel()
        await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await submitting

    asyncio.run(interrupt())

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.job) == (AttemptState.SUBMITTED, "cgt-late")


def test_submit_two_tasks_create_one_job(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Of two submits at the same moment the second finds the job of the first."""

    async def submit_twice() -> list[Attempt]:
        return await asyncio.gather(*(submit(make_shot(), None, context) for _ in range(2)))

    attempts = asyncio.run(submit_twice())

    assert [attempt.job for attempt in attempts] == ["cgt-1", "cgt-1"]
    assert len(vendor.created()) == len(read_attempts(records)) == 1


@pytest.mark.parametrize(("replace_stale", "requests"), [(True, 1), (False, 0)])
def test_submit_stale_clip_is_replaced_only_on_request(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    *,
    replace_stale: bool,
    requests: int,
) -> None:
    """A kept clip that started on another frame is archived and rendered again if requested."""
    kept = make_attempt(
        AttemptState.KEPT,
        job="cgt-0",
        first_frame_sha256="old",
        clip=StoredFile("clip.mp4", "-", 4),
    )
    write_attempts(records, kept)
    (records.folder_of(KEY) / "clip.mp4").write_bytes(b"clip")
    asyncio.run(submit(make_shot(), FRAME, context, replace_stale=replace_stale))

    attempts = read_attempts(records)
    assert len(vendor.created()) == requests
    assert len(attempts) == 1 + requests
    if replace_stale:
        assert attempts[0].state is AttemptState.OUTDATED
        assert (records.folder_of(KEY) / "clip-1.mp4").read_bytes() == b"clip"


def test_submit_over_budget_sends_nothing(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """If the reservation fails, neither an intent is written nor a request sent."""

    def reserve(*_: object) -> Any:
        raise BudgetExceeded("too much")

    with pytest.raises(BudgetExceeded):
        asyncio.run(submit(make_shot(), None, replace(context, reserve=reserve)))

    assert (vendor.requests, records.read(KEY)) == ([], None)


@pytest.mark.parametrize(("seed", "is_changed"), [(derive_seed(KEY), True), (8, False)])
def test_submit_after_failure_changes_derived_seed_only(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    *,
    seed: int,
    is_changed: bool,
) -> None:
    """After a failed job a derived seed is replaced; a seed of the board stays."""
    write_attempts(records, make_attempt(AttemptState.FAILED, seed=seed))
    asyncio.run(submit(make_shot(request={"seed": seed}), None, context))

    (created,) = vendor.created()
    assert (created["seed"] != seed) is is_changed
    assert read_attempts(records)[-1].seed == created["seed"]
