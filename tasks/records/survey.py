"""The plan held against the store: what is kept, what is on its way, what is to pay, and why.

Only reads records and file sizes; whether a kept file is still what it was is `verify`'s question.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from storyboards.models import Money
from tasks.money.bill import NOTHING, Bill, add, say
from tasks.plan import Plan, PlannedShot
from tasks.receipts import (
    AT_VENDOR,
    DOUBTFUL,
    FILES_LIVE_SECONDS,
    JOB_LIVES_SECONDS,
    UNPAID,
    Attempt,
    Kept,
    State,
    read_receipt,
)
from tasks.records.boards import BoardRecord
from tasks.store import Shelf

Standing_ = Literal["kept", "to render", "in flight", "unclear"]
Seam = Literal["fresh", "stale"]


class Standing(NamedTuple):
    """Where one shot stands before a run."""

    state: Standing_
    reason: str
    seam: Seam | None = None
    """Whether a kept shot still starts on the frame before it; None where nothing is to compare."""
    attempt: Attempt | None = None
    """The attempt that counts, where there is one."""
    may_pay: Money | None = NOTHING
    """What a run may have to pay for it; None is unknown."""
    renders_again: bool = False
    """Whether it is rendered again where the vendor turns out to have it no more."""
    cascades: bool = False
    """Whether it is kept, and rendered again where it does not start on the frame before it."""
    goes_stale: bool = False
    """Whether this run may leave it on a frame that the shot before no longer ends on."""


@dataclass(frozen=True)
class Survey:
    """Where every shot of a plan stands."""

    plan: Plan
    standings: Mapping[str, Standing]

    def __getitem__(self, shot: str) -> Standing:
        return self.standings[shot]

    def of(self, state: Standing_) -> tuple[str, ...]:
        """The ids of the shots in a state, in the order of the film."""
        return tuple(one.id for one in self.plan if self.standings[one.id].state == state)

    def to_pay(self, shots: tuple[str, ...] | None = None) -> Bill:
        """The most that rendering these shots, or all, may cost; a shared key counts once."""
        wanted = {one.key: self.standings[one.id].may_pay for one in self._among(shots)}
        return add(wanted.values())

    def _among(self, shots: tuple[str, ...] | None) -> tuple[PlannedShot, ...]:
        if shots is None:
            return self.plan.shots
        wanted = frozenset(shots)
        return tuple(one for one in self.plan if one.id in wanted)


def survey(
    plan: Plan,
    shelf_of: Callable[[PlannedShot], Shelf],
    record: BoardRecord,
    *,
    resubmit: Collection[str] = (),
) -> Survey:
    """Where every shot stands. `record` is what the store remembers of this board; `resubmit`
    names shots that are sent again where they stay unclear.

    Raises StoreError where a record is damaged.
    """
    standings: dict[str, Standing] = {}
    for shot in plan.in_order():
        standing = _standing(shot, shelf_of(shot), standings, record)
        if standing.state == "unclear" and shot.id in resubmit:
            standing = standing._replace(may_pay=shot.price)
        standings[shot.id] = standing
    return Survey(plan, standings)


def _standing(
    shot: PlannedShot,
    shelf: Shelf,
    before: Mapping[str, Standing],
    record: BoardRecord,
) -> Standing:
    if shot.clip:
        return Standing("kept", "a file")
    attempt = read_receipt(shot.key, shelf.read(shot.key)).latest
    if attempt is None or attempt.state in UNPAID or attempt.state is State.ABANDONED:
        return Standing("to render", _why(shot, attempt, before, record), None, None, shot.price)
    if attempt.state in DOUBTFUL:
        # Where the vendor's list shows that none was made, the run sends another.
        lists = shot.provider is not None and shot.provider.lists
        return Standing("unclear", _doubt(attempt), None, attempt, shot.price if lists else NOTHING)
    if attempt.state is State.LOST:
        reason = f"the vendor has job {attempt.job} no more and neither have we; {_again(shot)}"
        return Standing("to render", reason, None, attempt, shot.price)
    if attempt.state is State.CLEANED:
        reason = f"was cleaned on {(attempt.cleaned_at or '')[:10]}; {_again(shot)}"
        return Standing("to render", reason, None, attempt, shot.price)
    if attempt.state in AT_VENDOR:
        return _at_vendor(shot, attempt)
    if is_there(shelf.home(shot.key), attempt.clip):
        return Standing("kept", f"rendered {attempt.intended_at[:10]}", None, attempt)
    return _gone(shot, attempt)


def _why(
    shot: PlannedShot,
    attempt: Attempt | None,
    before: Mapping[str, Standing],
    record: BoardRecord,
) -> str:
    if attempt:
        return f"the last attempt {attempt.state.value}: {attempt.error or 'no reason told'}"
    if shot.id not in record.shots:
        return "not rendered yet"
    noted = {one.number: one.key for one in record.of(shot.id)}
    if shot.take > 1 and noted.get(shot.take, shot.key) == shot.key:
        return f"take {shot.take} is not rendered yet"
    parent = before.get(shot.continues or "")
    if parent and parent.state == "to render":
        return f"continues {shot.continues}, which is rendered again"
    return "changed since it was rendered"


def _doubt(attempt: Attempt) -> str:
    return (
        f"sent {attempt.intended_at[:19]}Z and never answered: it may be rendering, "
        f"and {say(attempt.price_most)} may be charged"
    )


def _at_vendor(shot: PlannedShot, attempt: Attempt) -> Standing:
    if attempt.age_seconds > JOB_LIVES_SECONDS:
        reason = f"job {attempt.job} is older than the 7 days a vendor keeps it; {_again(shot)}"
        return Standing("to render", reason, None, attempt, shot.price, renders_again=True)
    return Standing("in flight", f"job {attempt.job} is fetched", None, attempt)


def _gone(shot: PlannedShot, attempt: Attempt) -> Standing:
    tried = f"its clip is gone from the store; job {attempt.job} is asked for it again"
    if attempt.age_seconds <= FILES_LIVE_SECONDS:
        reason = f"{tried}, and only if the vendor has it no more, {_again(shot)}"
        return Standing("in flight", reason, None, attempt, shot.price, renders_again=True)
    reason = "its clip is gone from the store and older than the day a vendor keeps it; "
    reason += _again(shot)
    return Standing("to render", reason, None, attempt, shot.price, renders_again=True)


def _again(shot: PlannedShot) -> str:
    return f"it is rendered again for {say(shot.price)}"


def is_there(home: Path, kept: Kept | None) -> bool:
    """Whether a kept file is on disk with the size that was recorded."""
    if kept is None:
        return False
    try:
        return (home / kept.file).stat().st_size == kept.bytes
    except OSError:
        return False
