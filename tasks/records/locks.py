"""What a run may not do with takes: render a locked shot again, start on a take that is gone.

A locked shot's first render is allowed; whether it had one is read from the takes that the store
has. The problems are told before anything is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from storyboards.problems import Problem
from tasks.plan import Plan, PlannedShot
from tasks.receipts import AT_VENDOR
from tasks.records.survey import Survey
from tasks.records.takes import Render

Renders = Callable[[PlannedShot], tuple[Render, ...]]
"""Every take of a shot that the store has, on the shelf of the shot's provider."""


def find_broken_locks(
    survey: Survey, shots: Collection[PlannedShot], renders_of: Renders
) -> Iterator[Problem]:
    """The locked shots that a run would render again, and what changed."""
    board = survey.plan.board
    for shot in shots:
        standing = survey[shot.id]
        if not shot.shot.lock or standing.state != "to render":
            continue
        renders = renders_of(shot)
        if not renders:
            continue
        what = standing.reason
        if standing.attempt is None:
            what = "; ".join(changes(shot, _nearest(shot, renders), survey.plan))
        message = f"{shot.id} is locked and would be rendered again: {what}"
        yield board.problem(("shots", shot.index, "lock"), message, _remedy(shot))


def find_lost_starts(survey: Survey, shots: Collection[PlannedShot]) -> Iterator[Problem]:
    """The shots to render whose recorded first frame the store has no more."""
    for shot in shots:
        start, standing = shot.pinned, survey[shot.id]
        if start is None or start.continuable or standing.state != "to render":
            continue
        message = f"take {start.take.number} of {start.shot} has no last frame in the store"
        remedy = (
            f"Its clip is gone: name another take that `shotchain takes` lists for {start.shot}."
        )
        if start.attempt.state in AT_VENDOR:
            remedy = "It was not fetched yet: pick it and render, then pin it again."
        path = ("shots", shot.index, "first_frame", "take")
        yield survey.plan.board.problem(path, message, remedy)


def _remedy(shot: PlannedShot) -> str:
    return f"Put that back as it was (`shotchain takes` lists {shot.id}), or take lock out."


def _nearest(shot: PlannedShot, renders: tuple[Render, ...]) -> Render:
    """The render to compare with: of the same take, else the newest."""
    same = [one for one in renders if one.take.number == shot.take]
    return max(same or renders, key=lambda one: one.attempt.intended_at)


def changes(shot: PlannedShot, render: Render, plan: Plan) -> list[str]:
    """What is not as it was when a shot was rendered, in words; never empty."""
    take, attempt, told = render.take, render.attempt, []
    if take.number != shot.take:
        told.append(f"its take was {take.number} and is {shot.take}")
    if render.noted and take.prompt != shot.shot.prompt:
        told.append("its prompt changed")
    seed = plan.board_seed(shot)
    if render.noted and take.seed != seed:
        told.append(f"its seed was {_said(take.seed)} and is {_said(seed)}")
    row = shot.provider.name if shot.provider else ""
    if (attempt.provider, attempt.model) != (row, shot.model):
        was, is_ = f"{attempt.provider} {attempt.model}", f"{row} {shot.model}"
        told.append(f"it was rendered by {was} and is {is_} now")
    if render.noted and take.continues != shot.continues_key:
        told.append(f"what it continues changed ({_said(_before(shot))} now)")
    return told or ["something else that shapes its picture changed: look, cast, length or files"]


def _before(shot: PlannedShot) -> str | None:
    return shot.pinned.shot if shot.pinned else shot.continues


def _said(value: object) -> str:
    return "none" if value is None else str(value)
