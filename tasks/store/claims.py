"""The jobs that attempts have: no two attempts of a vendor have the same job.

A claim is the job id in a receipt. A process that records a job reads the other claims and writes
its own under one lock, so that of two processes with the same job only the first records it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, NamedTuple

from tasks.store.layout import RecordStore
from tasks.store.locks import open_lock_file
from tasks.store.receipts import Attempt, read_receipt

CLAIM_LOCK_NAME = "jobs.lock"


class StoredAttempt(NamedTuple):
    """An attempt in the store, and the key that it belongs to."""

    key: str
    attempt: Attempt

    def is_same(self, key: str, attempt: Attempt) -> bool:
        """Return True if this is the attempt of that key, in any state."""
        return (self.key, self.attempt.intended_at) == (key, attempt.intended_at)


@contextmanager
def open_claim_lock(records: RecordStore) -> Iterator[IO[bytes]]:
    """Open the lock file for recording jobs. The lock is not taken.

    Raises:
        StoreError: The file can't be created or opened.
    """
    with open_lock_file(records.folder / CLAIM_LOCK_NAME) as file:
        yield file


def iter_vendor_attempts(records: RecordStore, own: Attempt) -> Iterator[StoredAttempt]:
    """Yield every attempt at the vendor of `own`: at the same provider or address.

    Other vendors may use the same job ids.

    Raises:
        StoreError: A receipt is damaged.
    """
    for key in records.iter_keys():
        for attempt in read_receipt(key, records.read(key)).attempts:
            if attempt.provider == own.provider or attempt.base_url == own.base_url:
                yield StoredAttempt(key, attempt)


def find_claim(records: RecordStore, key: str, own: Attempt, job: str) -> Attempt | None:
    """Return another attempt at the same vendor that has this job, or None.

    An earlier attempt of the same key counts as well: a new request has a job of its own.

    Raises:
        StoreError: A receipt is damaged.
    """
    for stored in iter_vendor_attempts(records, own):
        if stored.attempt.job == job and not stored.is_same(key, own):
            return stored.attempt
    return None
