"""Complete a request when it is sent: attach files, the previous frame or clip, and the draft's job.

This costs nothing and happens before the attempt is recorded; if it fails, nothing is sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tasks.errors import JobLost, MediaError
from tasks.media.mime import sniff_mime
from tasks.plan import ExistingClip, MediaSource, PlannedShot, ShotToRender
from tasks.planning.preconditions import (
    MAX_CLIP_URL_AGE_SECONDS,
    find_draft_attempt,
    is_clip_url_fresh,
)
from tasks.planning.references import REFERENCE_CLIP_REMEDY
from tasks.providers.client import Client
from tasks.providers.types import JobResult, MediaInput, RenderRequest
from tasks.store.atomic_files import digest_bytes
from tasks.store.layout import is_stored
from tasks.store.receipts import AT_VENDOR_STATES, Attempt, AttemptState
from tasks.submission.context import SubmissionContext, find_current_attempt


@dataclass(frozen=True)
class LastFrame:
    """The picture a shot ends on: its bytes, and the vendor's own URL while that is fresh."""

    data: bytes = field(repr=False)
    sha256: str
    url: str = field(default="", repr=False)
    """Signed: never into a record, a log or an error. Good only where it came from."""
    base_url: str = ""
    """The base URL of the vendor that made it."""
    shot: PlannedShot | None = field(default=None, repr=False)
    """The shot that ends on it, for whoever needs its clip."""


def attach_media(
    shot: ShotToRender, request: RenderRequest, frame: LastFrame | None, client: Client
) -> RenderRequest:
    """The order as it is sent: the files read, the frame before as the vendor takes it best."""
    media = [_read_medium(given) for given in shot.inputs if not given.source_shot]
    if frame and not shot.continues_clip:
        # The vendor knows its own picture again, so its URL goes back where it is still fresh.
        takes = "first_frame" in client.dialect.url_roles and frame.base_url == client.base_url
        ours = frame.url if takes else ""
        mime = sniff_mime(frame.data) or "image/png"
        first = MediaInput(
            "first_frame", url=ours, data=b"" if ours else frame.data, mime_type=mime
        )
        media.insert(0, first)
    return replace(request, media=tuple(media))


def _read_medium(media_input: MediaSource) -> MediaInput:
    if media_input.path is None:
        return MediaInput(media_input.role, url=media_input.url)
    data = media_input.path.read_bytes()
    if digest_bytes(data) != media_input.identity:
        msg = f"{media_input.path.name} was changed during the run; run again to plan with what it is now"
        raise MediaError(msg)
    return MediaInput(media_input.role, data=data, mime_type=media_input.mime)


def reject_black_frame(shot: ShotToRender, frame: LastFrame | None) -> None:
    """Raise MediaError where a shot would go on from black: no money is spent on that."""
    if frame is None:
        return
    from tasks.media.frames import is_black

    if is_black(frame.data):
        msg = (
            f"{shot.continues} ends on black, and {shot.id} would start from it; "
            f"change the prompt of {shot.continues}, or set first_frame: none on {shot.id}"
        )
        raise MediaError(msg)


def digest_request(request: RenderRequest) -> str:
    """A digest of what is sent, the media by their bytes or by their place without its query."""
    facts = asdict(request)
    facts["media"] = [
        [one.role, digest_bytes(one.data) if one.data else one.url.partition("?")[0]]
        for one in request.media
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


CLIP_MIME = "video/mp4"
"""Of every clip that vendors make."""


async def complete_request(
    shot: ShotToRender,
    request: RenderRequest,
    frame: LastFrame | None,
    *,
    client: Client,
    context: SubmissionContext,
) -> RenderRequest:
    """The order as it is sent. Raises MediaError and ProviderError; nothing is charged then."""
    if shot.draft:
        return _with_draft_job(shot, request, context)
    request = await asyncio.to_thread(attach_media, shot, request, frame, client)
    if shot.continues_clip:
        if frame is None or frame.shot is None:
            msg = f"{shot.id} continues a clip, and none was handed on"
            raise AssertionError(msg)
        clip = await _previous_clip(shot, frame.shot, client=client, context=context)
        request = replace(request, media=(clip, *request.media))
    return replace(
        request, media=tuple([await _upload_if_needed(one, client) for one in request.media])
    )


def _with_draft_job(
    shot: ShotToRender, request: RenderRequest, context: SubmissionContext
) -> RenderRequest:
    attempt = find_draft_attempt(shot, context.records_of(shot))
    if (
        attempt is None
        or attempt.state not in (*AT_VENDOR_STATES, AttemptState.KEPT)
        or not attempt.job
    ):
        msg = f"the store has no draft of {shot.id}; render it with draft: true first"
        raise MediaError(msg)
    return replace(request, draft_job=attempt.job)


async def _previous_clip(
    shot: ShotToRender, previous: PlannedShot, *, client: Client, context: SubmissionContext
) -> MediaInput:
    """The clip that a shot continues: the vendor's own URL while that is good, else its file."""
    path: Path | None = None
    if isinstance(previous, ExistingClip):
        path = previous.clip_path
    else:
        attempt = find_current_attempt(previous, context)
        if attempt and _was_rendered_at(client, previous, attempt, context):
            url = await _fresh_clip_url(attempt, client)
            if url:
                return MediaInput("reference_video", url=url)
        folder = context.records_of(previous).folder_of(previous.key)
        if attempt and attempt.clip and is_stored(folder, attempt.clip):
            path = folder / attempt.clip.name
    if client.provider.upload_path and path:
        data = await asyncio.to_thread(path.read_bytes)
        return MediaInput("reference_video", data=data, mime_type=CLIP_MIME)
    msg = f"{shot.id} can't continue {previous.id}: {client.provider.name} has no URL of its clip"
    msg = f"{msg} that is younger than 20 hours. {REFERENCE_CLIP_REMEDY}"
    raise MediaError(msg)


def _was_rendered_at(
    client: Client, previous: ShotToRender, attempt: Attempt, context: SubmissionContext
) -> bool:
    """Whether the clip before was made where this order goes."""
    if previous.provider.name != client.provider.name:
        return False
    return context.client_of(previous.provider, attempt) is client


async def _fresh_clip_url(attempt: Attempt, client: Client) -> str:
    """The vendor's URL of a clip, asked for now; empty where it has none that is good."""
    try:
        status = await client.query(attempt.job or "")
    except JobLost:
        return ""
    if not isinstance(status, JobResult):
        return ""
    made_at = status.details.updated_at
    fresh = (
        is_clip_url_fresh(attempt)
        if made_at is None
        else time.time() - made_at < MAX_CLIP_URL_AGE_SECONDS
    )
    return status.clip_url if fresh else ""


async def _upload_if_needed(medium: MediaInput, client: Client) -> MediaInput:
    """A file that can't go within the order, as the URL under which the vendor has it now."""
    if (
        not medium.data
        or medium.role in client.dialect.inline_roles
        or not client.provider.upload_path
    ):
        return medium
    return MediaInput(medium.role, url=await client.upload(medium.data, medium.mime_type))
