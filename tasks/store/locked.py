"""Check locked shots and pinned takes before a run: a locked shot must not be rendered again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from storyboards.board import Board
from storyboards.models import FromShot
from storyboards.problems import Problem
from tasks.plan import Plan, PlannedShot, PlannedVersion, ShotToRender
from tasks.store.receipts import AT_VENDOR_STATES
from tasks.store.status import BoardStatus, ShotState, describe_moved_start
from tasks.store.takes import RecordedTake

ListTakes = Callable[[ShotToRender], tuple[RecordedTake, ...]]
"""Returns all takes of a shot in the records of its provider."""


def find_broken_locks(
    status: BoardStatus, shots: Collection[PlannedShot], takes_of: ListTakes
) -> Iterator[Problem]:
    """Yield a problem for each locked shot that a run would render again, with the changes.

    See `find_unrecorded_locks` for a locked shot without a take.
    """
    for shot in _locked_shots_to_render(status, shots):
        shot_status, takes = status[shot.id], takes_of(shot)
        if not takes:
            continue
        cause = shot_status.reason
        if shot_status.attempt is None:
            cause = "; ".join(describe_changes(shot, _closest_take(shot, takes), status.plan))
        message = f"{shot.id} is locked and would be rendered again: {cause}"
        remedy = f"Undo the change (`shotchain takes` lists {shot.id}), or remove lock."
        yield status.plan.board.problem(("shots", shot.index, "lock"), message, remedy)


def find_unrecorded_locks(
    status: BoardStatus, shots: Collection[PlannedShot], takes_of: ListTakes
) -> Iterator[Problem]:
    """Yield a problem for each locked shot to render if the store has no take of it.

    The board may have been copied without its store: the locked take is elsewhere. If the store
    has the shot of the board's own film, a version that has no take of it yet may render it.
    """
    for shot in _locked_shots_to_render(status, shots):
        if not takes_of(shot) and not _is_new_variant(shot, status.plan, takes_of):
            message = f"{shot.id} is locked, and this store has no take of it"
            remedy = "Name the store that has it with --store, or remove lock to render it."
            yield status.plan.board.problem(("shots", shot.index, "lock"), message, remedy)


def _is_new_variant(shot: ShotToRender, plan: Plan, takes_of: ListTakes) -> bool:
    """Return True if a shot is rendered for a version, and the store has that of the board."""
    if not shot.variant:
        return False
    own = plan.shots_by_id.get(shot.shot.id)
    return isinstance(own, ShotToRender) and bool(takes_of(own))


def _locked_shots_to_render(
    status: BoardStatus, shots: Collection[PlannedShot]
) -> Iterator[ShotToRender]:
    for shot in shots:
        if not isinstance(shot, ShotToRender) or not shot.shot.lock:
            continue
        if status[shot.id].state is ShotState.TO_RENDER:
            yield shot


def find_missing_first_frames(
    status: BoardStatus, shots: Collection[PlannedShot]
) -> Iterator[Problem]:
    """Yield a problem for each shot to render whose pinned take lacks the frame it starts on."""
    for shot in shots:
        if not isinstance(shot, ShotToRender) or not shot.pinned_take:
            continue
        pinned = shot.pinned_take
        is_to_render = status[shot.id].state is ShotState.TO_RENDER
        if not is_to_render or pinned.has_frame(shot.continues_frame):
            continue
        frame = "last frame" if shot.continues_frame is None else f"frame {shot.continues_frame}"
        message = f"take {pinned.take.number} of {pinned.shot} has no {frame} in the store"
        path: tuple[str | int, ...] = ("shots", shot.index)
        if isinstance(shot.shot.first_frame, FromShot):
            path = (*path, "first_frame", "take")
        yield status.plan.board.problem(path, message, _remedy_for_missing_clip(pinned))


def find_missing_clips(
    status: BoardStatus, shots: Collection[PlannedShot], versions: Collection[PlannedVersion] = ()
) -> Iterator[Problem]:
    """Yield a problem for each recorded take that a film shows and whose clip is missing.

    Args:
        status: The status of the board.
        shots: The shots of the run.
        versions: The versions that the run makes.
    """
    board = status.plan.board
    reported = set()
    for keys, problem in _list_missing_clips(board, shots):
        reported.add(keys)
        yield problem
    for version in versions:
        for keys, problem in _list_missing_clips(board, version.plan):
            if keys not in reported:
                yield version.place.relocate(problem, board, version.name)


def _list_missing_clips(
    board: Board, shots: Iterable[PlannedShot]
) -> Iterator[tuple[tuple[str, str], Problem]]:
    """Yield the shot and the key of each missing clip, with its problem."""
    for shot in shots:
        for number, used in enumerate(shot.used_ranges):
            if used.take and not used.take.clip_path:
                message = (
                    f"take {used.take.take.number} of {used.take.shot} has no clip in the store"
                )
                path = ("shots", shot.index, "use", number, "take")
                remedy = _remedy_for_missing_clip(used.take)
                yield (shot.id, used.take.take.key), board.problem(path, message, remedy)


def _remedy_for_missing_clip(recorded: RecordedTake) -> str:
    if recorded.attempt.state in AT_VENDOR_STATES:
        return "It is not downloaded yet: pick it and render, then name it again."
    shot = recorded.shot
    return f"Its clip is missing: use another take that `shotchain takes` lists for {shot}."


def _closest_take(shot: ShotToRender, takes: tuple[RecordedTake, ...]) -> RecordedTake:
    """Return the take to compare with: the shot's current take, else the newest."""
    same_number = [recorded for recorded in takes if recorded.take.number == shot.take]
    return max(same_number or takes, key=lambda recorded: recorded.attempt.intended_at)


def describe_changes(shot: ShotToRender, recorded: RecordedTake, plan: Plan) -> list[str]:
    """Return the differences between a shot and a recorded take of it, for people; never empty."""
    take, attempt = recorded.take, recorded.attempt
    changes = []
    if take.number != shot.take:
        changes.append(f"its take was {take.number} and is {shot.take}")
    if recorded.has_board_record and take.prompt != shot.shot.prompt:
        changes.append("its prompt changed")
    seed = plan.board_seed(shot)
    if recorded.has_board_record and take.seed != seed:
        changes.append(f"its seed was {_format_value(take.seed)} and is {_format_value(seed)}")
    renderer = f"{shot.provider.record_name} {shot.model}"
    if f"{attempt.provider} {attempt.model}" != renderer:
        changes.append(f"it was rendered by {attempt.provider} {attempt.model}, not {renderer}")
    if recorded.has_board_record and (moved := describe_moved_start(shot, take)):
        changes.append(moved)
    elif recorded.has_board_record and take.continues_key != shot.continues_key:
        continued = shot.pinned_take.shot if shot.pinned_take else shot.continues
        changes.append(f"the shot that it continues changed (now {_format_value(continued)})")
    if not changes:
        changes.append("another setting changed: look, cast, length or files")
    return changes


def _format_value(value: object) -> str:
    return "none" if value is None else str(value)
