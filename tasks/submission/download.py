"""Download the clip and the last frame of a finished job, and record them.

Every step may be interrupted and repeated by any process with the same store. Each file has a lock
of its own, so that the receipt can be read and written during a download.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tasks.errors import MediaError, ProviderError, Unreachable, UrlExpired
from tasks.media.mime import sniff_mime
from tasks.own_files import read_file
from tasks.plan import ShotToRender
from tasks.progress import ProgressState
from tasks.providers.client import Client
from tasks.providers.types import ApiCall, FileDigest, JobResult, Retry
from tasks.store.atomic_files import digest_bytes, write_bytes
from tasks.store.layout import is_stored, lock_key
from tasks.store.receipts import Attempt, AttemptState, StoredFile
from tasks.submission.context import (
    SubmissionContext,
    report_retry,
    require_current_attempt,
    update_attempt,
)
from tasks.submission.job_evidence import (
    check_result,
    is_file_lost,
    record_loss,
    settle_job_error,
)
from tasks.submission.payload import LastFrame
from tasks.submission.shot_log import logged

MAX_CLIP_BYTES = 4_000_000_000
MAX_FRAME_BYTES = 64_000_000

VERIFY_TIMEOUT_SECONDS = 600
"""The time limit for decoding every frame of a clip."""

CLIP_NAME = "clip.mp4"
CLIP_LOCK_NAME = "clip.lock"
FRAME_LOCK_NAME = "frame.lock"

IMAGE_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@logged
async def fetch_last_frame(
    shot: ShotToRender, result: JobResult | None, context: SubmissionContext
) -> LastFrame:
    """Return the last frame of a shot: stored, downloaded, or decoded from the clip.

    Args:
        shot: The shot.
        result: The result of its job, or None if it is not known.
        context: The context of the run.

    Raises:
        ProviderError: As `fetch_clip`, if the frame has to be decoded from the clip.
        MediaError: The clip can't be decoded.
        StoreError: The receipt is missing, or a file can't be written.
    """
    frame = await _read_stored_frame(shot, result, context)
    if frame:
        return frame
    # Two runs that store different files at once would record the digest of only one.
    async with lock_key(context.records_of(shot), shot.key, FRAME_LOCK_NAME):
        frame = await _read_stored_frame(shot, result, context)
        return frame or await _fetch_or_decode_frame(shot, result, context)


async def _read_stored_frame(
    shot: ShotToRender, result: JobResult | None, context: SubmissionContext
) -> LastFrame | None:
    attempt = require_current_attempt(shot, context)
    folder, stored_file = context.records_of(shot).folder_of(shot.key), attempt.last_frame
    if stored_file is None or not is_stored(folder, stored_file):
        return None
    data = await asyncio.to_thread(read_file, folder / stored_file.name)
    if digest_bytes(data) != stored_file.sha256:
        return None
    url = result.last_frame_url if result else ""
    return LastFrame(data, stored_file.sha256, url, attempt.base_url, shot)


async def _fetch_or_decode_frame(
    shot: ShotToRender, result: JobResult | None, context: SubmissionContext
) -> LastFrame:
    attempt = require_current_attempt(shot, context)
    if result and result.last_frame_url:
        try:
            return await _download_frame(shot, result, context, attempt)
        except (ProviderError, MediaError):
            # The clip ends on the same picture; downloading it first only takes longer.
            context.report(shot, ProgressState.DOWNLOADING, attempt)
    kept = await fetch_clip(shot, result, context)
    # av takes long to import, and a run of kept shots decodes nothing.
    from tasks.media.frames import last_frame

    name = kept.clip.name if kept.clip else CLIP_NAME
    path = context.records_of(shot).folder_of(shot.key) / name
    data = await asyncio.to_thread(last_frame, path)
    return await _store_frame(shot, context, data, "", attempt)


async def _download_frame(
    shot: ShotToRender, result: JobResult, context: SubmissionContext, attempt: Attempt
) -> LastFrame:
    client = context.client_of(shot.provider, attempt)

    def report(retry: Retry) -> None:
        report_retry(context, shot, retry, attempt)

    data = await client.fetch_bytes(
        result.last_frame_url, max_bytes=MAX_FRAME_BYTES, on_retry=report
    )
    if sniff_mime(data) not in IMAGE_SUFFIXES:
        msg = f"the last frame of {shot.id} from {client.provider.name} is not an image"
        raise MediaError(msg)
    return await _store_frame(shot, context, data, result.last_frame_url, attempt)


async def _store_frame(
    shot: ShotToRender, context: SubmissionContext, data: bytes, url: str, attempt: Attempt
) -> LastFrame:
    name = f"last_frame.{IMAGE_SUFFIXES[sniff_mime(data) or 'image/png']}"
    path = context.records_of(shot).folder_of(shot.key) / name
    await asyncio.to_thread(write_bytes, path, data)
    frame = LastFrame(data, digest_bytes(data), url, attempt.base_url, shot)
    stored_file = StoredFile(name, frame.sha256, len(data))
    await update_attempt(shot, context, attempt.job, None, last_frame=stored_file)
    return frame


@logged
async def fetch_clip(
    shot: ShotToRender, result: JobResult | None, context: SubmissionContext
) -> Attempt:
    """Download the clip of a shot, decode it completely, and record it with its digest.

    Args:
        shot: The shot.
        result: The result of its job; None queries the job.
        context: The context of the run.

    Returns:
        The kept attempt.

    Raises:
        JobLost: The documented time is over for which the vendor keeps the clip.
        ProviderError: The clip can't be downloaded now.
        MediaError: The downloaded clip is not intact.
        StoreError: The receipt is missing, or a file can't be written.
    """
    # A second run waits, and then uses the clip that the first run stored.
    async with lock_key(context.records_of(shot), shot.key, CLIP_LOCK_NAME):
        return await _fetch_clip(shot, result, context)


async def _fetch_clip(
    shot: ShotToRender, result: JobResult | None, context: SubmissionContext
) -> Attempt:
    attempt = require_current_attempt(shot, context)
    folder = context.records_of(shot).folder_of(shot.key)
    if attempt.state is AttemptState.KEPT and is_stored(folder, attempt.clip):
        return attempt
    client = context.client_of(shot.provider, attempt)
    if result is None:
        result = await _query_finished_job(shot, context, client, attempt)
    context.report(shot, ProgressState.DOWNLOADING, attempt)
    path = folder / CLIP_NAME
    digest = await _download(shot, result, context, client, path)
    context.report(shot, ProgressState.CHECKING, attempt)
    # av takes long to import, and a run of kept shots decodes nothing.
    from tasks.media.probe import verify

    clip = await asyncio.to_thread(verify, path, deadline_seconds=VERIFY_TIMEOUT_SECONDS)
    is_fixed_length = (shot.request.duration_seconds or 0) >= 0
    if result.vendor_text and is_fixed_length and clip.frames < shot.frames - 1:
        msg = (
            f"the clip of {shot.id} has {clip.frames} of {shot.frames} frames, and "
            f"{client.provider.name} reports {result.vendor_text}; run again when the job is done"
        )
        raise MediaError(msg)
    stored_file = StoredFile(CLIP_NAME, digest.sha256, digest.size_bytes)
    return await update_attempt(
        shot, context, attempt.job, AttemptState.KEPT, clip=stored_file, frames=clip.frames
    )


async def measure_seam(shot: ShotToRender, frame: LastFrame, context: SubmissionContext) -> Attempt:
    """Record the difference between a soft anchor and the first frame of the kept clip.

    A clip that can't be decoded leaves the receipt unchanged: only a number is missing.

    Raises:
        StoreError: The receipt is missing or can't be written.
    """
    # av and numpy take long to import, and a run of kept shots decodes nothing.
    from tasks.media.frames import first_frame, mean_difference

    attempt = require_current_attempt(shot, context)
    path = context.records_of(shot).folder_of(shot.key) / CLIP_NAME
    try:
        first = await asyncio.to_thread(first_frame, path)
        difference = await asyncio.to_thread(mean_difference, frame.data, first)
    except MediaError:
        return attempt
    return await update_attempt(
        shot, context, attempt.job, None, seam_difference=round(difference, 2)
    )


async def _download(
    shot: ShotToRender, result: JobResult, context: SubmissionContext, client: Client, path: Path
) -> FileDigest:
    """Download a clip; if its URL is not served, query the job once for a fresh URL.

    Raises:
        UrlExpired: The fresh URL is not served either. The job stays done, and is asked again.
        JobLost: The same, after the time for which the vendor documents to keep the clip.
    """
    attempt = require_current_attempt(shot, context)

    def report(retry: Retry) -> None:
        report_retry(context, shot, retry, attempt)

    try:
        return await client.download(
            _clip_source(result), path, max_bytes=MAX_CLIP_BYTES, on_retry=report
        )
    except Unreachable as error:
        if not _is_absent(error) or result.vendor_text:
            raise
    fresh = await _query_finished_job(shot, context, client, attempt)
    has_new_url = fresh.clip_url not in ("", result.clip_url)
    if fresh.clip_call:
        # The file behind the API key outlives a signed URL.
        fresh, has_new_url = replace(fresh, clip_url=""), False
    try:
        return await client.download(
            _clip_source(fresh), path, max_bytes=MAX_CLIP_BYTES, on_retry=report
        )
    except Unreachable as error:
        if not _is_absent(error):
            raise
        status = error.status
    if is_file_lost(client, attempt, fresh, has_new_url=has_new_url):
        raise await record_loss(shot, context, attempt, "the clip")
    msg = (
        f"job {attempt.job} is done and paid, and {client.provider.name} does not serve its clip "
        f"now (HTTP {status}); it stays done, and the next run asks again"
    )
    raise UrlExpired(msg, status=status)


def _is_absent(error: Unreachable) -> bool:
    """Return True if the host does not serve the file, False if it can't be reached."""
    return isinstance(error, UrlExpired) or error.status in (403, 404, 410)


def _clip_source(result: JobResult) -> str | ApiCall:
    return result.clip_url or result.clip_call or ""


async def _query_finished_job(
    shot: ShotToRender, context: SubmissionContext, client: Client, attempt: Attempt
) -> JobResult:
    try:
        status = await client.query(attempt.job or "")
    except ProviderError as error:
        raise await settle_job_error(shot, context, client, attempt, error) from None
    if isinstance(status, JobResult):
        check_result(shot, client, attempt, status)
    else:
        state = status.vendor_text or status.state
        msg = f"job {attempt.job} of {shot.id} was done and is {state} again; run once more"
        raise Unreachable(msg)
    return status
