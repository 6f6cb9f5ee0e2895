"""What was asked of a vendor and what it cost: one record per key, one state at a time.

Each state is durable before the next step begins:

    (none) --- intend -----> INTENDED    before the POST; whoever holds the key's lock
    INTENDED - close ------> CLOSED      surely not taken: not sent, throttled, rejected. Costs 0
    INTENDED - doubt ------> UNCLEAR     may have been taken: only the author decides
    INTENDED - accept -----> SUBMITTED   the vendor's job id, right after the POST
    UNCLEAR -- adopt ------> SUBMITTED   the vendor's list shows a job that is proven to be ours
    UNCLEAR -- close ------> CLOSED      the vendor's list shows none, a while after the request
    SUBMITTED - finish ----> DONE        the vendor says so, with usage
    DONE ----- keep_frame -> DONE        the last frame is on disk; the next shot may start
    DONE ----- keep_clip --> KEPT        the clip is on disk, complete by digest
    SUBMITTED - fail ------> FAILED      the vendor failed at it. Costs 0
    SUBMITTED - cancel ----> CANCELLED   the author took it back while it was queued. Costs 0
    SUBMITTED, DONE, KEPT - lose -> LOST the vendor has it no more, and we neither. Stays paid
    KEPT ----- clean ------> CLEANED     the author had its files removed. Stays paid
    UNCLEAR -- abandon ----> ABANDONED   the author asked for another. Counts as paid
    KEPT ----- outdate ----> OUTDATED    it is rendered again from another frame, by an intent that
                                         is written at once with this. Stays paid, with its files
    OUTDATED - count again > KEPT        every attempt behind it came to nothing

A process that dies leaves INTENDED behind, which the next reader takes for UNCLEAR: whoever reads
it while holding the key's lock knows that nobody is sending. CLOSED, FAILED, CANCELLED, LOST,
CLEANED, ABANDONED and OUTDATED let a new attempt begin. This module has no I/O: `store` writes
what `to_record` gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from storyboards.models import Money
from tasks.errors import StoreError

VERSION = 1

JOB_LIVES_SECONDS = 7 * 24 * 3600
"""How long vendors keep a job: seven days from its creation (Volcengine's create page)."""

FILES_LIVE_SECONDS = 24 * 3600
"""How long vendors keep what a job made: a day (Volcengine's query page)."""


class State(Enum):
    """Where an attempt stands; the drawing above says how it gets there."""

    INTENDED = "intended"
    CLOSED = "closed"
    UNCLEAR = "unclear"
    SUBMITTED = "submitted"
    DONE = "done"
    KEPT = "kept"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    CLEANED = "cleaned"
    ABANDONED = "abandoned"
    OUTDATED = "outdated"


DOUBTFUL = frozenset({State.INTENDED, State.UNCLEAR})
"""A job may exist, and be charged, that we know nothing of."""

OVER = frozenset(
    {
        State.CLOSED,
        State.FAILED,
        State.CANCELLED,
        State.LOST,
        State.CLEANED,
        State.ABANDONED,
        State.OUTDATED,
    }
)
"""After these another attempt may begin."""

UNPAID = frozenset({State.CLOSED, State.FAILED, State.CANCELLED})
"""These cost nothing."""

CAME_TO_NOTHING = frozenset({State.CLOSED, State.FAILED, State.CANCELLED, State.LOST})
"""After these an outdated attempt before them counts again: it is what the store has."""

AT_VENDOR = frozenset({State.SUBMITTED, State.DONE})
"""The vendor has a job of ours that we have not brought home."""


@dataclass(frozen=True)
class Kept:
    """A file of a shot that is complete on disk."""

    file: str
    """Its name in the folder of the key."""
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Attempt:
    """One request to render a key, from the intent to the clip. Times are ISO 8601, UTC."""

    state: State
    board: str
    """Under whose name it is booked."""
    shot: str
    take: int
    provider: str
    model: str
    base_url: str
    order: str
    """Digest of the order, to tell jobs apart."""
    intended_at: str
    price_most: Money | None = None
    """The most it may cost; None is unknown."""
    price_dated: str | None = None
    """The day of the price list that the prices are from."""
    price_source: str | None = None
    """Who published that list, and where."""
    started_from: str | None = None
    """Digest of the frame it started from."""
    continues: str | None = None
    """The key of the shot that frame is of."""
    seed: int | None = None
    """The seed that was sent."""
    seal: str | None = None
    """The base URL, sealed with the key it was sent with: who has that key can tell."""
    doubted_at: str | None = None
    """When it was clear that no answer would come: the request was over by then."""
    job: str | None = None
    proof: str | None = None
    """What proved the job to be ours, where no answer named it: `seed` or `first picture`."""
    submitted_at: str | None = None
    done_at: str | None = None
    tokens: int | None = None
    price: Money | None = None
    """What it cost, by the vendor's usage where it was told."""
    clip: Kept | None = None
    frames: int | None = None
    """Frames of the clip, counted."""
    last_frame: Kept | None = None
    seam_difference: float | None = None
    """How far its first picture is from the frame it only leaned on, of 255."""
    error: str | None = None
    cleaned_at: str | None = None

    @property
    def age_seconds(self) -> float:
        """Seconds since the intent, by this machine's clock."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.intended_at)).total_seconds()

    @property
    def booked(self) -> Money | None:
        """What counts against a budget: the actual price, else the most it may cost."""
        if self.state in UNPAID:
            return Money(amount=Decimal(0))
        return self.price if self.price is not None else self.price_most


@dataclass(frozen=True)
class Receipt:
    """Everything that was ever asked for one key, oldest first."""

    key: str
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def latest(self) -> Attempt | None:
        """The attempt that counts: the last, or the kept one that it could not replace."""
        if not self.attempts:
            return None
        found = self.attempts[self._counting]
        return replace(found, state=State.KEPT) if found.state is State.OUTDATED else found

    @property
    def _counting(self) -> int:
        """The place of the attempt that counts."""
        at = last = len(self.attempts) - 1
        while at > 0 and self.attempts[at].state in CAME_TO_NOTHING:
            at -= 1
        return at if self.attempts[at].state in (State.OUTDATED, State.KEPT) else last

    def intend(self, attempt: Attempt) -> Receipt:
        """Begin another attempt. The one before must be over."""
        before = self.attempts[self._counting] if self.attempts else None
        if before and before.state not in OVER:
            msg = f"an attempt of {self.key} is {before.state.value}"
            raise AssertionError(msg)
        return replace(self, attempts=(*self.attempts, attempt))

    @property
    def counting_number(self) -> int:
        """The number of the attempt that counts, from 1."""
        return self._counting + 1

    def amend(self, state: State, **facts: Any) -> Receipt:
        """The attempt that counts in another state, with what is known now."""
        if not self.latest:
            msg = f"{self.key} has no attempt"
            raise AssertionError(msg)
        at = self._counting
        amended = replace(self.attempts[at], state=state, **facts)
        return replace(self, attempts=(*self.attempts[:at], amended, *self.attempts[at + 1 :]))

    def to_record(self) -> dict[str, Any]:
        """The receipt as JSON."""
        attempts = [_lean(asdict(attempt)) for attempt in self.attempts]
        return {"version": VERSION, "key": self.key, "attempts": attempts}


def read_receipt(key: str, record: Mapping[str, Any] | None) -> Receipt:
    """The receipt of a key from its record; empty where there is none.

    Raises StoreError where the record is of another version or damaged.
    """
    if record is None:
        return Receipt(key)
    try:
        if record["version"] != VERSION:
            msg = f"the receipt of {key} is of version {record['version']}, not {VERSION}; "
            raise StoreError(msg + "use the shotchain that wrote it")
        return Receipt(key, tuple(_attempt(attempt) for attempt in record["attempts"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"the receipt of {key} is damaged ({error}); put it back from a backup"
        raise StoreError(msg) from error


def now() -> str:
    """This moment as the receipts write it."""
    return moment(datetime.now(UTC).timestamp())


def moment(unix_seconds: float) -> str:
    """A moment as the receipts write it."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


def timestamp(written: str) -> float:
    """A moment of a receipt in Unix seconds."""
    return datetime.fromisoformat(written).timestamp()


_KNOWN = frozenset(known.name for known in fields(Attempt))


def _attempt(record: Mapping[str, Any]) -> Attempt:
    facts = {name: value for name, value in record.items() if name in _KNOWN}
    for name in ("clip", "last_frame"):
        facts[name] = _kept(facts[name]) if facts.get(name) else None
    for name in ("price", "price_most"):
        facts[name] = Money.model_validate(facts[name]) if facts.get(name) else None
    return Attempt(**facts | {"state": State(record["state"])})


def _kept(record: Mapping[str, Any]) -> Kept:
    kept = Kept(**record)
    # A store may have come with a stranger's board, and must not lead out of itself.
    if kept.file in ("", ".", "..") or "/" in kept.file or "\\" in kept.file:
        msg = "it names a file outside of its folder"
        raise ValueError(msg)
    return kept


def _lean(attempt: dict[str, Any]) -> dict[str, Any]:
    for name, value in attempt.items():
        if isinstance(value, Money):
            attempt[name] = {"amount": str(value.amount), "currency": value.currency}
        elif isinstance(value, State):
            attempt[name] = value.value
    return {name: value for name, value in attempt.items() if value is not None}
