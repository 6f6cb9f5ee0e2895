"""The root of every error shotchain expects, and the storyboard's own.

RenderingError            anything a user can cause or a vendor can do; one clear sentence
    InvalidStoryboard     the author acts: every problem at once, each with its place and remedy
"""

from __future__ import annotations

from typing import NamedTuple

from storyboards.quoting import disarm


class RenderingError(Exception):
    """The root: an expected failure, told in one sentence and never as a traceback."""

    kind = "error"
    exit_code = 1

    def __str__(self) -> str:
        # File names, vendors' words: none of them may move a terminal's cursor or forge a line.
        return disarm(super().__str__())


class Problem(NamedTuple):
    """One thing wrong with a storyboard, where it stands and what to do about it."""

    message: str
    """What is wrong, without a full stop at the end."""
    remedy: str = ""
    """What the author does about it."""
    file: str = ""
    """The board as the user named it; empty for a board that came as a value."""
    line: int = 0
    """1-based; 0 where no place is known."""
    column: int = 0
    """1-based; 0 where no place is known."""
    path: str = ""
    """The place in the YAML, as in ``shots[2].seconds``."""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        told = ": ".join(part for part in (place, self.path, self.message) if part)
        return disarm(f"{told}. {self.remedy}" if self.remedy else told)


class InvalidStoryboard(RenderingError):
    """The board can't be rendered as it is written. The author acts.

    Carries every problem that was found, in the order of the file.
    """

    kind = "invalid_storyboard"
    exit_code = 2

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __str__(self) -> str:
        # One line for each.
        return Exception.__str__(self)
