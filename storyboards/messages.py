"""The messages for values that do not fit the models, in the language of storyboards.

Turns each of pydantic's errors into the place in the YAML, a sentence and a remedy. The rules
between several values are in `validation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel

from storyboards.models import (
    CastMember,
    Crossfade,
    Film,
    FromShot,
    Look,
    Money,
    Music,
    References,
    Shot,
    Storyboard,
)
from storyboards.problems import find_similar
from storyboards.terminal_text import quote
from storyboards.yaml_nodes import (
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
    find,
    read_plain,
)

MOST_MISFITS = 200

_JOIN = "Write cut, or {crossfade: 0.5}."
_UNIONS = {
    "seconds": ("no length", "Write a whole number of seconds, at least 1, or auto."),
    "draft": ("no draft", "Write true, false or final."),
    "first_frame": ("no first frame", "Write previous, none, {shot: ID}, a file or a URL."),
    "transition": ("no transition", _JOIN),
    "join": ("no join", _JOIN),
}
"""Keys that take values of several kinds: what a wrong one is not, and what may be written."""

_ID = "Use letters, digits, - and _, begin with a letter or a digit, and stop at 64."
_NAME = "Use letters, digits, - and _, begin with a letter or _, and stop at 64."
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
    "is": "Write the words that stand for it: `is: an old keeper`.",
    "shot": "Name the shot: {shot: ID}.",
    "shots": "List the shots: `shots:`, then `- id: ...` and `prompt: ...` for each.",
}
_TRUTHS = {
    **dict.fromkeys(("yes", "on", "y", "1", "true"), "Write true, without quotes."),
    **dict.fromkeys(("no", "off", "n", "0", "false"), "Write false, without quotes."),
}


class Misfit(NamedTuple):
    """A value that does not fit the model, where it stands and what to do about it."""

    path: NodePath
    at_key: bool
    message: str
    remedy: str


class Location(NamedTuple):
    """The place in the YAML that an error means."""

    path: NodePath
    union: NodePath = ()
    """The value of several kinds that the error lies in; empty outside of one."""
    branch: str = ""
    """The kind that was tried there."""
    at_key: bool = False


def explain(errors: Iterable[Any], tree: Node) -> list[Misfit]:
    """One misfit for each place that errors name, in their order, up to more than anybody reads."""
    misfits: dict[NodePath, Misfit] = {}
    for error in errors:
        misfit = _explain_one(error, tree)
        if misfit:
            misfits.setdefault(misfit.path, misfit)
        if len(misfits) == MOST_MISFITS:
            break
    return list(misfits.values())


def read_location(loc: tuple[str | int, ...]) -> Location:
    """The place that a pydantic location means; the branches of unions are no part of it."""
    if loc[-1:] == ("[key]",):
        return Location(loc[:-1], at_key=True)
    if loc[:1] not in (("cast",), ("variables",)):
        for end, part in enumerate(loc[:-1], start=1):
            if part in _UNIONS:
                return Location(loc[:end] + loc[end + 1 :], loc[:end], str(loc[end]))
    return Location(loc)


def _explain_one(error: Any, tree: Node) -> Misfit | None:
    path, union, branch, at_key = read_location(error["loc"])
    kind = error["type"]
    if union:
        value = _written_at(tree, union)
        if not isinstance(value, MappingNode) or union[-1] in _WITHOUT_KEYS:
            noun, remedy = _UNIONS[str(union[-1])]
            meant = _WITHOUT_KEYS.get(str(union[-1]))
            remedy = (meant and meant(value)) or remedy
            return Misfit(union, False, f"{_name(value)} is {noun}", remedy)
        if not branch[0].isupper():
            return None  # keys were written, so only what the keyed branch says matters
    if kind == "extra_forbidden":
        return Misfit(path, True, f"unknown key {quote(path[-1])}", hint_at(path))
    if at_key:
        return Misfit(path, True, f"{quote(path[-1])} is no valid name", _NAME)
    if kind == "missing":
        remedy = _MISSING.get(str(path[-1]), "Add it.")
        return Misfit(path, False, f"{quote(path[-1])} is missing", remedy)
    told = _describe(error, path, _written_at(tree, path))
    return Misfit(path, False, *told) if told else None


def _describe(error: Any, path: NodePath, node: Node | None) -> tuple[str, str] | None:
    """Message and remedy for a value of the wrong kind or size; None where others tell it."""
    key, value, limits = str(path[-1]), _name(node), error.get("ctx", {})
    match error["type"]:
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{value} stands where keys are expected", _ask_for_keys(path)
        case "tuple_type":
            return f"{value} stands where a list is expected", _ask_for_list(key, node)
        case "string_type":
            return f"{value} stands where text is expected", _ask_for_text(node)
        case "int_type" | "int_from_float" | "int_parsing":
            return f"{value} is no whole number", _ask_for_number(node, "a whole number")
        case "float_type" | "float_parsing" | "finite_number":
            return f"{value} is no number", _ask_for_number(node, "a number")
        case "bool_type" | "bool_parsing":
            return f"{value} is neither true nor false", _ask_for_truth(node)
        case "literal_error":
            return (
                f"{value} is no {quote(key)}",
                f"Write {limits['expected'].replace(chr(39), '')}.",
            )
        case "string_pattern_mismatch":
            return _describe_pattern(key, value, node)
        case "string_too_long":
            message = f"the text is longer than {limits['max_length']} characters"
            return message, _PATTERNS.get(key, "Shorten it.")
        case "string_too_short":
            return "the text is empty", "Write it, or take the line out."
        case "too_short":
            if isinstance(node, SequenceNode) and node.items:
                return None  # the items that fell out are told one by one
            return f"{quote(key)} is empty", _MISSING.get(key, "Add an item.")
        case "too_long":
            return f"{quote(key)} has more than {limits['max_length']} items", "Split the board."
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            return f"{value} is out of range", _ask_for_range(error["type"], limits)
        case "value_error":
            return f"{value} is no amount of money", "Write it like 4.00 USD."
    return _sentence(error["msg"]).lower(), "Compare it with `storyboard.schema.json`."


def _describe_pattern(key: str, value: str, node: Node | None) -> tuple[str, str]:
    if isinstance(node, ScalarNode) and not node.text.strip():
        return "the text is empty", "Write it, or take the line out."
    return f"{value} is no valid {quote(key)}", _PATTERNS.get(key, "Write it another way.")


def _ask_for_keys(path: NodePath) -> str:
    if path[:1] == ("shots",) and len(path) == 2:
        return "Write `- id: ...` and `prompt: ...` for each shot."
    if path[:1] == ("cast",) and len(path) == 2:
        return "Write the words under it: `is: ...`."
    return "Write the keys on the next lines, indented."


def _ask_for_list(key: str, node: Node | None) -> str:
    if key == "shots":
        return "Begin each shot with a dash: `- id: ...`."
    if isinstance(node, ScalarNode):
        return f"Write it in brackets: [{node.text[:40]}]."
    return "Write the items with dashes, or in brackets."


def _ask_for_text(node: Node | None) -> str:
    if isinstance(node, MappingNode):
        return 'Put the text in "quotes"; without them a { or a colon makes keys of it.'
    if isinstance(node, SequenceNode):
        return 'Write one text, in "quotes" where it begins with [.'
    return "Write it, or take the line out."


def _ask_for_number(node: Node | None, what: str) -> str:
    return _ask_for_digits(node) or f"Write {what}."


def _ask_for_digits(node: Node | None) -> str:
    """For a number that is text because of its quotes or zeros; empty for anything else."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return ""
    digits = node.text.strip().lstrip("0")
    if digits.isascii() and digits.isdigit() and len(digits) < 10:
        return f"Write {digits}, without quotes or zeros before it."
    return ""


def _ask_for_truth(node: Node | None) -> str:
    return _meant_truth(node) or "Write true or false, without quotes."


def _meant_truth(node: Node | None) -> str:
    """For a word that was probably meant as true or false; empty for anything else."""
    word = node.text.strip().lower() if isinstance(node, ScalarNode) else ""
    return _TRUTHS.get(word, "")


_WITHOUT_KEYS = {"seconds": _ask_for_digits, "draft": _meant_truth}
"""Unions of plain values, and what such a value was probably meant to be."""


def _ask_for_range(kind: str, limits: dict[str, Any]) -> str:
    asked = {
        "greater_than_equal": "at least {ge:g}",
        "greater_than": "more than {gt:g}",
        "less_than_equal": "at most {le:g}",
        "less_than": "less than {lt:g}",
    }
    return f"Write {asked[kind].format(**limits)}."


def _written_at(tree: Node, path: NodePath) -> Node | None:
    node, reached = find(tree, path)
    return node if reached == path else None


def _name(node: Node | None) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if node is None or node.value is None:
        return "nothing"
    if node.quoted and read_plain(node.text) != node.text:
        return quote(f'"{node.text}"')
    return quote(node.text)


def _sentence(message: object) -> str:
    text = str(message)
    return text[:1].upper() + text[1:]


_MODELS: dict[str, type[BaseModel]] = {
    "look": Look,
    "film": Film,
    "music": Music,
    "join": Crossfade,
    "transition": Crossfade,
    "first_frame": FromShot,
    "references": References,
    "budget": Money,
}
_OTHER_WORDS = {
    "scenes": "shots",
    "clips": "shots",
    "characters": "cast",
    "vars": "variables",
    "text": "prompt",
    "description": "prompt",
    "action": "prompt",
    "duration": "seconds",
    "length": "seconds",
    "aspect_ratio": "ratio",
    "aspect": "ratio",
    "size": "resolution",
    "quality": "resolution",
    "image": "first_frame",
    "start_frame": "first_frame",
    "first_image": "first_frame",
    "end_frame": "last_frame",
    "last_image": "last_frame",
    "generate_audio": "audio",
    "sound": "audio",
    "camerafixed": "camera_fixed",
    "extends": "continue",
    "words": "is",
    "picture": "images",
    "name": "id",
    "volume": "gain_db",
    "fade": "crossfade",
    "from": "shot",
}
"""What other tools and the vendors call the same thing."""
_MANY = 12


def known_keys(path: NodePath) -> tuple[str, ...]:
    """The keys that the mapping at this path may hold."""
    return _keys_of(_model_at(path))


def hint_at(path: NodePath) -> str:
    """What to do about the unknown key at the end of this path."""
    key = str(path[-1])
    if key == "<<":
        return "Merge keys are not part of the language; `look` holds what shots share."
    meant = meant_key(path)
    if meant:
        return f"Did you mean {quote(meant)}?"
    return _hint_elsewhere(key, len(path)) or _offer(known_keys(path[:-1]))


def meant_key(path: NodePath) -> str:
    """The key that an unknown one was probably meant to be; empty where there is no telling."""
    key, known = str(path[-1]), known_keys(path[:-1])
    other = _OTHER_WORDS.get(key.lower().replace("-", "_"), "")
    return other if other in known else next(iter(find_similar(key, known)), "")


def _hint_elsewhere(key: str, depth: int) -> str:
    """For a known key at the wrong height: where it belongs."""
    homes: dict[str, type[BaseModel]] = {"to the board": Storyboard}
    if depth == 1:
        homes = {"under `look`": Look, "under `film`": Film, "to each shot": Shot}
    for home, model in homes.items():
        if key in _keys_of(model):
            return f"It belongs {home}."
    return ""


def _offer(known: tuple[str, ...]) -> str:
    if len(known) > _MANY:
        return "Take it out; `storyboard.schema.json` lists the keys."
    return f"Write one of: {', '.join(known)}."


def _keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_at(path: NodePath) -> type[BaseModel]:
    match path:
        case ("shots", int()):
            return Shot
        case ("cast", _):
            return CastMember
        case (*_, str() as last) if last in _MODELS:
            return _MODELS[last]
    return Storyboard
