"""Checks that the shots of a film are long enough for the transitions into and out of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from storyboards.models import Crossfade, Dip, Film, Join
from storyboards.problems import Problem
from tasks.plan import PlannedShot, ShotToRender
from tasks.planning.shot_settings import ProblemLog


def check_transitions(log: ProblemLog, film: Film, shots: Sequence[PlannedShot]) -> None:
    """Add a problem for each shot that is shorter than its transitions.

    Args:
        log: The log of the plan.
        film: The settings of the film.
        shots: All shots of the film, in order.
    """
    for shot, following in zip_longest(shots, shots[1:]):
        before: Join = _transition_into(film, shot) if shot is not shots[0] else "cut"
        if following is not None:
            after = _transition_into(film, following)
        else:
            after = film.card.transition if film.card else "cut"
        needed = _count_frames_after(before) + _count_frames_before(after)
        if needed > shot.frames:
            log.add(_find_path(shot, following, after), _describe(shot, needed))


def _transition_into(film: Film, shot: PlannedShot) -> Join:
    return shot.shot.transition or film.join


def _find_path(
    shot: PlannedShot, following: PlannedShot | None, after: Join
) -> tuple[str | int, ...]:
    """Return the place in the board of the transition that is blamed: the later one, if any."""
    if after == "cut":
        return _path_of(shot)
    return _path_of(following) if following else ("film", "card", "transition")


def _path_of(shot: PlannedShot) -> tuple[str | int, ...]:
    return ("shots", shot.index, "transition") if shot.shot.transition else ("film", "join")


def _describe(shot: PlannedShot, needed: int) -> Problem:
    limit = "at most " if isinstance(shot, ShotToRender) and shot.has_auto_duration else ""
    message = f"the transitions take {needed} frames of {shot.id}, which has {limit}{shot.frames}"
    return Problem(message, "Shorten a transition, or show more of the shot.")


def _count_frames_after(join: Join) -> int:
    """Return the frames of the later shot that a transition changes."""
    match join:
        case Crossfade():
            return join.crossfade
        case Dip():
            return join.length - join.length // 2
        case _:
            return 0


def _count_frames_before(join: Join) -> int:
    """Return the frames of the earlier shot that a transition changes."""
    return join.length // 2 if isinstance(join, Dip) else _count_frames_after(join)
