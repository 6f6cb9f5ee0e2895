"""`cancel` deletes queued jobs only, and reports all others without a change."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tasks.errors import ProviderError
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState
from tasks.submission.cancel import CancelOutcome, CancelResult, cancel, known_outcome
from tests.support.paid_path import (
    KEY,
    FakeVendor,
    make_attempt,
    read_attempts,
    response,
    write_attempts,
)

SUBMITTED = make_attempt(AttemptState.SUBMITTED, job="cgt-1")


def run_cancel(vendor: FakeVendor, records: RecordStore, **provider: Any) -> CancelResult:
    """Cancel the job of the key."""
    return asyncio.run(cancel(KEY, records, vendor.client(**provider)))


def test_cancel_queued_job_is_recorded_as_free(vendor: FakeVendor, records: RecordStore) -> None:
    """A queued job is deleted at the vendor and costs nothing."""
    vendor.add_job("cgt-1", "queued")
    write_attempts(records, SUBMITTED)
    result = run_cancel(vendor, records)

    (attempt,) = read_attempts(records)
    assert result.outcome is CancelOutcome.CANCELLED
    assert attempt.state is AttemptState.CANCELLED
    assert attempt.booked_price
    assert not attempt.booked_price.amount
    assert len(vendor.sent("DELETE")) == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("running", CancelOutcome.RUNNING),
        ("succeeded", CancelOutcome.DONE),
        ("failed", CancelOutcome.ENDED),
    ],
)
def test_cancel_other_jobs_are_not_deleted(
    vendor: FakeVendor, records: RecordStore, status: str, outcome: CancelOutcome
) -> None:
    """On a job that has ended the same request would delete its clip."""
    vendor.add_job("cgt-1", status)
    write_attempts(records, SUBMITTED)

    assert run_cancel(vendor, records).outcome is outcome
    assert vendor.sent("DELETE") == []
    assert read_attempts(records) == (SUBMITTED,)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("running", CancelOutcome.RUNNING),
        ("succeeded", CancelOutcome.DONE),
        ("failed", CancelOutcome.ENDED),
        ("queued", CancelOutcome.UNCLEAR),
        ("odd", CancelOutcome.RUNNING),
    ],
)
def test_cancel_racing_with_the_job_is_not_free(
    vendor: FakeVendor, records: RecordStore, status: str, outcome: CancelOutcome
) -> None:
    """An accepted cancel proves nothing: the job is asked again, and stays booked."""

    async def accept_late(_: httpx.Request) -> httpx.Response:
        vendor.add_job("cgt-1", status)
        return response(200, {})

    vendor.add_job("cgt-1", "queued")
    vendor.on_delete = accept_late
    write_attempts(records, SUBMITTED)

    assert run_cancel(vendor, records).outcome is outcome
    assert len(vendor.sent("DELETE")) == 1
    assert read_attempts(records) == (SUBMITTED,)


def test_cancel_of_unknown_job_is_not_free(vendor: FakeVendor, records: RecordStore) -> None:
    """On a job that ended in the same moment the request deletes its record; it was charged."""

    async def delete(_: httpx.Request) -> httpx.Response:
        del vendor.jobs["cgt-1"]
        return response(200, {})

    vendor.add_job("cgt-1", "queued")
    vendor.on_delete = delete
    write_attempts(records, SUBMITTED)

    assert run_cancel(vendor, records).outcome is not CancelOutcome.CANCELLED
    assert read_attempts(records) == (SUBMITTED,)


def test_cancel_lost_response_is_asked_about(vendor: FakeVendor, records: RecordStore) -> None:
    """If the response was lost and the vendor reports the job as cancelled, it is free."""

    async def cancel_and_lose(_: httpx.Request) -> httpx.Response:
        vendor.add_job("cgt-1", "cancelled")
        raise httpx.ReadTimeout("lost")

    vendor.add_job("cgt-1", "queued")
    vendor.on_delete = cancel_and_lose
    write_attempts(records, SUBMITTED)

    assert run_cancel(vendor, records).outcome is CancelOutcome.CANCELLED


def test_cancel_unsupported_sends_nothing(vendor: FakeVendor, records: RecordStore) -> None:
    """A provider without cancellation is not queried."""
    write_attempts(records, SUBMITTED)
    result = run_cancel(vendor, records, supports_cancel=False)

    assert result.outcome is CancelOutcome.UNSUPPORTED
    assert "modelark does not cancel jobs" in result.message
    assert vendor.requests == []


def test_cancel_unreachable_vendor_is_reported(
    vendor: FakeVendor, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the vendor does not respond, the receipt is unchanged and the error is returned."""

    async def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    monkeypatch.setattr(vendor, "_handle", fail)
    write_attempts(records, SUBMITTED)
    result = run_cancel(vendor, records)

    assert result.outcome is CancelOutcome.NOT_SENT
    assert isinstance(result.error, ProviderError)
    assert read_attempts(records) == (SUBMITTED,)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (AttemptState.INTENDED, CancelOutcome.UNCLEAR),
        (AttemptState.UNCLEAR, CancelOutcome.UNCLEAR),
        (AttemptState.DONE, CancelOutcome.DONE),
        (AttemptState.KEPT, CancelOutcome.NO_JOB),
        (AttemptState.FAILED, CancelOutcome.NO_JOB),
        (AttemptState.CANCELLED, CancelOutcome.NO_JOB),
    ],
)
def test_cancel_receipt_decides_without_a_request(
    vendor: FakeVendor, records: RecordStore, state: AttemptState, outcome: CancelOutcome
) -> None:
    """Only a submitted job can be cancelled; the receipt answers for all other states."""
    write_attempts(records, make_attempt(state, job="cgt-1"))

    assert run_cancel(vendor, records).outcome is outcome
    assert vendor.requests == []


def test_cancel_key_without_receipt_has_no_job(vendor: FakeVendor, records: RecordStore) -> None:
    """A key that was never sent has nothing to cancel."""
    assert run_cancel(vendor, records).outcome is CancelOutcome.NO_JOB
    assert known_outcome(None) == run_cancel(vendor, records)


def test_cancel_outcomes_keep_their_json_values() -> None:
    """`cancel --json` prints the values, so they are a contract."""
    assert [outcome.value for outcome in CancelOutcome] == [
        "cancelled",
        "running",
        "done",
        "over",
        "refused",
        "unasked",
        "unclear",
        "none",
    ]
