"""The receipt of a key: every attempt to render it, its state and its price. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from storyboards.models import Money
from tasks.errors import StoreError

RECEIPT_VERSION = 2
READABLE_VERSIONS = (1, 2)

_NAMES_IN_VERSION_1 = {
    "order": "request_sha256",
    "price_most": "max_price",
    "price_dated": "price_list_date",
    "price_source": "price_list_source",
    "started_from": "first_frame_sha256",
    "continues": "continues_key",
    "seal": "base_url_hmac",
    "doubted_at": "request_ended_at",
    "file": "name",
    "bytes": "size_bytes",
}
"""Fields that version 1 wrote under another name. Receipts of paid shots must stay readable."""

JOB_RETENTION_SECONDS = 7 * 24 * 3600
"""How long vendors keep a job: seven days from its creation (Volcengine's create page)."""

FILE_RETENTION_SECONDS = 24 * 3600
"""How long vendors keep what a job made: a day (Volcengine's query page)."""


class AttemptState(Enum):
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


UNCLEAR_STATES = frozenset({AttemptState.INTENDED, AttemptState.UNCLEAR})
"""A job may exist, and be charged, that we know nothing of."""

ENDED_STATES = frozenset(
    {
        AttemptState.CLOSED,
        AttemptState.FAILED,
        AttemptState.CANCELLED,
        AttemptState.LOST,
        AttemptState.CLEANED,
        AttemptState.ABANDONED,
        AttemptState.OUTDATED,
    }
)
"""After these another attempt may begin."""

UNCHARGED_STATES = frozenset({AttemptState.CLOSED, AttemptState.FAILED, AttemptState.CANCELLED})
"""These cost nothing."""

NO_RESULT_STATES = frozenset(
    {AttemptState.CLOSED, AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.LOST}
)
"""After these an outdated attempt before them counts again: it is what the store has."""

AT_VENDOR_STATES = frozenset({AttemptState.SUBMITTED, AttemptState.DONE})
"""The vendor has a job of ours that we have not brought home."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a shot that is complete on disk."""

    name: str
    """Its name in the folder of the key."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Attempt:
    """One request to render a key, from the intent to the clip. Times are ISO 8601, UTC."""

    state: AttemptState
    board: str
    """Under whose name it is booked."""
    shot: str
    take: int
    provider: str
    model: str
    base_url: str
    request_sha256: str
    """Digest of the order, to tell jobs apart."""
    intended_at: str
    max_price: Money | None = None
    """The most it may cost; None is unknown."""
    price_list_date: str | None = None
    """The day of the price list that the prices are from."""
    price_list_source: str | None = None
    """Who published that list, and where."""
    first_frame_sha256: str | None = None
    """Digest of the frame it started from."""
    continues_key: str | None = None
    """The key of the shot that frame is of."""
    seed: int | None = None
    """The seed that was sent."""
    base_url_hmac: str | None = None
    """The base URL, sealed with the key it was sent with: who has that key can tell."""
    request_ended_at: str | None = None
    """When it was clear that no answer would come: the request was over by then."""
    job: str | None = None
    proof: str | None = None
    """What proved the job to be ours, where no answer named it: `seed` or `first picture`."""
    submitted_at: str | None = None
    done_at: str | None = None
    tokens: int | None = None
    price: Money | None = None
    """What it cost, by the vendor's usage where it was told."""
    clip: StoredFile | None = None
    frames: int | None = None
    """Frames of the clip, counted."""
    last_frame: StoredFile | None = None
    seam_difference: float | None = None
    """How far its first picture is from the frame it only leaned on, of 255."""
    error: str | None = None
    cleaned_at: str | None = None

    @property
    def age_seconds(self) -> float:
        """Seconds since the intent, by this machine's clock."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.intended_at)).total_seconds()

    @property
    def booked_price(self) -> Money | None:
        """What counts against a budget: the actual price, else the most it may cost."""
        if self.state in UNCHARGED_STATES:
            return Money(amount=Decimal(0))
        return self.price if self.price is not None else self.max_price


@dataclass(frozen=True)
class Receipt:
    """Everything that was ever asked for one key, oldest first."""

    key: str
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def current(self) -> Attempt | None:
        """The attempt that counts: the last, or the kept one that it could not replace."""
        if not self.attempts:
            return None
        found = self.attempts[self._current_index]
        return (
            replace(found, state=AttemptState.KEPT)
            if found.state is AttemptState.OUTDATED
            else found
        )

    @property
    def _current_index(self) -> int:
        """The place of the attempt that counts."""
        at = last = len(self.attempts) - 1
        while at > 0 and self.attempts[at].state in NO_RESULT_STATES:
            at -= 1
        return at if self.attempts[at].state in (AttemptState.OUTDATED, AttemptState.KEPT) else last

    def begin_attempt(self, attempt: Attempt) -> Receipt:
        """Begin another attempt. The one before must be over."""
        before = self.attempts[self._current_index] if self.attempts else None
        if before and before.state not in ENDED_STATES:
            msg = f"an attempt of {self.key} is {before.state.value}"
            raise AssertionError(msg)
        return replace(self, attempts=(*self.attempts, attempt))

    @property
    def current_number(self) -> int:
        """The number of the attempt that counts, from 1."""
        return self._current_index + 1

    def update(self, state: AttemptState, **facts: Any) -> Receipt:
        """The attempt that counts in another state, with what is known now."""
        if not self.current:
            msg = f"{self.key} has no attempt"
            raise AssertionError(msg)
        at = self._current_index
        amended = replace(self.attempts[at], state=state, **facts)
        return replace(self, attempts=(*self.attempts[:at], amended, *self.attempts[at + 1 :]))

    def to_record(self) -> dict[str, Any]:
        """The receipt as JSON."""
        attempts = [_to_json(asdict(attempt)) for attempt in self.attempts]
        return {"version": RECEIPT_VERSION, "key": self.key, "attempts": attempts}


def read_receipt(key: str, record: Mapping[str, Any] | None) -> Receipt:
    """The receipt of a key from its record; empty where there is none.

    Raises StoreError where the record is of another version or damaged.
    """
    if record is None:
        return Receipt(key)
    try:
        if record["version"] not in READABLE_VERSIONS:
            msg = f"the receipt of {key} is of version {record['version']}, not {RECEIPT_VERSION}; "
            raise StoreError(msg + "use the shotchain that wrote it")
        return Receipt(key, tuple(_parse_attempt(attempt) for attempt in record["attempts"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"the receipt of {key} is damaged ({error}); put it back from a backup"
        raise StoreError(msg) from error


def utc_now() -> str:
    """This moment as the receipts write it."""
    return format_timestamp(datetime.now(UTC).timestamp())


def format_timestamp(unix_seconds: float) -> str:
    """A moment as the receipts write it."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


def parse_timestamp(text: str) -> float:
    """A moment of a receipt in Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


_ATTEMPT_FIELDS = frozenset(known.name for known in fields(Attempt))


def _parse_attempt(record: Mapping[str, Any]) -> Attempt:
    facts = {name: value for name, value in _rename_fields(record) if name in _ATTEMPT_FIELDS}
    for name in ("clip", "last_frame"):
        facts[name] = _parse_stored_file(facts[name]) if facts.get(name) else None
    for name in ("price", "max_price"):
        facts[name] = Money.model_validate(facts[name]) if facts.get(name) else None
    return Attempt(**facts | {"state": AttemptState(record["state"])})


def _rename_fields(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record under their present names."""
    return ((_NAMES_IN_VERSION_1.get(name, name), value) for name, value in record.items())


def _parse_stored_file(record: Mapping[str, Any]) -> StoredFile:
    kept = StoredFile(**dict(_rename_fields(record)))
    # A store may have come with a stranger's board, and must not lead out of itself.
    if kept.name in ("", ".", "..") or "/" in kept.name or "\\" in kept.name:
        msg = "it names a file outside of its folder"
        raise ValueError(msg)
    return kept


def _to_json(attempt: dict[str, Any]) -> dict[str, Any]:
    for name, value in attempt.items():
        if isinstance(value, Money):
            attempt[name] = {"amount": str(value.amount), "currency": value.currency}
        elif isinstance(value, AttemptState):
            attempt[name] = value.value
    return {name: value for name, value in attempt.items() if value is not None}
