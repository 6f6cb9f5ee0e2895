"""Search the vendor's list of jobs for the job of an unanswered create request.

A job counts as ours only with a proof: the seed or the first frame that was sent. That the list
shows no such job proves nothing: lists lag, skip pages, and name things in other ways. This module
writes nothing and costs nothing; `submit` records the result.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from storyboards.problems import MAX_CANDIDATES
from tasks.errors import MediaError, ProviderError
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.types import ApiCall, JobDetails, JobList, JobResult, ListedJob, RenderRequest
from tasks.providers.url_policy import is_loopback_url
from tasks.store.claims import iter_vendor_attempts
from tasks.store.layout import RecordStore
from tasks.store.receipts import UNCLEAR_STATES, Attempt, parse_timestamp
from tasks.submission.download import CLIP_NAME, MAX_CLIP_BYTES

CLOCK_MARGIN_SECONDS = 60.0
"""The maximum difference between the clocks of vendor and client, and the delay of its list."""

LOOPBACK_CLOCK_MARGIN_SECONDS = 3.0
"""The time to wait for the list of a provider on this machine."""

MAX_FRAME_DIFFERENCE = 3.0
"""The mean difference (0 to 255) up to which two pictures count as the same frame."""

_DAY_SECONDS = 86_400.0
"""Jobs are listed from a day before the request: the local clock may be wrong, and the times that
the vendor reports decide."""


class Reconciliation(NamedTuple):
    """The result of searching for the job of an unanswered request."""

    job: str | None = None
    """The vendor's job that is proven to be ours."""
    proof: str = ""
    """The proof: `seed` or `first picture`."""
    created_at: float | None = None
    """Unix seconds of its creation by the vendor's clock."""
    reason: str = ""
    """The cause if it stays unclear."""
    may_be_listed_later: bool = False
    """True if reading the list again may help."""


@dataclass(frozen=True)
class UnclearSubmission:
    """An unanswered request: what was sent, when, and the records that claim other jobs."""

    shot: ShotToRender
    request: RenderRequest
    attempt: Attempt
    first_frame: bytes | None
    """The frame that was sent as the first one, if it is known."""
    records: RecordStore

    @property
    def sent_at(self) -> float:
        """The Unix time of the intent, by the local clock."""
        return parse_timestamp(self.attempt.intended_at)

    @property
    def ended_at(self) -> float:
        """The Unix time by which the request was surely over, by the local clock."""
        return parse_timestamp(self.attempt.request_ended_at or self.attempt.intended_at)


async def reconcile(submission: UnclearSubmission, client: Client) -> Reconciliation:
    """Search the vendor's list for the job of an unanswered request.

    A recent job may be listed late, so the list of a recent request is read a second time.
    """
    attempt = submission.attempt
    if not client.has_signed(attempt.base_url, attempt.base_url_hmac):
        reason = "it was sent with another API key, and the list of this key does not show its job"
        return Reconciliation(reason=reason)
    result = await _search_list(submission, client)
    is_local = is_loopback_url(client.base_url)
    margin_seconds = LOOPBACK_CLOCK_MARGIN_SECONDS if is_local else CLOCK_MARGIN_SECONDS
    wait_seconds = submission.ended_at + margin_seconds - client.now()
    if not result.may_be_listed_later or wait_seconds <= 0:
        return result
    # The local clock may have been set back meanwhile.
    await asyncio.sleep(min(wait_seconds, margin_seconds))
    return await _search_list(submission, client)


async def _search_list(submission: UnclearSubmission, client: Client) -> Reconciliation:
    try:
        job_list = await client.list_jobs(
            submission.request.model,
            service_tier=submission.request.service_tier,
            created_after=submission.sent_at - CLOCK_MARGIN_SECONDS - _DAY_SECONDS,
        )
    except ProviderError as error:
        return Reconciliation(reason=f"the vendor's list of jobs can't be read: {error}")
    if job_list is None:
        return Reconciliation(reason="the vendor gives no list of its jobs")
    attempts = tuple(iter_vendor_attempts(submission.records, submission.attempt))
    claimed_jobs = {stored.attempt.job for stored in attempts}
    clock_skew = _clock_skew(job_list, client)
    candidates = [
        listed
        for listed in job_list.jobs
        if listed.job not in claimed_jobs
        and _is_candidate(submission, listed.details, clock_skew, client)
    ]
    proofs = [await _find_proof(submission, client, listed) for listed in candidates]
    proven = [(listed, proof) for listed, proof in zip(candidates, proofs, strict=True) if proof]
    competing = (
        stored.attempt
        for stored in attempts
        if not stored.is_same(submission.shot.key, submission.attempt)
    )
    for listed, proof in proven:
        if len(proven) == 1 and not _is_proof_shared(proof, submission.attempt, competing):
            return Reconciliation(listed.job, proof, listed.details.created_at)
    if proven:
        return Reconciliation(reason="several jobs or shots fit, and nothing distinguishes them")
    if candidates:
        jobs = ", ".join(listed.job for listed in candidates[:MAX_CANDIDATES])
        reason = f"job {jobs} may be it, and nothing proves it"
    else:
        reason = "the vendor's list shows no job that fits, which proves nothing"
    return Reconciliation(reason=reason, may_be_listed_later=True)


def _clock_skew(job_list: JobList, client: Client) -> float:
    """Return the seconds by which the vendor's clock is ahead of the local clock."""
    return 0.0 if job_list.vendor_time is None else job_list.vendor_time - client.now()


def _is_candidate(
    submission: UnclearSubmission, details: JobDetails, clock_skew: float, client: Client
) -> bool:
    """Return True if a listed job may be ours, by its time, model, tier and seed.

    The time must be reported: an older job of the same shot would have the same seed.
    """
    first = submission.sent_at + clock_skew - CLOCK_MARGIN_SECONDS
    last = submission.sent_at + clock_skew + client.create_timeout_seconds + CLOCK_MARGIN_SECONDS
    is_in_time = details.created_at is not None and first <= details.created_at <= last
    return is_in_time and _matches_identity(submission, details)


def _matches_identity(submission: UnclearSubmission, details: JobDetails) -> bool:
    """Return True if model, tier and seed are the ones that were sent, as far as reported."""
    # The id of an endpoint hides its model, and the list names the model.
    is_endpoint = submission.request.model.startswith("ep-")
    pairs = (
        (None if is_endpoint else submission.request.model, details.model),
        (submission.request.service_tier or "default", details.service_tier),
        (submission.attempt.seed, details.seed),
    )
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _seed_matches(submission: UnclearSubmission, details: JobDetails) -> bool:
    return submission.attempt.seed is not None and details.seed == submission.attempt.seed


async def _find_proof(submission: UnclearSubmission, client: Client, listed: ListedJob) -> str:
    """Wait until a job is done, and return the proof that it is ours; empty without a proof."""
    request = submission.request
    if isinstance(listed.status, ProviderError):
        # A failed job has no clip to compare.
        is_ours = _seed_matches(submission, listed.details)
        return "seed" if is_ours and _matches_request(request, listed.details) else ""
    if submission.attempt.seed is None and submission.first_frame is None:
        return ""
    try:
        result = await client.wait(
            listed.job,
            started_at=submission.sent_at,
            timeout_seconds=job_timeout_seconds(
                submission.shot.duration_seconds, request.service_tier
            ),
            service_tier=request.service_tier,
            typical_seconds=submission.shot.typical_render_seconds,
        )
        details = result.details
        if not (_matches_identity(submission, details) and _matches_request(request, details)):
            return ""
        seed_matches = _seed_matches(submission, details)
        if not seed_matches and submission.first_frame is None:
            return ""
        if seed_matches and _reports_everything(request, details):
            return "seed"
        async with _downloaded_clip(result, client) as clip:
            return await asyncio.to_thread(
                _compare_clip, submission, clip, seed_matches=seed_matches
            )
    except (ProviderError, MediaError):
        return ""


def _matches_request(request: RenderRequest, details: JobDetails) -> bool:
    """Return True if no reported value contradicts the request."""
    is_fixed_length = (request.duration_seconds or 0) > 0
    pairs = (
        (request.resolution, details.resolution),
        (None if request.ratio == "adaptive" else request.ratio, details.ratio),
        (request.duration_seconds if is_fixed_length else None, details.duration_seconds),
        (request.frames, details.frames),
        (request.audio, details.audio),
    )
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _reports_everything(request: RenderRequest, details: JobDetails) -> bool:
    length = details.frames if request.frames else details.duration_seconds
    is_audio_unknown = request.audio is not None and details.audio is None
    return None not in (details.resolution, details.ratio, length) and not is_audio_unknown


@asynccontextmanager
async def _downloaded_clip(result: JobResult, client: Client) -> AsyncIterator[Path]:
    """Download a clip to a folder that is removed at the end of the block."""
    source: str | ApiCall = result.clip_url or result.clip_call or ""
    with tempfile.TemporaryDirectory(prefix="shotchain-") as folder:
        path = Path(folder) / CLIP_NAME
        await client.download(source, path, max_bytes=MAX_CLIP_BYTES)
        yield path


def _compare_clip(submission: UnclearSubmission, path: Path, *, seed_matches: bool) -> str:
    """Return the proof by a clip's size, length, sound and first frame; empty without a proof."""
    # av and numpy take long to import, and most runs have no unclear shot.
    from tasks.media.frames import first_frame, mean_difference
    from tasks.media.probe import probe

    shot, request, clip = submission.shot, submission.request, probe(path)
    is_auto_length = (request.duration_seconds or 0) < 0
    pairs = (
        (shot.width, clip.width),
        (shot.height, clip.height),
        (None if is_auto_length else shot.frames, clip.frames),
        (request.audio, clip.has_audio),
    )
    if any(expected is not None and expected != actual for expected, actual in pairs):
        return ""
    if seed_matches:
        return "seed"
    if submission.first_frame is None:
        return ""
    difference = mean_difference(submission.first_frame, first_frame(path))
    return "first picture" if difference <= MAX_FRAME_DIFFERENCE else ""


def _is_proof_shared(proof: str, own: Attempt, others: Iterable[Attempt]) -> bool:
    """Return True if the same proof would fit another unclear attempt in the store."""
    return any(
        other.state in UNCLEAR_STATES
        and other.model == own.model
        and (
            other.seed == own.seed
            if proof == "seed"
            else other.first_frame_sha256 == own.first_frame_sha256
        )
        for other in others
    )
