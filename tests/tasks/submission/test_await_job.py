"""`await_job` records how a job ended, and keeps a job that is not done."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from storyboards.models import Money
from tasks.errors import JobFailed, JobTimedOut, OutputModerated, StoreError, Unreachable
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState, StoredFile
from tasks.submission import await_job as await_job_module
from tasks.submission.await_job import await_job
from tasks.submission.context import SubmissionContext, update_attempt
from tests.support.paid_path import (
    KEY,
    FakeVendor,
    make_attempt,
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
