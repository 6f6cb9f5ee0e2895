"""The job's id survives every failure to write it, at vendors with a list of jobs and without."""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.errors import StoreError, SubmissionUnclear
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import Attempt, AttemptState
from tasks.submission.context import SubmissionContext
from tasks.submission.submit import submit
from tests.support.full_disk import FailingWrites, FullDisk
from tests.support.paid_path import (
    FakeVendor,
    make_attempt,
    make_context,
    make_shot,
    read_attempts,
    response,
    write_attempts,
)

WRITES = 6
"""More operations than a receipt takes to write, twice."""


def create_and(
    vendor: FakeVendor, action: Callable[[], None]
) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    """Return a create that is accepted, after which something happens on this machine."""

    async def respond(_: httpx.Request) -> httpx.Response:
        vendor.add_job("cgt-1")
        action()
        return response(200, {"id": "cgt-1"})

    return respond


def rescuing_context(
    store: Store, vendor: FakeVendor, folder: Path, alerts: list[str], **provider: Any
) -> SubmissionContext:
    """Return the context of a run that keeps rescue records in a folder."""
    return make_context(
        store, vendor.client(**provider), rescue_folders=(folder,), alert=alerts.append
    )


@pytest.mark.parametrize("is_listed", [True, False], ids=["list", "no-list"])
def test_recorder_full_disk_has_space_for_the_job(
    vendor: FakeVendor, full_disk: FullDisk, *, is_listed: bool
) -> None:
    """The receipt is written into the space that was taken before the request."""
    store = Store(full_disk.folder / "store")
    vendor.on_create = create_and(vendor, full_disk.fill)
    context = make_context(store, vendor.client(supports_listing=is_listed))
    attempt = asyncio.run(submit(make_shot(), None, context))

    assert (attempt.state, attempt.job) == (AttemptState.SUBMITTED, "cgt-1")
    assert read_attempts(store.records(loopback=False)) == (attempt,)
    assert asyncio.run(submit(make_shot(), None, context)) == attempt
    assert len(vendor.created()) == 1


def test_recorder_full_disk_before_the_request(vendor: FakeVendor, full_disk: FullDisk) -> None:
    """Without space for the result nothing is sent, and the shot can be sent later."""
    store = Store(full_disk.folder / "store")
    store.initialize()
    full_disk.fill()
    context = make_context(store, vendor.client(supports_listing=False))
    with pytest.raises(StoreError, match="free disk space"):
        asyncio.run(submit(make_shot(), None, context))
    assert vendor.created() == []
    full_disk.free()

    assert asyncio.run(submit(make_shot(), None, context)).job == "cgt-1"


@pytest.mark.parametrize("is_listed", [True, False], ids=["list", "no-list"])
def test_recorder_file_size_limit_reaches_the_user(
    vendor: FakeVendor, store: Store, tmp_path: Path, *, is_listed: bool
) -> None:
    """With a limit that no receipt fits into, a shorter rescue record keeps the id."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    alerts: list[str] = []
    context = rescuing_context(store, vendor, tmp_path, alerts, supports_listing=is_listed)
    vendor.on_create = create_and(
        vendor, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, hard))
    )
    try:
        with pytest.raises(StoreError, match="accepted job cgt-1"):
            asyncio.run(submit(make_shot(), None, context))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ["File too large" in alert and "cgt-1" in alert for alert in alerts] == [True]
    assert asyncio.run(submit(make_shot(), None, context)).job == "cgt-1"
    assert len(vendor.created()) == 1


@pytest.mark.parametrize("error_number", [errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("first_failure", range(WRITES))
def test_recorder_job_survives_each_failing_write(
    vendor: FakeVendor, store: Store, tmp_path: Path, first_failure: int, error_number: int
) -> None:
    """At a vendor without a list the next run finds the job in the receipt or the rescue record."""
    writes = FailingWrites(store.root, first_failure, error_number)
    alerts: list[str] = []
    context = rescuing_context(store, vendor, tmp_path / "state", alerts, supports_listing=False)
    vendor.on_create = create_and(vendor, writes.start)
    with writes.patched():
        try:
            first: Attempt | StoreError = asyncio.run(submit(make_shot(), None, context))
        except StoreError as error:
            first = error
    writes.stop()
    following = asyncio.run(submit(make_shot(), None, context))

    assert following.job == "cgt-1"
    assert len(vendor.created()) == 1
    assert isinstance(first, Attempt) or "cgt-1" in str(first)
    assert [str(first)] == alerts if isinstance(first, StoreError) else alerts == []
    assert list((tmp_path / "state").glob("*")) == []


@pytest.mark.parametrize("is_listed", [True, False], ids=["list", "no-list"])
def test_recorder_without_any_place_prints_the_job(
    vendor: FakeVendor, store: Store, records: RecordStore, *, is_listed: bool
) -> None:
    """If nothing can be written anywhere, the user gets the id, and nothing is sent again."""
    writes = FailingWrites(store.root, 0)
    alerts: list[str] = []
    context = rescuing_context(
        store, vendor, store.root / "full", alerts, supports_listing=is_listed
    )
    vendor.on_create = create_and(vendor, writes.start)
    (store.root).mkdir(parents=True)
    (store.root / "full").write_bytes(b"a file where the folder would be")
    with writes.patched(), pytest.raises(StoreError, match=r"cgt-1.*note its id"):
        asyncio.run(submit(make_shot(), None, context))
    writes.stop()

    assert len(alerts) == 1
    assert [attempt.state for attempt in read_attempts(records)] == [AttemptState.INTENDED]
    if is_listed:
        assert asyncio.run(submit(make_shot(), None, context)).job == "cgt-1"
    else:
        with pytest.raises(SubmissionUnclear):
            asyncio.run(submit(make_shot(), None, context))
    assert len(vendor.created()) == 1


@pytest.mark.parametrize("status", [400, 500])
def test_recorder_unwritten_result_is_unclear(
    vendor: FakeVendor, store: Store, tmp_path: Path, status: int
) -> None:
    """A rejection that could not be recorded counts as unclear, not as rejected."""
    writes = FailingWrites(store.root, 0)

    async def respond(_: httpx.Request) -> httpx.Response:
        writes.start()
        return response(status, {})

    context = rescuing_context(store, vendor, tmp_path, [], supports_listing=False)
    vendor.on_create = respond
    with writes.patched(), pytest.raises(StoreError):
        asyncio.run(submit(make_shot(), None, context))
    writes.stop()

    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, context))
    assert len(vendor.created()) == 1


def test_recorder_rescued_job_of_other_shot_is_rejected(
    vendor: FakeVendor, store: Store, records: RecordStore, tmp_path: Path
) -> None:
    """A rescue record does not give a shot the job that another shot has."""
    writes = FailingWrites(store.root, 0)
    context = rescuing_context(store, vendor, tmp_path, [], supports_listing=False)
    vendor.on_create = create_and(vendor, writes.start)
    with writes.patched(), pytest.raises(StoreError):
        asyncio.run(submit(make_shot(), None, context))
    writes.stop()
    write_attempts(records, make_attempt(AttemptState.DONE, job="cgt-1"), key="e" * 64)

    with pytest.raises(SubmissionUnclear):
        asyncio.run(submit(make_shot(), None, context))


def submit_in_process(root: Path, key: str, barrier: Any, results: Any) -> None:
    """Submit a shot at a vendor that returns one job id to everybody, at one moment."""
    vendor = FakeVendor()

    async def replay(_: httpx.Request) -> httpx.Response:
        barrier.wait(60)
        return response(200, {"id": "cgt-1"})

    vendor.on_create = replay
    context = make_context(Store(root), vendor.client(supports_listing=False))
    try:
        results.put(asyncio.run(submit(make_shot(key=key), None, context)).job)
    except SubmissionUnclear:
        results.put("unclear")


def test_recorder_two_processes_claim_a_job_once(store: Store, records: RecordStore) -> None:
    """Of two processes that get the same job id at the same moment, one records it."""
    process = multiprocessing.get_context("spawn")
    keys = [letter * 64 for letter in "abcd"]
    barrier, results = process.Barrier(len(keys)), process.Queue()
    runs = [
        process.Process(target=submit_in_process, args=(store.root, key, barrier, results))
        for key in keys
    ]
    for run in runs:
        run.start()
    outcomes = sorted(results.get(timeout=90) for _ in runs)
    for run in runs:
        run.join()

    assert outcomes == ["cgt-1", "unclear", "unclear", "unclear"]
    jobs = [read_attempts(records, key)[0].job for key in keys]
    assert sorted(jobs, key=str) == [None, None, None, "cgt-1"]
