"""The settings of one shot, from the shot or the look, and the log of problems found in a board.

How a setting becomes part of a request is not decided here, but in `requests` and `continuation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from storyboards.board import Board
from storyboards.models import Shot
from storyboards.problems import MAX_CANDIDATES, Problem, join_or
from tasks.providers import Provider
from tasks.providers.dialect import Dialect
from tasks.providers.dialects import DIALECTS
from tasks.providers.families import FAMILIES, Family, StartMode


class ShotWarning(NamedTuple):
    """A warning about one shot; equal ones about several shots become one sentence."""

    problem: Problem
    shot: str
    """The shot's id."""


@dataclass
class ProblemLog:
    """The problems and warnings found in one board, each with its place in the file."""

    board: Board
    problems: list[Problem] = field(default_factory=list)
    """Values that the provider or the model does not support. Each of them forbids the plan."""
    media_problems: list[Problem] = field(default_factory=list)
    """Files and URLs that can't be used, whatever the model supports. Each forbids the plan."""
    warnings: list[ShotWarning] = field(default_factory=list)

    def add(self, path: tuple[str | int, ...], problem: Problem) -> None:
        """Add a problem with a file or a URL, which has no place yet, at a path."""
        self.media_problems.append(self.board.problem(path, problem.message, problem.remedy))

    def add_problem(self, path: tuple[str | int, ...], message: str, remedy: str) -> None:
        """Add a problem at a path."""
        self.problems.append(self.board.problem(path, message, remedy))

    def add_warning(
        self, index: int, message: str, remedy: str = "", *, path: tuple[str | int, ...] = ()
    ) -> None:
        """Add a warning about the shot of that index, at a path; at the shot by default."""
        problem = self.board.problem(path or ("shots", index), message, remedy)
        self.warnings.append(ShotWarning(problem, self.board.storyboard.shots[index].id))


@dataclass
class ShotSettings:
    """The settings of a shot, and the model and provider that must support them."""

    log: ProblemLog
    index: int
    """The shot's place in the board, from 0."""
    family: Family
    """As the provider serves it."""
    provider: Provider
    start_mode: StartMode
    """The kind of input that the model starts from: a frame, references or text alone."""
    continues_clip: bool = False
    """True if the clip of the previous shot is sent with the request, to be continued."""
    dialect: Dialect = field(init=False)
    shot: Shot = field(init=False)
    """The shot as written."""
    _look: dict[str, Any] = field(init=False, repr=False)
    _values: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        storyboard = self.log.board.storyboard
        self.dialect = DIALECTS[self.provider.dialect]
        self.shot = storyboard.shots[self.index]
        # Access by name: pydantic is slow to raise AttributeError for the keys that a look lacks.
        self._look = vars(storyboard.look)
        written = {key: value for key, value in vars(self.shot).items() if value is not None}
        self._values = {**self._look, **written}

    def get(self, key: str) -> Any:
        """Return the value on the shot, else the value in the look, else None."""
        return self._values.get(key)

    def add_problem(self, key: str, message: str, remedy: str) -> None:
        """Add a problem at the key that has the value: on the shot or in the look."""
        self.log.add_problem(self._find_path(key), message, remedy)

    def add_warning(self, message: str, remedy: str = "", *, key: str = "") -> None:
        """Add a warning at the shot, or at the key that has the value."""
        path = self._find_path(key) if key else ()
        self.log.add_warning(self.index, message, remedy, path=path)

    def _find_path(self, key: str) -> tuple[str | int, ...]:
        """Return the path of a key that has a value: on the shot or in the look."""
        is_on_shot = getattr(self.shot, key, None) is not None or key not in self._look
        shot_field = Shot.model_fields.get(key)
        written = (shot_field and shot_field.alias) or key
        return ("shots", self.index, written) if is_on_shot else ("look", written)

    def add_unsupported(
        self, key: str, value: object, remedy: str, *, instead: str = "", by: str = ""
    ) -> None:
        """Report a value that can't be requested: a problem on a shot, a warning in the look.

        Args:
            key: The key of the board.
            value: Its value, as it is shown in the message.
            remedy: What to do about the value.
            instead: The value that is used if it is in the look.
            by: The name of the provider or model that does not support it; by default the model.
        """
        reason = f"{by or self.family.name} does not support"
        if getattr(self.shot, key, None) is not None:
            self.add_problem(key, f"{reason} {key}: {value}", remedy)
        else:
            used = f"; {instead} is used" if instead else ""
            self.add_warning(f"{value} is not used: {reason} it{used}", remedy, key=key)

    def suggest_families(self, key: str, supports: Callable[[Family], object] | None = None) -> str:
        """Return a remedy that offers the provider's families with support for a key.

        Args:
            key: The key of the board, which the remedy names.
            supports: Returns a true value for a family that supports it; by default the family's
                field of that name.
        """
        return f"Remove {key}{self.format_alternatives(key, supports)}."

    def format_alternatives(
        self, key: str, supports: Callable[[Family], object] | None = None
    ) -> str:
        """Return ", or use A, B or C" with the nearest families that support a key, or ""."""
        names = find_families(self.provider, supports or (lambda family: getattr(family, key)))
        order = list(FAMILIES)
        own = order.index(self.family.name)
        nearest = sorted(names, key=lambda name: abs(order.index(name) - own))
        return f", or use {format_candidates(nearest)}" if nearest else ""


def find_families(provider: Provider, supports: Callable[[Family], object]) -> list[str]:
    """Return the names of the provider's families for which `supports` returns a true value."""
    return [name for name in provider.models if supports(provider.get_family(name))]


def format_candidates(names: Sequence[str]) -> str:
    """Return at most three names as "a, b or c", and the command that lists the rest."""
    if len(names) <= MAX_CANDIDATES:
        return join_or(names)
    return f"{join_or(names[:MAX_CANDIDATES])} (`shotchain providers` lists all)"
