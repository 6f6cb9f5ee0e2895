"""Selects: the ranges of takes that a film shows, and the frame that a continuing shot starts on.

A range of a recorded take never changes what is rendered. Only the out point of the range that a
shot is shown in last is part of the keys of the shots that continue it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from storyboards.models import Select
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import (
    WHOLE_CLIP,
    ExistingClip,
    PlannedShot,
    ShotToRender,
    UsedRange,
    count_clip_frames,
)
from tasks.planning.shot_settings import ProblemLog
from tasks.providers import Provider

if TYPE_CHECKING:
    # Loads asyncio and ssl, which `check` does not need.
    from tasks.store.takes import RecordedTake

FindTake = Callable[[str, int, Provider | None], "RecordedTake | None"]
"""Finds the recorded take of a shot id and a take number; None if the store has none.

The provider decides which records are searched; without a provider all are.
"""

AnyPlannedShot = TypeVar("AnyPlannedShot", ExistingClip, ShotToRender)


class StartFrame(NamedTuple):
    """The frame of an earlier shot that a shot starts on."""

    take: RecordedTake | None = None
    """The recorded take; None is the take that the board requests."""
    number: int | None = None
    """The frame at an out point; None is the last frame."""


class ShotTakes(NamedTuple):
    """The recorded takes of one shot."""

    shot: PlannedShot
    find_take: FindTake | None
    """None without a store."""

    def find(self, number: int) -> RecordedTake | None:
        """Return the take of a number that the shot's provider may use, or None."""
        return self.find_take(self.shot.id, number, self._provider) if self.find_take else None

    def add_missing(self, log: ProblemLog, path: tuple[str | int, ...], number: int) -> None:
        """Add the problem of a take that `find` does not find."""
        shot_id, provider = self.shot.id, self._provider
        message = f"the store has no render of take {number} of {shot_id}"
        remedy = f"Use a take that `shotchain takes` lists for {shot_id}, or remove take."
        other = self.find_take(shot_id, number, None) if self.find_take else None
        if other and provider:
            message = f"take {number} of {shot_id} was only rehearsed on this machine"
            remedy = f"Set take: {number} and render {shot_id} at {provider.name}, or remove take."
        log.add_problem(path, message, remedy)

    @property
    def _provider(self) -> Provider | None:
        return self.shot.provider if isinstance(self.shot, ShotToRender) else None


def add_used_ranges(shot: AnyPlannedShot, log: ProblemLog, takes: ShotTakes) -> AnyPlannedShot:
    """Return a shot with the ranges that the film shows, after checking them.

    Args:
        shot: The shot without ranges.
        log: The log of the plan.
        takes: The recorded takes of the shot.
    """
    if shot.shot.use is None:
        return shot
    ranges = [
        _resolve(shot, number, select, log, takes) for number, select in enumerate(shot.shot.use)
    ]
    return replace(shot, used_ranges=tuple(filter(None, ranges)) or WHOLE_CLIP)


def _resolve(
    shot: PlannedShot, number: int, select: Select, log: ProblemLog, takes: ShotTakes
) -> UsedRange | None:
    """Return a range of a take, or None if the store has no such take."""
    path = ("shots", shot.index, "use", number)
    take = None
    if select.take is not None and select.take != shot.take:
        take = takes.find(select.take)
        if take is None:
            takes.add_missing(log, (*path, "take"), select.take)
            return None
    used = UsedRange(take, select.start or 0, select.end)
    _check_range(shot, used, log, path)
    return used


def _check_range(
    shot: PlannedShot, used: UsedRange, log: ProblemLog, path: tuple[str | int, ...]
) -> None:
    frames = count_clip_frames(shot, used)
    if frames is not None and used.first_frame >= frames:
        message = f"the range begins at {format_frame(used.first_frame)}, and "
        message += _describe_length(shot, used, frames)
        log.add_problem((*path, "from"), message, f"Begin before {format_frame(frames)}.")
    elif frames is not None and used.end_frame is not None and used.end_frame > frames:
        message = f"the range ends at {format_frame(used.end_frame)}, and "
        message += f"{_describe_length(shot, used, frames)}: it ends with the clip"
        log.add_warning(shot.index, message, path=(*path, "to"))


def _describe_length(shot: PlannedShot, used: UsedRange, frames: int) -> str:
    if used.take:
        return f"take {used.take.take.number} of {shot.id} has {frames} frames"
    is_limit = isinstance(shot, ShotToRender) and shot.has_auto_duration
    return f"{shot.shot.clip or shot.id} has {'at most ' if is_limit else ''}{frames} frames"


def format_frame(number: int) -> str:
    """Return a frame for people: `frame 36 (1.5 s)`."""
    return f"frame {number} ({_format_seconds(number)} s)"


def format_range(first_frame: int, end_frame: int | None) -> str:
    """Return a range of frames in seconds: `1-3.42 s`, `from 0.5 s`; empty for a whole clip."""
    first = _format_seconds(first_frame)
    if end_frame is not None:
        return f"{first}-{_format_seconds(end_frame)} s"
    return f"from {first} s" if first_frame else ""


def _format_seconds(frames: int) -> str:
    return f"{round(frames / FRAMES_PER_SECOND, 2):g}"


def find_start_frame(
    parent: PlannedShot, take_number: int | None, takes: ShotTakes
) -> StartFrame | None:
    """Return the frame of a shot on which another shot starts: at its last out point.

    The out point of a range without a number of a take applies to every take that is named, so that
    a shot that is pinned to a take stays on its frame when the next take is requested.

    Args:
        parent: The shot that is continued.
        take_number: The take that the board names; None is the take that the film shows last.
        takes: The recorded takes of `parent`.

    Returns:
        None if the store does not have the take.
    """
    own = [used for used in parent.used_ranges if used.take is None]
    if take_number is None:
        last = parent.used_ranges[-1]
        return StartFrame(last.take, _find_out_point(last, count_clip_frames(parent, last)))
    if take_number == parent.take:
        last = own[-1] if own else UsedRange()
        return StartFrame(None, _find_out_point(last, parent.frames))
    recorded = takes.find(take_number)
    if recorded is None:
        return None
    named = (used for used in parent.used_ranges if used.take)
    same = [used for used in named if used.take and used.take.take.number == take_number]
    last = (same or own or WHOLE_CLIP)[-1]
    return StartFrame(recorded, _find_out_point(last, recorded.attempt.frames))


def _find_out_point(used: UsedRange, clip_frames: int | None) -> int | None:
    """Return the frame at the out point of a range; None if it is the last frame or behind it."""
    if used.end_frame is None or (clip_frames is not None and used.end_frame >= clip_frames - 1):
        return None
    return used.end_frame


def find_needed_shots(shots: tuple[PlannedShot, ...], requested: frozenset[str]) -> frozenset[str]:
    """Return the ids of the shots that are requested, and of those that they continue.

    Args:
        shots: The shots of a plan.
        requested: The ids of the shots whose present take a film shows, or that the user asks for.
    """
    by_id = {shot.id: shot for shot in shots}
    needed: set[str] = set()
    remaining = [shot.id for shot in shots if shot.id in requested]
    while remaining:
        shot_id = remaining.pop()
        if shot_id in needed:
            continue
        needed.add(shot_id)
        continued = by_id[shot_id].continues
        if continued in by_id:
            remaining.append(continued)
    return frozenset(needed)
