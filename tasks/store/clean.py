"""Find and remove clips that neither a board nor a kept shot needs.

Receipts stay, so that their costs stay booked. Temporary files are found in `temp_files`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from storyboards.models import Money
from tasks.store.layout import RecordStore, Store, is_stored
from tasks.store.locks import try_lock
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    ENDED_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    Receipt,
    read_receipt,
    utc_now,
)
from tasks.store.temp_files import remove_path, size_of


class StoredReceipt(NamedTuple):
    """The receipt of one key, and the records that it belongs to."""

    records: RecordStore
    key: str
    receipt: Receipt

    @property
    def current(self) -> Attempt | None:
        """The attempt that counts."""
        return self.receipt.current

    @property
    def folder(self) -> Path:
        """The folder of the key."""
        return self.records.folder_of(self.key)


class RemovableClip(NamedTuple):
    """A clip that may be removed, with its last frame."""

    records: RecordStore
    key: str
    attempt: Attempt
    size_bytes: int

    @property
    def price(self) -> Money | None:
        """The price that was paid for it; None if unknown."""
        return self.attempt.booked_price

    @property
    def rendered_at(self) -> str:
        """ISO 8601, UTC."""
        return _rendered_at(self.attempt)


def iter_receipts(store: Store) -> Iterator[StoredReceipt]:
    """Yield the receipt of every key in the store.

    Raises:
        StoreError: A receipt is damaged.
    """
    for loopback in (False, True):
        records = store.records(loopback=loopback)
        for key in records.iter_keys():
            yield StoredReceipt(records, key, read_receipt(key, records.read(key)))


def find_removable(
    store: Store, referenced: Collection[str], *, min_age_seconds: float
) -> tuple[RemovableClip, ...]:
    """Return the old kept clips that no reference and no remaining shot needs.

    Args:
        store: The store.
        referenced: The keys that boards need.
        min_age_seconds: The age that a clip must exceed.

    Raises:
        StoreError: A receipt is damaged, so it is unknown what its shot continues.
    """
    receipts = tuple(iter_receipts(store))
    old = {
        (stored.records.folder, stored.key)
        for stored in receipts
        if stored.current
        and stored.current.state is AttemptState.KEPT
        and _age_seconds(stored.current) > min_age_seconds
    }
    needed = _find_needed_keys(receipts, old, referenced)
    return tuple(
        RemovableClip(
            stored.records,
            stored.key,
            stored.current,
            sum(map(size_of, stored.records.clip_files(stored.key))),
        )
        for stored in receipts
        if stored.current and (stored.records.folder, stored.key) in old
        if stored.key not in needed
    )


def _find_needed_keys(
    receipts: Collection[StoredReceipt],
    old: Collection[tuple[Path, str]],
    referenced: Collection[str],
) -> set[str]:
    """Return the referenced keys, the keys that are not old, and all keys that those continue."""
    keys_by_frame: dict[str, set[str]] = {}
    for stored in receipts:
        for frame_sha256 in _frame_digests(stored.current) if stored.current else ():
            keys_by_frame.setdefault(frame_sha256, set()).add(stored.key)
    continued: dict[str, set[str]] = {}
    remaining = set(referenced)
    for stored in receipts:
        if stored.current is None:
            continue
        continued.setdefault(stored.key, set()).update(
            _continued_keys(stored.current, keys_by_frame)
        )
        is_old = (stored.records.folder, stored.key) in old
        if stored.current.state not in ENDED_STATES and not is_old:
            remaining.add(stored.key)
    needed: set[str] = set()
    while remaining:
        key = remaining.pop()
        needed.add(key)
        remaining |= continued.get(key, set()) - needed
    return needed


def _frame_digests(attempt: Attempt) -> Iterator[str]:
    """Yield the digests of the frames of a clip that other shots start on."""
    if attempt.last_frame:
        yield attempt.last_frame.sha256
    yield from (frame.file.sha256 for frame in attempt.out_frames)


def _continued_keys(attempt: Attempt, keys_by_frame: dict[str, set[str]]) -> set[str]:
    """Return the recorded continued key, and all keys that have the attempt's first frame."""
    recorded = {attempt.continues_key} if attempt.continues_key else set()
    return recorded | keys_by_frame.get(attempt.first_frame_sha256 or "", set())


def remove_clip(removable: RemovableClip) -> int | None:
    """Remove a clip and its last frame, after recording that in the receipt.

    Returns:
        The freed bytes; None if a process holds the key or the receipt has changed.

    Raises:
        StoreError: The receipt can't be written or a file can't be removed.
    """
    records, key = removable.records, removable.key
    with records.lock_file(key) as file:
        if not try_lock(file):
            return None
        receipt = read_receipt(key, records.read(key))
        if receipt.current != removable.attempt:
            return None
        receipt = receipt.update(AttemptState.CLEANED, cleaned_at=utc_now())
        records.write(key, receipt.to_record())
        return sum(remove_path(path) for path in records.clip_files(key))


def find_half_cleaned(store: Store) -> tuple[Path, ...]:
    """Return the files of cleaned keys, which a killed `clean` did not remove.

    Raises:
        StoreError: A receipt is damaged.
    """
    return tuple(
        path
        for stored in iter_receipts(store)
        if stored.current and stored.current.state is AttemptState.CLEANED
        for path in stored.records.clip_files(stored.key)
    )


def find_needed_jobs(store: Store) -> tuple[frozenset[str], frozenset[str] | None]:
    """Return the simulator's jobs that must stay.

    Returns:
        The jobs that runs still fetch; and, if any attempt is unclear, all jobs that receipts
        claim, because then any other job may belong to that attempt. Else None.

    Raises:
        StoreError: A receipt is damaged.
    """
    awaited: set[str] = set()
    claimed: set[str] = set()
    has_unclear = False
    for stored in iter_receipts(store):
        claimed.update(attempt.job for attempt in stored.receipt.attempts if attempt.job)
        attempt = stored.current
        if attempt is None:
            continue
        has_unclear = has_unclear or attempt.state in UNCLEAR_STATES
        is_missing = attempt.state is AttemptState.KEPT and not is_stored(
            stored.folder, attempt.clip
        )
        if attempt.job and (attempt.state in AT_VENDOR_STATES or is_missing):
            awaited.add(attempt.job)
    return frozenset(awaited), frozenset(claimed) if has_unclear else None


def _rendered_at(attempt: Attempt) -> str:
    return attempt.done_at or attempt.submitted_at or attempt.intended_at


def _age_seconds(attempt: Attempt) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(_rendered_at(attempt))).total_seconds()
