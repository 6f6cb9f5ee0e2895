"""Record the result of a create request: the one write that must not be lost.

The job's id is written to the receipt as any record is; on a full disk in space that was taken
before; else to a rescue record outside of the store. A job belongs to one attempt: if the vendor
returns the job of another attempt, the request stays unclear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from tasks.errors import StoreError, SubmissionUnclear
from tasks.plan import ShotToRender
from tasks.store.atomic_files import encode_record
from tasks.store.claims import find_claim, open_claim_lock
from tasks.store.layout import RECEIPT_NAME, RecordStore
from tasks.store.locks import wait_for_lock_async
from tasks.store.receipts import Attempt, AttemptState, Receipt, format_timestamp, utc_now
from tasks.store.rescue import (
    SPARE_BYTES,
    RescueRecord,
    SpareFile,
    open_spare_file,
    write_rescue_record,
)
from tasks.submission.context import SubmissionContext


class Recorder:
    """Records the result of one create request. Everything it needs on the disk is there before."""

    def __init__(
        self,
        shot: ShotToRender,
        receipt: Receipt,
        context: SubmissionContext,
        *,
        spare: SpareFile,
        claim_lock: IO[bytes],
    ) -> None:
        self._shot = shot
        self._receipt = receipt
        self._context = context
        self._records = context.records_of(shot)
        self._spare = spare
        self._claim_lock = claim_lock

    @property
    def _attempt(self) -> Attempt:
        return self._receipt.attempts[-1]

    def record_rejection(self, error: str) -> None:
        """Record that the vendor accepted nothing.

        Raises:
            StoreError: The receipt can't be written, so that the attempt counts as unclear.
        """
        self._write(self._receipt.update(AttemptState.CLOSED, error=error))

    def record_unclear(self, error: str) -> None:
        """Record that the vendor may have accepted the request.

        Raises:
            StoreError: The receipt can't be written; the attempt counts as unclear all the same.
        """
        self._write(
            self._receipt.update(AttemptState.UNCLEAR, request_ended_at=utc_now(), error=error)
        )

    async def record_job(self, job: str, *, vendor_time: float | None = None) -> Attempt:
        """Record the id of the created job, durably.

        Args:
            job: The job id.
            vendor_time: Unix seconds of the response by the vendor's clock, if they are known.

        Raises:
            SubmissionUnclear: Another attempt has this job.
            StoreError: The receipt can't be written; the message has the id.
        """
        other = None
        # Another damaged receipt must not cost this job its record.
        with suppress(StoreError):
            await wait_for_lock_async(self._claim_lock)
            other = await asyncio.to_thread(
                find_claim, self._records, self._receipt.key, self._attempt, job
            )
        if other:
            message = _describe_conflict(job, self._attempt, other)
            self.record_unclear(message)
            raise SubmissionUnclear(message)
        accepted_at = None if vendor_time is None else format_timestamp(vendor_time)
        receipt = self._receipt.update(
            AttemptState.SUBMITTED, job=job, submitted_at=utc_now(), accepted_at=accepted_at
        )
        try:
            self._write(receipt)
        except StoreError as error:
            raise self._rescue(job, accepted_at, error) from error
        return receipt.attempts[-1]

    def _write(self, receipt: Receipt) -> None:
        record = receipt.to_record()
        try:
            self._records.write(receipt.key, record)
        except (StoreError, OSError) as error:
            try:
                self._spare.commit(encode_record(record))
            except (OSError, ValueError):
                # ValueError: an interrupt has closed the file.
                raise StoreError(str(error)) from error

    def _rescue(self, job: str, accepted_at: str | None, error: StoreError) -> StoreError:
        """Keep the id outside of the store; return the error that names it."""
        intro = f"{self._shot.id}: {self._attempt.provider} accepted job {job}, but {error}"
        remedy = "then run again: the next run continues the job"
        record = RescueRecord(
            self._receipt.key,
            self._attempt.intended_at,
            job,
            f"{intro}; {remedy}",
            accepted_at,
        )
        paths = write_rescue_record(record, self._context.rescue_folders)
        place = f"its id is kept in {paths[0]}" if paths else "note its id, which is kept nowhere"
        message = f"{intro}; {place}; {remedy if paths else 'then run again'}"
        self._context.alert(message)
        return StoreError(message)


@contextmanager
def open_recorder(
    shot: ShotToRender, receipt: Receipt, context: SubmissionContext
) -> Iterator[Recorder]:
    """Take space on the disk for the result of a request, and open the lock of claims.

    Raises:
        StoreError: The store can't be written; nothing was sent.
    """
    records = context.records_of(shot)
    path = records.folder_of(shot.key) / RECEIPT_NAME
    size_bytes = len(encode_record(receipt.to_record())) + SPARE_BYTES
    with open_claim_lock(records) as claim_lock, open_spare_file(path, size_bytes) as spare:
        yield Recorder(shot, receipt, context, spare=spare, claim_lock=claim_lock)


async def adopt_job(
    records: RecordStore,
    receipt: Receipt,
    job: str,
    *,
    proof: str | None = None,
    accepted_at: str | None,
) -> Receipt | None:
    """Record the job of an unclear attempt, unless another attempt has that job.

    Args:
        records: The records of the attempt.
        receipt: The receipt whose last attempt is unclear.
        job: The job id.
        proof: The proof that a listed job is this one.
        accepted_at: The time of its creation by the vendor's clock, if it is known. The local
            clock may have been wrong when it was sent.

    Returns:
        The receipt as written; None if another attempt has the job.

    Raises:
        StoreError: A receipt is damaged or can't be written.
    """
    attempt = receipt.attempts[-1]
    with open_claim_lock(records) as claim_lock:
        await wait_for_lock_async(claim_lock)
        if await asyncio.to_thread(find_claim, records, receipt.key, attempt, job):
            return None
        receipt = receipt.update(
            AttemptState.SUBMITTED,
            error=None,
            job=job,
            proof=proof,
            submitted_at=attempt.intended_at,
            accepted_at=accepted_at,
        )
        records.write(receipt.key, receipt.to_record())
        return receipt


def _describe_conflict(job: str, attempt: Attempt, other: Attempt) -> str:
    if (other.board, other.shot) == (attempt.board, attempt.shot):
        owner = f"an earlier attempt of {other.shot}"
    else:
        owner = other.shot if other.board == attempt.board else f"{other.shot} of {other.board}"
    return f"{attempt.provider} returned job {job}, which is the job of {owner} already"
