"""Check that the values of a board fit the models and one another: every problem in one check.

A value that does not fit is set aside, so that the rest can still be checked: it is removed or
replaced by a placeholder, and its path is noted as broken. A problem that may only be the
consequence of a broken value is not reported.

The limits of models and providers, and files, are not checked here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from storyboards.board_rules import BoardRules
from storyboards.messages import explain, read_location
from storyboards.models import Storyboard
from storyboards.placeholders import SetAside
from storyboards.problems import MAX_PROBLEMS, Problem
from storyboards.terminal_text import quote
from storyboards.yaml_nodes import (
    MappingNode,
    NodePath,
    ScalarNode,
    SequenceNode,
    find,
    find_place,
    to_data,
)

_NEVER_EMPTY = {
    "first_frame": "Write none for a cut or previous for the chain, or remove the line.",
    "budget": "Write an amount like 4.00 USD, or remove the line.",
}
"""Keys that must not be empty: it is unclear what an author means by it, and it costs money."""
_MAX_ROUNDS = 8


def find_warnings(storyboard: Storyboard) -> Iterator[Problem]:
    """Yield what is valid and probably a mistake, without line and column."""
    owners: dict[str, int] = {}
    for index, shot in enumerate(storyboard.shots):
        owner = owners.setdefault(shot.id.casefold(), index)
        other = storyboard.shots[owner].id
        if other != shot.id:
            message = f"the id {quote(shot.id)} differs from {quote(other)} only in its capitals"
            remedy = "Give each shot an id that is not mistaken for another one."
            yield Problem(message, remedy, keys=("shots", index, "id"))


class Checked(NamedTuple):
    """The valid rest of a board after a check."""

    storyboard: Storyboard | None
    """Valid, with placeholders for what is broken; None if too much is broken."""
    problems: list[Problem]
    """With line and column, without the file's name."""
    broken: set[NodePath]
    """The paths of the values that were set aside. A path that ends in an empty key stands for
    keys that may be missing there."""


def check_tree(tree: MappingNode, broken: Collection[NodePath] = ()) -> Checked:
    """Check a board's values and what they require of one another.

    Args:
        tree: The board.
        broken: Paths of values that are known to be unusable.
    """
    data = _without_empty(to_data(tree))
    aside = SetAside(data)
    aside.add(broken)
    problems = [each for each in _find_empty(tree) if not _is_within(each.keys, aside.broken)]
    aside.add([problem.keys for problem in problems])
    storyboard = None
    for _ in range(_MAX_ROUNDS):
        try:
            storyboard = _build(data, tree)
            break
        except ValidationError as error:
            invalid = explain(error.errors(include_url=False), tree)
            problems += [
                problem for problem in invalid if not _is_within(problem.keys, aside.broken)
            ]
            aside.add([problem.keys for problem in invalid])
            # A report that is full has no place for what the rest of the board would add.
            if not invalid or len(problems) >= MAX_PROBLEMS:
                break
    if storyboard is None:
        return Checked(None, problems, aside.broken)
    contradictions = find_problems(storyboard, aside.broken)
    if not contradictions and not aside.broken:
        return Checked(storyboard, problems, aside.broken)
    problems += [_place(problem, tree) for problem in contradictions]
    if len(problems) >= MAX_PROBLEMS:
        return Checked(None, problems, aside.broken)
    return Checked(_without_contradictions(storyboard, aside), problems, aside.broken)


def _without_contradictions(storyboard: Storyboard, aside: SetAside) -> Storyboard | None:
    """Set the values aside that break a rule, until the storyboard breaks none."""
    for _ in range(_MAX_ROUNDS):
        problems = find_problems(storyboard)
        if not problems:
            return storyboard
        # A shot that shows nothing lacks its prompt.
        aside.add(
            [
                (*problem.keys, "prompt") if len(problem.keys) == 2 else problem.keys
                for problem in problems
            ]
        )
        try:
            storyboard = Storyboard.model_validate(aside.data)
        except ValidationError:
            return None
    return None


def _build(data: dict[str, Any], tree: MappingNode) -> Storyboard:
    """Build the storyboard; a bare number in place of a text is the text it is written as."""
    try:
        return Storyboard.model_validate(data)
    except ValidationError as error:
        if not _restore_texts(data, tree, error):
            raise
        return Storyboard.model_validate(data)


def _restore_texts(data: dict[str, Any], tree: MappingNode, error: ValidationError) -> bool:
    restored = False
    for detail in error.errors(include_url=False, include_context=False):
        if detail["type"] != "string_type":
            continue
        path = read_location(detail["loc"]).path
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is not None:
            parent: Any = data
            for part in path[:-1]:
                parent = parent[part]
            parent[path[-1]] = node.text
            restored = True
    return restored


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    """Drop keys without a value, which count as left out, except names in cast and variables."""
    kept: dict[str, Any] = {}
    for key, value in data.items():
        if key in ("cast", "variables") and isinstance(value, dict):
            kept[key] = {name: _drop_none(member) for name, member in value.items()}
        elif value is not None:
            kept[key] = _drop_none(value)
    return kept


def _drop_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _drop_none(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_drop_none(item) for item in value]
    return value


def _find_empty(tree: MappingNode) -> list[Problem]:
    shots = tree.entries.get("shots")
    count = len(shots.items) if isinstance(shots, SequenceNode) else 0
    paths: list[NodePath] = [("budget",)]
    paths += [("shots", index, "first_frame") for index in range(count)]
    problems = []
    for path in paths:
        node, reached = find(tree, path)
        if reached == path and isinstance(node, ScalarNode) and node.value is None:
            key = str(path[-1])
            problem = Problem(f"{quote(key)} is empty", _NEVER_EMPTY[key], keys=path)
            problems.append(_place(problem, tree))
    return problems


def _place(problem: Problem, tree: MappingNode) -> Problem:
    line, column = find_place(tree, problem.keys)
    return problem._replace(line=line, column=column)


def find_problems(storyboard: Storyboard, broken: Collection[NodePath] = ()) -> list[Problem]:
    """Return the contradictions in a storyboard, without line and column.

    Args:
        storyboard: A storyboard whose values each fit the models.
        broken: Paths of values that were set aside. Contradictions that may be their consequence
            are left out.

    Returns:
        At most one more than `MAX_PROBLEMS` problems.
    """
    problems = BoardRules(storyboard, broken).check()
    independent = (each for each in problems if not _is_consequence(each.keys, broken))
    return list(islice(independent, MAX_PROBLEMS + 1))


def _is_within(path: NodePath, broken: Collection[NodePath]) -> bool:
    """Return whether the value at a path is broken, or part of a broken one."""
    return any(path[:length] in broken for length in range(1, len(path) + 1))


def _is_consequence(path: NodePath, broken: Collection[NodePath]) -> bool:
    """Return whether a problem at a path may exist only because something was set aside."""
    return _is_within(path, broken) or any(each[: len(path)] == path for each in broken)
