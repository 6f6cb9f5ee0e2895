"""Requests are completed with planned content only, before anything is recorded or sent."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import MediaError
from tasks.plan import Draft, ExistingClip, MediaSource, ShotToRender
from tasks.providers.types import MediaInput, RenderRequest
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import AttemptState, StoredFile
from tasks.submission.context import SubmissionContext
from tasks.submission.payload import (
    LastFrame,
    complete_request,
    digest_request,
    reject_black_frame,
)
from tasks.submission.submit import submit
from tests.support.paid_path import (
    BASE_URL,
    KEY,
    FakeVendor,
    make_attempt,
    make_context,
    make_existing_clip,
    make_shot,
    picture,
    write_attempts,
)

PICTURE = picture(128)
URL = "https://files.example/a.png?sig=5ecret"
PREVIOUS_KEY = "e" * 64


def complete(
    shot: ShotToRender, frame: LastFrame | None, vendor: FakeVendor, context: SubmissionContext
) -> RenderRequest:
    """Complete the request of a shot."""
    client = vendor.client()
    context = replace(context, client_of=lambda *_: client)
    return asyncio.run(complete_request(shot, shot.request, frame, client=client, context=context))


@pytest.fixture
def picture_source(tmp_path: Path) -> MediaSource:
    """A picture file that is the first frame of a shot."""
    path = tmp_path / "start.png"
    path.write_bytes(PICTURE)
    return MediaSource("first_frame", digest_bytes(PICTURE), path=path, mime="image/png")


def test_complete_request_reads_planned_files(
    vendor: FakeVendor, context: SubmissionContext, picture_source: MediaSource
) -> None:
    """A file is sent with its bytes, a URL as written."""
    reference = MediaSource("reference_image", URL, url=URL)
    request = complete(make_shot(inputs=(picture_source, reference)), None, vendor, context)

    assert request.media == (
        MediaInput("first_frame", data=PICTURE, mime_type="image/png"),
        MediaInput("reference_image", url=URL),
    )


def test_submit_changed_file_is_not_sent(
    vendor: FakeVendor,
    context: SubmissionContext,
    records: RecordStore,
    picture_source: MediaSource,
) -> None:
    """A file that changed after planning would be paid for under the wrong key."""
    assert picture_source.path
    picture_source.path.write_bytes(picture(129))
    with pytest.raises(MediaError, match=r"start\.png was changed during the run"):
        asyncio.run(submit(make_shot(inputs=(picture_source,)), None, context))

    assert (vendor.requests, records.read(KEY)) == ([], None)


def test_submit_black_frame_is_not_sent(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """A shot that would start from black is not paid for."""
    frame = LastFrame(picture(10), "-")
    with pytest.raises(MediaError, match="zero ends on black, and one would start from it"):
        asyncio.run(submit(make_shot(continues="zero"), frame, context))

    assert (vendor.requests, records.read(KEY)) == ([], None)


def test_reject_black_frame_accepts_dark_frames() -> None:
    """A dark frame, or none, is not black."""
    reject_black_frame(make_shot(), LastFrame(picture(40), "-"))
    reject_black_frame(make_shot(), None)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (BASE_URL, MediaInput("first_frame", url=URL, mime_type="image/png")),
        ("https://other.example", MediaInput("first_frame", data=PICTURE, mime_type="image/png")),
    ],
)
def test_complete_request_frame_url_goes_to_its_vendor_only(
    vendor: FakeVendor, context: SubmissionContext, base_url: str, expected: MediaInput
) -> None:
    """A vendor gets its own URL of a frame back; any other vendor gets the bytes."""
    frame = LastFrame(PICTURE, "-", URL, base_url)

    assert complete(make_shot(), frame, vendor, context).media == (expected,)


def test_complete_request_draft_is_sent_by_its_job(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The final render of a draft refers to the draft's job and has no media."""
    shot = make_shot(draft=Draft(PREVIOUS_KEY, make_shot().request))
    with pytest.raises(MediaError, match="has no draft of one"):
        complete(shot, None, vendor, context)
    write_attempts(records, make_attempt(AttemptState.KEPT, job="cgt-draft"), key=PREVIOUS_KEY)

    request = complete(shot, None, vendor, context)
    assert (request.draft_job, request.media) == ("cgt-draft", ())


def continuing(previous: ShotToRender | ExistingClip) -> tuple[ShotToRender, LastFrame]:
    """A shot that continues the clip of another shot, and the frame that is passed to it."""
    shot = make_shot(continues=previous.id, continues_clip=True)
    return shot, LastFrame(PICTURE, "-", shot=previous)


def test_complete_request_continued_clip_goes_by_fresh_url(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """The vendor that rendered the previous clip gets its own URL of it."""
    vendor.add_job("cgt-0")
    write_attempts(records, make_attempt(AttemptState.KEPT, job="cgt-0"), key=PREVIOUS_KEY)
    shot, frame = continuing(make_shot(key=PREVIOUS_KEY))
    request = complete(shot, frame, vendor, context)

    assert [(medium.role, medium.url.partition("?")[0]) for medium in request.media] == [
        ("reference_video", "https://files.example/cgt-0.mp4")
    ]


def test_complete_request_continued_clip_too_old_is_an_error(
    vendor: FakeVendor, context: SubmissionContext, records: RecordStore
) -> None:
    """Without a fresh URL and without uploads the clip can't be sent."""
    vendor.add_job("cgt-0", updated_at=time.time() - 21 * 3600)
    write_attempts(records, make_attempt(AttemptState.KEPT, job="cgt-0"), key=PREVIOUS_KEY)
    shot, frame = continuing(make_shot(key=PREVIOUS_KEY))
    with pytest.raises(MediaError, match="one can't continue one"):
        complete(shot, frame, vendor, context)


def test_complete_request_continued_file_is_uploaded(
    vendor: FakeVendor, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider with uploads gets an existing clip as a file."""
    path = tmp_path / "old.mp4"
    path.write_bytes(b"clip")
    uploads: list[tuple[bytes, str]] = []
    client = vendor.client(upload_path="/files")

    async def upload(data: bytes, mime_type: str) -> str:
        uploads.append((data, mime_type))
        return "asset://1"

    monkeypatch.setattr(client, "upload", upload)
    previous = make_existing_clip(make_shot().shot, 0, PREVIOUS_KEY, path)
    shot, frame = continuing(previous)
    context = make_context(store, client, shot)
    request = asyncio.run(
        complete_request(shot, shot.request, frame, client=client, context=context)
    )

    assert uploads == [(b"clip", "video/mp4")]
    assert request.media == (MediaInput("reference_video", url="asset://1"),)


def test_complete_request_stored_clip_needs_its_size(
    vendor: FakeVendor, store: Store, records: RecordStore
) -> None:
    """A stored clip that is cut short is not sent as the clip to continue."""
    client = vendor.client(upload_path="/files")
    attempt = make_attempt(
        AttemptState.KEPT, job=None, provider="ark", clip=StoredFile("clip.mp4", "-", 9)
    )
    write_attempts(records, attempt, key=PREVIOUS_KEY)
    (records.folder_of(PREVIOUS_KEY) / "clip.mp4").write_bytes(b"clip")
    previous = make_shot(key=PREVIOUS_KEY)
    shot, frame = continuing(replace(previous, provider=replace(previous.provider, name="ark")))
    context = make_context(store, client, shot)
    with pytest.raises(MediaError, match="can't continue"):
        asyncio.run(complete_request(shot, shot.request, frame, client=client, context=context))


def test_digest_request_ignores_the_query_of_a_url() -> None:
    """A signed URL changes with every query; content and place of media count."""

    def digest(*media: MediaInput) -> str:
        return digest_request(make_shot().request._replace(media=media))

    by_url = digest(MediaInput("first_frame", url=URL))
    assert by_url == digest(MediaInput("first_frame", url=f"{URL}&again"))
    assert by_url != digest(MediaInput("first_frame", url="https://files.example/b.png"))
    assert digest(MediaInput("first_frame", data=b"a")) != digest(
        MediaInput("first_frame", data=b"b")
    )
