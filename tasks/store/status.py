"""The status of every shot of a plan: kept, in flight, to render or unclear.

Compares the plan with the records and file sizes in the store; `verify` checks the contents of
files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from storyboards.models import Money
from tasks.budgets.money import ZERO, Total, describe_price, sum_prices
from tasks.errors import StoreError
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender
from tasks.store.board_records import BoardRecord, Take
from tasks.store.layout import RecordStore, is_stored
from tasks.store.receipts import (
    AT_VENDOR_STATES,
    FILE_RETENTION_SECONDS,
    JOB_RETENTION_SECONDS,
    UNCHARGED_STATES,
    UNCLEAR_STATES,
    Attempt,
    AttemptState,
    read_receipt,
)


class ShotState(StrEnum):
    """The state of a shot before a run."""

    KEPT = "kept"
    TO_RENDER = "to render"
    IN_FLIGHT = "in flight"
    UNCLEAR = "unclear"


class SeamState(StrEnum):
    """The seam before a kept shot: fresh if it starts on the present frame of the shot before."""

    FRESH = "fresh"
    STALE = "stale"


class ShotStatus(NamedTuple):
    """The status of one shot before a run."""

    state: ShotState
    reason: str
    """The cause of the state, for people."""
    seam: SeamState | None = None
    """The seam before a kept shot; None if there is nothing to compare."""
    attempt: Attempt | None = None
    """The attempt that counts, if any."""
    max_price: Money | None = ZERO
    """The maximum price that a run pays for the shot; None if unknown."""
    may_render_again: bool = False
    """True if the run renders it again when the vendor no longer has its job or files."""
    is_cascaded: bool = False
    """True if it is kept and rendered again only if its first frame has changed."""
    may_go_stale: bool = False
    """True if this run may change the last frame of the shot before it."""


@dataclass(frozen=True)
class BoardStatus:
    """The status of every shot of a plan, by shot id."""

    plan: Plan
    shots: Mapping[str, ShotStatus]

    def __getitem__(self, shot_id: str) -> ShotStatus:
        return self.shots[shot_id]

    def shots_in_state(self, state: ShotState) -> tuple[str, ...]:
        """Return the ids of the shots in a state, in film order."""
        return tuple(shot.id for shot in self.plan.all_shots if self.shots[shot.id].state is state)

    def max_total(self, shot_ids: tuple[str, ...] | None = None) -> Total:
        """Return the maximum price of these shots, or of all; a shared key counts once."""
        prices = {shot.key: self.shots[shot.id].max_price for shot in self._select(shot_ids)}
        return sum_prices(prices.values())

    def _select(self, shot_ids: tuple[str, ...] | None) -> tuple[PlannedShot, ...]:
        if shot_ids is None:
            return self.plan.all_shots
        selected = frozenset(shot_ids)
        return tuple(shot for shot in self.plan.all_shots if shot.id in selected)


def read_board_status(
    plan: Plan,
    records_of: Callable[[ShotToRender], RecordStore],
    record: BoardRecord,
    *,
    resubmit: Collection[str] = (),
) -> BoardStatus:
    """Compare a plan with the store.

    Args:
        plan: The plan of the board.
        records_of: Returns the records of a shot's provider.
        record: The record of the board.
        resubmit: The ids of shots that are sent again if they stay unclear.

    Raises:
        StoreError: A receipt is damaged.
    """
    statuses: dict[str, ShotStatus] = {}
    for shot in plan.dependency_order():
        if isinstance(shot, ExistingClip):
            statuses[shot.id] = ShotStatus(ShotState.KEPT, "a file")
            continue
        if not shot.is_needed:
            statuses[shot.id] = _unneeded_status(shot)
            continue
        status = _shot_status(shot, records_of(shot), statuses, record)
        if status.state is ShotState.UNCLEAR and shot.id in resubmit:
            status = status._replace(max_price=shot.max_price)
        statuses[shot.id] = status
    return BoardStatus(plan, statuses)


def _shot_status(
    shot: ShotToRender,
    records: RecordStore,
    earlier: Mapping[str, ShotStatus],
    record: BoardRecord,
) -> ShotStatus:
    attempt = read_receipt(shot.key, records.read(shot.key)).current
    if (
        attempt is None
        or attempt.state in UNCHARGED_STATES
        or attempt.state is AttemptState.ABANDONED
    ):
        reason = _reason_to_render(shot, attempt, earlier, record, records)
        return ShotStatus(ShotState.TO_RENDER, reason, max_price=shot.max_price)
    if attempt.state in UNCLEAR_STATES:
        cause = attempt.error or "no response is recorded"
        reason = (
            f"sent {attempt.intended_at[:19]}Z, and its job is not known ({cause}): "
            f"it may be rendering, and {describe_price(attempt.max_price)} may be charged"
        )
        return ShotStatus(ShotState.UNCLEAR, reason, attempt=attempt)
    if attempt.state in AT_VENDOR_STATES:
        return _at_vendor_status(shot, attempt)
    if attempt.state is AttemptState.LOST:
        cause = f"neither the vendor nor the store has the clip of job {attempt.job}"
        return _rerender_status(shot, attempt, cause)
    if attempt.state is AttemptState.CLEANED:
        cause = f"was cleaned on {(attempt.cleaned_at or '')[:10]}"
        return _rerender_status(shot, attempt, cause)
    if is_stored(records.folder_of(shot.key), attempt.clip):
        reason = f"rendered {attempt.intended_at[:10]}"
        return ShotStatus(ShotState.KEPT, reason, attempt=attempt)
    return _missing_clip_status(shot, attempt)


def _unneeded_status(shot: ShotToRender) -> ShotStatus:
    """Return the status of a shot whose present take is not rendered: the film shows others."""
    numbers = dict.fromkeys(recorded.take.number for recorded in shot.used_takes)
    names = " and ".join(f"take {number}" for number in numbers)
    attempt = shot.used_takes[-1].attempt
    return ShotStatus(ShotState.KEPT, f"the film shows {names} of it", attempt=attempt)


def _reason_to_render(
    shot: ShotToRender,
    attempt: Attempt | None,
    earlier: Mapping[str, ShotStatus],
    record: BoardRecord,
    records: RecordStore,
) -> str:
    if attempt:
        return f"the last attempt {attempt.state.value}: {attempt.error or 'no reason recorded'}"
    if shot.id not in record.shot_keys:
        return "not rendered yet"
    recorded_keys = {take.number: take.key for take in record.takes_of(shot.id)}
    if shot.take > 1 and recorded_keys.get(shot.take, shot.key) == shot.key:
        return f"take {shot.take} is not rendered yet"
    previous = earlier.get(shot.continues or "")
    if previous and previous.state is ShotState.TO_RENDER:
        return f"continues {shot.continues}, which is rendered again"
    return _describe_earlier_render(shot, record, records)


def _describe_earlier_render(shot: ShotToRender, record: BoardRecord, records: RecordStore) -> str:
    """Return why an earlier render is not the one of this plan: another provider, or a change."""
    key = record.shot_keys[shot.id]
    take = next((take for take in record.takes_of(shot.id) if take.key == key), None)
    was_rehearsed = take is not None and take.folder == "previz"
    if was_rehearsed and records.folder.name != "previz":
        return f"rehearsed on this machine, not yet rendered by {shot.provider.name}"
    # A damaged receipt of an earlier render is not what this plan is about.
    with suppress(StoreError):
        earlier = RecordStore(records.folder.with_name("previz" if was_rehearsed else "shots"))
        attempt = read_receipt(key, earlier.read(key)).current
        if attempt and attempt.provider != shot.provider.record_name:
            return f"rendered by {attempt.provider}, not yet by {shot.provider.name}"
    return (take and describe_moved_start(shot, take)) or "changed since it was rendered"


def describe_moved_start(shot: ShotToRender, take: Take) -> str:
    """Return that a shot starts on another frame of the same clip than a take; else nothing."""
    if take.continues_key != shot.continues_key or take.continues_frame == shot.continues_frame:
        return ""
    continued = shot.pinned_take.shot if shot.pinned_take else shot.continues
    before, now = map(_describe_out_point, (take.continues_frame, shot.continues_frame))
    return f"it starts on another frame: the out point of {continued} moved from {before} to {now}"


def _describe_out_point(number: int | None) -> str:
    return "the last frame" if number is None else f"frame {number}"


def _at_vendor_status(shot: ShotToRender, attempt: Attempt) -> ShotStatus:
    if attempt.age_seconds > JOB_RETENTION_SECONDS:
        cause = f"job {attempt.job} is older than the 7 days a vendor keeps it"
        return _rerender_status(shot, attempt, cause)._replace(may_render_again=True)
    if attempt.unclear_since:
        return _unclear_job_status(attempt)
    reason = f"job {attempt.job} is at the vendor; the next run downloads its clip"
    return ShotStatus(ShotState.IN_FLIGHT, reason, attempt=attempt)


def _unclear_job_status(attempt: Attempt) -> ShotStatus:
    reason = (
        f"job {attempt.job} is unclear since {(attempt.unclear_since or '')[:16]}Z "
        f"({attempt.error or 'no reason recorded'}): the next run asks again, "
        f"and {describe_price(attempt.max_price)} may be charged"
    )
    return ShotStatus(ShotState.UNCLEAR, reason, attempt=attempt)


def _missing_clip_status(shot: ShotToRender, attempt: Attempt) -> ShotStatus:
    if attempt.unclear_since and attempt.age_seconds <= JOB_RETENTION_SECONDS:
        return _unclear_job_status(attempt)
    if attempt.age_seconds > FILE_RETENTION_SECONDS:
        cause = "its clip is missing from the store and older than the day a vendor keeps it"
        return _rerender_status(shot, attempt, cause)._replace(may_render_again=True)
    reason = (
        f"its clip is missing from the store and is downloaded again from job {attempt.job}; "
        f"if the vendor no longer has it, {_describe_rerender(shot)}"
    )
    return ShotStatus(
        ShotState.IN_FLIGHT,
        reason,
        attempt=attempt,
        max_price=shot.max_price,
        may_render_again=True,
    )


def _rerender_status(shot: ShotToRender, attempt: Attempt, cause: str) -> ShotStatus:
    """Return the status of a shot that was paid for and has to be paid for again."""
    return ShotStatus(
        ShotState.TO_RENDER,
        f"{cause}; {_describe_rerender(shot)}",
        attempt=attempt,
        max_price=shot.max_price,
    )


def _describe_rerender(shot: ShotToRender) -> str:
    return f"it is rendered again for {describe_price(shot.max_price)}"
