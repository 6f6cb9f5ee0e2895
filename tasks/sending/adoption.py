"""A create whose answer never came: whether the vendor's list of jobs shows what became of it.

A job is taken for ours only with a proof: the seed that was sent, or a first picture that is the
frame that was sent. That none was made is believed only where the list shows none a while after
the request ended. Nothing is written here and nothing is paid; `submission` notes what is found.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tasks.errors import JobLost, MediaError, ProviderError
from tasks.plan import PlannedShot, usual_seconds
from tasks.providers.addresses import is_loopback
from tasks.providers.client import Client
from tasks.providers.contract import Call, Done, Facts, Listed, Order, Recent
from tasks.providers.patience import deadline_seconds
from tasks.receipts import DOUBTFUL, Attempt, read_receipt, timestamp
from tasks.store import Shelf

MARGIN_SECONDS = 60.0
"""How far a vendor's clock and ours, and its list and its jobs, may be apart."""
LOOPBACK_MARGIN_SECONDS = 3.0
"""The same for a vendor on this machine, when it is waited for."""

ALIKE = 3.0
"""Mean difference, of 255, up to which a clip's first picture is the frame that was sent."""

CLIP_LIMIT_BYTES = 4_000_000_000


class Verdict(NamedTuple):
    """What became of a create."""

    job: str | None = None
    """The vendor's job that is proven to be ours."""
    proof: str = ""
    """What proves it: `seed` or `first picture`."""
    made: bool = True
    """False where surely no job was made, or only one that failed and costs nothing."""
    why: str = ""
    """Why it stays unclear, where it does."""


@dataclass(frozen=True)
class Doubt:
    """A create to be cleared up: what was sent, when, and which jobs are others'."""

    shot: PlannedShot
    order: Order
    attempt: Attempt
    picture: bytes | None
    """The frame that was sent as the first one, where it is known."""
    shelf: Shelf

    @property
    def sent_at(self) -> float:
        """When the intent was written, in Unix seconds by our clock."""
        return timestamp(self.attempt.intended_at)

    @property
    def ended_at(self) -> float:
        """When the request surely was over, in Unix seconds by our clock."""
        return timestamp(self.attempt.doubted_at or self.attempt.intended_at)


async def clear_up(doubt: Doubt, client: Client) -> Verdict:
    """What the vendor's list shows of a doubtful create. A failed list counts as none."""
    verdict = await _look(doubt, client)
    margin = LOOPBACK_MARGIN_SECONDS if is_loopback(client.base_url) else MARGIN_SECONDS
    wait = doubt.ended_at + margin - client.now()
    if verdict.job or wait <= 0 or verdict.why == _NO_LIST:
        return verdict
    # A job may be listed late, and one of another run may not be claimed yet.
    await asyncio.sleep(wait)
    return await _look(doubt, client)


_NO_LIST = "the vendor gives no list of its jobs"


async def _look(doubt: Doubt, client: Client) -> Verdict:
    try:
        recent = await client.recent(
            doubt.order.model,
            service_tier=doubt.order.service_tier,
            since=doubt.sent_at - MARGIN_SECONDS - _DAY_SECONDS,
        )
    except ProviderError:
        recent = None
    if recent is None:
        return Verdict(why=_NO_LIST)
    others = claimed(doubt.shelf)
    fitting = [one for one in recent.jobs if one.job not in others]
    fitting = [one for one in fitting if _fits(doubt, one.facts, _skew(recent, client), client)]
    return await _judge(doubt, client, fitting)


_DAY_SECONDS = 86_400.0
"""Asked for generously, since our clock may be wrong; the vendor's own times decide."""


def _skew(recent: Recent, client: Client) -> float:
    """How far the vendor's clock is ahead of ours."""
    return 0.0 if recent.vendor_time is None else recent.vendor_time - client.now()


def _fits(doubt: Doubt, facts: Facts, skew: float, client: Client) -> bool:
    """Whether a listed job may be ours: by its model, its tier, its time, and the seed it tells.

    Not by its size or length: what a vendor rounds or renames must never pass for another's job.
    """
    first = doubt.sent_at + skew - MARGIN_SECONDS
    last = doubt.sent_at + skew + client.create_limit_seconds + MARGIN_SECONDS
    if facts.created_at is not None and not first <= facts.created_at <= last:
        return False
    tier = doubt.order.service_tier or "default"
    if facts.service_tier is not None and facts.service_tier != tier:
        return False
    if None not in (doubt.attempt.seed, facts.seed) and facts.seed != doubt.attempt.seed:
        return False
    # An endpoint's id hides its model, and the list tells the model.
    named = not doubt.order.model.startswith("ep-") and facts.model is not None
    return not (named and facts.model != doubt.order.model)


def _agrees(order: Order, facts: Facts) -> bool:
    """Whether nothing that the vendor tells of a job contradicts what was asked for."""
    asked = (
        (order.resolution, facts.resolution),
        (None if order.ratio == "adaptive" else order.ratio, facts.ratio),
        (_length(order), facts.duration_seconds),
        (order.frames, facts.frames),
        (order.audio, facts.audio),
    )
    return all(None in pair or pair[0] == pair[1] for pair in asked)


def _length(order: Order) -> float | None:
    """The length that was asked for; None where the model decides or frames say it."""
    return order.duration_seconds if (order.duration_seconds or 0) > 0 else None


async def _judge(doubt: Doubt, client: Client, fitting: list[Listed]) -> Verdict:
    proven: dict[str, str] = {}
    left: list[str] = []
    for one in fitting:
        failed = isinstance(one.status, ProviderError) and not isinstance(one.status, JobLost)
        if failed and not _told_seed(doubt, one.facts):
            # It costs nothing, so it may be ours or not.
            continue
        proof = "seed" if failed else await _prove(doubt, client, one.job)
        if proof:
            proven[one.job] = proof
        else:
            left.append(one.job)
    if len(proven) == 1 and not _has_rival(doubt):
        return Verdict(*next(iter(proven.items())))
    if proven:
        return Verdict(why="more than one job or shot fits, and they can't be told apart")
    if left:
        return Verdict(why=f"job {', '.join(left)} may be it, and nothing proves it")
    return Verdict(made=False)


def _told_seed(doubt: Doubt, facts: Facts) -> bool:
    return doubt.attempt.seed is not None and facts.seed == doubt.attempt.seed


async def _prove(doubt: Doubt, client: Client, job: str) -> str:
    """What proves that a job is ours, once it is done; empty where nothing does."""
    if doubt.attempt.seed is None and doubt.picture is None:
        return ""
    try:
        done = await client.wait(
            job,
            started_at=doubt.sent_at,
            deadline_seconds=deadline_seconds(doubt.shot.seconds or 0.0, doubt.order.service_tier),
            service_tier=doubt.order.service_tier,
            usual_seconds=usual_seconds(doubt.shot),
        )
        told = _told_seed(doubt, done.facts)
        if not _agrees(doubt.order, done.facts) or not (told or doubt.picture):
            return ""
        if told and _tells_all(doubt.order, done.facts):
            return "seed"
        async with _fetched(done, client) as clip:
            return await asyncio.to_thread(_measure, doubt, clip, told=told)
    except (ProviderError, MediaError):
        return ""


def _tells_all(order: Order, facts: Facts) -> bool:
    length = facts.frames if order.frames else facts.duration_seconds
    silent = order.audio is not None and facts.audio is None
    return None not in (facts.resolution, facts.ratio, length) and not silent


@asynccontextmanager
async def _fetched(done: Done, client: Client) -> AsyncIterator[Path]:
    """The clip of a job in a folder that is gone afterwards."""
    source: str | Call = done.clip_url or done.clip_call or ""
    with tempfile.TemporaryDirectory(prefix="shotchain-") as folder:
        clip = Path(folder) / "clip.mp4"
        await client.download(source, clip, limit_bytes=CLIP_LIMIT_BYTES)
        yield clip


def _measure(doubt: Doubt, clip: Path, *, told: bool) -> str:
    """The proof that a clip itself gives, by its size, length, sound and first picture."""
    from tasks.media.frames import first_frame, mean_difference
    from tasks.media.probe import probe

    shot, measured = doubt.shot, probe(clip)
    free = (doubt.order.duration_seconds or 0) < 0
    pairs = (
        (shot.width, measured.width),
        (shot.height, measured.height),
        (None if free else shot.frames, measured.frames),
        (doubt.order.audio, measured.has_audio),
    )
    if any(asked is not None and asked != is_ for asked, is_ in pairs):
        return ""
    if told:
        return "seed"
    if doubt.picture and mean_difference(doubt.picture, first_frame(clip)) <= ALIKE:
        return "first picture"
    return ""


def _has_rival(doubt: Doubt) -> bool:
    """Whether another doubtful create of this store would be proven by the same."""
    mine = doubt.attempt
    for attempt in _attempts(doubt.shelf, besides=doubt.shot.key):
        if attempt.state not in DOUBTFUL or attempt.provider != mine.provider:
            continue
        if attempt.model != mine.model:
            continue
        if mine.seed is not None and attempt.seed == mine.seed:
            return True
        if mine.seed is None and attempt.started_from == mine.started_from:
            return True
    return False


def claimed(shelf: Shelf) -> frozenset[str]:
    """Every job that a receipt of this shelf names."""
    return frozenset(one.job for one in _attempts(shelf) if one.job)


def _attempts(shelf: Shelf, *, besides: str = "") -> Iterable[Attempt]:
    keys = shelf.keys()
    for key in keys:
        if key != besides:
            yield from read_receipt(key, shelf.read(key)).attempts
