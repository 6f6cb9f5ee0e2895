"""Locked shots are not rendered again, and pinned takes need a last frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storyboards.models import Shot
from tasks.plan import ShotToRender
from tasks.store.board_records import Take
from tasks.store.locked import describe_changes, find_broken_locks, find_missing_first_frames
from tasks.store.receipts import AttemptState
from tasks.store.status import BoardStatus, ShotState, ShotStatus
from tasks.store.takes import RecordedTake
from tests.support.paid_path import make_attempt, make_plan, make_shot

LOCKED = make_shot(shot=Shot(id="one", prompt="A picture.", lock=True))


def recorded_take(**values: Any) -> RecordedTake:
    """A take of the shot with all settings that it has now."""
    take = Take(1, "k", "shots", prompt="A picture.")
    return RecordedTake("one", take, make_attempt(AttemptState.KEPT), Path("k"))._replace(**values)


def board_status(shot: ShotToRender, state: ShotState = ShotState.TO_RENDER) -> BoardStatus:
    """The status of a board with one shot."""
    return BoardStatus(make_plan(shot), {shot.id: ShotStatus(state, "the reason")})


def test_find_broken_locks_reports_the_changes() -> None:
    """The problem names what changed since the locked take was rendered."""
    status = board_status(LOCKED)
    old = recorded_take(take=Take(1, "k", "shots", prompt="Another picture.", seed=7))
    (problem,) = find_broken_locks(status, status.plan.shots, lambda _: (old,))

    assert problem.message == (
        "one is locked and would be rendered again: its prompt changed; its seed was 7 and is none"
    )
    assert problem.path == "shots[0].lock"


@pytest.mark.parametrize(
    ("shot", "state", "takes"),
    [
        (LOCKED, ShotState.KEPT, (recorded_take(),)),
        (LOCKED, ShotState.TO_RENDER, ()),
        (make_shot(), ShotState.TO_RENDER, (recorded_take(),)),
    ],
    ids=["kept", "never rendered", "not locked"],
)
def test_find_broken_locks_other_shots_pass(
    shot: ShotToRender, state: ShotState, takes: tuple[RecordedTake, ...]
) -> None:
    """Kept shots, first renders and shots without a lock pass."""
    status = board_status(shot, state)

    assert list(find_broken_locks(status, status.plan.shots, lambda _: takes)) == []


@pytest.mark.parametrize(
    ("shot", "recorded", "change"),
    [
        (
            make_shot(shot=Shot(id="one", prompt="A picture.", take=2)),
            recorded_take(),
            "its take was 1 and is 2",
        ),
        (
            make_shot(model="m2"),
            recorded_take(),
            "it was rendered by modelark seedance-1-0-pro-250528, not modelark m2",
        ),
        (
            make_shot(continues="zero", continues_key="k0"),
            recorded_take(),
            "the shot that it continues changed (now zero)",
        ),
        (
            make_shot(continues="zero", continues_frame=9),
            recorded_take(),
            "it starts on another frame: the out point of zero moved from the last frame to "
            "frame 9",
        ),
        (make_shot(), recorded_take(), "another setting changed: look, cast, length or files"),
        (
            make_shot(continues="zero", continues_key="k0"),
            recorded_take(has_board_record=False),
            "another setting changed: look, cast, length or files",
        ),
    ],
)
def test_describe_changes(shot: ShotToRender, recorded: RecordedTake, change: str) -> None:
    """Each difference is named; without a board record only the receipt is compared."""
    assert describe_changes(shot, recorded, make_plan(make_shot())) == [change]


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        (AttemptState.KEPT, "Its clip is missing: use another take"),
        (AttemptState.DONE, "It is not downloaded yet"),
    ],
)
def test_find_missing_first_frames_of_pinned_takes(
    tmp_path: Path, state: AttemptState, remedy: str
) -> None:
    """A pinned take without a last frame is reported before anything is sent."""
    pinned = recorded_take(shot="zero", attempt=make_attempt(state), folder=tmp_path)
    status = board_status(make_shot(pinned_take=pinned))
    (problem,) = find_missing_first_frames(status, status.plan.shots)

    assert problem.message == "take 1 of zero has no last frame in the store"
    assert problem.remedy.startswith(remedy)
    kept = board_status(make_shot(pinned_take=pinned), ShotState.KEPT)
    assert list(find_missing_first_frames(kept, kept.plan.shots)) == []
