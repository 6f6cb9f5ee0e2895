"""The messages for values that do not fit the models, in the language of storyboards.

Turns each of pydantic's errors into a place in the YAML, a sentence and a remedy, and resolves
misspelt keys. The rules between several values are in `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from storyboards.known_keys import known_keys, resolve_key, suggest_key
from storyboards.models import MAX_NAME_LENGTH
from storyboards.problems import MAX_PROBLEMS, Problem
from storyboards.suggestions import suggest_value
from storyboards.terminal_text import quote, shorten
from storyboards.yaml_nodes import (
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
    find,
    find_place,
    read_plain,
)

_JOIN = "Write cut; a crossfade is not built yet."
_UNIONS = {
    "seconds": ("a length", "Write a whole number of seconds, at least 1, or auto."),
    "draft": ("a draft", "Write true, false or final."),
    "first_frame": ("a first frame", "Write previous, none, {shot: ID}, a file or a URL."),
    "transition": ("a transition", _JOIN),
    "join": ("a join", _JOIN),
}
"""Keys that take several types of value: what the value should be, and what may be written."""

_ID = f"Use letters, digits, - and _, at most {MAX_NAME_LENGTH}; begin with a letter or a digit."
_NAME = f"Use letters, digits, - and _, at most {MAX_NAME_LENGTH}; begin with a letter or _."
_PATTERNS = {
    "id": _ID,
    "name": _ID,
    "shot": _ID,
    "loudness": "Write it like -16 LUFS.",
    "currency": "Write three capital letters, like USD.",
}
_MISSING = {
    "amount": "Write the budget like 4.00 USD.",
    "id": "Name the shot: `id: dawn`.",
    "is": "Write the text that replaces the name: `is: an old keeper`.",
    "shot": "Name the shot: {shot: ID}.",
    "shots": "List the shots: `shots:`, then `- id: ...` and `prompt: ...` for each.",
}
_BOOLEANS = {
    **dict.fromkeys(("yes", "on", "y", "1", "true"), "Write true, without quotes."),
    **dict.fromkeys(("no", "off", "n", "0", "false"), "Write false, without quotes."),
}

_SIMPLE_ID = re.compile(r"[^\W_][\w-]*")


class Location(NamedTuple):
    """The place in the YAML that an error of pydantic is about."""

    path: NodePath
    union: NodePath = ()
    """The path of the value of several types that the error is in; empty outside of one."""
    branch: str = ""
    """The type that was tried there."""
    at_key: bool = False


def explain(errors: Iterable[Any], tree: Node) -> list[Problem]:
    """Return one problem for each place that the errors of pydantic name, in their order.

    Args:
        errors: The items of `ValidationError.errors()`.
        tree: The board, for the values as they are written and their line and column.

    Returns:
        At most one more than `MAX_PROBLEMS` problems. A missing key is left out if a misspelt one
        stands in its place.
    """
    problems: dict[NodePath, Problem] = {}
    missing: set[NodePath] = set()
    for error in errors:
        problem = _explain_error(error, tree)
        if problem:
            problems.setdefault(problem.keys, problem)
            if error["type"] == "missing":
                missing.add(problem.keys)
        if len(problems) > MAX_PROBLEMS:
            break
    misspelt = {resolve_key(path) for path in problems if path not in missing}
    return [
        problem for path, problem in problems.items() if not (path in missing and path in misspelt)
    ]


def read_location(loc: tuple[str | int, ...]) -> Location:
    """Return the place of a pydantic location, without the branches of unions in it."""
    if loc[-1:] == ("[key]",):
        return Location(loc[:-1], at_key=True)
    if loc[:1] not in (("cast",), ("variables",)):
        for end, part in enumerate(loc[:-1], start=1):
            if part in _UNIONS:
                return Location(loc[:end] + loc[end + 1 :], loc[:end], str(loc[end]))
    return Location(loc)


def _explain_error(error: Any, tree: Node) -> Problem | None:
    path, union, branch, at_key = read_location(error["loc"])
    error_type = error["type"]
    if union:
        value = _written_at(tree, union)
        if not isinstance(value, MappingNode) or union[-1] in _PLAIN_UNIONS:
            noun, remedy = _UNIONS[str(union[-1])]
            suggest = _PLAIN_UNIONS.get(str(union[-1]))
            remedy = (suggest and suggest(value)) or _suggest(str(union[-1]), value) or remedy
            return _problem(tree, union, f"{_describe(value)} is not {noun}", remedy)
        if not branch[0].isupper():
            return None  # keys were written, so only the errors of the mapping's model matter
    if error_type == "extra_forbidden":
        return _problem(
            tree, path, f"unknown key {quote(path[-1])}", suggest_key(path), at_key=True
        )
    if at_key:
        return _problem(tree, path, f"{quote(path[-1])} is not a valid name", _NAME, at_key=True)
    if error_type == "missing":
        remedy = _MISSING.get(str(path[-1]), "Add it.")
        return _problem(tree, path, f"{quote(path[-1])} is missing", remedy)
    texts = _explain_value(error, path, _written_at(tree, path))
    return _problem(tree, path, *texts) if texts else None


def _problem(
    tree: Node, path: NodePath, message: str, remedy: str, *, at_key: bool = False
) -> Problem:
    return Problem(message, remedy, "", *find_place(tree, path, at_key=at_key), path)


def _explain_value(error: Any, path: NodePath, node: Node | None) -> tuple[str, str] | None:
    """Return message and remedy for a value of the wrong type or size; None if it is an echo."""
    error_type, key, value = error["type"], str(path[-1]), _describe(node)
    if error_type in _TYPE_ERRORS:
        message, ask = _TYPE_ERRORS[error_type]
        return message.format(value=value), ask(path, node)
    if error_type in _BOUNDS:
        bound = _BOUNDS[error_type].format(**error["ctx"])
        return f"{value} is out of range", f"Write {bound}."
    if error_type == "value_error":
        if key == "budget":
            remedy = _suggest(key, node) or "Write it like 4.00 USD."
            return f"{value} is not an amount of money with its currency", remedy
        return str(error["ctx"]["error"]), "Choose another name."
    return _explain_size(error, key, value, node)


def _explain_size(error: Any, key: str, value: str, node: Node | None) -> tuple[str, str] | None:
    limits = error.get("ctx", {})
    match error["type"]:
        case "literal_error":
            expected = limits["expected"].replace("'", "")
            remedy = _suggest(key, node) or f"Write {expected}."
            return f"{value} is not a valid {quote(key)}", remedy
        case "string_pattern_mismatch":
            return _explain_pattern(key, value, node)
        case "string_too_long" | "too_long" if not isinstance(node, SequenceNode):
            message = f"the text is longer than {limits['max_length']} characters"
            return message, _PATTERNS.get(key, "Shorten it.")
        case "string_too_short":
            return "the text is empty", "Write it, or remove the line."
        case "too_short":
            if isinstance(node, SequenceNode) and node.items:
                return None  # the invalid items are reported one after another
            return f"{quote(key)} is empty", _MISSING.get(key, "Add an item.")
        case "too_long":
            remedy = "Split the board." if key == "shots" else "Give fewer."
            return f"{quote(key)} has more than {limits['max_length']} items", remedy
    return str(error["msg"]).lower(), "Compare it with `storyboard.schema.json`."


def _explain_pattern(key: str, value: str, node: Node | None) -> tuple[str, str]:
    if isinstance(node, ScalarNode) and not node.text.strip():
        return "the text is empty", "Write it, or remove the line."
    remedy = _suggest(key, node) or _PATTERNS.get(key, "Write it another way.")
    return f"{value} is not a valid {quote(key)}", remedy


def _suggest(key: str, node: Node | None) -> str:
    return suggest_value(key, node.text) if isinstance(node, ScalarNode) else ""


def _ask_for_keys(path: NodePath, node: Node | None) -> str:
    if path[:1] == ("shots",) and len(path) == 2:
        return "Write `- id: ...` and `prompt: ...` for each shot."
    if path[:1] == ("cast",) and len(path) == 2:
        return "Write the text on the next line: `is: ...`."
    items = node.items if isinstance(node, SequenceNode) else [node]
    files = ", ".join(item.text for item in items if isinstance(item, ScalarNode))
    if path[-1] == "references" and files:
        return f"Write {{images: [{shorten(files)}]}}, or videos or audio."
    if path[-1] == "music" and files:
        return f"Write {{file: {shorten(files)}}}."
    return "Write the keys on the next lines, indented."


def _ask_for_list(path: NodePath, node: Node | None) -> str:
    if path == ("shots",):
        return _ask_for_dashes(node)
    if isinstance(node, ScalarNode):
        return f"Write it in brackets: [{node.text[:40]}]."
    return "Write the items with dashes, or in brackets."


def _ask_for_dashes(node: Node | None) -> str:
    """Return the remedy for shots that are keys: of one shot, or the ids of several."""
    first = next(iter(node.entries), "") if isinstance(node, MappingNode) else ""
    if not first or first in known_keys(("shots", 0)) or not _SIMPLE_ID.fullmatch(first):
        return "Begin each shot with a dash: `- id: ...`."
    return f"Begin each shot with a dash: `- id: {shorten(first)}` instead of `{shorten(first)}:`."


def _ask_for_text(_: NodePath, node: Node | None) -> str:
    if isinstance(node, MappingNode):
        return 'Put the text in "quotes"; without them YAML reads a { or a colon as a mapping.'
    if isinstance(node, SequenceNode):
        return 'Write one text; put it in "quotes" if it begins with [.'
    return "Write it, or remove the line."


def _ask_for_integer(_: NodePath, node: Node | None) -> str:
    return _ask_for_digits(node) or "Write a whole number."


def _ask_for_number(_: NodePath, node: Node | None) -> str:
    return _ask_for_digits(node) or "Write a number."


def _ask_for_boolean(_: NodePath, node: Node | None) -> str:
    return _guess_boolean(node) or "Write true or false, without quotes."


def _ask_for_digits(node: Node | None) -> str:
    """Return the remedy for a number that is text because of quotes or zeros; else ""."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return ""
    digits = node.text.strip().lstrip("0")
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        return f"Write {digits}, without quotes or leading zeros."
    return ""


def _guess_boolean(node: Node | None) -> str:
    """Return the remedy for a word that was probably meant as a boolean; else ""."""
    word = node.text.strip().lower() if isinstance(node, ScalarNode) else ""
    return _BOOLEANS.get(word, "")


_PLAIN_UNIONS = {"seconds": _ask_for_digits, "draft": _guess_boolean}
"""Unions of plain values, and what suggests the value that was probably meant."""


_TYPE_ERRORS: dict[str, tuple[str, Callable[[NodePath, Node | None], str]]] = {
    **dict.fromkeys(
        ("model_type", "dict_type", "model_attributes_type"),
        ("expected keys, found {value}", _ask_for_keys),
    ),
    "tuple_type": ("expected a list, found {value}", _ask_for_list),
    "string_type": ("expected text, found {value}", _ask_for_text),
    **dict.fromkeys(
        ("int_type", "int_from_float", "int_parsing"),
        ("{value} is not a whole number", _ask_for_integer),
    ),
    **dict.fromkeys(
        ("float_type", "float_parsing", "finite_number"),
        ("{value} is not a number", _ask_for_number),
    ),
    **dict.fromkeys(
        ("bool_type", "bool_parsing"),
        ("{value} is neither true nor false", _ask_for_boolean),
    ),
}
"""By pydantic's error type: the message, and what returns the remedy."""
_BOUNDS = {
    "greater_than_equal": "at least {ge:g}",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "at most {le:g}",
    "less_than": "less than {lt:g}",
}


def _written_at(tree: Node, path: NodePath) -> Node | None:
    node, reached = find(tree, path)
    return node if reached == path else None


def _describe(node: Node | None) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if node is None or node.value is None:
        return "nothing"
    if node.quoted and read_plain(node.text) != node.text:
        return quote(f'"{node.text}"')
    return quote(node.text)
