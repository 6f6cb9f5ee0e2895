"""The YAML of a storyboard as a tree of values that know their line and column.

Only the tree lives here: what it is made of, what may be wrong with it, the plain data it stands
for, and where a path leads. How it is read from text is `composing`; what it means to a film is not
known here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from storyboards.scalars import Plain

Path = tuple[str | int, ...]


class Scalar(NamedTuple):
    """A single value, with the text it was written as."""

    value: Plain
    text: str
    quoted: bool
    line: int
    column: int


class Sequence(NamedTuple):
    """A list."""

    items: list[Node]
    line: int
    column: int


class Mapping(NamedTuple):
    """Keys and values; every key is the text it is written as."""

    entries: dict[str, Node]
    places: dict[str, tuple[int, int]]
    """Line and column of each key."""
    line: int
    column: int


Node = Scalar | Sequence | Mapping


class Flaw(NamedTuple):
    """Something that a storyboard must not contain, where it stands and what to do about it."""

    line: int
    column: int
    path: Path
    message: str
    remedy: str


def to_data(node: Node) -> Any:
    """The plain lists, dictionaries and values that the tree stands for."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {key: to_data(child) for key, child in node.entries.items()}
    return [to_data(child) for child in node.items]


def step_into(node: Node, part: str | int) -> Node | None:
    """The child under a key or index, or None where there is none."""
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.entries.get(part)
    if isinstance(node, Sequence) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def find(node: Node, path: Path) -> tuple[Node, Path]:
    """The deepest node on the path that is written down, and the path that leads to it."""
    for depth, part in enumerate(path):
        child = step_into(node, part)
        if child is None:
            return node, path[:depth]
        node = child
    return node, path


def find_place(node: Node, path: Path, *, at_key: bool = False) -> tuple[int, int]:
    """Line and column of the value at the path, or of its key, or of what is nearest to it."""
    found, reached = find(node, path[:-1] if at_key else path)
    if at_key and path and len(reached) == len(path) - 1 and isinstance(found, Mapping):
        return found.places.get(str(path[-1]), (found.line, found.column))
    return found.line, found.column
