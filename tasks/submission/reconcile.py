"""Match an unanswered create request to a job in the vendor's list of jobs.

A job counts as ours only with a proof: the seed or the first frame that was sent. The absence of a
job counts only if the list shows none some time after the request ended. This module writes nothing
and costs nothing; `submit` records the result.
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
from tasks.errors import JobLost, MediaError, ProviderError
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.types import ApiCall, JobDetails, JobList, JobResult, ListedJob, RenderRequest
from tasks.providers.url_policy import is_loopback_url
from tasks.store.layout import RecordStore
from tasks.store.receipts import UNCLEAR_STATES, Attempt, parse_timestamp, read_receipt
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

_NO_LIST = "the vendor gives no list of its jobs"


class Reconciliation(NamedTuple):
    """The result of searching for the job of an unanswered request."""

    job: str | None = None
    """The vendor's job that is proven to be ours."""
    proof: str = ""
    """The proof: `seed` or `first picture`."""
    may_exist: bool = True
    """False if surely no job was created, or only one that failed and costs nothing."""
    reason: str = ""
    """The cause if it stays unclear."""


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

    The list is read again after a margin, unless the job is proven at once. A list that can't be
    read counts as no list.
    """
    result = await _check_job_list(submission, client)
    is_local = is_loopback_url(client.base_url)
    margin_seconds = LOOPBACK_CLOCK_MARGIN_SECONDS if is_local else CLOCK_MARGIN_SECONDS
    wait_seconds = submission.ended_at + margin_seconds - client.now()
    if result.job or wait_seconds <= 0 or result.reason == _NO_LIST:
        return result
    # A job may be listed late, and a job of another run may not be claimed yet.
    await asyncio.sleep(wait_seconds)
    return await _check_job_list(submission, client)


async def _check_job_list(submission: UnclearSubmission, client: Client) -> Reconciliation:
    try:
        job_list = await client.list_jobs(
            submission.request.model,
            service_tier=submission.request.service_tier,
            created_after=submission.sent_at - CLOCK_MARGIN_SECONDS - _DAY_SECONDS,
        )
    except ProviderError:
        job_list = None
    if job_list is None:
        return Reconciliation(reason=_NO_LIST)
    claimed = claimed_jobs(submission.records)
    clock_skew = _clock_skew(job_list, client)
    candidates = [
        listed
        for listed in job_list.jobs
        if listed.job not in claimed
        and _is_candidate(submission, listed.details, clock_skew, client)
    ]
    return await _classify(submission, client, candidates)


def _clock_skew(job_list: JobList, client: Client) -> float:
    """Return the seconds by which the vendor's clock is ahead of the local clock."""
    return 0.0 if job_list.vendor_time is None else job_list.vendor_time - client.now()


def _is_candidate(
    submission: UnclearSubmission, details: JobDetails, clock_skew: float, client: Client
) -> bool:
    """Return True if a listed job may be ours, by its model, tier, time and seed.

    Size and length do not count: a value that a vendor rounds or renames must not make its job look
    like another's, because then a second request would be sent.
    """
    first = submission.sent_at + clock_skew - CLOCK_MARGIN_SECONDS
    last = submission.sent_at + clock_skew + client.create_timeout_seconds + CLOCK_MARGIN_SECONDS
    if details.created_at is not None and not first <= details.created_at <= last:
        return False
    tier = submission.request.service_tier or "default"
    if details.service_tier not in (None, tier):
        return False
    seed = submission.attempt.seed
    if None not in (seed, details.seed) and details.seed != seed:
        return False
    # The id of an endpoint hides its model, and the list names the model.
    is_comparable = not submission.request.model.startswith("ep-") and details.model is not None
    return not (is_comparable and details.model != submission.request.model)


async def _classify(
    submission: UnclearSubmission, client: Client, candidates: list[ListedJob]
) -> Reconciliation:
    proofs: dict[str, str] = {}
    unproven: list[str] = []
    for listed in candidates:
        has_failed = isinstance(listed.status, ProviderError)
        has_failed = has_failed and not isinstance(listed.status, JobLost)
        if has_failed and not _seed_matches(submission, listed.details):
            # A failed job costs nothing, whether it is ours or not.
            continue
        proof = "seed" if has_failed else await _find_proof(submission, client, listed.job)
        if proof:
            proofs[listed.job] = proof
        else:
            unproven.append(listed.job)
    if len(proofs) == 1 and not _has_competing_submission(submission):
        return Reconciliation(*next(iter(proofs.items())))
    if proofs:
        return Reconciliation(reason="several jobs or shots fit, and nothing distinguishes them")
    if unproven:
        jobs = ", ".join(unproven[:MAX_CANDIDATES])
        return Reconciliation(reason=f"job {jobs} may be it, and nothing proves it")
    return Reconciliation(may_exist=False)


def _seed_matches(submission: UnclearSubmission, details: JobDetails) -> bool:
    return submission.attempt.seed is not None and details.seed == submission.attempt.seed


async def _find_proof(submission: UnclearSubmission, client: Client, job: str) -> str:
    """Wait until a job is done, and return the proof that it is ours; empty without a proof."""
    if submission.attempt.seed is None and submission.first_frame is None:
        return ""
    request = submission.request
    try:
        result = await client.wait(
            job,
            started_at=submission.sent_at,
            timeout_seconds=job_timeout_seconds(
                submission.shot.duration_seconds, request.service_tier
            ),
            service_tier=request.service_tier,
            typical_seconds=submission.shot.typical_render_seconds,
        )
        seed_matches = _seed_matches(submission, result.details)
        has_evidence = seed_matches or submission.first_frame
        if not has_evidence or not _matches_request(request, result.details):
            return ""
        if seed_matches and _reports_everything(request, result.details):
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


def _has_competing_submission(submission: UnclearSubmission) -> bool:
    """Return True if the same proof would fit another unclear attempt in the store."""
    own = submission.attempt
    for attempt in _iter_attempts(submission.records, excluding_key=submission.shot.key):
        if attempt.state not in UNCLEAR_STATES:
            continue
        if (attempt.provider, attempt.model) != (own.provider, own.model):
            continue
        if own.seed is not None and attempt.seed == own.seed:
            return True
        if own.seed is None and attempt.first_frame_sha256 == own.first_frame_sha256:
            return True
    return False


def claimed_jobs(records: RecordStore) -> frozenset[str]:
    """Return every job that a receipt contains.

    Raises:
        StoreError: A receipt is damaged.
    """
    return frozenset(attempt.job for attempt in _iter_attempts(records) if attempt.job)


def _iter_attempts(records: RecordStore, *, excluding_key: str = "") -> Iterable[Attempt]:
    for key in records.iter_keys():
        if key != excluding_key:
            yield from read_receipt(key, records.read(key)).attempts
