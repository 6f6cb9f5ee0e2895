"""The ledger: what a shelf of the store has booked, an entry per attempt, read from its receipts.

There is no second book: the receipts are the truth, and a sum is made anew from them each time.
What may be spent on top is a question for `walls`.
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.models import Money
from tasks.receipts import UNPAID, Attempt, State, read_receipt
from tasks.store import Shelf, Stamp


class Entry(NamedTuple):
    """One attempt, as it is booked."""

    key: str
    number: int
    """Which attempt of its key it is, from 0."""
    attempt: Attempt

    @property
    def estimate(self) -> Money | None:
        """The most it might have cost, said before it was sent; None is unknown."""
        return self.attempt.price_most

    @property
    def actual(self) -> Money | None:
        """What it cost by the vendor's usage; None where that is not told, or not yet."""
        return self.attempt.price

    @property
    def booked(self) -> Money | None:
        """What counts: what it cost, else the most it may cost; None is unknown."""
        return self.attempt.booked

    @property
    def costs(self) -> bool:
        """Whether it is paid or may be."""
        return self.attempt.state not in UNPAID

    @property
    def in_flight(self) -> bool:
        """Whether the vendor has a job that is not done."""
        return self.attempt.state is State.SUBMITTED

    @property
    def unclear(self) -> bool:
        """Whether it is not known that the vendor took it."""
        return self.attempt.state in (State.INTENDED, State.UNCLEAR)

    @property
    def month(self) -> str:
        """The calendar month in which it was sent, UTC: `2026-07`."""
        return self.attempt.intended_at[:7]


class Ledger:
    """The entries of one shelf. Reads a receipt again only where it is not the file it was."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._seen: dict[str, tuple[Stamp, tuple[Entry, ...]]] = {}

    def entries(self) -> list[Entry]:
        """Every attempt that is on record now. Raises StoreError where a receipt is damaged."""
        keys = self._shelf.keys()
        return [entry for key in keys for entry in self.of(key)]

    def of(self, key: str) -> tuple[Entry, ...]:
        """The attempts at one key, oldest first. Raises StoreError where they can't be read."""
        stamp = self._shelf.stamp(key)
        if stamp is None:
            return ()
        seen = self._seen.get(key)
        if seen is None or seen[0] != stamp:
            # Stamped before it is read: one that is replaced meanwhile is read again next time.
            seen = self._seen[key] = (stamp, _entries(key, self._shelf))
        return seen[1]


def _entries(key: str, shelf: Shelf) -> tuple[Entry, ...]:
    attempts = read_receipt(key, shelf.read(key)).attempts
    return tuple(Entry(key, number, attempt) for number, attempt in enumerate(attempts))
