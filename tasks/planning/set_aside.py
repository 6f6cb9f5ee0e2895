"""What the planner's checks are worth on a board that has broken values.

Broken values were set aside: the storyboard has defaults or placeholders in their place. A problem
that a check finds only because of those is not the author's, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from storyboards.board import Board
from storyboards.problems import Problem

_EVERY_KEY = frozenset({"*"})
"""Every limit of the model is uncertain: the model itself is, or whether there is one."""
_DECIDES_MODEL = frozenset({"provider", "model", "clip", ""})
_OPENING = frozenset({"first_frame", "last_frame", "continue", "references"})
"""Keys that decide what a shot begins with."""
_DEPENDS_ON_OPENING = _OPENING | {"ratio", "resolution", "prompt", "camera_fixed"}
_DEPENDS_ON = {
    "draft": frozenset({"resolution", "service_tier"}),
    "service_tier": frozenset({"draft"}),
    "seconds": frozenset({"frames"}),
    "frames": frozenset({"seconds"}),
}


class BrokenValues:
    """The broken values of a board, and which problems of a shot may be their consequence."""

    def __init__(self, board: Board, links: Mapping[str, str | None]) -> None:
        self._broken = board.broken
        self._shots = board.storyboard.shots
        self._links = links
        self._index = {shot.id: index for index, shot in enumerate(self._shots)}
        self._uncertain: dict[int, frozenset[str]] = {}

    def holds(self, index: int) -> bool:
        """Return whether the whole shot was set aside."""
        return ("shots", index) in self._broken or ("shots",) in self._broken

    def explain_file(self, problem: Problem) -> bool:
        """Return whether a problem with a file may be the consequence of a broken value."""
        match problem.keys:
            case ("shots", int() as index):
                return self.explain(index, problem)
        return self._covers(problem)

    def explain(self, index: int, problem: Problem) -> bool:
        """Return whether a problem with a model's limits may be the consequence of a broken value.

        Args:
            index: The shot that was checked.
            problem: The problem, at the shot or at the value of the look that applies to it.
        """
        if not self._broken:
            return False
        uncertain = self._find_uncertain(index)
        if uncertain == _EVERY_KEY or self._covers(problem):
            return True
        match problem.keys:
            case ("shots", _, str() as key, *_) | ("look", str() as key):
                return key in uncertain
        # A problem of the shot as a whole is about what it begins with.
        return "first_frame" in uncertain

    def _covers(self, problem: Problem) -> bool:
        keys = problem.keys
        return any(keys[:length] in self._broken for length in range(1, len(keys) + 1))

    def _find_uncertain(self, index: int) -> frozenset[str]:
        """Return the keys of a shot whose checks would judge a placeholder."""
        path = [index]
        while path[-1] not in self._uncertain:
            parent = self._links.get(self._shots[path[-1]].id)
            if parent is None:
                break
            path.append(self._index[parent])
        for each in reversed(path):
            if each not in self._uncertain:
                self._uncertain[each] = self._uncertain_of(each)
        return self._uncertain[index]

    def _uncertain_of(self, index: int) -> frozenset[str]:
        own = {str(path[2]) for path in self._broken if path[:2] == ("shots", index) and path[2:]}
        look = {str(path[1]) if path[1:] else "" for path in self._broken if path[0] == "look"}
        if {("model",), ("provider",)} & self._broken or (own | look) & _DECIDES_MODEL:
            return _EVERY_KEY
        keys = own | look
        uncertain = keys.union(*(_DEPENDS_ON.get(key, frozenset()) for key in keys))
        if keys & _OPENING:
            uncertain |= _DEPENDS_ON_OPENING
        parent = self._index.get(self._links.get(self._shots[index].id) or "")
        if parent is not None and (self.holds(parent) or self._uncertain[parent]):
            # The size of the picture it continues is not known.
            uncertain |= {"ratio", "continue"}
        return frozenset(uncertain)
