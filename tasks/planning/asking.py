"""What a board asks of one shot's model, and where what is wrong with it is collected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from storyboards.board import Board
from storyboards.models import Shot
from storyboards.problems import Problem
from tasks.providers.contract import Dialect
from tasks.providers.models import FAMILIES, Family, Opening


@dataclass
class Asked:
    """What the board asks of one shot's model, and what was found wrong with it."""

    board: Board
    index: int
    family: Family
    dialect: Dialect
    opening: Opening
    extends: bool = False
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

    def value(self, name: str) -> Any:
        """What the shot says, else what the look says, else None."""
        own = getattr(self.shot, name)
        return own if own is not None else self._look.get(name)

    def refuse(self, name: str, message: str, remedy: str) -> None:
        """A problem at the look's word where it is the look that says it, else at the shot's."""
        own = getattr(self.shot, name, None) is not None or name not in self._look
        key = name.rstrip("_")
        path: tuple[str | int, ...] = ("shots", self.index, key) if own else ("look", key)
        self.problems.append(self.board.problem(path, message, remedy))

    def lacking(self, name: str, wanted: Any, remedy: str) -> None:
        """The model lacks a word: a problem on the shot, a note in the look."""
        if getattr(self.shot, name, None) is not None:
            self.refuse(name, f"{self.family.name} takes no {name}: {wanted}", remedy)
        else:
            self.notes.append(f"look.{name}: {wanted} is not used; {self.family.name} has none")


def having(word: str, *, among: Callable[[Family], Any] | None = None) -> str:
    """The families that have a word, as a remedy."""
    has = among or (lambda family: getattr(family, word))
    names = [name for name, family in FAMILIES.items() if has(family)]
    return f"Leave {word} out, or take {either(names)}." if names else f"Leave {word} out."


def either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
