"""From a board's file to a `Board`: the one way in, and every problem at once.

Whatever bytes it is fed, nothing but InvalidStoryboard comes out of it. The bytes are read by
`source`, the YAML by `composing`, the values by the models, what they demand of one another by
`rules`; `explaining` has the words.
"""

from __future__ import annotations

import pathlib
from typing import Any

from pydantic import ValidationError

from storyboards.board import Board, name_after
from storyboards.composing import compose
from storyboards.errors import InvalidStoryboard, Problem
from storyboards.models import Storyboard
from storyboards.nodes import (
    Flaw,
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    find,
    find_place,
    to_data,
)
from storyboards.quoting import quote, write_path
from storyboards.rules import find_faults
from storyboards.source import decode, read_bytes

_MOST_PROBLEMS = 200
"""More than anybody reads; a file of another kind has a problem in every line."""

_NEVER_EMPTY = {
    "first_frame": "Write none for a cut or previous for the chain, or take the line out.",
    "budget": "Write an amount like 4.00 USD, or take the line out.",
}
"""Keys whose emptiness could be taken for more than one thing, and each costs money."""


def load(path: pathlib.Path, *, shown_as: str | None = None) -> Board:
    """The board in a file; ``shown_as`` is how the user named it, for messages.

    Raises InvalidStoryboard with every problem of the file, each at its line and column.
    """
    shown = str(path) if shown_as is None else shown_as
    return _read(read_bytes(path, file=shown), shown, path.absolute(), path.stem)


def parse(data: bytes, *, file: str, folder: pathlib.Path | None = None) -> Board:
    """The board in these bytes, told of as ``file``; its references begin in ``folder``.

    Without a folder it is a board without a file, and reads no local files. Raises
    InvalidStoryboard with every problem, each at its line and column.
    """
    named = pathlib.PurePath(file)
    return _read(data, file, folder.absolute() / named.name if folder else None, named.stem)


def _read(data: bytes, shown: str, file: pathlib.Path | None, stem: str) -> Board:
    tree, flaws = compose(decode(data, file=shown))
    if not isinstance(tree, Mapping):
        raise _refuse(shown, flaws or [_refuse_top(tree)])
    flaws += _find_empty(tree)
    content = _leave_empty_out(to_data(tree))
    storyboard, misfits = _validate(content, tree)
    name = (storyboard and storyboard.name) or name_after(stem)
    if not name:
        message = f"the file's name {quote(stem)} makes no name for the board"
        misfits.append(Flaw(tree.line, tree.column, ("name",), message, "Add a line `name: ...`."))
    if storyboard is None or flaws or misfits:
        raise _refuse(shown, flaws + misfits)
    return Board(storyboard, name, file, shown, tree)


def _validate(content: dict[str, Any], tree: Mapping) -> tuple[Storyboard | None, list[Flaw]]:
    """The storyboard where there is one, and what is wrong with it."""
    try:
        storyboard = _build(content, tree)
    except ValidationError as error:
        # Only a wrong board needs the words.
        from storyboards.explaining import explain
        from storyboards.mending import find_remaining_faults

        misfits = explain(error.errors(include_url=False), tree)
        faults = find_remaining_faults(content, misfits)
        told = [_flaw(tree, *misfit) for misfit in misfits]
        return None, told + [_flaw(tree, fault.path, False, *fault[1:3]) for fault in faults]
    faults = find_faults(storyboard)
    return storyboard, [_flaw(tree, fault.path, False, *fault[1:3]) for fault in faults]


def _build(content: dict[str, Any], tree: Mapping) -> Storyboard:
    """The storyboard; where text is wanted, a bare number is the text it is written as."""
    try:
        return Storyboard.model_validate(content)
    except ValidationError as error:
        if not _restore_texts(content, tree, error):
            raise
        return Storyboard.model_validate(content)


def _restore_texts(content: dict[str, Any], tree: Mapping, error: ValidationError) -> bool:
    from storyboards.explaining import read_location

    restored = False
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] != "string_type":
            continue
        path = read_location(detail["loc"]).path
        node, reached = find(tree, path)
        if reached == path and isinstance(node, Scalar) and node.value is not None:
            holder: Any = content
            for part in path[:-1]:
                holder = holder[part]
            holder[path[-1]] = node.text
            restored = True
    return restored


def _leave_empty_out(content: dict[str, Any]) -> dict[str, Any]:
    """Keys without a value count as left out, but for the names in cast and variables."""
    kept: dict[str, Any] = {}
    for key, value in content.items():
        if key in ("cast", "variables") and isinstance(value, dict):
            kept[key] = {name: _drop_nothings(member) for name, member in value.items()}
        elif value is not None:
            kept[key] = _drop_nothings(value)
    return kept


def _drop_nothings(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_nothings(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_drop_nothings(item) for item in value]
    return value


def _find_empty(tree: Mapping) -> list[Flaw]:
    shots = tree.entries.get("shots")
    count = len(shots.items) if isinstance(shots, Sequence) else 0
    paths: list[Path] = [("budget",), *(("shots", index, "first_frame") for index in range(count))]
    flaws = []
    for path in paths:
        node, reached = find(tree, path)
        if reached == path and isinstance(node, Scalar) and node.value is None:
            key = str(path[-1])
            flaws.append(_flaw(tree, path, False, f"{quote(key)} is empty", _NEVER_EMPTY[key]))
    return flaws


def _refuse_top(tree: Node | None) -> Flaw:
    remedy = "Begin with `shots:`; `shotchain init FILE` writes a starter."
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        return Flaw(1, 1, (), "the board is empty", remedy)
    kind = "a list" if isinstance(tree, Sequence) else "a text"
    return Flaw(tree.line, tree.column, (), f"the board is {kind}, not `key: value` lines", remedy)


def _flaw(tree: Node, path: Path, at_key: bool, message: str, remedy: str) -> Flaw:
    return Flaw(*find_place(tree, path, at_key=at_key), path, message, remedy)


def _refuse(file: str, flaws: list[Flaw]) -> InvalidStoryboard:
    # What is wrong with a value as YAML comes before what is wrong with it as part of a film.
    first_of = {(flaw.line, flaw.column, flaw.path): flaw for flaw in reversed(flaws)}
    flaws = sorted(first_of.values(), key=lambda flaw: (flaw.line, flaw.column))
    problems = [
        Problem(flaw.message, flaw.remedy, file, flaw.line, flaw.column, write_path(flaw.path))
        for flaw in flaws[:_MOST_PROBLEMS]
    ]
    if len(flaws) >= _MOST_PROBLEMS:
        problems.append(Problem("there may be more problems", "Solve these first.", file))
    return InvalidStoryboard(problems)
