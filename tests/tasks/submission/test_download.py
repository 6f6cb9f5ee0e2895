"""Clips and last frames are downloaded once, verified, and recorded with their digests."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from tasks.errors import JobLost, MediaError, Recovery, Unreachable, UrlExpired
from tasks.providers.types import JobResult
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState, StoredFile, format_timestamp
from tasks.submission.context import SubmissionContext
from tasks.submission.download import fetch_clip, fetch_last_frame, measure_seam
from tasks.submission.payload import LastFrame
from tests.support.paid_path import (
    BASE_URL,
    KEY,
    FakeVendor,
    clip,
    make_attempt,
    make_shot,
    picture,
    read_attempts,
    write_attempts,
)

CLIP = clip(128)
FRAME = picture(128)
RESULT = JobResult(
    clip_url="https://files.example/cgt-1.mp4?sig=5ecret",
    last_frame_url="https://files.example/cgt-1.png?sig=5ecret",
)


@pytest.fixture(autouse=True)
def finished_job(vendor: FakeVendor, records: RecordStore) -> None:
    """A finished job at the vendor, with both of its files."""
    vendor.add_job("cgt-1")
    vendor.files |= {"cgt-1.mp4": CLIP, "cgt-1.png": FRAME}
    write_attempts(records, make_attempt(AttemptState.DONE, job="cgt-1"))


def downloads(vendor: FakeVendor) -> list[str]:
    """The names of the files that were requested."""
    requests = [request for request in vendor.requests if request.url.host == "files.example"]
    return [request.url.path.strip("/") for request in requests]


def test_fetch_clip_records_digest_and_frames(
    context: SubmissionContext, records: RecordStore
) -> None:
    """A clip is kept with its digest, its size and its counted frames."""
    attempt = asyncio.run(fetch_clip(make_shot(), RESULT, context))

    assert attempt.state is AttemptState.KEPT
    assert attempt.clip == StoredFile("clip.mp4", digest_bytes(CLIP), len(CLIP))
    assert attempt.frames == 49
    assert (records.folder_of(KEY) / "clip.mp4").read_bytes() == CLIP
    assert read_attempts(records) == (attempt,)


def test_fetch_clip_stored_clip_is_not_downloaded_again(
    vendor: FakeVendor, context: SubmissionContext
) -> None:
    """A second call uses the stored clip."""

    async def fetch_twice() -> None:
        await asyncio.gather(*(fetch_clip(make_shot(), RESULT, context) for _ in range(2)))

    asyncio.run(fetch_twice())

    assert downloads(vendor) == ["cgt-1.mp4"]


def test_fetch_clip_without_result_queries_the_job(
    vendor: FakeVendor, context: SubmissionContext
) -> None:
    """A later process has no URL; the job is queried for it."""
    attempt = asyncio.run(fetch_clip(make_shot(), None, context))

    assert attempt.state is AttemptState.KEPT
    assert [request.url.path.rpartition("/")[2] for request in vendor.requests] == [
        "cgt-1",
        "cgt-1.mp4",
    ]


def test_fetch_clip_expired_url_is_replaced(vendor: FakeVendor, context: SubmissionContext) -> None:
    """If a URL has expired, the job is queried once for a fresh URL."""
    vendor.files |= {"old.mp4": 403}
    expired = JobResult(clip_url="https://files.example/old.mp4?sig=5ecret")
    attempt = asyncio.run(fetch_clip(make_shot(), expired, context))

    assert attempt.state is AttemptState.KEPT
    assert downloads(vendor) == ["old.mp4", "cgt-1.mp4"]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_fetch_clip_new_clip_is_never_lost(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore, status: int
) -> None:
    """A file host may answer 404 for seconds; the job stays done, and the error is retried."""
    vendor.files["cgt-1.mp4"] = status
    with pytest.raises(UrlExpired, match="job cgt-1 is done and paid") as caught:
        asyncio.run(fetch_clip(make_shot(), RESULT, context))

    assert caught.value.recovery is Recovery.RETRY
    assert read_attempts(records)[0].state is AttemptState.DONE
    vendor.files["cgt-1.mp4"] = CLIP
    assert asyncio.run(fetch_clip(make_shot(), None, context)).state is AttemptState.KEPT


@pytest.mark.parametrize(
    ("hours", "vendor_hours", "is_signed_anew", "is_lost"),
    [
        (26, 26, False, True),
        (24, 24, False, False),
        (26, 0, False, False),
        (26, None, False, False),
        (0, 26, False, False),
        (26, 26, True, False),
        (169, 169, True, True),
    ],
)
def test_fetch_clip_is_lost_by_documented_time(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    hours: float,
    vendor_hours: float | None,
    is_signed_anew: bool,
    is_lost: bool,
) -> None:
    """Files live for a day, with a new URL as long as the job; both clocks must show it."""
    submitted_at = time.time() - hours * 3600
    vendor.date = None if vendor_hours is None else submitted_at + vendor_hours * 3600
    vendor.jobs["cgt-1"]["updated_at"] = submitted_at
    vendor.files |= {"cgt-1.mp4": 404, "old.mp4": 404}
    submitted = format_timestamp(submitted_at)
    attempt = make_attempt(
        AttemptState.DONE, job="cgt-1", submitted_at=submitted, intended_at=submitted
    )
    write_attempts(records, attempt)
    result = replace(RESULT, clip_url="https://files.example/old.mp4") if is_signed_anew else RESULT
    with pytest.raises(JobLost if is_lost else UrlExpired):
        asyncio.run(fetch_clip(make_shot(), result, context))

    (attempt,) = read_attempts(records)
    assert attempt.state is (AttemptState.LOST if is_lost else AttemptState.DONE)
    assert attempt.booked_price == attempt.max_price
    assert "5ecret" not in (attempt.error or "")


def test_fetch_clip_lost_clip_has_a_price(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The next run renders it again for the price in the message."""
    day = format_timestamp(time.time() - 2 * 86_400)
    write_attempts(
        records, make_attempt(AttemptState.DONE, job="cgt-1", intended_at=day, submitted_at=day)
    )
    vendor.jobs["cgt-1"]["updated_at"] = time.time() - 2 * 86_400
    vendor.files["cgt-1.mp4"] = 404
    with pytest.raises(JobLost, match=r"run again to render it anew for 0\.25 USD"):
        asyncio.run(fetch_clip(make_shot(), RESULT, context))


def test_fetch_clip_short_clip_of_unknown_status(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A preview beside a status that is not documented is not the clip of the job."""
    vendor.files["cgt-1.mp4"] = clip(128, frames=20)
    presumed = replace(RESULT, vendor_text="status 'polished'")
    with pytest.raises(MediaError, match="20 of 49 frames"):
        asyncio.run(fetch_clip(make_shot(), presumed, context))

    assert read_attempts(records)[0].state is AttemptState.DONE


def test_fetch_clip_unfinished_job_is_unreachable(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A job that is running again is left for the next run."""
    vendor.add_job("cgt-1", "running")
    with pytest.raises(Unreachable, match="is running again"):
        asyncio.run(fetch_clip(make_shot(), None, context))

    assert read_attempts(records)[0].state is AttemptState.DONE


def test_fetch_clip_damaged_file_is_not_kept(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A file that can't be decoded leaves the job for another download."""
    vendor.files["cgt-1.mp4"] = b"this is not a clip"
    with pytest.raises(MediaError):
        asyncio.run(fetch_clip(make_shot(), RESULT, context))

    assert read_attempts(records)[0].state is AttemptState.DONE


def test_fetch_last_frame_is_downloaded_and_recorded(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The vendor's last frame is stored without its clip; its signed URL is not recorded."""
    frame = asyncio.run(fetch_last_frame(make_shot(), RESULT, context))

    assert (frame.data, frame.sha256) == (FRAME, digest_bytes(FRAME))
    assert (frame.url, frame.base_url) == (RESULT.last_frame_url, BASE_URL)
    assert read_attempts(records)[0].last_frame == StoredFile(
        "last_frame.png", frame.sha256, len(FRAME)
    )
    assert downloads(vendor) == ["cgt-1.png"]
    assert "5ecret" not in (records.folder_of(KEY) / "receipt.json").read_text()
    assert "5ecret" not in repr(frame)


@pytest.mark.parametrize("content", [404, b"this is not an image"])
def test_fetch_last_frame_falls_back_to_the_clip(
    vendor: FakeVendor, context: SubmissionContext, content: bytes | int
) -> None:
    """Without a usable picture the last frame is decoded from the clip."""
    vendor.files["cgt-1.png"] = content
    frame = asyncio.run(fetch_last_frame(make_shot(), RESULT, context))

    assert frame.data.startswith(b"\x89PNG")
    assert frame.url == ""
    assert downloads(vendor) == ["cgt-1.png", "cgt-1.mp4"]


def test_fetch_last_frame_stored_frame_is_used(
    vendor: FakeVendor, context: SubmissionContext
) -> None:
    """A stored frame is read from disk."""
    asyncio.run(fetch_last_frame(make_shot(), RESULT, context))
    frame = asyncio.run(fetch_last_frame(make_shot(), None, context))

    assert frame.data == FRAME
    assert downloads(vendor) == ["cgt-1.png"]


def test_fetch_last_frame_changed_file_is_not_used(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A file of the same size with other content is replaced."""
    asyncio.run(fetch_last_frame(make_shot(), RESULT, context))
    path = records.folder_of(KEY) / "last_frame.png"
    path.write_bytes(FRAME[:-1] + b"\0")
    frame = asyncio.run(fetch_last_frame(make_shot(), RESULT, context))

    assert frame.data == path.read_bytes() == FRAME
    assert downloads(vendor) == ["cgt-1.png", "cgt-1.png"]


@pytest.mark.parametrize(("level", "difference"), [(128, 0.0), (108, 20.0)])
def test_measure_seam_records_the_difference(
    context: SubmissionContext, level: int, difference: float
) -> None:
    """The receipt has the mean difference between a soft anchor and the first frame."""
    asyncio.run(fetch_clip(make_shot(), RESULT, context))
    frame = LastFrame(picture(level), "-")
    attempt = asyncio.run(measure_seam(make_shot(), frame, context))

    assert attempt.seam_difference == pytest.approx(difference, abs=2)


def test_measure_seam_damaged_clip_changes_nothing(
    context: SubmissionContext, records: RecordStore
) -> None:
    """A shot does not fail for a missing number."""
    kept = asyncio.run(fetch_clip(make_shot(), RESULT, context))
    (records.folder_of(KEY) / "clip.mp4").write_bytes(b"damaged")

    assert asyncio.run(measure_seam(make_shot(), LastFrame(FRAME, "-"), context)) == kept
