"""A storyboard together with where it came from, so that every message can name its place."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from storyboards.models import MAX_NAME_BYTES, MAX_NAME_LENGTH, Storyboard, is_reserved_name
from storyboards.problems import InvalidStoryboard, Problem
from storyboards.validation import find_problems
from storyboards.yaml_nodes import Node, NodePath, find_place

INLINE_NAME = "storyboard"
"""The name of a board that is passed as a value and has no `name`."""


@dataclass(frozen=True)
class Board:
    """A storyboard that was read, its name, and its file."""

    storyboard: Storyboard
    name: str
    """Letters, digits, - and _: film files and the ledger are named by it."""
    file: Path | None = None
    """Absolute; None for a board that was passed as a value, which reads no local files."""
    shown_as: str = ""
    """The file as the user named it, for messages; empty for a board that was passed as a value."""
    tree: Node | None = field(default=None, repr=False, compare=False)
    problems: tuple[Problem, ...] = ()
    """The problems of the file. A board with problems must not be rendered."""
    warnings: tuple[Problem, ...] = ()
    """Texts that are valid, but probably not what the author sees."""
    broken: frozenset[NodePath] = frozenset()
    """Paths of the values that were set aside because of the problems: the storyboard has
    placeholders or defaults there."""

    @classmethod
    def of(cls, storyboard: Storyboard, *, name: str | None = None) -> Board:
        """Return the board of a storyboard that was passed as a value.

        Raises:
            InvalidStoryboard: If values of the storyboard contradict one another.
        """
        board = cls(storyboard, name or storyboard.name or INLINE_NAME)
        problems = find_problems(storyboard)
        if problems:
            raise InvalidStoryboard(problems)
        return board

    @property
    def folder(self) -> Path | None:
        """The folder of relative references; None for a board passed as a value."""
        return self.file.parent if self.file else None

    def locate(self, path: NodePath) -> tuple[int, int]:
        """Return the 1-based line and column of the value at a path.

        A value that is not written has the place of the nearest value around it. A board that was
        passed as a value has the place (0, 0).
        """
        return find_place(self.tree, path) if self.tree else (0, 0)

    def problem(self, path: NodePath, message: str, remedy: str = "") -> Problem:
        """Return a problem at a path, with its file, line and column."""
        return Problem(message, remedy, self.shown_as, *self.locate(path), path)


def derive_name(stem: str) -> str:
    """Return the board's name for the stem of its file, or "" if none can be derived.

    Every other character than a letter, a digit, - or _ becomes a -. The name is safe as a file
    name on every system.
    """
    text = unicodedata.normalize("NFC", stem)
    name = "".join(char if _is_name_char(char) else "-" for char in text)
    name = re.sub(r"-+", "-", re.sub(r"^\W+", "", name)).strip("-_")
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")[:MAX_NAME_LENGTH]
    return f"{name}-board" if is_reserved_name(name) else name


def derive_ascii_name(stem: str) -> str:
    """Return the name that a board had before names could have letters of every script."""
    text = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:MAX_NAME_LENGTH]


def _is_name_char(char: str) -> bool:
    return char in "-_" or unicodedata.category(char)[0] in "LMN"
