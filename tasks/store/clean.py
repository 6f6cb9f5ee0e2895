"""Find and remove clips that no board and no kept shot needs. Receipts stay, so costs stay booked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from storyboards.models import Money
from tasks.store.layout import KEY_LOCK_NAME, RECEIPT_NAME, RecordStore, Store, is_stored
from tasks.store.locks import try_lock
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    ENDED_STATES,
    Attempt,
    AttemptState,
    Receipt,
    read_receipt,
    utc_now,
)
from tasks.store.temp_files import remove_path, size_of


class StoredReceipt(NamedTuple):
    """One key of the store with its receipt."""

    records: RecordStore
    key: str
    receipt: Receipt

    @property
    def current(self) -> Attempt | None:
        """The attempt that counts."""
        return self.receipt.current


class RemovableClip(NamedTuple):
    """A clip that may go, with its last frame."""

    records: RecordStore
    key: str
    attempt: Attempt
    size_bytes: int

    @property
    def price(self) -> Money | None:
        """What it cost; None is unknown."""
        return self.attempt.booked_price

    @property
    def rendered_at(self) -> str:
        """When it was rendered."""
        return _rendered_at(self.attempt)


def iter_receipts(store: Store) -> Iterator[StoredReceipt]:
    """Every key of the store. Raises StoreError where a receipt is damaged."""
    for loopback in (False, True):
        shelf = store.records(loopback=loopback)
        keys = shelf.keys()
        for key in keys:
            yield StoredReceipt(shelf, key, read_receipt(key, shelf.read(key)))


def find_removable(
    store: Store, referenced: Collection[str], *, min_age_seconds: float
) -> tuple[RemovableClip, ...]:
    """The kept clips older than that which nothing refers to, and no shot that stays continues.

    Raises StoreError where a receipt is damaged: nobody knows what that shot continues.
    """
    all_ = tuple(iter_receipts(store))
    old = {
        (one.records.folder, one.key)
        for one in all_
        if one.current
        and one.current.state is AttemptState.KEPT
        and _age_seconds(one.current) > min_age_seconds
    }
    needed = _find_needed_keys(all_, old, referenced)
    return tuple(
        RemovableClip(
            one.records,
            one.key,
            one.current,
            sum(map(size_of, _clip_files(one.records.folder_of(one.key)))),
        )
        for one in all_
        if one.current and (one.records.folder, one.key) in old and one.key not in needed
    )


def _find_needed_keys(
    receipts: Collection[StoredReceipt],
    old: Collection[tuple[Path, str]],
    referenced: Collection[str],
) -> set[str]:
    """The keys that are referred to or stay by themselves, and all that those continue."""
    frames: dict[str, set[str]] = {}
    for one in receipts:
        if one.current and one.current.last_frame:
            frames.setdefault(one.current.last_frame.sha256, set()).add(one.key)
    behind: dict[str, set[str]] = {}
    staying = set(referenced)
    for one in receipts:
        if one.current is None:
            continue
        behind.setdefault(one.key, set()).update(_continued_keys(one.current, frames))
        if one.current.state not in ENDED_STATES and (one.records.folder, one.key) not in old:
            staying.add(one.key)
    needed: set[str] = set()
    while staying:
        key = staying.pop()
        needed.add(key)
        staying |= behind.get(key, set()) - needed
    return needed


def _continued_keys(attempt: Attempt, frames: dict[str, set[str]]) -> set[str]:
    """What an attempt continues: as it says, and whatever ends on the frame it started from."""
    told = {attempt.continues_key} if attempt.continues_key else set()
    return told | frames.get(attempt.first_frame_sha256 or "", set())


def remove_clip(removable: RemovableClip) -> int | None:
    """Remove a clip and its last frame, the receipt saying so first. Returns the bytes freed.

    None where somebody works on that key or it is no longer what it was.
    """
    shelf, key = removable.records, removable.key
    with shelf.lock_file(key) as file:
        if not try_lock(file):
            return None
        receipt = read_receipt(key, shelf.read(key))
        if receipt.current != removable.attempt:
            return None
        shelf.write(key, receipt.update(AttemptState.CLEANED, cleaned_at=utc_now()).to_record())
        return sum(remove_path(path) for path in _clip_files(shelf.folder_of(key)))


def find_half_cleaned(store: Store) -> tuple[Path, ...]:
    """Files of keys whose receipts say that they were cleaned: a `clean` was killed."""
    return tuple(
        path
        for one in iter_receipts(store)
        if one.current and one.current.state is AttemptState.CLEANED
        for path in _clip_files(one.records.folder_of(one.key))
    )


def _clip_files(folder: Path) -> list[Path]:
    """What a key has beside its receipt and its locks."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name not in (RECEIPT_NAME, KEY_LOCK_NAME) and path.suffix != ".lock"
        if not path.name.startswith(".")
    ]


def find_needed_jobs(store: Store) -> tuple[frozenset[str], frozenset[str] | None]:
    """The local vendor's jobs that are still to be fetched, and those that receipts claim.

    Where a create may have arrived unheard, any job that no receipt claims may be its own; the
    second is None where there is no such doubt.
    """
    waited: set[str] = set()
    claimed: set[str] = set()
    doubt = False
    for one in iter_receipts(store):
        claimed.update(attempt.job for attempt in one.receipt.attempts if attempt.job)
        latest = one.current
        if latest is None:
            continue
        doubt = doubt or latest.state in (AttemptState.INTENDED, AttemptState.UNCLEAR)
        missing = latest.state is AttemptState.KEPT and not is_stored(
            one.records.folder_of(one.key), latest.clip
        )
        if latest.job and (latest.state in AT_VENDOR_STATES or missing):
            waited.add(latest.job)
    return frozenset(waited), frozenset(claimed) if doubt else None


def _rendered_at(attempt: Attempt) -> str:
    return attempt.done_at or attempt.submitted_at or attempt.intended_at


def _age_seconds(attempt: Attempt) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(_rendered_at(attempt))).total_seconds()
