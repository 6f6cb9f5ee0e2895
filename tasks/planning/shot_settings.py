"""The settings of one shot, from the shot or the look, with the problems and notes found in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storyboards.board import Board
from storyboards.models import Shot
from storyboards.problems import Problem
from tasks.providers.dialect import Dialect
from tasks.providers.families import FAMILIES, Family, StartMode


@dataclass
class ShotSettings:
    """What the board asks of one shot's model, and what was found wrong with it."""

    board: Board
    index: int
    family: Family
    dialect: Dialect
    opening: StartMode
    continues_clip: bool = False
    """Whether the clip of the shot before goes with the order, to be continued."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    shot: Shot = field(init=False)
    """The shot as written."""
    _look: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.shot = self.board.storyboard.shots[self.index]
        # By name, for pydantic takes long to say that it lacks a word.
        self._look = vars(self.board.storyboard.look)

    def get(self, setting: str) -> Any:
        """What the shot says, else what the look says, else None."""
        own = getattr(self.shot, setting)
        return own if own is not None else self._look.get(setting)

    def add_problem(self, setting: str, message: str, remedy: str) -> None:
        """A problem at the look's word where it is the look that says it, else at the shot's."""
        own = getattr(self.shot, setting, None) is not None or setting not in self._look
        key = setting.rstrip("_")
        path: tuple[str | int, ...] = ("shots", self.index, key) if own else ("look", key)
        self.problems.append(self.board.problem(path, message, remedy))

    def add_unsupported(self, setting: str, value: Any, remedy: str) -> None:
        """The model lacks a word: a problem on the shot, a note in the look."""
        if getattr(self.shot, setting, None) is not None:
            self.add_problem(setting, f"{self.family.name} takes no {setting}: {value}", remedy)
        else:
            self.notes.append(f"look.{setting}: {value} is not used; {self.family.name} has none")


def suggest_families(key: str, *, supports: Callable[[Family], Any] | None = None) -> str:
    """The families that have a word, as a remedy."""
    has = supports or (lambda family: getattr(family, key))
    names = [name for name, family in FAMILIES.items() if has(family)]
    return f"Leave {key} out, or take {join_with_or(names)}." if names else f"Leave {key} out."


def join_with_or(items: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(items[:-1]), items[-1]])) if items else ""
