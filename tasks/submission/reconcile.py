"""Match an unanswered create request to a job in the provider's list of jobs.

A job counts as ours only with proof: the seed or the first frame that was sent. Writes nothing and costs nothing; `submit` records the result."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tasks.errors import JobLost, MediaError, ProviderError
from tasks.plan import ShotToRender
from tasks.providers.client import Client
from tasks.providers.polling import job_timeout_seconds
from tasks.providers.types import ApiCall, JobDetails, JobList, JobResult, ListedJob, RenderRequest
from tasks.providers.url_policy import is_loopback_url
from tasks.store.layout import RecordStore
from tasks.store.receipts import UNCLEAR_STATES, Attempt, parse_timestamp, read_receipt

CLOCK_MARGIN_SECONDS = 60.0
"""How far a vendor's clock and ours, and its list and its jobs, may be apart."""
LOOPBACK_CLOCK_MARGIN_SECONDS = 3.0
"""The same for a vendor on this machine, when it is waited for."""

MAX_FRAME_DIFFERENCE = 3.0
"""Mean difference, of 255, up to which a clip's first picture is the frame that was sent."""

MAX_CANDIDATE_CLIP_BYTES = 4_000_000_000


class Reconciliation(NamedTuple):
    """What became of a create."""

    job: str | None = None
    """The vendor's job that is proven to be ours."""
    proof: str = ""
    """What proves it: `seed` or `first picture`."""
    may_exist: bool = True
    """False where surely no job was made, or only one that failed and costs nothing."""
    reason: str = ""
    """Why it stays unclear, where it does."""


@dataclass(frozen=True)
class UnclearSubmission:
    """A create to be cleared up: what was sent, when, and which jobs are others'."""

    shot: ShotToRender
    request: RenderRequest
    attempt: Attempt
    first_frame: bytes | None
    """The frame that was sent as the first one, where it is known."""
    records: RecordStore

    @property
    def sent_at(self) -> float:
        """When the intent was written, in Unix seconds by our clock."""
        return parse_timestamp(self.attempt.intended_at)

    @property
    def ended_at(self) -> float:
        """When the request surely was over, in Unix seconds by our clock."""
        return parse_timestamp(self.attempt.request_ended_at or self.attempt.intended_at)


async def reconcile(submission: UnclearSubmission, client: Client) -> Reconciliation:
    """What the vendor's list shows of a doubtful create. A failed list counts as none."""
    verdict = await _check_job_list(submission, client)
    margin = (
        LOOPBACK_CLOCK_MARGIN_SECONDS if is_loopback_url(client.base_url) else CLOCK_MARGIN_SECONDS
    )
    wait = submission.ended_at + margin - client.now()
    if verdict.job or wait <= 0 or verdict.reason == _NO_LIST:
        return verdict
    # A job may be listed late, and one of another run may not be claimed yet.
    await asyncio.sleep(wait)
    return await _check_job_list(submission, client)


_NO_LIST = "the vendor gives no list of its jobs"


async def _check_job_list(submission: UnclearSubmission, client: Client) -> Reconciliation:
    try:
        recent = await client.list_jobs(
            submission.request.model,
            service_tier=submission.request.service_tier,
            created_after=submission.sent_at - CLOCK_MARGIN_SECONDS - _DAY_SECONDS,
        )
    except ProviderError:
        recent = None
    if recent is None:
        return Reconciliation(reason=_NO_LIST)
    others = claimed_jobs(submission.records)
    fitting = [one for one in recent.jobs if one.job not in others]
    fitting = [
        one
        for one in fitting
        if _is_candidate(submission, one.details, _clock_skew(recent, client), client)
    ]
    return await _classify(submission, client, fitting)


_DAY_SECONDS = 86_400.0
"""Asked for generously, since our clock may be wrong; the vendor's own times decide."""


def _clock_skew(recent: JobList, client: Client) -> float:
    """How far the vendor's clock is ahead of ours."""
    return 0.0 if recent.vendor_time is None else recent.vendor_time - client.now()


def _is_candidate(
    submission: UnclearSubmission, facts: JobDetails, skew: float, client: Client
) -> bool:
    """Whether a listed job may be ours: by its model, its tier, its time, and the seed it tells.

    Not by its size or length: what a vendor rounds or renames must never pass for another's job.
    """
    first = submission.sent_at + skew - CLOCK_MARGIN_SECONDS
    last = submission.sent_at + skew + client.create_timeout_seconds + CLOCK_MARGIN_SECONDS
    if facts.created_at is not None and not first <= facts.created_at <= last:
        return False
    tier = submission.request.service_tier or "default"
    if facts.service_tier is not None and facts.service_tier != tier:
        return False
    if None not in (submission.attempt.seed, facts.seed) and facts.seed != submission.attempt.seed:
        return False
    # An endpoint's id hides its model, and the list tells the model.
    named = not submission.request.model.startswith("ep-") and facts.model is not None
    return not (named and facts.model != submission.request.model)


def _matches_request(request: RenderRequest, facts: JobDetails) -> bool:
    """Whether nothing that the vendor tells of a job contradicts what was asked for."""
    asked = (
        (request.resolution, facts.resolution),
        (None if request.ratio == "adaptive" else request.ratio, facts.ratio),
        (_requested_duration(request), facts.duration_seconds),
        (request.frames, facts.frames),
        (request.audio, facts.audio),
    )
    return all(None in pair or pair[0] == pair[1] for pair in asked)


def _requested_duration(request: RenderRequest) -> float | None:
    """The length that was asked for; None where the model decides or frames say it."""
    return request.duration_seconds if (request.duration_seconds or 0) > 0 else None


async def _classify(
    submission: UnclearSubmission, client: Client, candidates: list[ListedJob]
) -> Reconciliation:
    proven: dict[str, str] = {}
    left: list[str] = []
    for one in candidates:
        failed = isinstance(one.status, ProviderError) and not isinstance(one.status, JobLost)
        if failed and not _seed_matches(submission, one.details):
            # It costs nothing, so it may be ours or not.
            continue
        proof = "seed" if failed else await _find_proof(submission, client, one.job)
        if proof:
            proven[one.job] = proof
        else:
            left.append(one.job)
    if len(proven) == 1 and not _has_competing_submission(submission):
        return Reconciliation(*next(iter(proven.items())))
    if proven:
        return Reconciliation(reason="more than one job or shot fits, and they can't be told apart")
    if left:
        return Reconciliation(reason=f"job {', '.join(left)} may be it, and nothing proves it")
    return Reconciliation(may_exist=False)


def _seed_matches(submission: UnclearSubmission, facts: JobDetails) -> bool:
    return submission.attempt.seed is not None and facts.seed == submission.attempt.seed


async def _find_proof(submission: UnclearSubmission, client: Client, job: str) -> str:
    """What proves that a job is ours, once it is done; empty where nothing does."""
    if submission.attempt.seed is None and submission.first_frame is None:
        return ""
    try:
        done = await client.wait(
            job,
            started_at=submission.sent_at,
            timeout_seconds=job_timeout_seconds(
                submission.shot.duration_seconds or 0.0, submission.request.service_tier
            ),
            service_tier=submission.request.service_tier,
            typical_seconds=submission.shot.typical_render_seconds,
        )
        told = _seed_matches(submission, done.details)
        if not _matches_request(submission.request, done.details) or not (
            told or submission.first_frame
        ):
            return ""
        if told and _reports_everything(submission.request, done.details):
            return "seed"
        async with _downloaded_clip(done, client) as clip:
            return await asyncio.to_thread(_compare_clip, submission, clip, seed_matches=told)
    except (ProviderError, MediaError):
        return ""


def _reports_everything(request: RenderRequest, facts: JobDetails) -> bool:
    length = facts.frames if request.frames else facts.duration_seconds
    silent = request.audio is not None and facts.audio is None
    return None not in (facts.resolution, facts.ratio, length) and not silent


@asynccontextmanager
async def _downloaded_clip(done: JobResult, client: Client) -> AsyncIterator[Path]:
    """The clip of a job in a folder that is gone afterwards."""
    source: str | ApiCall = done.clip_url or done.clip_call or ""
    with tempfile.TemporaryDirectory(prefix="shotchain-") as folder:
        clip = Path(folder) / "clip.mp4"
        await client.download(source, clip, max_bytes=MAX_CANDIDATE_CLIP_BYTES)
        yield clip


def _compare_clip(submission: UnclearSubmission, clip: Path, *, seed_matches: bool) -> str:
    """The proof that a clip itself gives, by its size, length, sound and first picture."""
    from tasks.media.frames import first_frame, mean_difference
    from tasks.media.probe import probe

    shot, measured = submission.shot, probe(clip)
    free = (submission.request.duration_seconds or 0) < 0
    pairs = (
        (shot.width, measured.width),
        (shot.height, measured.height),
        (None if free else shot.frames, measured.frames),
        (submission.request.audio, measured.has_audio),
    )
    if any(asked is not None and asked != is_ for asked, is_ in pairs):
        return ""
    if seed_matches:
        return "seed"
    if (
        submission.first_frame
        and mean_difference(submission.first_frame, first_frame(clip)) <= MAX_FRAME_DIFFERENCE
    ):
        return "first picture"
    return ""


def _has_competing_submission(submission: UnclearSubmission) -> bool:
    """Whether another doubtful create of this store would be proven by the same."""
    mine = submission.attempt
    for attempt in _iter_attempts(submission.records, excluding_key=submission.shot.key):
        if attempt.state not in UNCLEAR_STATES or attempt.provider != mine.provider:
            continue
        if attempt.model != mine.model:
            continue
        if mine.seed is not None and attempt.seed == mine.seed:
            return True
        if mine.seed is None and attempt.first_frame_sha256 == mine.first_frame_sha256:
            return True
    return False


def claimed_jobs(records: RecordStore) -> frozenset[str]:
    """Every job that a receipt of this shelf names."""
    return frozenset(one.job for one in _iter_attempts(records) if one.job)


def _iter_attempts(records: RecordStore, *, excluding_key: str = "") -> Iterable[Attempt]:
    keys = records.iter_keys()
    for key in keys:
        if key != excluding_key:
            yield from read_receipt(key, records.read(key)).attempts
