"""Complete a request just before it is sent: files, the previous frame or clip, the draft's job.

This costs nothing and happens before the attempt is recorded; if it fails, nothing is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import JobLost, JobNotFound, MediaError
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
from tasks.store.staleness import describe_first_frame
from tasks.submission.context import SubmissionContext, find_current_attempt

CLIP_MIME = "video/mp4"
"""The type of all clips that vendors render."""


@dataclass(frozen=True)
class LastFrame:
    """The frame that a shot starts on: its bytes, and the vendor's URL of it while that is fresh.

    It is the last frame of another shot, or the one at its out point.
    """

    data: bytes = field(repr=False)
    sha256: str
    url: str = field(default="", repr=False)
    """Signed: it must not get into a record, a log or an error. Valid at `base_url` only."""
    base_url: str = ""
    """The base URL of the vendor that rendered it."""
    shot: PlannedShot | None = field(default=None, repr=False)
    """The shot that ends on it; `continue: clip` needs its clip."""


async def complete_request(
    shot: ShotToRender,
    request: RenderRequest,
    frame: LastFrame | None,
    *,
    client: Client,
    context: SubmissionContext,
) -> RenderRequest:
    """Return the request with its media, as it is sent.

    Args:
        shot: The shot.
        request: The request of the shot, with the seed of this attempt.
        frame: The frame that the shot starts on, if any.
        client: The client that will send it; files may be uploaded through it.
        context: The context of the run.

    Raises:
        MediaError: A file has changed, or a clip or draft is not available.
        ProviderError: An upload or a query failed.
        AssertionError: The shot continues a clip, and `frame` has no shot; this is a bug.
    """
    if shot.draft:
        return _with_draft_job(shot, request, context)
    request = await asyncio.to_thread(attach_media, shot, request, frame, client)
    if shot.continues_clip:
        if frame is None or frame.shot is None:
            msg = f"{shot.id} continues a clip, and no shot was passed with the frame"
            raise AssertionError(msg)
        clip = await _previous_clip(shot, frame.shot, client=client, context=context)
        request = request._replace(media=(clip, *request.media))
    media = [await _upload_if_needed(medium, client) for medium in request.media]
    return request._replace(media=tuple(media))


def attach_media(
    shot: ShotToRender, request: RenderRequest, frame: LastFrame | None, client: Client
) -> RenderRequest:
    """Return the request with the files of the shot and the frame that it starts on.

    Raises:
        MediaError: A file has other content than the plan was made with.
    """
    media = [_read_medium(source) for source in shot.inputs if not source.source_shot]
    if frame and not shot.continues_clip:
        media.insert(0, _first_frame_medium(frame, client))
    return request._replace(media=tuple(media))


def _first_frame_medium(frame: LastFrame, client: Client) -> MediaInput:
    mime_type = sniff_mime(frame.data) or "image/png"
    # A vendor gets its own URL back while it is fresh: nothing to upload, no loss of quality.
    accepts_url = "first_frame" in client.dialect.url_roles
    if frame.url and accepts_url and frame.base_url == client.base_url:
        return MediaInput("first_frame", url=frame.url, mime_type=mime_type)
    return MediaInput("first_frame", data=frame.data, mime_type=mime_type)


def _read_medium(source: MediaSource) -> MediaInput:
    if source.path is None:
        return MediaInput(source.role, url=source.url)
    data = source.path.read_bytes()
    # The key was computed from the planned content: no other content is paid for under it.
    if digest_bytes(data) != source.identity:
        msg = f"{source.path.name} was changed during the run; run again to plan with its content"
        raise MediaError(msg)
    if source.conversion:
        # Pillow and av take long to import, and most images are upright.
        from tasks.media.frames import upright_image

        data = upright_image(data)
    return MediaInput(source.role, data=data, mime_type=source.mime)


def reject_black_frame(shot: ShotToRender, frame: LastFrame | None) -> None:
    """Check that a shot does not start on a black frame: it would be paid for in vain.

    Raises:
        MediaError: The frame is black.
    """
    if frame is None:
        return
    # numpy and av take long to import, and most shots have no frame to check.
    from tasks.media.frames import is_black

    if is_black(frame.data):
        continued = describe_first_frame(shot)
        ending, remedy = "ends on black", f"change the prompt of {shot.continues}"
        if shot.continues_frame is not None:
            ending = f"is black at frame {shot.continues_frame}, its out point"
            remedy = "move the out point in `use`"
        elif shot.pinned_take:
            remedy = "start on another take"
        msg = (
            f"{continued} {ending}, and {shot.id} would start from it; {remedy}, or set "
            f"first_frame: none on {shot.id}"
        )
        raise MediaError(msg)


def digest_request(request: RenderRequest) -> str:
    """Return a digest of a request; media count by their bytes, or by their URL without query."""
    values = request._asdict()
    values["media"] = [
        [medium.role, digest_bytes(medium.data) if medium.data else medium.url.partition("?")[0]]
        for medium in request.media
    ]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _with_draft_job(
    shot: ShotToRender, request: RenderRequest, context: SubmissionContext
) -> RenderRequest:
    attempt = find_draft_attempt(shot, context.records_of(shot))
    has_draft = attempt and attempt.state in (*AT_VENDOR_STATES, AttemptState.KEPT)
    if not has_draft or attempt is None or not attempt.job:
        msg = f"the store has no draft of {shot.id}; render it with draft: true first"
        raise MediaError(msg)
    return request._replace(draft_job=attempt.job)


async def _previous_clip(
    shot: ShotToRender, previous: PlannedShot, *, client: Client, context: SubmissionContext
) -> MediaInput:
    """Return the clip that a shot continues: the vendor's fresh URL, else the file."""
    path: Path | None = None
    if isinstance(previous, ExistingClip):
        path = previous.clip_path
    else:
        attempt = find_current_attempt(previous, context)
        if attempt and _was_rendered_by(client, previous, attempt, context):
            url = await _fresh_clip_url(attempt, client)
            if url:
                return MediaInput("reference_video", url=url)
        folder = context.records_of(previous).folder_of(previous.key)
        if attempt and attempt.clip and is_stored(folder, attempt.clip):
            path = folder / attempt.clip.name
    if client.provider.upload_path and path:
        data = await asyncio.to_thread(path.read_bytes)
        return MediaInput("reference_video", data=data, mime_type=CLIP_MIME)
    msg = (
        f"{shot.id} can't continue {previous.id}: {client.provider.name} has no URL of its clip "
        f"that is younger than 20 hours. {REFERENCE_CLIP_REMEDY}"
    )
    raise MediaError(msg)


def _was_rendered_by(
    client: Client, previous: ShotToRender, attempt: Attempt, context: SubmissionContext
) -> bool:
    """Return True if the previous clip was rendered at the address that this request goes to."""
    if previous.provider.name != client.provider.name:
        return False
    return context.client_of(previous.provider, attempt) is client


async def _fresh_clip_url(attempt: Attempt, client: Client) -> str:
    """Return the vendor's URL of a clip from a new query; empty if it has no fresh URL."""
    try:
        status = await client.query(attempt.job or "")
    except (JobLost, JobNotFound):
        return ""
    if not isinstance(status, JobResult):
        return ""
    updated_at = status.details.updated_at
    is_fresh = (
        is_clip_url_fresh(attempt)
        if updated_at is None
        else time.time() - updated_at < MAX_CLIP_URL_AGE_SECONDS
    )
    return status.clip_url if is_fresh else ""


async def _upload_if_needed(medium: MediaInput, client: Client) -> MediaInput:
    """Return a file that the request can't contain as the URL of its upload."""
    is_inline = not medium.data or medium.role in client.dialect.inline_roles
    if is_inline or not client.provider.upload_path:
        return medium
    return MediaInput(medium.role, url=await client.upload(medium.data, medium.mime_type))
