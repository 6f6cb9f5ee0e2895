"""The shots of versions: those of the board's own film, and variants that are rendered for them.

A shot whose key is that of the board's own shot is that shot, whatever version shows it. Any other
is a *variant*: its id is that of the shot, an @ and the label of the first version that needs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from storyboards.board import Board
from storyboards.models import Shot
from storyboards.problems import Problem
from storyboards.validation import find_problems
from tasks.edit import MIN_LAST_FRAMES, LengthMismatch, cut_to_length
from tasks.media.film_format import FRAMES_PER_SECOND
from tasks.plan import ExistingClip, Plan, PlannedShot, PlannedVersion
from tasks.planning.film_edit import count_clip_frames, plan_edit
from tasks.planning.shot_settings import ProblemLog, ShotWarning
from tasks.planning.versions import OWN_LOOK, ExpandedVersion, RenderedLook

MAX_VARIANTS = 20_000
"""Shots that are planned for the versions of one board, beside its own."""


class PlannedLook(NamedTuple):
    """The shots of a board as they are rendered for some of its versions."""

    shots: tuple[PlannedShot, ...]
    log: ProblemLog


class ShotPlanner(Protocol):
    """Plans the shots of the board for its versions."""

    def plan_look(self, board: Board, version: ExpandedVersion) -> PlannedLook:
        """Plan the board as it is rendered for a version."""

    def add_version_ranges(
        self, shot: PlannedShot, version: ExpandedVersion, log: ProblemLog
    ) -> PlannedShot:
        """Return a shot of a version with the ranges that the version itself shows."""


def plan_versions(
    plan: Plan, versions: Sequence[ExpandedVersion], log: ProblemLog, planner: ShotPlanner
) -> Plan:
    """Return the plan of a board with its versions; every problem is logged.

    Args:
        plan: The plan of the board's own film.
        versions: The versions of the board.
        log: The log of that plan.
        planner: Plans the shots of the board for its versions.
    """
    return _VersionPlanner(plan, log, planner).plan(versions) if versions else plan


class _VersionPlanner:
    """Plans the versions of one board."""

    def __init__(self, plan: Plan, log: ProblemLog, planner: ShotPlanner) -> None:
        self._plan, self._log, self._planner = plan, log, planner
        own = {shot.shot.id: shot for shot in plan}
        self._looks: dict[RenderedLook, Mapping[str, PlannedShot]] = {OWN_LOOK: own}
        self._shots_by_key = {(shot.shot.id, shot.key): shot for shot in plan}
        self._units = {shot.id: shot for shot in plan}
        """Every shot that was planned, by its id: those of the board, and variants."""

    def plan(self, versions: Sequence[ExpandedVersion]) -> Plan:
        planned = []
        for version in versions:
            if version.look not in self._looks:
                if len(self._looks) * len(self._plan.shots) > MAX_VARIANTS:
                    self._add_too_many(version)
                    break
                self._looks[version.look] = self._plan_variants(version)
            known = self._looks[version.look]
            if all(shot.id in known for shot in version.board.storyboard.shots):
                planned.append(self._plan_version(version, known))
        own_film = [version for version in planned if not version.place.path]
        shots = own_film[0].plan.shots if own_film else self._plan.shots
        board = own_film[0].plan.board if own_film else self._plan.board
        others = tuple(version for version in planned if version.place.path)
        needed = self._find_needed(shots, others)
        return replace(self._plan, board=board, shots=shots, versions=others, variants=needed)

    def _plan_version(
        self, version: ExpandedVersion, shots: Mapping[str, PlannedShot]
    ) -> PlannedVersion:
        log = ProblemLog(self._plan.board)
        shown = tuple(
            self._plan_shot(shots[shot.id], shot, version, log)
            for shot in version.board.storyboard.shots
        )
        self._take_problems(log, version)
        plan = replace(self._plan, board=version.board, shots=shown, target=version.target)
        self._check_length(version, plan)
        return PlannedVersion(version.name, plan, version.written, version.place, version.values)

    def _plan_shot(
        self, planned: PlannedShot, written: Shot, version: ExpandedVersion, log: ProblemLog
    ) -> PlannedShot:
        """Return a shot of a version as the version writes it."""
        shot = replace(planned, shot=written)
        if written.use == planned.shot.use:
            return shot
        return self._planner.add_version_ranges(shot, version, log)

    def _check_length(self, version: ExpandedVersion, plan: Plan) -> None:
        """Check that the last shot can be cut so that the film has the stated length."""
        length = version.target.length
        edit = None if length is None else plan_edit(plan)
        if length is None or edit is None:
            return
        try:
            cut_to_length(edit, count_clip_frames(edit))
        except LengthMismatch as mismatch:
            message, remedy = _explain_length(mismatch, length)
            problem = version.place.problem(self._plan.board, "length", message, remedy)
            self._log.problems.append(problem)

    def _plan_variants(self, version: ExpandedVersion) -> Mapping[str, PlannedShot]:
        """Return the shots of the board as they are rendered for a version, by shot id."""
        board = _apply_look(self._plan.board, version.look)
        if problems := find_problems(board.storyboard):
            self._log.problems += [self._relocate(each, version) for each in problems]
            return {}
        look = self._planner.plan_look(board, version)
        self._take_problems(look.log, version)
        shots: dict[str, PlannedShot] = {}
        for shot in Plan(board, look.shots).dependency_order():
            shots[shot.id] = self._identify(shot, shots, version.label)
        return shots

    def _identify(
        self, shot: PlannedShot, earlier: Mapping[str, PlannedShot], label: str
    ) -> PlannedShot:
        """Return the known shot of this id and key, or a variant."""
        known = self._shots_by_key.get((shot.id, shot.key))
        if known is not None or isinstance(shot, ExistingClip):
            return known or shot
        parent = earlier.get(shot.continues or "")
        variant = replace(
            shot,
            variant=label,
            continues=parent.id if parent else shot.continues,
            chain_id=parent.chain_id if parent else f"{shot.id}@{label}",
            inputs=tuple(
                source._replace(source_shot=parent.id) if source.source_shot and parent else source
                for source in shot.inputs
            ),
        )
        self._shots_by_key[shot.id, shot.key] = variant
        self._units[variant.id] = variant
        return variant

    def _find_needed(
        self, shots: Sequence[PlannedShot], versions: Sequence[PlannedVersion]
    ) -> tuple[PlannedShot, ...]:
        """Return the shots that only versions need, each after the shot it continues."""
        own = {shot.id for shot in shots}
        needed: dict[str, PlannedShot] = {}
        for version in versions:
            for shot in version.plan:
                path = []
                shot_id: str | None = shot.id
                while shot_id and shot_id not in own and shot_id not in needed:
                    path.append(self._units[shot_id])
                    shot_id = path[-1].continues
                needed.update((unit.id, unit) for unit in reversed(path))
        return tuple(needed.values())

    def _take_problems(self, log: ProblemLog, version: ExpandedVersion) -> None:
        """Log what is wrong only in the shots of a version."""
        own = {
            (each.keys, each.message) for each in (*self._log.problems, *self._log.media_problems)
        }
        for problem in (*log.problems, *log.media_problems):
            if (problem.keys, problem.message) not in own:
                self._log.problems.append(self._relocate(problem, version))
        known = {(each.problem.message, each.shot) for each in self._log.warnings}
        for warning in log.warnings:
            if (warning.problem.message, warning.shot) not in known:
                message = f"{version.name}: {warning.problem.message}"
                remedy = warning.problem.remedy
                problem = version.place.problem(self._plan.board, "", message, remedy)
                self._log.warnings.append(ShotWarning(problem, warning.shot))

    def _relocate(self, problem: Problem, version: ExpandedVersion) -> Problem:
        """Return a problem of the shots of a version at the place of the version."""
        return version.place.relocate(problem, self._plan.board, version.name)

    def _add_too_many(self, version: ExpandedVersion) -> None:
        message = f"the versions render more than {MAX_VARIANTS:,} shots beside those of the board"
        remedy = "Split the board, or keep variables that differ out of the prompts."
        self._log.problems.append(version.place.problem(self._plan.board, "", message, remedy))


def _explain_length(mismatch: LengthMismatch, length: int) -> tuple[str, str]:
    """Return why a film can't have a length, with the numbers, and the remedy."""
    wanted = f"{length} frames ({length / FRAMES_PER_SECOND:g} s)"
    has = f"the shots of this version give {mismatch.frames} frames"
    if mismatch.frames < length:
        message = f"{has}, {length - mismatch.frames} too few for {wanted}"
        return message, "Add shots, lengthen their ranges, or set a shorter length."
    message = (
        f"{has}, and {mismatch.min_frames} at least: {MIN_LAST_FRAMES} frames of the last shot "
        f"stay. {wanted} need {mismatch.min_frames - length} fewer"
    )
    return message, "Leave out shots, shorten their ranges with `use`, or set a longer length."


def _apply_look(board: Board, look: RenderedLook) -> Board:
    """Return a board whose shots are rendered as a version needs them."""
    storyboard = board.storyboard
    changes: dict[str, object] = {
        "variables": {**storyboard.variables, **dict(look.variables)},
        "versions": (),
    }
    if look.ratio:
        changes["look"] = storyboard.look.model_copy(update={"ratio": look.ratio})
        changes["shots"] = tuple(
            shot.model_copy(update={"ratio": None}) if shot.ratio else shot
            for shot in storyboard.shots
        )
    return replace(board, storyboard=storyboard.model_copy(update=changes))
