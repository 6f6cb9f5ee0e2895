"""Checks that the shots of a film are long enough for the transitions into and out of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from storyboards.edit_rules import count_frames_after
from storyboards.frame_times import MAX_TIME_FRAMES
from storyboards.models import Dip, Film, Join
from storyboards.problems import Problem
from tasks.plan import PlannedShot, ShotToRender, count_clip_frames
from tasks.planning.shot_settings import ProblemLog


def check_transitions(log: ProblemLog, film: Film, shots: Sequence[PlannedShot]) -> None:
    """Add a problem for each shot that is shorter than its transitions.

    Args:
        log: The log of the plan.
        film: The settings of the film.
        shots: All shots of the film, in order.
    """
    for shot, following in zip_longest(shots, shots[1:]):
        before = _transition_into(film, shot) if shot is not shots[0] else "cut"
        after = _transition_out_of(film, following)
        needed = [0] * len(shot.used_ranges)
        needed[0] += count_frames_after(before)
        needed[-1] += _count_frames_before(after)
        for number, used in enumerate(shot.used_ranges):
            frames = used.count_frames(count_clip_frames(shot, used) or MAX_TIME_FRAMES)
            if needed[number] > frames:
                is_out = after != "cut" and number == len(needed) - 1
                path = _path_out_of(following) if is_out else _path_into(shot)
                log.add(path, _describe(shot, frames, needed[number]))


def _transition_into(film: Film, shot: PlannedShot) -> Join:
    return shot.shot.transition or film.join


def _transition_out_of(film: Film, following: PlannedShot | None) -> Join:
    """Return the transition into the next shot, or after the last one into the card."""
    if following is not None:
        return _transition_into(film, following)
    return film.card.transition if film.card else "cut"


def _path_into(shot: PlannedShot) -> tuple[str | int, ...]:
    return ("shots", shot.index, "transition") if shot.shot.transition else ("film", "join")


def _path_out_of(following: PlannedShot | None) -> tuple[str | int, ...]:
    return _path_into(following) if following else ("film", "card", "transition")


def _describe(shot: PlannedShot, frames: int, needed: int) -> Problem:
    limit = "at most " if isinstance(shot, ShotToRender) and shot.has_auto_duration else ""
    part = f"a range of {shot.id}" if shot.shot.use else shot.id
    message = f"the transitions take {needed} frames of {part}, which has {limit}{frames}"
    return Problem(message, "Shorten a transition, or show more of the shot.")


def _count_frames_before(join: Join) -> int:
    """Return the frames of the earlier shot that a transition changes."""
    return join.length // 2 if isinstance(join, Dip) else count_frames_after(join)
