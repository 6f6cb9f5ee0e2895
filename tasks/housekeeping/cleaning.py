"""What may go from the store, and that it goes: nothing that a board or a kept shot may need.

A clip that goes leaves its receipt behind: what was paid stays booked, and `plan` says what became
of it. Half-written files are told in `leftovers`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from storyboards.models import Money
from tasks.housekeeping.leftovers import remove, size_of
from tasks.receipts import AT_VENDOR, OVER, Attempt, Receipt, State, now, read_receipt
from tasks.records.survey import is_there
from tasks.store import LOCK, RECEIPT, Shelf, Store, try_lock


class Entry(NamedTuple):
    """One key of the store with its receipt."""

    shelf: Shelf
    key: str
    receipt: Receipt

    @property
    def latest(self) -> Attempt | None:
        """The attempt that counts."""
        return self.receipt.latest


class Doomed(NamedTuple):
    """A clip that may go, with its last frame."""

    shelf: Shelf
    key: str
    attempt: Attempt
    bytes: int

    @property
    def price(self) -> Money | None:
        """What it cost; None is unknown."""
        return self.attempt.booked

    @property
    def made_at(self) -> str:
        """When it was rendered."""
        return _made_at(self.attempt)


def entries(store: Store) -> Iterator[Entry]:
    """Every key of the store. Raises StoreError where a receipt is damaged."""
    for loopback in (False, True):
        shelf = store.shelf(loopback=loopback)
        keys = shelf.keys()
        for key in keys:
            yield Entry(shelf, key, read_receipt(key, shelf.read(key)))


def find_doomed(
    store: Store, referred: Collection[str], *, older_seconds: float
) -> tuple[Doomed, ...]:
    """The kept clips older than that which nothing refers to, and no shot that stays continues.

    Raises StoreError where a receipt is damaged: nobody knows what that shot continues.
    """
    all_ = tuple(entries(store))
    old = {
        (one.shelf.folder, one.key)
        for one in all_
        if one.latest and one.latest.state is State.KEPT and _age(one.latest) > older_seconds
    }
    needed = _needed(all_, old, referred)
    return tuple(
        Doomed(one.shelf, one.key, one.latest, sum(map(size_of, _files(one.shelf.home(one.key)))))
        for one in all_
        if one.latest and (one.shelf.folder, one.key) in old and one.key not in needed
    )


def _needed(
    all_: Collection[Entry], old: Collection[tuple[Path, str]], referred: Collection[str]
) -> set[str]:
    """The keys that are referred to or stay by themselves, and all that those continue."""
    frames: dict[str, set[str]] = {}
    for one in all_:
        if one.latest and one.latest.last_frame:
            frames.setdefault(one.latest.last_frame.sha256, set()).add(one.key)
    behind: dict[str, set[str]] = {}
    staying = set(referred)
    for one in all_:
        if one.latest is None:
            continue
        behind.setdefault(one.key, set()).update(_before(one.latest, frames))
        if one.latest.state not in OVER and (one.shelf.folder, one.key) not in old:
            staying.add(one.key)
    needed: set[str] = set()
    while staying:
        key = staying.pop()
        needed.add(key)
        staying |= behind.get(key, set()) - needed
    return needed


def _before(attempt: Attempt, frames: dict[str, set[str]]) -> set[str]:
    """What an attempt continues: as it says, and whatever ends on the frame it started from."""
    told = {attempt.continues} if attempt.continues else set()
    return told | frames.get(attempt.started_from or "", set())


def clean(doomed: Doomed) -> int | None:
    """Remove a clip and its last frame, the receipt saying so first. Returns the bytes freed.

    None where somebody works on that key or it is no longer what it was.
    """
    shelf, key = doomed.shelf, doomed.key
    with shelf.lock_file(key) as file:
        if not try_lock(file):
            return None
        receipt = read_receipt(key, shelf.read(key))
        if receipt.latest != doomed.attempt:
            return None
        shelf.write(key, receipt.amend(State.CLEANED, cleaned_at=now()).to_record())
        return sum(remove(path) for path in _files(shelf.home(key)))


def half_cleaned(store: Store) -> tuple[Path, ...]:
    """Files of keys whose receipts say that they were cleaned: a `clean` was killed."""
    return tuple(
        path
        for one in entries(store)
        if one.latest and one.latest.state is State.CLEANED
        for path in _files(one.shelf.home(one.key))
    )


def _files(home: Path) -> list[Path]:
    """What a key has beside its receipt and its locks."""
    return [
        path
        for path in sorted(home.iterdir())
        if path.name not in (RECEIPT, LOCK) and path.suffix != ".lock"
        if not path.name.startswith(".")
    ]


def needed_jobs(store: Store) -> tuple[frozenset[str], frozenset[str] | None]:
    """The local vendor's jobs that are still to be fetched, and those that receipts claim.

    Where a create may have arrived unheard, any job that no receipt claims may be its own; the
    second is None where there is no such doubt.
    """
    waited: set[str] = set()
    claimed: set[str] = set()
    doubt = False
    for one in entries(store):
        claimed.update(attempt.job for attempt in one.receipt.attempts if attempt.job)
        latest = one.latest
        if latest is None:
            continue
        doubt = doubt or latest.state in (State.INTENDED, State.UNCLEAR)
        missing = latest.state is State.KEPT and not is_there(one.shelf.home(one.key), latest.clip)
        if latest.job and (latest.state in AT_VENDOR or missing):
            waited.add(latest.job)
    return frozenset(waited), frozenset(claimed) if doubt else None


def _made_at(attempt: Attempt) -> str:
    return attempt.done_at or attempt.submitted_at or attempt.intended_at


def _age(attempt: Attempt) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(_made_at(attempt))).total_seconds()
