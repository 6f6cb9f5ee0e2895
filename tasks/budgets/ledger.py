"""The ledger: every attempt with its booked price, computed from the receipts.

There are no other books. Budget limits are checked in `limits`.
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.models import Money
from tasks.store.layout import FileFingerprint, RecordStore
from tasks.store.receipts import (
    UNCHARGED_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)


class LedgerEntry(NamedTuple):
    """One attempt with its prices."""

    key: str
    attempt_index: int
    """The index of the attempt in its receipt."""
    attempt: Attempt

    @property
    def max_price(self) -> Money | None:
        """The maximum price, fixed before sending; None if unknown."""
        return self.attempt.max_price

    @property
    def actual_price(self) -> Money | None:
        """The price by the vendor's usage; None if it is not reported (yet)."""
        return self.attempt.price

    @property
    def booked_price(self) -> Money | None:
        """The price that counts: actual, else maximum; None if unknown."""
        return self.attempt.booked_price

    @property
    def is_charged(self) -> bool:
        """True if the attempt is or may be charged."""
        return self.attempt.state not in UNCHARGED_STATES

    @property
    def is_in_flight(self) -> bool:
        """True if the vendor has a job that is not done."""
        return self.attempt.state is AttemptState.SUBMITTED

    @property
    def is_unclear(self) -> bool:
        """True if it is unknown whether the vendor created a job."""
        return self.attempt.state in UNCLEAR_STATES

    @property
    def month(self) -> str:
        """The calendar month (UTC) of the intent, such as `2026-07`."""
        return self.attempt.intended_at[:7]


class Ledger:
    """The entries of one record store. Reads a receipt again only if its file was replaced."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._cache: dict[str, tuple[FileFingerprint, tuple[LedgerEntry, ...]]] = {}

    def entries(self) -> list[LedgerEntry]:
        """Return the entries of all keys.

        Raises:
            StoreError: A receipt is damaged or can't be read.
        """
        return [entry for key in self._records.iter_keys() for entry in self.entries_of(key)]

    def entries_of(self, key: str) -> tuple[LedgerEntry, ...]:
        """Return the entries of one key, the oldest first.

        Raises:
            StoreError: The receipt is damaged or can't be read.
        """
        fingerprint = self._records.fingerprint(key)
        if fingerprint is None:
            return ()
        cached = self._cache.get(key)
        if cached is None or cached[0] != fingerprint:
            # The fingerprint is older than the content: a receipt that is replaced in between is
            # read again the next time.
            cached = self._cache[key] = (fingerprint, self._read(key))
        return cached[1]

    def _read(self, key: str) -> tuple[LedgerEntry, ...]:
        attempts = read_receipt(key, self._records.read(key)).attempts
        return tuple(LedgerEntry(key, index, attempt) for index, attempt in enumerate(attempts))
