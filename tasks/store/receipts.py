"""The receipt of a key: every attempt to render it, with state, job and price. Does no I/O.

Each state is durable before the next step begins:

    (none) ------> INTENDED     just before the create request is sent
    INTENDED ----> CLOSED       surely not accepted: not sent, rate limited, rejected
    INTENDED ----> UNCLEAR      possibly accepted; only the author decides on another attempt
    INTENDED ----> SUBMITTED    the response contains the job's id
    UNCLEAR -----> SUBMITTED    the vendor's list contains a job that is proven to be this one, or
                                a rescue record has its id
    UNCLEAR -----> ABANDONED    the author requested another attempt; counts as paid
    SUBMITTED ---> DONE         the vendor finished the job
    SUBMITTED ---> FAILED       the vendor failed at the job
    SUBMITTED ---> CANCELLED    the author cancelled the queued job, and the vendor reports that
    FAILED ------> SUBMITTED    asked once more before another attempt, the vendor no longer reports
                                a failure. The same from CANCELLED
    DONE --------> KEPT         the clip is on disk
    SUBMITTED ---> LOST         the documented time of the job or its files is over; stays paid. The
                                same from DONE, and from KEPT if the clip is gone from the store
    KEPT --------> CLEANED      the author removed the clip; stays paid
    KEPT --------> OUTDATED     another attempt starts on a newer frame; stays paid, files stay
    OUTDATED ----> KEPT         all later attempts ended without a clip

A process that dies leaves INTENDED. The reader that holds the lock of the key treats it as UNCLEAR:
no other process can be sending then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
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
"""Fields with another name in version 1. Receipts of paid shots must stay readable."""

JOB_RETENTION_SECONDS = 7 * 24 * 3600
"""Vendors keep a job for seven days after its creation (Volcengine's create page)."""

FILE_RETENTION_SECONDS = 24 * 3600
"""Vendors keep the files of a job for a day (Volcengine's query page)."""


class AttemptState(StrEnum):
    """The state of an attempt; the module docstring draws the transitions."""

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
"""A job may exist and be charged, but its id is unknown."""

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
"""Another attempt may begin."""

UNCHARGED_STATES = frozenset({AttemptState.CLOSED, AttemptState.FAILED, AttemptState.CANCELLED})
"""The attempt costs nothing."""

NO_RESULT_STATES = frozenset(
    {AttemptState.CLOSED, AttemptState.FAILED, AttemptState.CANCELLED, AttemptState.LOST}
)
"""The attempt has no clip, so an outdated attempt before it counts again."""

REVIVABLE_STATES = frozenset({AttemptState.FAILED, AttemptState.CANCELLED})
"""The vendor reported the end of a job, and is asked once more before another one is sent."""

AT_VENDOR_STATES = frozenset({AttemptState.SUBMITTED, AttemptState.DONE})
"""The vendor has a job whose clip is not in the store yet."""


@dataclass(frozen=True)
class StoredFile:
    """A file of a shot that is complete on disk."""

    name: str
    """Its name in the folder of the key."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class OutFrame:
    """A frame of a clip that another shot starts on, at an out point, as a file."""

    number: int
    """Its number in the clip, from 0, 24 to a second."""
    file: StoredFile


@dataclass(frozen=True)
class Attempt:
    """One request to render a key, from the intent to the clip. Times are ISO 8601, UTC."""

    state: AttemptState
    board: str
    """The name of the board that it is booked under."""
    shot: str
    take: int
    provider: str
    model: str
    base_url: str
    request_sha256: str
    """Digest of the request; it identifies what was sent."""
    intended_at: str
    max_price: Money | None = None
    """The maximum price, fixed before sending; None if unknown."""
    price_list_date: str | None = None
    """The date of the price list."""
    price_list_source: str | None = None
    """The publisher and the place of the price list."""
    first_frame_sha256: str | None = None
    """Digest of the frame that it starts on."""
    continues_key: str | None = None
    """The key of the shot that this frame belongs to."""
    continues_frame: int | None = None
    """The number of this frame in that shot's clip, at an out point; None is the last frame."""
    seed: int | None = None
    """The seed that was sent."""
    base_url_hmac: str | None = None
    """HMAC of the base URL under the API key: proves that this key was sent to this URL before."""
    request_ended_at: str | None = None
    """The time from which no response could arrive; set when the attempt becomes unclear."""
    job: str | None = None
    proof: str | None = None
    """The proof that a listed job is this one: `seed` or `first picture`; None if not needed."""
    submitted_at: str | None = None
    accepted_at: str | None = None
    """The time of the response to the create by the vendor's clock; None if it is not known."""
    unclear_since: str | None = None
    """The time since when the vendor does not know the job, or contradicts itself about it."""
    done_at: str | None = None
    tokens: int | None = None
    """The vendor's usage; None if the vendor reported none that is plausible."""
    price: Money | None = None
    """The actual price by the vendor's usage; None if that is None."""
    board_id: str | None = None
    """The id of that board in the store, which stays when it is renamed."""
    implausible_tokens: int | None = None
    """The usage that the vendor reported, if it is not plausible for the request."""
    clip: StoredFile | None = None
    frames: int | None = None
    """The number of frames in the clip, counted."""
    last_frame: StoredFile | None = None
    out_frames: tuple[OutFrame, ...] = ()
    """Other frames of the clip that shots started on."""
    seam_difference: float | None = None
    """Mean difference (0 to 255) between a soft anchor and the first frame of the clip."""
    error: str | None = None
    cleaned_at: str | None = None

    @property
    def age_seconds(self) -> float:
        """Seconds since the intent, by the clock of this machine."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.intended_at)).total_seconds()

    @property
    def sent_at(self) -> float:
        """Unix seconds at which the job was submitted; of the intent if it is not known."""
        return parse_timestamp(self.submitted_at or self.intended_at)

    def out_frame(self, number: int | None) -> StoredFile | None:
        """Return the file of a frame that shots start on, if it is recorded; None is the last.

        A clip may be shorter than planned: then it is the last frame.
        """
        is_last = number is None or (self.frames is not None and number >= self.frames)
        if is_last and self.last_frame:
            return self.last_frame
        return next((frame.file for frame in self.out_frames if frame.number == number), None)

    @property
    def booked_price(self) -> Money | None:
        """The price that counts against budgets: actual, else maximum; None if unknown."""
        if self.state in UNCHARGED_STATES:
            return Money(amount=Decimal(0))
        return self.price if self.price is not None else self.max_price


@dataclass(frozen=True)
class Receipt:
    """All attempts to render one key, the oldest first."""

    key: str
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def current(self) -> Attempt | None:
        """The attempt that counts: the last, or an outdated attempt without a replacement."""
        if not self.attempts:
            return None
        attempt = self.attempts[self._current_index]
        if attempt.state is AttemptState.OUTDATED:
            return replace(attempt, state=AttemptState.KEPT)
        return attempt

    @property
    def last_sent(self) -> Attempt | None:
        """The last attempt that the vendor accepted, as far as is known."""
        accepted = (a for a in reversed(self.attempts) if a.state is not AttemptState.CLOSED)
        return next(accepted, None)

    @property
    def current_number(self) -> int:
        """The number of the attempt that counts, from 1."""
        return self._current_index + 1

    @property
    def _current_index(self) -> int:
        last = len(self.attempts) - 1
        index = last
        while index > 0 and self.attempts[index].state in NO_RESULT_STATES:
            index -= 1
        if self.attempts[index].state in (AttemptState.OUTDATED, AttemptState.KEPT):
            return index
        return last

    def begin_attempt(self, attempt: Attempt) -> Receipt:
        """Return the receipt with another attempt.

        Raises:
            AssertionError: The attempt before has not ended; this is a bug.
        """
        previous = self.attempts[self._current_index] if self.attempts else None
        if previous and previous.state not in ENDED_STATES:
            msg = f"an attempt of {self.key} is {previous.state.value}"
            raise AssertionError(msg)
        return replace(self, attempts=(*self.attempts, attempt))

    def revive(self, ended: Attempt) -> Receipt:
        """Return the receipt with a job that goes on after its end was recorded.

        Args:
            ended: `last_sent`; it becomes the last attempt, so that it counts.
        """
        others = tuple(attempt for attempt in self.attempts if attempt is not ended)
        revived = replace(ended, state=AttemptState.SUBMITTED, error=None)
        return replace(self, attempts=(*others, revived))

    def update(self, state: AttemptState, **changes: Any) -> Receipt:
        """Return the receipt with a new state and new values for the attempt that counts.

        Args:
            state: The new state.
            changes: Fields of `Attempt`.

        Raises:
            AssertionError: The receipt has no attempt; this is a bug.
        """
        if not self.attempts:
            msg = f"{self.key} has no attempt"
            raise AssertionError(msg)
        index = self._current_index
        attempt = replace(self.attempts[index], state=state, **changes)
        return replace(
            self, attempts=(*self.attempts[:index], attempt, *self.attempts[index + 1 :])
        )

    def to_record(self) -> dict[str, Any]:
        """Return the receipt as a JSON object."""
        attempts = [_attempt_to_json(attempt) for attempt in self.attempts]
        return {"version": RECEIPT_VERSION, "key": self.key, "attempts": attempts}


def read_receipt(key: str, record: Mapping[str, Any] | None) -> Receipt:
    """Build the receipt of a key from its record; None stands for no record.

    Raises:
        StoreError: The record is damaged or has an unknown version.
    """
    if record is None:
        return Receipt(key)
    try:
        if record["version"] not in READABLE_VERSIONS:
            msg = f"the receipt of {key} has version {record['version']}, not {RECEIPT_VERSION}; "
            raise StoreError(msg + "use the shotchain version that wrote it")
        return Receipt(key, tuple(_parse_attempt(attempt) for attempt in record["attempts"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"the receipt of {key} is damaged ({error}); restore it from a backup"
        raise StoreError(msg) from error


def utc_now() -> str:
    """Return the current time in the format of receipts."""
    return format_timestamp(datetime.now(UTC).timestamp())


def format_timestamp(unix_seconds: float) -> str:
    """Return a time in the format of receipts: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


def parse_timestamp(text: str) -> float:
    """Return the Unix seconds of a time in a receipt."""
    return datetime.fromisoformat(text).timestamp()


_ATTEMPT_FIELDS = frozenset(attempt_field.name for attempt_field in fields(Attempt))


def _parse_attempt(record: Mapping[str, Any]) -> Attempt:
    values = {name: value for name, value in _rename_fields(record) if name in _ATTEMPT_FIELDS}
    for name in ("clip", "last_frame"):
        values[name] = _parse_stored_file(values[name]) if values.get(name) else None
    values["out_frames"] = tuple(
        OutFrame(int(frame["number"]), _parse_stored_file(frame["file"]))
        for frame in values.get("out_frames", ())
    )
    for name in ("price", "max_price"):
        values[name] = Money.model_validate(values[name]) if values.get(name) else None
    return Attempt(**values | {"state": AttemptState(record["state"])})


def _rename_fields(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a record under their current names."""
    return ((_NAMES_IN_VERSION_1.get(name, name), value) for name, value in record.items())


def _parse_stored_file(record: Mapping[str, Any]) -> StoredFile:
    stored_file = StoredFile(**dict(_rename_fields(record)))
    # A store that came with a stranger's board must not refer to files outside of itself.
    if stored_file.name in ("", ".", "..") or "/" in stored_file.name or "\\" in stored_file.name:
        msg = "it refers to a file outside of its folder"
        raise ValueError(msg)
    return stored_file


def _attempt_to_json(attempt: Attempt) -> dict[str, Any]:
    return {
        name: _value_to_json(value)
        for name, value in asdict(attempt).items()
        if value is not None and value != ()
    }


def _value_to_json(value: object) -> object:
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    return value.value if isinstance(value, AttemptState) else value
