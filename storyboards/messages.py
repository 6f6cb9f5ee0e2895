"""The messages for values that do not fit the models, in the language of storyboards.

Turns each of pydantic's errors into a place in the YAML, a sentence and a remedy, and resolves
misspelt keys. The rules between several values are in `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from storyboards.frame_times import FRAMES_PER_SECOND
from storyboards.known_keys import known_keys, resolve_key, suggest_key
from storyboards.models import MAX_NAME_LENGTH
from storyboards.problems import MAX_PROBLEMS, Problem
from storyboards.suggestions import suggest_time, suggest_value
from storyboards.terminal_text import quote, shorten
from storyboards.value_types import find_meant_type, find_value_types, is_of_type
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

_ID = f"Use letters, digits, - and _, at most {MAX_NAME_LENGTH}; begin with a letter or a digit."
_NAME = f"Use letters, digits, - and _, at most {MAX_NAME_LENGTH}; begin with a letter or _."
_PATTERNS = {
    "id": _ID,
    "name": _ID,
    "shot": _ID,
    **dict.fromkeys(("loudness", "target"), "Write it like -16 LUFS."),
    **dict.fromkeys(("colour", "background"), "Write it like #ffffff."),
    "language": "Write it like en, de or zh-Hans.",
    "ratio": "Write it like 9:16.",
    "currency": "Write three capital letters, like USD.",
}
_TIMES = frozenset({"from", "to", "in", "out", "at", "fade", "fade_in", "fade_out", "crossfade"})
_TIMES |= {"length", "black", "frozen", "silence"}
_NO_FOCUS = "the focus is not a point"
_FOCUS = "Write shares of width and height from 0 to 1, like [0.5, 0.3]."
_MISSING = {
    "crossfade": "Write {crossfade: 12f}.",
    "dip": "Write {dip: black} or {dip: white}.",
    "file": "Write the path of the file, from the board.",
    "name": 'Name the file of the film: `name: "{board}-{ratio}"`.',
    "target": "Write it like -16 LUFS.",
    "text": "Write the text.",
    "use": "List the ranges, or remove the line to use the whole take.",
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
    tried: tuple[tuple[NodePath, str], ...] = ()
    """The values of several types that the error is in, and the type that was tried of each."""
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
    """Return the place of a pydantic location, without the types in it."""
    at_key = loc[-1:] == ("[key]",)
    path: NodePath = ()
    tried: list[tuple[NodePath, str]] = []
    is_type = False
    for part in loc[:-1] if at_key else loc:
        if is_type:
            tried.append((path, str(part)))
            is_type = False
        else:
            path = (*path, part)
            is_type = find_value_types(path) is not None
    return Location(path, tuple(tried), at_key)


def _explain_error(error: Any, tree: Node) -> Problem | None:
    path, tried, at_key = read_location(error["loc"])
    error_type = error["type"]
    for each, branch in tried:
        types, node = find_value_types(each), _written_at(tree, each)
        meant = types and find_meant_type(types, node)
        if types and not meant:
            key = str(each[-1])
            suggest = _PLAIN_UNIONS.get(key)
            remedy = (suggest and suggest(node)) or _suggest(key, node) or types.remedy
            return _problem(tree, each, f"{_describe(node)} is not {types.noun}", remedy)
        if not is_of_type(branch, meant or ""):
            return None
    if error_type == "extra_forbidden":
        return _problem(
            tree, path, f"unknown key {quote(path[-1])}", suggest_key(path), at_key=True
        )
    if at_key:
        return _problem(tree, path, f"{quote(path[-1])} is not a valid name", _NAME, at_key=True)
    if error_type == "missing":
        if path[-2:-1] == ("focus",):
            return _problem(tree, path[:-1], _NO_FOCUS, _FOCUS)
        remedy = _MISSING.get(str(path[-1]), "Add it.")
        return _problem(tree, path, f"{quote(path[-1])} is missing", remedy)
    if path[-2:-1] == ("focus",):
        path = path[:-1]
        texts: tuple[str, str] | None = (_NO_FOCUS, _FOCUS)
    else:
        texts = _explain_value(error, path, _written_at(tree, path))
    return _problem(tree, path, *texts) if texts else None


def _problem(
    tree: Node, path: NodePath, message: str, remedy: str, *, at_key: bool = False
) -> Problem:
    return Problem(message, remedy, "", *find_place(tree, path, at_key=at_key), path)


def _explain_value(error: Any, path: NodePath, node: Node | None) -> tuple[str, str] | None:
    """Return message and remedy for a value of the wrong type or size; None if it is an echo."""
    error_type, key, value = error["type"], str(path[-1]), _describe(node)
    if key in _TIMES or path[-2:] == ("card", "seconds"):
        return _explain_time(error, value, node)
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


def _explain_time(error: Any, value: str, node: Node | None) -> tuple[str, str]:
    """Return message and remedy for a time that is none, or that is out of range."""
    if error["type"] not in _BOUNDS:
        remedy = suggest_time(node.text) if isinstance(node, ScalarNode) else ""
        return f"{value} is not a time", remedy or "Write seconds, like 1.5, or frames, like 36f."
    ((kind, frames),) = error["ctx"].items()
    if kind == "le":
        bound = f"at most {frames / FRAMES_PER_SECOND:g} seconds, {frames}f"
    else:
        bound = f"at least {frames or 1}f"
    return f"{value} is out of range", f"Write {bound}."


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


_KEY_OF_FILE: dict[str | int, str] = {"music": "file", "captions": "file", "card": "image"}


def _ask_for_keys(path: NodePath, node: Node | None) -> str:
    if path[:1] == ("shots",) and len(path) == 2:
        return "Write `- id: ...` and `prompt: ...` for each shot."
    if path[:1] == ("cast",) and len(path) == 2:
        return "Write the text on the next line: `is: ...`."
    items = node.items if isinstance(node, SequenceNode) else [node]
    files = ", ".join(item.text for item in items if isinstance(item, ScalarNode))
    if path[-1] == "references" and files:
        return f"Write {{images: [{shorten(files)}]}}, or videos or audio."
    if path[-1] in _KEY_OF_FILE and files:
        return f"Write {{{_KEY_OF_FILE[path[-1]]}: {shorten(files)}}}."
    if path[-2:-1] == ("use",) and files.isascii() and files.isdigit():
        return f"Write {{take: {files}}}."
    if path[-2:-1] == ("title",) and files:
        return f"Write {{text: {shorten(files)}}}."
    if path[:1] == ("versions",) and len(path) == 2:
        return "Write `- name: ...` for each version."
    return "Write the keys on the next lines, indented."


def _ask_for_list(path: NodePath, node: Node | None) -> str:
    if path == ("shots",):
        return _ask_for_dashes(node)
    if path[-1] == "focus":
        return _FOCUS
    if isinstance(node, ScalarNode):
        return f"Write it in brackets: [{node.text[:40]}]."
    if isinstance(node, MappingNode) and path[-1] in ("use", "versions"):
        return "Begin it with a dash, or write it in brackets: [{...}]."
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


def _ask_for_number(path: NodePath, node: Node | None) -> str:
    return _ask_for_digits(node) or _suggest(str(path[-1]), node) or "Write a number."


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
