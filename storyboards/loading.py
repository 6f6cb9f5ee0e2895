"""From a board's file to a `Board`: the one way in, and every problem at once.

For any bytes, the only exception is InvalidStoryboard. Reading the file and its encoding is done
here, the YAML in `yaml_nodes`, the values in `models`, what they require of one another in
`validation`; `messages` has the texts.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from stat import S_ISDIR, S_ISREG
from typing import Any

from pydantic import ValidationError

from storyboards.board import Board, derive_name
from storyboards.messages import explain, read_location
from storyboards.models import Storyboard
from storyboards.problems import InvalidStoryboard, Problem
from storyboards.terminal_text import quote
from storyboards.validation import find_problems, find_remaining_problems
from storyboards.yaml_nodes import (
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
    compose,
    find,
    find_place,
    to_data,
)

MAX_BYTES = 2_000_000

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REMEDY_UTF8 = "Save the file as UTF-8."


_MOST_PROBLEMS = 200
"""More than anybody reads; a file of another kind has a problem in every line."""

_NEVER_EMPTY = {
    "first_frame": "Write none for a cut or previous for the chain, or take the line out.",
    "budget": "Write an amount like 4.00 USD, or take the line out.",
}
"""Keys whose emptiness could be taken for more than one thing, and each costs money."""


def load(path: Path, *, shown_as: str | None = None) -> Board:
    """The board in a file; ``shown_as`` is how the user named it, for messages.

    Raises InvalidStoryboard with every problem of the file, each at its line and column.
    """
    shown = str(path) if shown_as is None else shown_as
    return _read(read_bytes(path, file=shown), shown, path.absolute(), path.stem)


def parse(data: bytes, *, file: str, folder: Path | None = None) -> Board:
    """The board in these bytes, told of as ``file``; its references begin in ``folder``.

    Without a folder it is a board without a file, and reads no local files. Raises
    InvalidStoryboard with every problem, each at its line and column.
    """
    named = PurePath(file)
    return _read(data, file, folder.absolute() / named.name if folder else None, named.stem)


def _read(data: bytes, shown: str, file: Path | None, stem: str) -> Board:
    tree, problems = compose(decode(data, file=shown))
    if not isinstance(tree, MappingNode):
        raise _refuse(shown, problems or [_top_problem(tree)])
    problems += _find_empty(tree)
    content = _leave_empty_out(to_data(tree))
    storyboard, misfits = _validate(content, tree)
    name = (storyboard and storyboard.name) or derive_name(stem)
    if not name:
        message = f"the file's name {quote(stem)} makes no name for the board"
        misfits.append(
            Problem(message, "Add a line `name: ...`.", "", tree.line, tree.column, ("name",))
        )
    if storyboard is None or problems or misfits:
        raise _refuse(shown, problems + misfits)
    return Board(storyboard, name, file, shown, tree)


def _validate(
    content: dict[str, Any], tree: MappingNode
) -> tuple[Storyboard | None, list[Problem]]:
    """The storyboard where there is one, and what is wrong with it."""
    try:
        storyboard = _build(content, tree)
    except ValidationError as error:
        misfits = explain(error.errors(include_url=False), tree)
        faults = find_remaining_problems(content, misfits)
        told = [_problem(tree, *misfit) for misfit in misfits]
        return None, told + [_problem(tree, fault.path, False, *fault[1:3]) for fault in faults]
    faults = find_problems(storyboard)
    return storyboard, [_problem(tree, fault.path, False, *fault[1:3]) for fault in faults]


def _build(content: dict[str, Any], tree: MappingNode) -> Storyboard:
    """The storyboard; where text is wanted, a bare number is the text it is written as."""
    try:
        return Storyboard.model_validate(content)
    except ValidationError as error:
        if not _restore_texts(content, tree, error):
            raise
        return Storyboard.model_validate(content)


def _restore_texts(content: dict[str, Any], tree: MappingNode, error: ValidationError) -> bool:
    restored = False
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] != "string_type":
            continue
        path = read_location(detail["loc"]).path
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is not None:
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


def _find_empty(tree: MappingNode) -> list[Problem]:
    shots = tree.entries.get("shots")
    count = len(shots.items) if isinstance(shots, SequenceNode) else 0
    paths: list[NodePath] = [
        ("budget",),
        *(("shots", index, "first_frame") for index in range(count)),
    ]
    problems = []
    for path in paths:
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is None:
            key = str(path[-1])
            problems.append(
                _problem(tree, path, False, f"{quote(key)} is empty", _NEVER_EMPTY[key])
            )
    return problems


def _top_problem(tree: Node | None) -> Problem:
    remedy = "Begin with `shots:`; `shotchain init FILE` writes a starter."
    if tree is None or (isinstance(tree, ScalarNode) and tree.value is None):
        return Problem("the board is empty", remedy, "", 1, 1)
    kind = "a list" if isinstance(tree, SequenceNode) else "a text"
    message = f"the board is {kind}, not `key: value` lines"
    return Problem(message, remedy, "", tree.line, tree.column)


def _problem(tree: Node, path: NodePath, at_key: bool, message: str, remedy: str) -> Problem:
    return Problem(message, remedy, "", *find_place(tree, path, at_key=at_key), path)


def _refuse(file: str, problems: list[Problem]) -> InvalidStoryboard:
    # What is wrong with a value as YAML comes before what is wrong with it as part of a film.
    first = {
        (problem.line, problem.column, problem.keys): problem for problem in reversed(problems)
    }
    ordered = sorted(first.values(), key=lambda problem: (problem.line, problem.column))
    placed = [problem._replace(file=file) for problem in ordered[:_MOST_PROBLEMS]]
    if len(ordered) >= _MOST_PROBLEMS:
        placed.append(Problem("there may be more problems", "Solve these first.", file))
    return InvalidStoryboard(placed)


def read_bytes(path: Path, *, file: str) -> bytes:
    """The bytes of a board's file. Raises InvalidStoryboard where there is none to read."""
    try:
        mode = path.stat().st_mode
        if S_ISDIR(mode):
            raise _file_error(file, "this is a folder", "Name the board's YAML file in it.")
        if not S_ISREG(mode):
            raise _file_error(file, "this is no regular file", "Write the board to a file first.")
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        remedy = "Check the path, or write a starter with `shotchain init FILE`."
        raise _file_error(file, "there is no such file", remedy) from None
    except PermissionError:
        raise _file_error(file, "the file may not be read", "Change its permissions.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise _file_error(file, f"the file can't be read: {reason}", "Check the path.") from None


def decode(data: bytes, *, file: str) -> str:
    """The text of a board's bytes: UTF-8, with or without a mark, no larger than 2 MB.

    Raises InvalidStoryboard where they are not, at the line and column of the first wrong byte.
    """
    if len(data) > MAX_BYTES:
        message = f"the board is larger than {MAX_BYTES // 1_000_000} MB"
        raise _file_error(file, message, "Split it into several boards.")
    if data.startswith(_UTF16_MARKS):
        raise _file_error(file, "the file is UTF-16", _REMEDY_UTF8, (1, 1))
    data = data.removeprefix(_UTF8_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"the byte 0x{data[error.start]:02X} is no UTF-8"
        raise _file_error(file, message, _REMEDY_UTF8, _end_of(before)) from None
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        message = f"the character U+{ord(forbidden[0]):04X} is not allowed in a board"
        remedy = _REMEDY_UTF8 if forbidden[0] == "\0" else "Take it out."
        raise _file_error(file, message, remedy, _end_of(text[: forbidden.start()]))
    return text


def _end_of(text: str) -> tuple[int, int]:
    """Line and column of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _file_error(
    file: str, message: str, remedy: str, place: tuple[int, int] = (0, 0)
) -> InvalidStoryboard:
    return InvalidStoryboard([Problem(message, remedy, file, *place)])
