"""One shot from the vendor's job to the clip on disk: wait, take the frame, collect the clip.

Everything here may be stopped at any moment and begun again by anybody with the same store: the
receipt says how far it came. How a vendor comes to have a job is told in `submission`. Prefect is
not needed; `shots` wraps these steps as its tasks.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from storyboards.models import Money
from tasks.errors import (
    JobLost,
    MediaError,
    ProviderError,
    Unreachable,
)
from tasks.media.mime import sniff_mime
from tasks.money.bill import say
from tasks.plan import PlannedShot, usual_seconds
from tasks.providers import prices
from tasks.providers.client import Client
from tasks.providers.contract import Call, Digest, Done, LinkExpired
from tasks.providers.patience import deadline_seconds
from tasks.receipts import OVER, Attempt, Kept, State, now, read_receipt, timestamp
from tasks.records.survey import is_there
from tasks.sending.desk import Desk, locked, missing, need_attempt, row_of
from tasks.sending.packing import Frame
from tasks.store import digest_bytes, write_bytes

CLIP_LIMIT_BYTES = 4_000_000_000
FRAME_LIMIT_BYTES = 64_000_000

LOOK_SECONDS = 600
"""How long looking at every picture of a clip may take."""

CLIP = "clip.mp4"

CLIP_LOCK, FRAME_LOCK = "clip.lock", "frame.lock"
"""Held while the file is brought home, so that its receipt can be read and written meanwhile."""

ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


async def wait(shot: PlannedShot, desk: Desk) -> Done | None:
    """Wait until the vendor is done, and note what it tells; None where the shot is kept already.

    Raises what the job ended with (JobFailed, Refused, Rejected, Unauthorized) or JobLost where
    there is nothing to wait for, JobOverdue where it takes too long (the job is kept), and
    Unreachable where the vendor can't be asked.
    """
    attempt = need_attempt(shot, desk)
    if attempt.state is State.KEPT and is_there(desk.shelf_of(shot).home(shot.key), attempt.clip):
        return None
    client = desk.client_of(row_of(shot), attempt)
    try:
        done = await client.wait(
            attempt.job or "",
            started_at=timestamp(attempt.submitted_at or attempt.intended_at),
            deadline_seconds=deadline_seconds(shot.seconds or 0.0, _tier(shot)),
            service_tier=_tier(shot),
            usual_seconds=usual_seconds(shot),
            on_progress=lambda status: desk.tell(shot.id, status.state, status.progress),
        )
    except ProviderError as error:
        if error.over or isinstance(error, JobLost):
            await _give_up(shot, desk, attempt, error)
        raise
    if attempt.state is State.SUBMITTED:
        tokens, price = done.facts.tokens, _actual(shot, done)
        await _amend(shot, desk, attempt.job, State.DONE, done_at=now(), tokens=tokens, price=price)
    return done


async def take_frame(shot: PlannedShot, done: Done | None, desk: Desk) -> Frame:
    """The picture the shot ends on, on disk: the vendor's, or decoded from the clip."""
    frame = await _frame_there(shot, done, desk)
    if frame:
        return frame
    # Two runs that take it at once, one from the clip, would part the file from its digest.
    async with locked(desk.shelf_of(shot), shot.key, FRAME_LOCK):
        return await _frame_there(shot, done, desk) or await _take_frame(shot, done, desk)


async def _frame_there(shot: PlannedShot, done: Done | None, desk: Desk) -> Frame | None:
    attempt = need_attempt(shot, desk)
    home, kept = desk.shelf_of(shot).home(shot.key), attempt.last_frame
    if kept is None or not is_there(home, kept):
        return None
    data = await asyncio.to_thread((home / kept.file).read_bytes)
    if digest_bytes(data) != kept.sha256:
        return None
    return Frame(data, kept.sha256, done.last_frame_url if done else "", attempt.base_url)


async def _take_frame(shot: PlannedShot, done: Done | None, desk: Desk) -> Frame:
    attempt = need_attempt(shot, desk)
    if done and done.last_frame_url:
        try:
            return await _fetch_frame(shot, done, desk, attempt)
        except (ProviderError, MediaError):
            # The clip itself ends on the same picture: nothing is lost but a moment.
            desk.tell(shot.id, "last frame from the clip", None)
    collected = await collect(shot, done, desk)
    from tasks.media.frames import last_frame

    clip = desk.shelf_of(shot).home(shot.key) / (collected.clip.file if collected.clip else CLIP)
    data = await asyncio.to_thread(last_frame, clip)
    return await _keep_frame(shot, desk, data, "", attempt)


async def _fetch_frame(shot: PlannedShot, done: Done, desk: Desk, attempt: Attempt) -> Frame:
    client = desk.client_of(row_of(shot), attempt)
    data = await client.fetch_bytes(done.last_frame_url, limit_bytes=FRAME_LIMIT_BYTES)
    if sniff_mime(data) not in ENDINGS:
        msg = f"the last frame of {shot.id} that {client.provider.name} gave is no picture"
        raise MediaError(msg)
    return await _keep_frame(shot, desk, data, done.last_frame_url, attempt)


async def _keep_frame(
    shot: PlannedShot, desk: Desk, data: bytes, url: str, attempt: Attempt
) -> Frame:
    name = f"last_frame.{ENDINGS[sniff_mime(data) or 'image/png']}"
    home = desk.shelf_of(shot).home(shot.key)
    await asyncio.to_thread(write_bytes, home / name, data)
    frame = Frame(data, digest_bytes(data), url, attempt.base_url)
    kept = Kept(name, frame.sha256, len(data))
    await _amend(shot, desk, attempt.job, None, last_frame=kept)
    return frame


async def collect(shot: PlannedShot, done: Done | None, desk: Desk) -> Attempt:
    """Bring the clip home: downloaded, looked at whole, and recorded with its digest.

    Raises JobLost where the vendor has it no more, Unreachable where it can't be had now, and
    MediaError where what came is no sound clip.
    """
    # Who comes second waits and uses what the first brought home.
    async with locked(desk.shelf_of(shot), shot.key, CLIP_LOCK):
        return await _collect(shot, done, desk)


async def _collect(shot: PlannedShot, done: Done | None, desk: Desk) -> Attempt:
    attempt = need_attempt(shot, desk)
    home = desk.shelf_of(shot).home(shot.key)
    if attempt.state is State.KEPT and is_there(home, attempt.clip):
        return attempt
    client = desk.client_of(row_of(shot), attempt)
    if done is None:
        done = await _query(shot, desk, client, attempt)
    desk.tell(shot.id, "downloading", None)
    digest = await _download(shot, done, desk, client)
    from tasks.media.probe import verify

    clip = await asyncio.to_thread(verify, home / CLIP, deadline_seconds=LOOK_SECONDS)
    kept = Kept(CLIP, digest.sha256, digest.size)
    return await _amend(shot, desk, attempt.job, State.KEPT, clip=kept, frames=clip.frames)


async def measure_seam(shot: PlannedShot, frame: Frame, desk: Desk) -> Attempt:
    """Note how far the first picture of a kept clip is from the frame it only leaned on."""
    from tasks.media.frames import first_frame, mean_difference

    attempt = need_attempt(shot, desk)
    clip = desk.shelf_of(shot).home(shot.key) / CLIP
    try:
        first = await asyncio.to_thread(first_frame, clip)
        apart = await asyncio.to_thread(mean_difference, frame.data, first)
    except MediaError:
        # Worth a number, not a shot.
        return attempt
    return await _amend(shot, desk, attempt.job, None, seam_difference=round(apart, 2))


async def _download(shot: PlannedShot, done: Done, desk: Desk, client: Client) -> Digest:
    """The clip on disk; where its URL is no longer served, by the one that asking again gives."""
    path = desk.shelf_of(shot).home(shot.key) / CLIP
    try:
        return await client.download(_source(done), path, limit_bytes=CLIP_LIMIT_BYTES)
    except LinkExpired:
        attempt = need_attempt(shot, desk)
        done = await _query(shot, desk, client, attempt)
        if done.clip_call:
            # The file behind the key outlives a signed URL.
            done = replace(done, clip_url="")
    try:
        return await client.download(_source(done), path, limit_bytes=CLIP_LIMIT_BYTES)
    except LinkExpired as error:
        msg = f"{client.provider.name} no longer has the clip of {shot.id}; "
        lost = JobLost(f"{msg}run again to render it anew for {say(shot.price)}")
        await _give_up(shot, desk, attempt, lost)
        raise lost from error


def _source(done: Done) -> str | Call:
    return done.clip_url or done.clip_call or ""


async def _query(shot: PlannedShot, desk: Desk, client: Client, attempt: Attempt) -> Done:
    try:
        status = await client.query(attempt.job or "")
    except JobLost as error:
        await _give_up(shot, desk, attempt, error)
        raise
    if not isinstance(status, Done):
        msg = f"job {attempt.job} of {shot.id} was done and is {status.state} again; run once more"
        raise Unreachable(msg)
    return status


async def _give_up(shot: PlannedShot, desk: Desk, attempt: Attempt, error: ProviderError) -> None:
    state = State.LOST if isinstance(error, JobLost) else State.FAILED
    await _amend(shot, desk, attempt.job, state, error=str(error))


async def _amend(
    shot: PlannedShot, desk: Desk, job: str | None, state: State | None, **facts: object
) -> Attempt:
    """Note facts of a job; another process may have noted them already.

    Raises Unreachable where it is not the job of the latest attempt any more.
    """
    shelf = desk.shelf_of(shot)
    async with locked(shelf, shot.key):
        receipt = read_receipt(shot.key, shelf.read(shot.key))
        latest = receipt.latest
        if latest is None:
            raise missing(shot)
        if job != latest.job:
            # Another process gave that job up and sent a new one: what we know is of the old one.
            msg = f"{shot.id} was sent again by another run meanwhile; run once more"
            raise Unreachable(msg)
        known = latest.state if state is None or latest.state in OVER else state
        if state is State.DONE and latest.state is State.KEPT:
            known = State.KEPT
        receipt = receipt.amend(known, **facts)
        shelf.write(shot.key, receipt.to_record())
        return receipt.latest or latest


def _tier(shot: PlannedShot) -> str | None:
    return shot.order.service_tier if shot.order else None


def _actual(shot: PlannedShot, done: Done) -> Money | None:
    """What the job cost by the vendor's own count; None where it told none."""
    order, wanted, provider = shot.order, shot.wanted, row_of(shot)
    if done.facts.tokens is None or order is None or wanted is None or shot.family is None:
        return shot.price if provider.prices == prices.FREE else None
    return prices.price(
        provider,
        provider.family(shot.family),
        tokens=done.facts.tokens,
        resolution=order.resolution or "",
        audio=bool(wanted.audio),
        video_input=shot.video_input,
        flex=order.service_tier == "flex",
        draft=bool(order.draft),
    )
