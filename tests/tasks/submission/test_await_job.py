"""`await_job` records how a job ended, and keeps a job that is not done."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from storyboards.models import Money
from tasks.errors import (
    JobFailed,
    JobLost,
    JobNotFound,
    JobTimedOut,
    KeyChanged,
    OutputModerated,
    Recovery,
    StoreError,
    Unreachable,
)
from tasks.progress import Progress, ProgressState
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import Attempt, AttemptState, StoredFile, format_timestamp, utc_now
from tasks.submission import await_job as await_job_module
from tasks.submission.await_job import await_job
from tasks.submission.context import SubmissionContext, update_attempt
from tests.support.paid_path import (
    KEY,
    SEED,
    FakeVendor,
    clip,
    make_attempt,
    make_context,
    make_shot,
    read_attempts,
    write_attempts,
)

SUBMITTED = make_attempt(AttemptState.SUBMITTED, job="cgt-1")


def test_await_job_done_records_usage_and_price(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The receipt has the vendor's tokens and the price that follows from them."""
    vendor.add_job("cgt-1")
    write_attempts(records, SUBMITTED)
    result = asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert result
    assert result.clip_url.startswith("https://files.example/cgt-1.mp4")
    assert (attempt.state, attempt.tokens) == (AttemptState.DONE, 49_005)
    assert attempt.price == Money(amount=Decimal("0.1225125"), currency="USD")
    assert attempt.done_at


def test_await_job_without_usage_records_no_price(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Without usage the maximum price stays booked."""
    vendor.add_job("cgt-1", usage=None)
    write_attempts(records, SUBMITTED)
    asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.tokens, attempt.price) == (AttemptState.DONE, None, None)
    assert attempt.booked_price == SUBMITTED.max_price


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("OutputVideoSensitiveContentDetected", OutputModerated),
        ("InternalServiceError", JobFailed),
    ],
)
def test_await_job_failure_is_recorded_as_free(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    code: str,
    error: type[JobFailed],
) -> None:
    """A failed job is not charged, and its reason is on record."""
    vendor.add_job("cgt-1", "failed", error={"code": code, "message": "no"})
    write_attempts(records, SUBMITTED)
    with pytest.raises(error):
        asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert attempt.state is AttemptState.FAILED
    assert attempt.booked_price == Money(amount=Decimal(0))
    assert code in (attempt.error or "")


def test_await_job_deadline_keeps_the_job(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job that is not done at the deadline stays on record for the next run."""
    monkeypatch.setattr(await_job_module, "job_timeout_seconds", lambda *_: 0.0)
    vendor.add_job("cgt-1", "running")
    write_attempts(records, SUBMITTED)
    with pytest.raises(JobTimedOut):
        asyncio.run(await_job(make_shot(), context))

    assert read_attempts(records) == (SUBMITTED,)


def test_await_job_of_earlier_run_is_reported_before_the_query(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """The vendor may take long to answer; until then the time of the job is known."""
    vendor.add_job("cgt-1")
    write_attempts(records, SUBMITTED)
    progress: list[Progress] = []
    context = make_context(store, vendor.client(), on_progress=progress.append)
    asyncio.run(await_job(make_shot(), context))

    (step,) = progress
    assert (step.state, step.is_resumed) == (ProgressState.RENDERING, True)
    assert (step.job, step.since) == ("cgt-1", SUBMITTED.sent_at)


UNKNOWN_JOB = (404, {"error": {"code": "ResourceNotFound", "message": "no such task"}})


def state_of(status: str, **values: object) -> tuple[int, object]:
    """Return the answer with a task object that names the job."""
    return 200, {"id": "cgt-1", "status": status, **values}


def submitted_ago(days: float) -> Attempt:
    """Return an attempt that was submitted some days ago."""
    at = format_timestamp(time.time() - days * 86_400)
    return make_attempt(AttemptState.SUBMITTED, job="cgt-1", intended_at=at, submitted_at=at)


def test_await_job_unknown_job_is_unclear(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A 404 a moment after the create proves nothing; the job is asked for again and again."""
    write_attempts(records, SUBMITTED)
    with pytest.raises(JobNotFound, match="one is unclear: modelark accepted it as job") as caught:
        asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.job) == (AttemptState.SUBMITTED, "cgt-1")
    assert attempt.unclear_since
    assert caught.value.recovery is Recovery.RETRY
    assert "0.25 USD may be charged, so only --resubmit one pays" in str(caught.value)
    assert len(vendor.requests) == 4


def test_await_job_known_again_is_not_unclear(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """When the vendor finds the job again, the run goes on as if nothing had been."""
    write_attempts(records, replace(SUBMITTED, unclear_since=utc_now(), error="404"))
    vendor.add_job("cgt-1")
    asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.unclear_since) == (AttemptState.DONE, None)
    assert attempt.error is None


@pytest.mark.parametrize(
    ("days", "vendor_days", "is_lost"),
    [(8, 8, True), (6.9, 6.9, False), (8, 0, False), (0, 8, False), (8, None, False)],
)
def test_await_job_unknown_job_is_lost_after_days(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    days: float,
    vendor_days: float | None,
    is_lost: bool,
) -> None:
    """Vendors keep jobs for seven days; one clock alone may be wrong."""
    write_attempts(records, submitted_ago(days))
    vendor.date = None if vendor_days is None else time.time() + (vendor_days - days) * 86_400
    with pytest.raises(JobLost if is_lost else JobNotFound):
        asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert attempt.state is (AttemptState.LOST if is_lost else AttemptState.SUBMITTED)
    assert attempt.booked_price == attempt.max_price


def test_await_job_days_count_by_the_vendors_clock(
    context: SubmissionContext, records: RecordStore
) -> None:
    """The clock of the machine that submitted may have been wrong by days."""
    write_attempts(records, replace(submitted_ago(8), accepted_at=utc_now()))
    with pytest.raises(JobNotFound):
        asyncio.run(await_job(make_shot(), context))

    assert read_attempts(records)[0].state is AttemptState.SUBMITTED


def test_await_job_failed_once_is_not_an_end(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Vendors have reported `failed` for a moment for jobs that succeeded."""
    write_attempts(records, SUBMITTED)
    vendor.add_job("cgt-1")
    vendor.answers = [state_of("failed", error={"code": "InternalServiceError"})]
    assert asyncio.run(await_job(make_shot(), context))

    assert read_attempts(records)[0].state is AttemptState.DONE


def test_await_job_failure_keeps_the_job_id(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """So that the job can be asked for before another one is paid for."""
    write_attempts(records, SUBMITTED)
    vendor.add_job("cgt-1", "failed", error={"code": "InternalServiceError", "message": "no"})
    with pytest.raises(JobFailed):
        asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.job) == (AttemptState.FAILED, "cgt-1")


def test_await_job_done_job_does_not_fail(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The vendor called it done and has charged it, so it is unclear."""
    write_attempts(records, make_attempt(AttemptState.DONE, job="cgt-1"))
    vendor.add_job("cgt-1", "failed", error={"code": "InternalServiceError", "message": "no"})
    with pytest.raises(JobNotFound, match="InternalServiceError"):
        asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert attempt.state is AttemptState.DONE
    assert attempt.unclear_since


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "message": "upstream"},
        {"status": "failed"},
        {"status": "timeout"},
        {"id": "cgt-1", "status": "fail"},
        {"error": {"code": "task_not_exist", "message": "task_not_exist"}},
        {"code": 500, "message": "fail"},
    ],
)
def test_await_job_error_body_is_not_an_end(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore, body: object
) -> None:
    """A 200 that does not name the job, or uses a word of its own, leaves the job."""
    write_attempts(records, SUBMITTED)
    vendor.add_job("cgt-1")
    vendor.answers = [(200, body)]
    assert asyncio.run(await_job(make_shot(), context))

    assert read_attempts(records)[0].state is AttemptState.DONE


def sealed_attempt() -> Attempt:
    """Return an attempt with the signature of the key of `FakeVendor.client`."""
    return replace(SUBMITTED, base_url_hmac=FakeVendor().client().sign_base_url())


@pytest.mark.parametrize(
    "answer",
    [
        UNKNOWN_JOB,
        (401, {"error": {"code": "AuthenticationError", "message": "no"}}),
        (403, {"error": {"code": "AccessDenied", "message": "no"}}),
        (404, b"<html>not here</html>"),
        state_of("failed"),
        state_of("succeeded", content={"video_url": "https://files.example/cgt-1.mp4"}),
    ],
)
def test_await_job_other_key_decides_nothing(
    vendor: FakeVendor, store: Store, records: RecordStore, answer: tuple[int, object]
) -> None:
    """Another account does not know our job, and may have one with the same id."""
    write_attempts(records, sealed_attempt())
    vendor.answers = [answer] * 9
    context = make_context(store, vendor.client(api_key=SecretStr("sk-another-account")))
    with pytest.raises(KeyChanged, match="of one was submitted to modelark with another") as caught:
        asyncio.run(await_job(make_shot(), context))

    assert caught.value.exit_code == 3
    assert read_attempts(records) == (sealed_attempt(),)


@pytest.mark.parametrize("values", [{"seed": SEED, "created_at": None}, {"seed": None}])
def test_await_job_new_key_of_account_is_accepted(
    vendor: FakeVendor, store: Store, records: RecordStore, values: dict[str, Any]
) -> None:
    """A key may be replaced while a job runs: seed or time of creation prove the job ours."""
    write_attempts(records, replace(sealed_attempt(), intended_at=utc_now()))
    vendor.add_job("cgt-1", **values)
    context = make_context(store, vendor.client(api_key=SecretStr("sk-new-key")))

    assert asyncio.run(await_job(make_shot(), context))
    assert read_attempts(records)[0].state is AttemptState.DONE


def test_await_job_undocumented_word_is_proven_by_clip(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """If the clip is whole, the job is done: clip, usage and price are recorded."""
    write_attempts(records, SUBMITTED)
    vendor.add_job("cgt-1")
    vendor.jobs["cgt-1"]["status"] = "done"
    vendor.files["cgt-1.mp4"] = clip(128)
    assert asyncio.run(await_job(make_shot(), context))

    (attempt,) = read_attempts(records)
    assert (attempt.state, attempt.frames, attempt.tokens) == (AttemptState.KEPT, 49, 49_005)


def test_await_job_stored_clip_needs_no_request(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A kept clip that is on disk has no job to wait for."""
    clip = StoredFile("clip.mp4", "-", 4)
    write_attempts(records, make_attempt(AttemptState.KEPT, job="cgt-1", clip=clip))
    (records.folder_of(KEY) / "clip.mp4").write_bytes(b"clip")

    assert asyncio.run(await_job(make_shot(), context)) is None
    assert vendor.requests == []


def test_await_job_missing_clip_is_queried_again(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A kept clip that is missing is queried again, and its state stays."""
    vendor.add_job("cgt-1")
    kept = make_attempt(AttemptState.KEPT, job="cgt-1", clip=StoredFile("clip.mp4", "-", 4))
    write_attempts(records, kept)

    assert asyncio.run(await_job(make_shot(), context))
    assert read_attempts(records) == (kept,)


def test_await_job_without_receipt_is_a_store_error(context: SubmissionContext) -> None:
    """A missing receipt is not a lost job: another request would be charged."""
    with pytest.raises(StoreError, match="receipt of one is missing"):
        asyncio.run(await_job(make_shot(), context))


def test_update_attempt_of_replaced_job_is_rejected(
    context: SubmissionContext, records: RecordStore
) -> None:
    """If another run has sent the shot again, changes belong to the old job."""
    write_attempts(records, make_attempt(AttemptState.SUBMITTED, job="cgt-2"))
    with pytest.raises(Unreachable, match="sent again by another run"):
        asyncio.run(update_attempt(make_shot(), context, "cgt-1", AttemptState.DONE))

    assert read_attempts(records)[0].state is AttemptState.SUBMITTED


@pytest.mark.parametrize(
    ("recorded", "new", "expected"),
    [
        (AttemptState.KEPT, AttemptState.DONE, AttemptState.KEPT),
        (AttemptState.FAILED, AttemptState.DONE, AttemptState.FAILED),
        (AttemptState.CANCELLED, AttemptState.FAILED, AttemptState.CANCELLED),
        (AttemptState.DONE, None, AttemptState.DONE),
        (AttemptState.DONE, AttemptState.KEPT, AttemptState.KEPT),
        (AttemptState.DONE, AttemptState.FAILED, AttemptState.DONE),
        (AttemptState.KEPT, AttemptState.FAILED, AttemptState.KEPT),
    ],
)
def test_update_attempt_never_goes_back(
    context: SubmissionContext,
    records: RecordStore,
    recorded: AttemptState,
    new: AttemptState | None,
    expected: AttemptState,
) -> None:
    """An ended or kept attempt keeps its state, whichever process is late."""
    write_attempts(records, make_attempt(recorded, job="cgt-1"))
    attempt = asyncio.run(update_attempt(make_shot(), context, "cgt-1", new, tokens=5))

    assert (attempt.state, attempt.tokens) == (expected, 5)
