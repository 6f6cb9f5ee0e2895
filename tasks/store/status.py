"""The status of every shot of a plan, compared with the store: kept, in flight, to render or unclear.

Reads records and file sizes only; `verify` checks the contents of files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from storyboards.models import Money
from tasks.budgets.money import ZERO, Total, describe_price, sum_prices
from tasks.plan import ExistingClip, Plan, PlannedShot, ShotToRender
from tasks.store.board_records import BoardRecord
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
    """Where a shot stands before a run."""

    KEPT = "kept"
    TO_RENDER = "to render"
    IN_FLIGHT = "in flight"
    UNCLEAR = "unclear"


class SeamState(StrEnum):
    """Whether a kept shot still starts on the last frame of the shot before it."""

    FRESH = "fresh"
    STALE = "stale"


class ShotStatus(NamedTuple):
    """Where one shot stands before a run."""

    state: ShotState
    reason: str
    seam: SeamState | None = None
    """Whether a kept shot still starts on the frame before it; None where nothing is to compare."""
    attempt: Attempt | None = None
    """The attempt that counts, where there is one."""
    max_price: Money | None = ZERO
    """What a run may have to pay for it; None is unknown."""
    may_render_again: bool = False
    """Whether it is rendered again where the vendor turns out to have it no more."""
    is_cascaded: bool = False
    """Whether it is kept, and rendered again where it does not start on the frame before it."""
    may_go_stale: bool = False
    """Whether this run may leave it on a frame that the shot before no longer ends on."""


@dataclass(frozen=True)
class BoardStatus:
    """Where every shot of a plan stands."""

    plan: Plan
    shots: Mapping[str, ShotStatus]

    def __getitem__(self, shot: str) -> ShotStatus:
        return self.shots[shot]

    def shots_in_state(self, state: ShotState) -> tuple[str, ...]:
        """The ids of the shots in a state, in the order of the film."""
        return tuple(one.id for one in self.plan if self.shots[one.id].state == state)

    def max_total(self, shots: tuple[str, ...] | None = None) -> Total:
        """The most that rendering these shots, or all, may cost; a shared key counts once."""
        wanted = {one.key: self.shots[one.id].max_price for one in self._select(shots)}
        return sum_prices(wanted.values())

    def _select(self, shots: tuple[str, ...] | None) -> tuple[PlannedShot, ...]:
        if shots is None:
            return self.plan.shots
        wanted = frozenset(shots)
        return tuple(one for one in self.plan if one.id in wanted)


def read_board_status(
    plan: Plan,
    records_of: Callable[[ShotToRender], RecordStore],
    record: BoardRecord,
    *,
    resubmit: Collection[str] = (),
) -> BoardStatus:
    """Where every shot stands. `record` is what the store remembers of this board; `resubmit`
    names shots that are sent again where they stay unclear.

    Raises StoreError where a record is damaged.
    """
    standings: dict[str, ShotStatus] = {}
    for shot in plan.dependency_order():
        if isinstance(shot, ExistingClip):
            standings[shot.id] = ShotStatus(ShotState.KEPT, "a file")
            continue
        standing = _shot_status(shot, records_of(shot), standings, record)
        if standing.state is ShotState.UNCLEAR and shot.id in resubmit:
            standing = standing._replace(max_price=shot.max_price)
        standings[shot.id] = standing
    return BoardStatus(plan, standings)


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
        return ShotStatus(
            ShotState.TO_RENDER,
            _reason_to_render(shot, attempt, earlier, record),
            None,
            None,
            shot.max_price,
        )
    if attempt.state in UNCLEAR_STATES:
        # Where the vendor's list shows that none was made, the run sends another.
        lists = shot.provider.supports_listing
        return ShotStatus(
            ShotState.UNCLEAR,
            _describe_unclear(attempt),
            None,
            attempt,
            shot.max_price if lists else ZERO,
        )
    if attempt.state is AttemptState.LOST:
        reason = f"the vendor has job {attempt.job} no more and neither have we; {_describe_rerender(shot)}"
        return ShotStatus(ShotState.TO_RENDER, reason, None, attempt, shot.max_price)
    if attempt.state is AttemptState.CLEANED:
        reason = f"was cleaned on {(attempt.cleaned_at or '')[:10]}; {_describe_rerender(shot)}"
        return ShotStatus(ShotState.TO_RENDER, reason, None, attempt, shot.max_price)
    if attempt.state in AT_VENDOR_STATES:
        return _at_vendor_status(shot, attempt)
    if is_stored(records.folder_of(shot.key), attempt.clip):
        return ShotStatus(ShotState.KEPT, f"rendered {attempt.intended_at[:10]}", None, attempt)
    return _missing_clip_status(shot, attempt)


def _reason_to_render(
    shot: ShotToRender,
    attempt: Attempt | None,
    earlier: Mapping[str, ShotStatus],
    record: BoardRecord,
) -> str:
    if attempt:
        return f"the last attempt {attempt.state.value}: {attempt.error or 'no reason told'}"
    if shot.id not in record.shot_keys:
        return "not rendered yet"
    noted = {one.number: one.key for one in record.takes_of(shot.id)}
    if shot.take > 1 and noted.get(shot.take, shot.key) == shot.key:
        return f"take {shot.take} is not rendered yet"
    parent = earlier.get(shot.continues or "")
    if parent and parent.state is ShotState.TO_RENDER:
        return f"continues {shot.continues}, which is rendered again"
    return "changed since it was rendered"


def _describe_unclear(attempt: Attempt) -> str:
    return (
        f"sent {attempt.intended_at[:19]}Z and never answered: it may be rendering, "
        f"and {describe_price(attempt.max_price)} may be charged"
    )


def _at_vendor_status(shot: ShotToRender, attempt: Attempt) -> ShotStatus:
    if attempt.age_seconds > JOB_RETENTION_SECONDS:
        reason = f"job {attempt.job} is older than the 7 days a vendor keeps it; {_describe_rerender(shot)}"
        return ShotStatus(
            ShotState.TO_RENDER, reason, None, attempt, shot.max_price, may_render_again=True
        )
    return ShotStatus(ShotState.IN_FLIGHT, f"job {attempt.job} is fetched", None, attempt)


def _missing_clip_status(shot: ShotToRender, attempt: Attempt) -> ShotStatus:
    tried = f"its clip is gone from the store; job {attempt.job} is asked for it again"
    if attempt.age_seconds <= FILE_RETENTION_SECONDS:
        reason = f"{tried}, and only if the vendor has it no more, {_describe_rerender(shot)}"
        return ShotStatus(
            ShotState.IN_FLIGHT, reason, None, attempt, shot.max_price, may_render_again=True
        )
    reason = "its clip is gone from the store and older than the day a vendor keeps it; "
    reason += _describe_rerender(shot)
    return ShotStatus(
        ShotState.TO_RENDER, reason, None, attempt, shot.max_price, may_render_again=True
    )


def _describe_rerender(shot: ShotToRender) -> str:
    return f"it is rendered again for {describe_price(shot.max_price)}"
