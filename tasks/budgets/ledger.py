"""The ledger: every attempt with its booked price, computed from the receipts.

There is no second set of books. Budget limits are checked in `limits`."""

from __future__ import annotations

from typing import NamedTuple

from storyboards.models import Money
from tasks.store.layout import FileFingerprint, RecordStore
from tasks.store.receipts import UNCHARGED_STATES, Attempt, AttemptState, read_receipt


class LedgerEntry(NamedTuple):
    """One attempt, as it is booked."""

    key: str
    attempt_index: int
    """Which attempt of its key it is, from 0."""
    attempt: Attempt

    @property
    def max_price(self) -> Money | None:
        """The most it might have cost, said before it was sent; None is unknown."""
        return self.attempt.max_price

    @property
    def actual_price(self) -> Money | None:
        """What it cost by the vendor's usage; None where that is not told, or not yet."""
        return self.attempt.price

    @property
    def booked_price(self) -> Money | None:
        """What counts: what it cost, else the most it may cost; None is unknown."""
        return self.attempt.booked_price

    @property
    def is_charged(self) -> bool:
        """Whether it is paid or may be."""
        return self.attempt.state not in UNCHARGED_STATES

    @property
    def is_in_flight(self) -> bool:
        """Whether the vendor has a job that is not done."""
        return self.attempt.state is AttemptState.SUBMITTED

    @property
    def is_unclear(self) -> bool:
        """Whether it is not known that the vendor took it."""
        return self.attempt.state in (AttemptState.INTENDED, AttemptState.UNCLEAR)

    @property
    def month(self) -> str:
        """The calendar month in which it was sent, UTC: `2026-07`."""
        return self.attempt.intended_at[:7]


class Ledger:
    """The entries of one shelf. Reads a receipt again only where it is not the file it was."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._cache: dict[str, tuple[FileFingerprint, tuple[LedgerEntry, ...]]] = {}

    def entries(self) -> list[LedgerEntry]:
        """Every attempt that is on record now. Raises StoreError where a receipt is damaged."""
        keys = self._records.keys()
        return [entry for key in keys for entry in self.entries_of(key)]

    def entries_of(self, key: str) -> tuple[LedgerEntry, ...]:
        """The attempts at one key, oldest first. Raises StoreError where they can't be read."""
        stamp = self._records.fingerprint(key)
        if stamp is None:
            return ()
        seen = self._cache.get(key)
        if seen is None or seen[0] != stamp:
            # Stamped before it is read: one that is replaced meanwhile is read again next time.
            seen = self._cache[key] = (stamp, _entries(key, self._records))
        return seen[1]


def _entries(key: str, records: RecordStore) -> tuple[LedgerEntry, ...]:
    attempts = read_receipt(key, records.read(key)).attempts
    return tuple(LedgerEntry(key, number, attempt) for number, attempt in enumerate(attempts))
