"""A storyboard together with where it came from, so that every message can name its place."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from storyboards.models import Storyboard
from storyboards.problems import InvalidStoryboard, Problem
from storyboards.validation import find_problems
from storyboards.yaml_nodes import Node, find_place

_LONGEST_NAME = 64
INLINE_NAME = "storyboard"


@dataclass(frozen=True)
class Board:
    """A storyboard that was read and is clean, its name, and the file it stands in."""

    storyboard: Storyboard
    name: str
    """Letters, digits, - and _; the film and the ledger go by it."""
    file: Path | None = None
    """Absolute; None for a board that came as a value, which reads no local files."""
    shown_as: str = ""
    """The file as the user named it, for messages; empty for a board that came as a value."""
    tree: Node | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, storyboard: Storyboard, *, name: str | None = None) -> Board:
        """The board of a storyboard that came as a value.

        Raises InvalidStoryboard where the storyboard contradicts itself.
        """
        board = cls(storyboard, name or storyboard.name or INLINE_NAME)
        faults = find_problems(storyboard)
        if faults:
            raise InvalidStoryboard([board.problem(*fault[:3]) for fault in faults])
        return board

    @property
    def folder(self) -> Path | None:
        """Where the board's relative references begin; None for a board that came as a value."""
        return self.file.parent if self.file else None

    def locate(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Line and column, from 1, of the value at a path such as ``("shots", 2, "seconds")``.

        What is not written down lies where the nearest thing around it begins; (0, 0) for a board
        that came as a value.
        """
        return find_place(self.tree, path) if self.tree else (0, 0)

    def problem(self, path: tuple[str | int, ...], message: str, remedy: str = "") -> Problem:
        """One problem at a path, with the file, line and column it has."""
        line, column = self.locate(path)
        return Problem(message, remedy, self.shown_as, line, column, path)


def derive_name(stem: str) -> str:
    """The board's name from its file's stem: what is no letter, digit, - or _ becomes a -.

    Empty where nothing is left of it.
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-_")[:_LONGEST_NAME]
