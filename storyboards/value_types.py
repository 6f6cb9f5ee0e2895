"""The keys that take several types of value: what each takes, and which type an author means.

pydantic tries every type and reports the errors of all of them. Only those of the type that was
meant help; if none was, the key's own sentence does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from storyboards.yaml_nodes import MappingNode, Node, NodePath, SequenceNode

_TEXT = "text"
_STRUCTURED = (
    *("Crossfade", "Dip", "OnScreenTitle", "Voice", "LoudnessTarget", "LegalLine", "FromShot"),
    *("VersionShot", "tuple[", "dict["),
)
"""The beginnings of pydantic's names of the types other than text."""


class ValueTypes(NamedTuple):
    """The types of value of a key."""

    noun: str
    """The value in words, such as "a transition"."""
    remedy: str
    mapping: Callable[[MappingNode], str] | None = None
    """Returns the type that keys are meant to be; None if keys are not possible."""
    takes_list: bool = False
    takes_text: bool = False
    """Any text is possible, so that its own error is the better message."""


def find_value_types(path: NodePath) -> ValueTypes | None:
    """Return the types of the value at a path, or None if there is only one."""
    match path:
        case ("look", str() as key) if key in _OF_LOOK:
            return _OF_LOOK[key]
        case ("shots", int(), str() as key) if key in _OF_SHOT:
            return _OF_SHOT[key]
        case ("versions", int(), "shots", int()):
            return _VERSION_SHOT
        case ("versions", int(), "film", *keys) | ("film", *keys):
            return _find_in_film(keys)
    return None


def _find_in_film(keys: list[str | int]) -> ValueTypes | None:
    match keys:
        case ["voice", str()]:
            return _SHOT_VOICE
        case ["card", "transition"]:
            return _OF_SHOT["transition"]
        case [str() as key]:
            return _OF_FILM.get(key)
    return None


def find_meant_type(types: ValueTypes, node: Node | None) -> str:
    """Return the beginning of pydantic's name of the type that a value is meant to be; else ""."""
    if isinstance(node, MappingNode):
        return types.mapping(node) if types.mapping else ""
    if isinstance(node, SequenceNode):
        return "tuple[" if types.takes_list else ""
    return _TEXT if types.takes_text else ""


def is_of_type(branch: str, meant: str) -> bool:
    """Return whether pydantic's name of a type is that of the type that was meant."""
    if meant == _TEXT:
        return not branch.startswith(_STRUCTURED)
    return branch.startswith(meant)


def _find_transition(node: MappingNode) -> str:
    is_dip = "dip" in node.entries or ("length" in node.entries and "crossfade" not in node.entries)
    return "Dip" if is_dip else "Crossfade"


def _find_voice(node: MappingNode) -> str:
    return "Voice" if "file" in node.entries else "dict["


_LENGTH = ValueTypes("a length", "Write a whole number of seconds, at least 1, or auto.")
_DRAFT = ValueTypes("a draft", "Write true, false or final.")
_JOIN = "Write cut, {crossfade: 12f} or {dip: black}."
_OF_LOOK = {"seconds": _LENGTH, "draft": _DRAFT}
_OF_SHOT = {
    **_OF_LOOK,
    "first_frame": ValueTypes(
        "a first frame",
        "Write previous, none, {shot: ID}, a file or a URL.",
        lambda _: "FromShot",
    ),
    "transition": ValueTypes("a transition", _JOIN, _find_transition),
    "title": ValueTypes(
        "a title",
        "Write a text for the chapter, or {text: ...} for a title in the picture.",
        lambda _: "OnScreenTitle",
        takes_list=True,
        takes_text=True,
    ),
}
_OF_FILM = {
    "join": ValueTypes("a join", _JOIN, _find_transition),
    "voice": ValueTypes(
        "a voice",
        "Write a file, or a file for each shot: {ID: FILE}.",
        _find_voice,
        takes_text=True,
    ),
    "loudness": ValueTypes("a loudness", "Write it like -16 LUFS.", lambda _: "LoudnessTarget"),
    "legal": ValueTypes(
        "a legal line",
        "Write the text, or {text: ..., in: ..., out: ...}.",
        lambda _: "LegalLine",
        takes_text=True,
    ),
}
_SHOT_VOICE = ValueTypes(
    "a voice", "Write a file, or {file: FILE, at: ...}.", lambda _: "Voice", takes_text=True
)
_VERSION_SHOT = ValueTypes(
    "a shot of the board", "Write its id, or {id: ID, use: [...]}.", lambda _: "VersionShot"
)
