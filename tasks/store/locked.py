"""Check locked shots and pinned takes before a run: a locked shot must not be rendered again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from storyboards.problems import Problem
from tasks.plan import Plan, PlannedShot, ShotToRender
from tasks.store.receipts import AT_VENDOR_STATES
from tasks.store.status import BoardStatus, ShotState
from tasks.store.takes import RecordedTake

ListTakes = Callable[[ShotToRender], tuple[RecordedTake, ...]]
"""Every take of a shot that the store has, on the shelf of the shot's provider."""


def find_broken_locks(
    status: BoardStatus, shots: Collection[PlannedShot], takes_of: ListTakes
) -> Iterator[Problem]:
    """The locked shots that a run would render again, and what changed."""
    board = status.plan.board
    for shot in shots:
        standing = status[shot.id]
        if not isinstance(shot, ShotToRender) or not shot.shot.lock:
            continue
        if standing.state is not ShotState.TO_RENDER:
            continue
        renders = takes_of(shot)
        if not renders:
            continue
        what = standing.reason
        if standing.attempt is None:
            what = "; ".join(describe_changes(shot, _closest_take(shot, renders), status.plan))
        message = f"{shot.id} is locked and would be rendered again: {what}"
        yield board.problem(("shots", shot.index, "lock"), message, _remedy(shot))


def find_missing_first_frames(
    status: BoardStatus, shots: Collection[PlannedShot]
) -> Iterator[Problem]:
    """The shots to render whose recorded first frame the store has no more."""
    for shot in shots:
        start = shot.pinned_take if isinstance(shot, ShotToRender) else None
        if start is None or start.has_last_frame:
            continue
        if status[shot.id].state is not ShotState.TO_RENDER:
            continue
        message = f"take {start.take.number} of {start.shot} has no last frame in the store"
        remedy = (
            f"Its clip is gone: name another take that `shotchain takes` lists for {start.shot}."
        )
        if start.attempt.state in AT_VENDOR_STATES:
            remedy = "It was not fetched yet: pick it and render, then pin it again."
        path = ("shots", shot.index, "first_frame", "take")
        yield status.plan.board.problem(path, message, remedy)


def _remedy(shot: ShotToRender) -> str:
    return f"Put that back as it was (`shotchain takes` lists {shot.id}), or take lock out."


def _closest_take(shot: ShotToRender, takes: tuple[RecordedTake, ...]) -> RecordedTake:
    """The render to compare with: of the same take, else the newest."""
    same = [one for one in takes if one.take.number == shot.take]
    return max(same or takes, key=lambda one: one.attempt.intended_at)


def describe_changes(shot: ShotToRender, recorded: RecordedTake, plan: Plan) -> list[str]:
    """What is not as it was when a shot was rendered, in words; never empty."""
    take, attempt, told = recorded.take, recorded.attempt, []
    if take.number != shot.take:
        told.append(f"its take was {take.number} and is {shot.take}")
    if recorded.has_board_record and take.prompt != shot.shot.prompt:
        told.append("its prompt changed")
    seed = plan.board_seed(shot)
    if recorded.has_board_record and take.seed != seed:
        told.append(f"its seed was {_format_value(take.seed)} and is {_format_value(seed)}")
    row = shot.provider.name
    if (attempt.provider, attempt.model) != (row, shot.model):
        was, is_ = f"{attempt.provider} {attempt.model}", f"{row} {shot.model}"
        told.append(f"it was rendered by {was} and is {is_} now")
    if recorded.has_board_record and take.continues_key != shot.continues_key:
        told.append(f"what it continues changed ({_format_value(_continued_shot(shot))} now)")
    return told or ["something else that shapes its picture changed: look, cast, length or files"]


def _continued_shot(shot: ShotToRender) -> str | None:
    return shot.pinned_take.shot if shot.pinned_take else shot.continues


def _format_value(value: object) -> str:
    return "none" if value is None else str(value)
