"""The problems that a plan finds only because broken values of its board were set aside.

The storyboard has defaults or placeholders in place of broken values. What they violate is not the
author's mistake and is not reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from storyboards.board import Board
from storyboards.problems import Problem
from tasks.planning.shot_settings import ProblemLog

_EVERY_KEY = frozenset({"*"})
"""No limit of the model can be checked: the model is not known, or whether the shot is rendered."""
_DETERMINES_MODEL = frozenset({"provider", "model", "clip", ""})
_DETERMINES_START = frozenset({"first_frame", "last_frame", "continue", "references"})
_DEPENDS_ON_START = _DETERMINES_START | {"ratio", "resolution", "prompt", "camera_fixed"}
_DEPENDS_ON = {
    "draft": frozenset({"resolution", "service_tier"}),
    "service_tier": frozenset({"draft"}),
    "seconds": frozenset({"frames", "use"}),
    "frames": frozenset({"seconds", "use"}),
}
"""The keys whose checks also read the value of a key."""
_DEPENDS_ON_PARENT = frozenset({"ratio", "continue"})
"""The keys whose checks read the picture of the shot that is continued."""


class BrokenValues:
    """The broken values of a board, and the problems that may be their consequence."""

    def __init__(self, board: Board, continues_of: Mapping[str, str | None]) -> None:
        self._broken = board.broken
        self._shots = board.storyboard.shots
        self._continues_of = continues_of
        self._index = {shot.id: index for index, shot in enumerate(self._shots)}
        self._uncertain: dict[int, frozenset[str]] = {}
        """By shot that was planned: the keys whose checks would check a placeholder."""
        self._kept = self._kept_media = 0

    def is_set_aside(self, index: int) -> bool:
        """Return whether the whole shot is broken."""
        return ("shots", index) in self._broken or ("shots",) in self._broken

    def drop_consequences(self, index: int, log: ProblemLog) -> None:
        """Remove what was logged since the last call and may be the consequence of broken values.

        Args:
            index: The shot that was planned since then, after the one it continues.
            log: The log of the plan.
        """
        if not self._broken:
            return
        uncertain = self._find_uncertain(index)
        log.problems[self._kept :] = [
            each for each in log.problems[self._kept :] if not self._explains(each, uncertain)
        ]
        log.media_problems[self._kept_media :] = [
            each
            for each in log.media_problems[self._kept_media :]
            if not self._explains_media(each, uncertain)
        ]
        self._kept, self._kept_media = len(log.problems), len(log.media_problems)

    def _explains(self, problem: Problem, uncertain: frozenset[str]) -> bool:
        if uncertain == _EVERY_KEY or self._covers(problem):
            return True
        match problem.keys:
            case ("shots", _, str() as key, *_) | ("look", str() as key):
                return key in uncertain
            case ("shots", _):
                # A problem of the shot as a whole is about what it starts from.
                return "first_frame" in uncertain
        return False

    def _explains_media(self, problem: Problem, uncertain: frozenset[str]) -> bool:
        # The clip to continue is measured by the plan; all other files are read.
        is_clip_of_parent = problem.keys[2:3] == ("continue",)
        return self._covers(problem) or (is_clip_of_parent and bool({"*", "continue"} & uncertain))

    def _covers(self, problem: Problem) -> bool:
        keys = problem.keys
        return any(keys[:length] in self._broken for length in range(1, len(keys) + 1))

    def _find_uncertain(self, index: int) -> frozenset[str]:
        """Return the keys of a shot whose checks would check a placeholder."""
        own = {str(path[2]) for path in self._broken if path[:2] == ("shots", index) and path[2:]}
        look = {str(path[1]) if path[1:] else "" for path in self._broken if path[0] == "look"}
        keys = own | look
        if {("model",), ("provider",)} & self._broken or keys & _DETERMINES_MODEL:
            uncertain = _EVERY_KEY
        else:
            uncertain = frozenset(keys).union(*(_DEPENDS_ON.get(key, ()) for key in keys))
            if keys & _DETERMINES_START:
                uncertain |= _DEPENDS_ON_START
            parent = self._index.get(self._continues_of[self._shots[index].id] or "")
            if parent is not None and (self.is_set_aside(parent) or self._uncertain[parent]):
                uncertain |= _DEPENDS_ON_PARENT
        self._uncertain[index] = uncertain
        return uncertain
