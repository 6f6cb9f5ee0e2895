"""Download the clip and the last frame of a finished job and record them.

Every step can be interrupted and repeated by any process with the same store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tasks.budgets.money import describe_price
from tasks.errors import JobLost, MediaError, ProviderError, Unreachable, UrlExpired
from tasks.media.mime import sniff_mime
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.types import ApiCall, FileDigest, JobResult
from tasks.store.atomic_files import digest_bytes, write_bytes
from tasks.store.layout import is_stored, lock_key
from tasks.store.receipts import (
    Attempt,
    AttemptState,
    StoredFile,
)
from tasks.submission.context import (
    SubmissionContext,
    record_failure,
    require_current_attempt,
    update_attempt,
)
from tasks.submission.payload import LastFrame

MAX_CLIP_BYTES = 4_000_000_000
MAX_FRAME_BYTES = 64_000_000

VERIFY_TIMEOUT_SECONDS = 600
"""How long looking at every picture of a clip may take."""

CLIP_NAME = "clip.mp4"

CLIP_LOCK_NAME, FRAME_LOCK_NAME = "clip.lock", "frame.lock"
"""Held while the file is brought home, so that its receipt can be read and written meanwhile."""

IMAGE_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


async def fetch_last_frame(
    shot: ShotToRender, done: JobResult | None, context: SubmissionContext
) -> LastFrame:
    """The picture the shot ends on, on disk: the vendor's, or decoded from the clip."""
    frame = await _read_stored_frame(shot, done, context)
    if frame:
        return frame
    # Two runs that take it at once, one from the clip, would part the file from its digest.
    async with lock_key(context.records_of(shot), shot.key, FRAME_LOCK_NAME):
        return await _read_stored_frame(shot, done, context) or await _fetch_or_decode_frame(
            shot, done, context
        )


async def _read_stored_frame(
    shot: ShotToRender, done: JobResult | None, context: SubmissionContext
) -> LastFrame | None:
    attempt = require_current_attempt(shot, context)
    home, kept = context.records_of(shot).folder_of(shot.key), attempt.last_frame
    if kept is None or not is_stored(home, kept):
        return None
    data = await asyncio.to_thread((home / kept.name).read_bytes)
    if digest_bytes(data) != kept.sha256:
        return None
    return LastFrame(data, kept.sha256, done.last_frame_url if done else "", attempt.base_url)


async def _fetch_or_decode_frame(
    shot: ShotToRender, done: JobResult | None, context: SubmissionContext
) -> LastFrame:
    attempt = require_current_attempt(shot, context)
    if done and done.last_frame_url:
        try:
            return await _download_frame(shot, done, context, attempt)
        except (ProviderError, MediaError):
            # The clip itself ends on the same picture: nothing is lost but a moment.
            context.on_progress(shot.id, "last frame from the clip", None)
    collected = await fetch_clip(shot, done, context)
    from tasks.media.frames import last_frame

    clip = context.records_of(shot).folder_of(shot.key) / (
        collected.clip.name if collected.clip else CLIP_NAME
    )
    data = await asyncio.to_thread(last_frame, clip)
    return await _store_frame(shot, context, data, "", attempt)


async def _download_frame(
    shot: ShotToRender, done: JobResult, context: SubmissionContext, attempt: Attempt
) -> LastFrame:
    client = context.client_of(shot.provider, attempt)
    data = await client.fetch_bytes(done.last_frame_url, max_bytes=MAX_FRAME_BYTES)
    if sniff_mime(data) not in IMAGE_SUFFIXES:
        msg = f"the last frame of {shot.id} that {client.provider.name} gave is no picture"
        raise MediaError(msg)
    return await _store_frame(shot, context, data, done.last_frame_url, attempt)


async def _store_frame(
    shot: ShotToRender, context: SubmissionContext, data: bytes, url: str, attempt: Attempt
) -> LastFrame:
    name = f"last_frame.{IMAGE_SUFFIXES[sniff_mime(data) or 'image/png']}"
    home = context.records_of(shot).folder_of(shot.key)
    await asyncio.to_thread(write_bytes, home / name, data)
    frame = LastFrame(data, digest_bytes(data), url, attempt.base_url)
    kept = StoredFile(name, frame.sha256, len(data))
    await update_attempt(shot, context, attempt.job, None, last_frame=kept)
    return frame


async def fetch_clip(
    shot: ShotToRender, done: JobResult | None, context: SubmissionContext
) -> Attempt:
    """Bring the clip home: downloaded, looked at whole, and recorded with its digest.

    Raises JobLost where the vendor has it no more, Unreachable where it can't be had now, and
    MediaError where what came is no sound clip.
    """
    # Who comes second waits and uses what the first brought home.
    async with lock_key(context.records_of(shot), shot.key, CLIP_LOCK_NAME):
        return await _fetch_clip(shot, done, context)


async def _fetch_clip(
    shot: ShotToRender, done: JobResult | None, context: SubmissionContext
) -> Attempt:
    attempt = require_current_attempt(shot, context)
    home = context.records_of(shot).folder_of(shot.key)
    if attempt.state is AttemptState.KEPT and is_stored(home, attempt.clip):
        return attempt
    client = context.client_of(shot.provider, attempt)
    if done is None:
        done = await _query_finished_job(shot, context, client, attempt)
    context.on_progress(shot.id, "downloading", None)
    digest = await _download(shot, done, context, client)
    from tasks.media.probe import verify

    clip = await asyncio.to_thread(
        verify, home / CLIP_NAME, deadline_seconds=VERIFY_TIMEOUT_SECONDS
    )
    kept = StoredFile(CLIP_NAME, digest.sha256, digest.size_bytes)
    return await update_attempt(
        shot, context, attempt.job, AttemptState.KEPT, clip=kept, frames=clip.frames
    )


async def measure_seam(shot: ShotToRender, frame: LastFrame, context: SubmissionContext) -> Attempt:
    """Note how far the first picture of a kept clip is from the frame it only leaned on."""
    from tasks.media.frames import first_frame, mean_difference

    attempt = require_current_attempt(shot, context)
    clip = context.records_of(shot).folder_of(shot.key) / CLIP_NAME
    try:
        first = await asyncio.to_thread(first_frame, clip)
        apart = await asyncio.to_thread(mean_difference, frame.data, first)
    except MediaError:
        # Worth a number, not a shot.
        return attempt
    return await update_attempt(shot, context, attempt.job, None, seam_difference=round(apart, 2))


async def _download(
    shot: ShotToRender, done: JobResult, context: SubmissionContext, client: Client
) -> FileDigest:
    """The clip on disk; where its URL is no longer served, by the one that asking again gives."""
    path = context.records_of(shot).folder_of(shot.key) / CLIP_NAME
    try:
        return await client.download(_clip_source(done), path, max_bytes=MAX_CLIP_BYTES)
    except UrlExpired:
        attempt = require_current_attempt(shot, context)
        done = await _query_finished_job(shot, context, client, attempt)
        if done.clip_call:
            # The file behind the key outlives a signed URL.
            done = replace(done, clip_url="")
    try:
        return await client.download(_clip_source(done), path, max_bytes=MAX_CLIP_BYTES)
    except UrlExpired as error:
        msg = f"{client.provider.name} no longer has the clip of {shot.id}; "
        lost = JobLost(f"{msg}run again to render it anew for {describe_price(shot.max_price)}")
        await record_failure(shot, context, attempt, lost)
        raise lost from error


def _clip_source(done: JobResult) -> str | ApiCall:
    return done.clip_url or done.clip_call or ""


async def _query_finished_job(
    shot: ShotToRender, context: SubmissionContext, client: Client, attempt: Attempt
) -> JobResult:
    try:
        status = await client.query(attempt.job or "")
    except JobLost as error:
        await record_failure(shot, context, attempt, error)
        raise
    if not isinstance(status, JobResult):
        msg = f"job {attempt.job} of {shot.id} was done and is {status.state} again; run once more"
        raise Unreachable(msg)
    return status
