"""The Prefect tasks of one shot: submit it, await its last frame, get its clip, and examine it.

Arguments and results are small values without secrets, so that Prefect shows them and draws the
edges from shot to shot. Clients, store and progress come from the run's `SubmissionContext`; the
work itself is done in `tasks.submission`. Nothing is cached here: the receipt in the store is what
keeps a retry from paying twice.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed

from tasks.clip_measures import LAST_FRAME, ClipMeasurer, Link
from tasks.edit import InputFile
from tasks.errors import MediaError
from tasks.media.frames import last_frame, read_frame
from tasks.own_files import read_file
from tasks.plan import ExistingClip, PlannedShot, ShotToRender
from tasks.providers.families import IMAGE_LIMITS
from tasks.retries import AWAIT_RETRIES, DOWNLOAD_RETRIES, SUBMIT_RETRIES, retry_condition
from tasks.seam_tails import drops_last_frame, encode_tail
from tasks.store.atomic_files import digest_bytes, digest_file
from tasks.store.out_frames import fetch_out_frame
from tasks.store.receipts import Attempt
from tasks.store.takes import read_start_frame
from tasks.submission import download
from tasks.submission.await_job import await_job
from tasks.submission.context import SubmissionContext, current_context, require_current_attempt
from tasks.submission.payload import LastFrame
from tasks.submission.submit import submit


@dataclass(frozen=True)
class SubmittedJob:
    """A job at the vendor that renders a shot.

    No field has the same value for several shots, such as the provider's name: Prefect finds the
    edges between tasks by the identity of values, and would draw edges between unrelated chains.
    """

    shot: str
    key: str
    take: int
    job: str | None
    is_downloaded: bool
    """True if the store had the clip before this run asked for it."""


@dataclass(frozen=True)
class StoredFrame:
    """The frame of a shot that the next shot of its chain starts from: the last, by default."""

    shot: str
    key: str
    sha256: str
    file: str | None
    """Path relative to the store; None if the frame is decoded from the board's own clip."""
    number: int | None = None
    """Its number in the clip, at an out point; None is the last frame."""


@dataclass(frozen=True)
class StoredClip:
    """The clip of a shot in the store."""

    shot: str
    key: str
    sha256: str
    file: str
    """Path relative to the store; absolute if the clip is the board's own file."""
    frames: int | None
    tokens: int | None


@dataclass(frozen=True)
class KeptShot:
    """A shot that needs no rendering."""

    clip: StoredClip
    frame: StoredFrame | None
    """Its last frame if a shot of this run continues it."""


FRAME_SIDES = (IMAGE_LIMITS.min_side, 3840)
"""Sides of a frame of the user's own clip in pixels. No model renders more than 4K, and an 8K PNG
would be larger than vendors accept."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def report_task_bugs(
    function: Callable[Arguments, Awaitable[Result]],
) -> Callable[Arguments, Coroutine[Any, Any, Result]]:
    """Make a task replace unexpected errors: Prefect stores the messages of failed task runs."""

    @functools.wraps(function)
    async def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with current_context().report_bugs():
            return await function(*args, **kwargs)

    return call


@task(
    task_run_name="{shot}: submit",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **SUBMIT_RETRIES,
)
@report_task_bugs
async def submit_shot(
    shot: str, key: str, take: int, first_frame: StoredFrame | None
) -> SubmittedJob:
    """Ensure that the vendor has exactly one job for a shot.

    Args:
        shot: Id of the shot.
        key: Its cache key.
        take: Its present take.
        first_frame: The frame of the shot that it continues, or None for the start of a chain.

    Raises:
        SubmissionUnclear: A create may have been charged, and its job is not known.
        BudgetExceeded: The price would exceed a budget; nothing was sent.
        ProviderError: The vendor did not accept the request; nothing is charged.
    """
    context = current_context()
    planned = context.shot(shot)
    frame = await _load_first_frame(context, planned, first_frame)
    attempt = await submit(planned, frame, context, replace_stale=shot in context.replaceable)
    return SubmittedJob(shot, key, take, attempt.job, is_downloaded=attempt.clip is not None)


@task(
    task_run_name="{job.shot}: await frame",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **AWAIT_RETRIES,
)
@report_task_bugs
async def await_frame(job: SubmittedJob) -> StoredFrame:
    """Wait until the vendor has rendered a shot and store its last frame.

    Raises:
        ProviderError: The job failed, was lost, or the vendor cannot be reached.
        MediaError: The last frame is not a usable picture.
    """
    context = current_context()
    shot = context.shot(job.shot)
    result = await await_job(shot, context)
    context.results[job.shot] = result
    frame = await download.fetch_last_frame(shot, result, context)
    return _to_stored_frame(context, shot, frame)


@task(
    task_run_name="{job.shot}: download clip",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=retry_condition,
    **DOWNLOAD_RETRIES,
)
@report_task_bugs
async def download_clip(job: SubmittedJob, first_frame: StoredFrame | None) -> StoredClip:
    """Download the clip of a finished job and verify every picture of it.

    Args:
        job: The finished job.
        first_frame: The frame that the clip was to start from; a soft anchor is measured against
            it.

    Raises:
        JobLost: The vendor no longer has the clip.
        MediaError: The clip is damaged.
    """
    context = current_context()
    shot = context.shot(job.shot)
    attempt = await download.fetch_clip(shot, context.results.pop(job.shot, None), context)
    if shot.has_soft_anchor:
        frame = await _load_first_frame(context, shot, first_frame)
        if frame:
            attempt = await download.measure_seam(shot, frame, context)
    clip = _to_stored_clip(context, shot, attempt)
    if drops_last_frame(context.plan, shot):
        await asyncio.to_thread(
            encode_tail, context.store, context.store.root / clip.file, clip.sha256
        )
    return clip


@task(
    task_run_name="{clip.shot}: frame {number}",
    cache_policy=NO_CACHE,
    persist_result=False,
)
@report_task_bugs
async def decode_frame(clip: StoredClip, number: int) -> StoredFrame:
    """Decode the frame of a clip that another shot starts on, at an out point.

    Args:
        clip: The clip, which is in the store.
        number: The number of the frame in it.

    Raises:
        MediaError: The clip can't be decoded.
        StoreError: The frame can't be written.
    """
    context = current_context()
    shot = context.plan.shot(clip.shot)
    if isinstance(shot, ExistingClip):
        data = await asyncio.to_thread(_read_frame, context, shot, None, number)
        return StoredFrame(shot.id, shot.key, digest_bytes(data), None, number)
    attempt = require_current_attempt(shot, context)
    records = context.records_of(shot)
    _, file = await asyncio.to_thread(fetch_out_frame, records, shot.key, attempt, number)
    path = context.relative_path(shot, file.name)
    return StoredFrame(shot.id, shot.key, file.sha256, path, number)


@task(task_run_name="{clip.shot}: measure", cache_policy=NO_CACHE, persist_result=False)
@report_task_bugs
async def measure_clip(clip: StoredClip, previous: StoredClip | None) -> None:
    """Measure every frame of a clip, and compare its first one with the frame that it starts on.

    The measures are kept in the store; a clip that was measured before is not read.

    Args:
        clip: The clip.
        previous: The clip of the shot that it continues, or None for the start of a chain.

    Raises:
        MediaError: A clip can't be decoded.
    """
    context = current_context()
    clips = [item for item in (previous, clip) if item]
    # An absolute path, that of the board's own clip, replaces the store's folder.
    files = [(item.shot, InputFile(context.store.root / item.file, item.sha256)) for item in clips]
    shot = context.plan.shot(clip.shot)
    number = shot.continues_frame if isinstance(shot, ShotToRender) else None
    frame = LAST_FRAME if number is None else number
    (before, file), (after, other) = files[0], files[-1]
    links = [Link(before, file, frame, after, other)] if previous else []
    measurer = ClipMeasurer(context.store, links)
    await asyncio.to_thread(measurer.measure, files)
    for message in measurer.errors.values():
        msg = f"the clip of {clip.shot} can't be measured: it {message}"
        raise MediaError(msg)


@task(task_run_name="{shot}: kept", cache_policy=NO_CACHE, persist_result=False)
@report_task_bugs
async def keep_shot(shot: str, key: str, take: int, *, is_continued: bool) -> Any:  # noqa: ARG001
    """Report a shot whose clip the store has already: its state is Cached.

    Args:
        shot: Id of the shot.
        key: Its cache key.
        take: Its present take; shown in the list of task runs.
        is_continued: True if a shot of this run starts from its last frame.

    Returns:
        A `KeptShot`.
    """
    context = current_context()
    planned = context.plan.shot(shot)
    if isinstance(planned, ExistingClip):
        kept = await asyncio.to_thread(
            _describe_existing, planned, is_continued=is_continued, ffmpeg=context.ffmpeg
        )
    else:
        attempt = require_current_attempt(planned, context)
        frame = None
        if is_continued:
            last_frame = await download.fetch_last_frame(planned, None, context)
            frame = _to_stored_frame(context, planned, last_frame)
        kept = KeptShot(_to_stored_clip(context, planned, attempt), frame)
    return Completed(name="Cached", message=f"{shot} is in the store", data=kept)


def _describe_existing(shot: ExistingClip, *, is_continued: bool, ffmpeg: str | None) -> KeptShot:
    frame = None
    if is_continued:
        digest = digest_bytes(last_frame(shot.clip_path, ffmpeg=ffmpeg, sides=FRAME_SIDES))
        frame = StoredFrame(shot.id, shot.key, digest, None)
    clip = StoredClip(
        shot.id, shot.key, digest_file(shot.clip_path), str(shot.clip_path), None, None
    )
    return KeptShot(clip, frame)


def _to_stored_clip(context: SubmissionContext, shot: ShotToRender, attempt: Attempt) -> StoredClip:
    if attempt.clip is None:
        msg = f"the receipt of {shot.id} names no clip"
        raise AssertionError(msg)
    file = context.relative_path(shot, attempt.clip.name)
    return StoredClip(shot.id, shot.key, attempt.clip.sha256, file, attempt.frames, attempt.tokens)


def _to_stored_frame(
    context: SubmissionContext, shot: ShotToRender, frame: LastFrame
) -> StoredFrame:
    """Return what Prefect may see of a frame; the vendor's signed URL stays in the context."""
    context.frame_urls[frame.sha256] = (frame.url, frame.base_url)
    attempt = require_current_attempt(shot, context)
    name = attempt.last_frame.name if attempt.last_frame else None
    file = context.relative_path(shot, name) if name else None
    return StoredFrame(shot.id, shot.key, frame.sha256, file)


async def _load_first_frame(
    context: SubmissionContext, shot: ShotToRender, first_frame: StoredFrame | None
) -> LastFrame | None:
    """Return the picture that a shot starts from, or None if it starts a chain.

    Raises:
        MediaError: The file is not what it was when the frame was handed on.
    """
    if shot.pinned_take:
        data = await asyncio.to_thread(read_start_frame, shot.pinned_take, shot.continues_frame)
        return LastFrame(data, digest_bytes(data))
    if first_frame is None:
        return None
    previous = context.plan.shot(first_frame.shot)
    data = await asyncio.to_thread(
        _read_frame, context, previous, first_frame.file, first_frame.number
    )
    if digest_bytes(data) != first_frame.sha256:
        name = "last frame" if first_frame.number is None else f"frame {first_frame.number}"
        msg = f"the {name} of {previous.id} was changed during the run; run again"
        raise MediaError(msg)
    url, base_url = context.frame_urls.get(first_frame.sha256, ("", ""))
    return LastFrame(data, first_frame.sha256, url, base_url, shot=previous)


def _read_frame(
    context: SubmissionContext, shot: PlannedShot, file: str | None, number: int | None
) -> bytes:
    if isinstance(shot, ExistingClip):
        if number is None:
            return last_frame(shot.clip_path, ffmpeg=context.ffmpeg, sides=FRAME_SIDES)
        return read_frame(shot.clip_path, number, ffmpeg=context.ffmpeg, sides=FRAME_SIDES)
    return read_file(context.store.root / str(file))
