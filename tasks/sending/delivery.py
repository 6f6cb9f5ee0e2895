"""An order made whole at the moment of sending: what only the vendor knows, and files left with it.

The clip that a shot continues goes back to its vendor by a URL asked for a moment ago, a draft by
its job, and a file that the wire takes by URL only is left with the vendor first, where it takes
any. All of it is free and comes before the intent; where it fails, nothing is sent.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from tasks.errors import JobLost, MediaError
from tasks.plan import PlannedShot
from tasks.planning.enclosures import WAYS
from tasks.planning.obstacles import URL_FRESH_SECONDS, find_draft, is_fresh
from tasks.providers.client import Client
from tasks.providers.contract import Done, Medium, Order
from tasks.receipts import AT_VENDOR, Attempt, State
from tasks.records.survey import is_there
from tasks.sending.desk import Desk, find_attempt
from tasks.sending.packing import Frame, pack

CLIP_TYPE = "video/mp4"
"""Of every clip that vendors make."""


async def deliver(
    shot: PlannedShot, order: Order, frame: Frame | None, *, client: Client, desk: Desk
) -> Order:
    """The order as it is sent. Raises MediaError and ProviderError; nothing is charged then."""
    if shot.draft:
        return _promoted(shot, order, desk)
    order = await asyncio.to_thread(pack, shot, order, frame, client)
    if shot.by_clip:
        if frame is None or frame.shot is None:
            msg = f"{shot.id} continues a clip, and none was handed on"
            raise AssertionError(msg)
        clip = await _clip_before(shot, frame.shot, client=client, desk=desk)
        order = replace(order, media=(clip, *order.media))
    return replace(order, media=tuple([await _left(one, client) for one in order.media]))


def _promoted(shot: PlannedShot, order: Order, desk: Desk) -> Order:
    attempt = find_draft(shot, desk.shelf_of(shot))
    if attempt is None or attempt.state not in (*AT_VENDOR, State.KEPT) or not attempt.job:
        msg = f"the store has no draft of {shot.id}; render it with draft: true first"
        raise MediaError(msg)
    return replace(order, draft_job=attempt.job)


async def _clip_before(
    shot: PlannedShot, before: PlannedShot, *, client: Client, desk: Desk
) -> Medium:
    """The clip that a shot continues: the vendor's own URL while that is good, else its file."""
    attempt = None if before.clip else find_attempt(before, desk)
    if attempt and before.provider and _is_at(client, before, attempt, desk):
        url = await _own_url(attempt, client)
        if url:
            return Medium("reference_video", url=url)
    path = before.clip
    if attempt and attempt.clip and is_there(desk.shelf_of(before).home(before.key), attempt.clip):
        path = desk.shelf_of(before).home(before.key) / attempt.clip.file
    if client.provider.uploads and path:
        data = await asyncio.to_thread(path.read_bytes)
        return Medium("reference_video", data=data, mime=CLIP_TYPE)
    msg = f"{shot.id} can't continue {before.id}: {client.provider.name} has no URL of its clip"
    msg = f"{msg} that is younger than 20 hours. {WAYS}"
    raise MediaError(msg)


def _is_at(client: Client, before: PlannedShot, attempt: Attempt, desk: Desk) -> bool:
    """Whether the clip before was made where this order goes."""
    if before.provider is None or before.provider.name != client.provider.name:
        return False
    return desk.client_of(before.provider, attempt) is client


async def _own_url(attempt: Attempt, client: Client) -> str:
    """The vendor's URL of a clip, asked for now; empty where it has none that is good."""
    try:
        status = await client.query(attempt.job or "")
    except JobLost:
        return ""
    if not isinstance(status, Done):
        return ""
    made_at = status.facts.updated_at
    fresh = is_fresh(attempt) if made_at is None else time.time() - made_at < URL_FRESH_SECONDS
    return status.clip_url if fresh else ""


async def _left(medium: Medium, client: Client) -> Medium:
    """A file that can't go within the order, as the URL under which the vendor has it now."""
    if not medium.data or medium.role in client.dialect.inlines or not client.provider.uploads:
        return medium
    return Medium(medium.role, url=await client.upload(medium.data, medium.mime))
