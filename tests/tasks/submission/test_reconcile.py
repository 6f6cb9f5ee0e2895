"""`reconcile` adopts a listed job only with a proof; a list without it proves nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tasks.plan import ShotToRender
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState, format_timestamp
from tasks.submission import reconcile as reconcile_module
from tasks.submission.reconcile import Reconciliation, UnclearSubmission, reconcile
from tests.support.paid_path import (
    SEED,
    FakeVendor,
    clip,
    make_attempt,
    make_shot,
    picture,
    response,
    write_attempts,
)

AGE_SECONDS = 3600.0
"""The age of the unclear request: every margin has passed."""

SMALL: dict[str, Any] = {"width": 64, "height": 64}
"""The size of the clips in these tests."""

NOT_LISTED = "the vendor's list shows no job that fits, which proves nothing"


def make_submission(
    records: RecordStore,
    shot: ShotToRender | None = None,
    *,
    first_frame: bytes | None = None,
    age_seconds: float = AGE_SECONDS,
    **values: Any,
) -> UnclearSubmission:
    """Return an unclear submission; `values` are fields of its attempt."""
    shot = shot or make_shot(**SMALL)
    moment = format_timestamp(time.time() - age_seconds)
    attempt = make_attempt(
        AttemptState.UNCLEAR,
        **{"intended_at": moment, "request_ended_at": moment, "seed": shot.request.seed, **values},
    )
    write_attempts(records, attempt)
    return UnclearSubmission(shot, shot.request, attempt, first_frame, records)


def add_candidate(vendor: FakeVendor, job: str = "cgt-1", **values: Any) -> None:
    """Add a job that was created right after the request."""
    vendor.add_job(job, **{"created_at": time.time() - AGE_SECONDS + 5, **values})


def run(submission: UnclearSubmission, vendor: FakeVendor, **provider: Any) -> Reconciliation:
    """Reconcile a submission with the vendor."""
    return asyncio.run(reconcile(submission, vendor.client(**provider)))


def seedless_shot(**request: Any) -> ShotToRender:
    """A shot whose request has no seed."""
    return make_shot(request={"seed": None, **request}, **SMALL)


def test_reconcile_reported_seed_is_a_proof(vendor: FakeVendor, records: RecordStore) -> None:
    """The seed proves a job if all that it reports fits; its clip is not downloaded then."""
    add_candidate(vendor)

    assert run(make_submission(records), vendor)[:2] == ("cgt-1", "seed")
    assert not [request for request in vendor.requests if request.url.host == "files.example"]


def test_reconcile_first_frame_is_a_proof(vendor: FakeVendor, records: RecordStore) -> None:
    """Without a seed the first frame of the clip proves the job."""
    add_candidate(vendor, seed=99)
    vendor.files["cgt-1.mp4"] = clip(128)
    submission = make_submission(records, seedless_shot(), first_frame=picture(128))

    assert run(submission, vendor)[:2] == ("cgt-1", "first picture")


def test_reconcile_other_first_frame_is_no_proof(vendor: FakeVendor, records: RecordStore) -> None:
    """A job with another first frame may still be ours: the shot stays unclear."""
    add_candidate(vendor)
    vendor.files["cgt-1.mp4"] = clip(200)
    result = run(make_submission(records, seedless_shot(), first_frame=picture(100)), vendor)

    assert result.job is None
    assert result.reason == "job cgt-1 may be it, and nothing proves it"


@pytest.mark.parametrize(("frames", "proof"), [(49, "seed"), (25, "")])
def test_reconcile_unreported_length_is_measured(
    vendor: FakeVendor, records: RecordStore, frames: int, proof: str
) -> None:
    """If the vendor reports no length, the clip itself must have the requested frames."""
    add_candidate(vendor, duration=None)
    vendor.files["cgt-1.mp4"] = clip(128, frames=frames)

    assert run(make_submission(records), vendor).proof == proof


@pytest.mark.parametrize("values", [{"resolution": "720p"}, {"ratio": "9:16"}, {"duration": 5}])
def test_reconcile_contradicting_job_stays_unclear(
    vendor: FakeVendor, records: RecordStore, values: dict[str, Any]
) -> None:
    """A job with the right seed and another size or length is neither adopted nor excluded."""
    add_candidate(vendor, **values)
    result = run(make_submission(records), vendor)

    assert result.job is None


@pytest.mark.parametrize(
    "values",
    [
        {"seed": SEED + 1},
        {"model": "another-model"},
        {"service_tier": "flex"},
        {"created_at": time.time() - 10 * AGE_SECONDS},
        {"created_at": time.time()},
        {"created_at": None},
    ],
    ids=["seed", "model", "tier", "earlier", "later", "no time"],
)
def test_reconcile_other_jobs_prove_nothing(
    vendor: FakeVendor, records: RecordStore, values: dict[str, Any]
) -> None:
    """A job that is listed with another seed, model, tier or time is not adopted."""
    add_candidate(vendor, **values)
    result = run(make_submission(records), vendor)

    assert result.job is None
    assert result.reason == NOT_LISTED


def test_reconcile_seed_of_queried_job_must_match(vendor: FakeVendor, records: RecordStore) -> None:
    """The right first frame does not help if the job itself reports another seed."""
    add_candidate(vendor)
    listed = {**vendor.jobs["cgt-1"], "seed": None}
    vendor.jobs["cgt-1"]["seed"] = SEED + 1
    vendor.files["cgt-1.mp4"] = clip(128)
    vendor.lists = lambda: response(200, {"items": [listed]})
    result = run(make_submission(records, first_frame=picture(128)), vendor)

    assert result.reason == "job cgt-1 may be it, and nothing proves it"


@pytest.mark.parametrize("signature", [None, "0" * 32])
def test_reconcile_other_key_decides_nothing(
    vendor: FakeVendor, records: RecordStore, signature: str | None
) -> None:
    """The list of another account is not read, and the reason names the cause."""
    add_candidate(vendor)
    result = run(make_submission(records, base_url_hmac=signature), vendor)

    assert result.job is None
    assert "another API key" in result.reason
    assert vendor.requests == []


@pytest.mark.parametrize(
    "respond",
    [
        lambda: response(200, b"<html>all tasks</html>", mime_type="text/html"),
        lambda: response(200, {"items": []}, mime_type="text/html"),
        lambda: response(200, {"total": 0}),
        lambda: response(200, {"items": {}}),
        lambda: response(200, b""),
        lambda: response(500, {}),
    ],
    ids=["html", "other-type", "no-field", "not-a-list", "empty", "error"],
)
def test_reconcile_malformed_list_is_no_list(
    vendor: FakeVendor, records: RecordStore, respond: Callable[[], httpx.Response]
) -> None:
    """A response without the documented shape of a list is not a list."""
    vendor.lists = respond
    result = run(make_submission(records), vendor)

    assert result.job is None
    assert "list of jobs can't be read" in result.reason


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, (None, "", NOT_LISTED)),
        ({"provider": "ark", "base_url": "https://ark.example"}, ("cgt-1", "seed", "")),
    ],
    ids=["same-provider", "other-provider"],
)
def test_reconcile_claimed_job_is_excluded(
    vendor: FakeVendor,
    records: RecordStore,
    values: dict[str, str],
    expected: tuple[str | None, str, str],
) -> None:
    """A job that another receipt of this provider has is not ours, whatever its seed."""
    add_candidate(vendor)
    claiming = make_attempt(AttemptState.DONE, job="cgt-1", **values)
    write_attempts(records, claiming, key="e" * 64)
    result = run(make_submission(records), vendor)

    assert (result.job, result.proof, result.reason) == expected


def test_reconcile_two_proven_jobs_stay_unclear(vendor: FakeVendor, records: RecordStore) -> None:
    """Two jobs with the same seed can't be distinguished."""
    add_candidate(vendor, "cgt-1")
    add_candidate(vendor, "cgt-2")
    result = run(make_submission(records), vendor)

    assert result.job is None
    assert "nothing distinguishes them" in result.reason


def test_reconcile_competing_shot_stays_unclear(vendor: FakeVendor, records: RecordStore) -> None:
    """One job with the seed of two unclear shots belongs to neither for certain."""
    add_candidate(vendor)
    submission = make_submission(records)
    write_attempts(records, submission.attempt, key="e" * 64)

    assert "nothing distinguishes them" in run(submission, vendor).reason


def test_reconcile_shared_first_frame_proves_nothing(
    vendor: FakeVendor, records: RecordStore
) -> None:
    """A frame that two unclear shots start on distinguishes neither, whatever their seeds."""
    add_candidate(vendor, seed=None)
    vendor.files["cgt-1.mp4"] = clip(128)
    submission = make_submission(records, first_frame=picture(128), first_frame_sha256="f")
    other = replace(submission.attempt, seed=SEED + 1)
    write_attempts(records, other, key="e" * 64)

    assert "nothing distinguishes them" in run(submission, vendor).reason


@pytest.mark.parametrize(
    ("values", "proof"), [({"seed": SEED}, "seed"), ({"seed": None}, ""), ({"duration": 5}, "")]
)
def test_reconcile_failed_job_needs_proof(
    vendor: FakeVendor, records: RecordStore, values: dict[str, Any], proof: str
) -> None:
    """A failed job is ours only if its seed proves that and nothing contradicts it."""
    error = {"code": "OutputVideoSensitiveContentDetected", "message": "no"}
    add_candidate(vendor, status="failed", error=error, **values)

    assert run(make_submission(records), vendor).proof == proof


@pytest.mark.parametrize("values", [{"seed": None}, {"seed": 0}])
def test_reconcile_without_evidence_waits_for_no_job(
    vendor: FakeVendor, records: RecordStore, values: dict[str, Any]
) -> None:
    """Without a seed and a first frame nothing can prove a job; no job is queried."""
    add_candidate(vendor, **values)
    result = run(make_submission(records, seedless_shot()), vendor)

    assert result.job is None
    assert not [request for request in vendor.requests if "cgt-1" in request.url.path]


def test_reconcile_provider_without_list(vendor: FakeVendor, records: RecordStore) -> None:
    """Without a list nothing is known, and nothing is waited for."""
    result = run(make_submission(records, age_seconds=0), vendor, supports_listing=False)

    assert result == Reconciliation(reason="the vendor gives no list of its jobs")
    assert vendor.requests == []


def test_reconcile_recent_request_reads_the_list_twice(
    vendor: FakeVendor, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is listed late is found after the margin."""
    waits: list[float] = []

    async def list_late(seconds: float) -> None:
        waits.append(seconds)
        vendor.add_job("cgt-late")

    monkeypatch.setattr(asyncio, "sleep", list_late)
    result = run(make_submission(records, age_seconds=0), vendor)

    assert result[:2] == ("cgt-late", "seed")
    assert 50 < waits[0] <= reconcile_module.CLOCK_MARGIN_SECONDS
