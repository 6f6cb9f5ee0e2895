"""From the text of a storyboard to a tree of nodes with line and column, within bounds.

A safe subset of YAML. Plain scalars have a type only if they look like nothing else: YAML's own
rules turn ``16:9`` into 969, ``no`` into false, ``010`` into 8 and ``2026-08-01`` into a date. Here
``true`` and ``false`` are booleans, ``null``, ``~`` and nothing at all are an empty value, decimal
numbers are numbers, and everything else is text.

The tree is built from the parser's events, without recursion: nesting, nodes and what aliases
multiply are counted, so that no file, however it is made, takes long. What YAML allows and a
storyboard does not (tags, duplicate keys, keys that are not text, a second document) is reported
here. What the values mean to a film is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from storyboards.problems import Problem
from storyboards.terminal_text import quote

MAX_DEPTH = 32
MAX_NODES = 100_000

NodePath = tuple[str | int, ...]
"""Keys and indexes from the top of the board, for example ``("shots", 2, "seconds")``."""
PlainValue = str | int | float | bool | None

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATES = range(0xD800, 0xE000)
_QUOTED = frozenset("'\"|>")
_YAML_TAGS = "tag:yaml.org,2002:"

_KEYWORDS: dict[str, bool | None] = {
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
"""At most 18 digits: nobody means a longer number, and Python refuses to read very long ones."""
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]{0,17})\.[0-9]{0,18}|\.[0-9]{1,18})")


class ScalarNode(NamedTuple):
    """A single value, with the text it was written as."""

    value: PlainValue
    text: str
    quoted: bool
    line: int
    column: int


class SequenceNode(NamedTuple):
    """A list."""

    items: list[Node]
    line: int
    column: int


class MappingNode(NamedTuple):
    """Keys and values; every key is the text it is written as."""

    entries: dict[str, Node]
    places: dict[str, tuple[int, int]]
    """Line and column of each key."""
    line: int
    column: int


Node = ScalarNode | SequenceNode | MappingNode


def read_plain(text: str) -> PlainValue:
    """Return the value of a scalar that is written without quotes."""
    if text in _KEYWORDS:
        return _KEYWORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


def to_data(node: Node) -> Any:
    """Return the tree as plain lists, dictionaries and values."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: to_data(child) for key, child in node.entries.items()}
    return [to_data(child) for child in node.items]


def find(node: Node, path: NodePath) -> tuple[Node, NodePath]:
    """Return the deepest existing node on the path, and the path that leads to it."""
    for depth, part in enumerate(path):
        child = _child(node, part)
        if child is None:
            return node, path[:depth]
        node = child
    return node, path


def find_place(node: Node, path: NodePath, *, at_key: bool = False) -> tuple[int, int]:
    """Return line and column of the value at the path, or of its key, or of what is nearest."""
    nearest, reached = find(node, path[:-1] if at_key else path)
    if at_key and path and len(reached) == len(path) - 1 and isinstance(nearest, MappingNode):
        return nearest.places.get(str(path[-1]), (nearest.line, nearest.column))
    return nearest.line, nearest.column


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, MappingNode) and isinstance(part, str):
        return node.entries.get(part)
    if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.items):
        return node.items[part]
    return None


def compose(text: str, *, loader: Any = None) -> tuple[Node | None, list[Problem]]:
    """Compose the tree of the text's one document.

    Args:
        text: The YAML text.
        loader: The PyYAML loader; libyaml's if it is installed.

    Returns:
        The tree and the problems in it, without a file. The tree is None if the document is empty
        or a problem leaves nothing to read: YAML syntax, a second document, an unknown or
        recursive alias, and what is beyond the bounds.
    """
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=loader or LOADER):
            handler = composer.handlers.get(type(event))
            if handler:
                handler(event)
    except _UnreadableError as error:
        return None, [*composer.problems, error.problem]
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Only a wrong board needs the explanations.
        from storyboards.yaml_syntax import explain_syntax

        # The pure Python parser raises ValueError, for example for an escape beyond Unicode.
        return None, [*composer.problems, explain_syntax(error, text)]
    return composer.root, composer.problems


class _UnreadableError(Exception):
    """The text can't be read beyond this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Anchored(NamedTuple):
    node: Node
    weight: int
    height: int


class _OpenNode:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "height", "key", "key_place", "node", "weight")

    def __init__(self, node: SequenceNode | MappingNode, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.weight = 1
        self.height = 1
        self.key: str | None = None
        self.key_place = (0, 0)


class _Composer:
    """The growing tree, with one method for each type of event."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.handlers: dict[type, Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._begin_document,
            yaml.ScalarEvent: self._add_scalar,
            yaml.AliasEvent: self._add_alias,
            yaml.SequenceStartEvent: self._begin_sequence,
            yaml.MappingStartEvent: self._begin_mapping,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }
        self._open: list[_OpenNode] = []
        self._anchors: dict[str, _Anchored] = {}
        self._weight = 0

    def _begin_document(self, event: Any) -> None:
        if self.root is not None:
            message = "a second document begins here"
            remedy = "A file holds one board: remove the ---, or move the rest to its own file."
            raise _UnreadableError(self._problem(event, message, remedy))

    def _add_scalar(self, event: Any) -> None:
        text: str = event.value
        quoted = event.style in _QUOTED or event.tag is not None
        if event.tag is not None:
            self._reject_tag(event)
        if not text.isprintable():
            text = self._reject_control_chars(text, event)
        value = text if quoted else read_plain(text)
        node = ScalarNode(value, text, quoted, *_place(event))
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._count(1, event)
        self._add(node, event)

    def _add_alias(self, event: Any) -> None:
        anchored = self._anchors.get(event.anchor)
        if anchored is None:
            alias = quote("*" + event.anchor)
            if any(parent.anchor == event.anchor for parent in self._open):
                message = f"the alias {alias} is inside its own anchor"
                remedy = "Write the value out."
            else:
                message = f"the alias {alias} has no anchor above it"
                remedy = 'Put a text that begins with * in "quotes".'
            raise _UnreadableError(self._problem(event, message, remedy))
        # An open node was measured when it was opened; the node behind an alias was not.
        self._check_depth(anchored.height, event)
        self._count(anchored.weight, event)
        self._add(anchored.node, event, weight=anchored.weight, height=anchored.height)

    def _begin_sequence(self, event: Any) -> None:
        self._begin(SequenceNode([], *_place(event)), event)

    def _begin_mapping(self, event: Any) -> None:
        self._begin(MappingNode({}, {}, *_place(event)), event)

    def _begin(self, node: SequenceNode | MappingNode, event: Any) -> None:
        if event.tag is not None:
            self._reject_tag(event)
        self._check_depth(1, event)
        self._open.append(_OpenNode(node, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        if closed.anchor:
            self._anchors[closed.anchor] = _Anchored(closed.node, closed.weight, closed.height)
        self._count(1, event)
        self._add(closed.node, event, weight=closed.weight, height=closed.height)

    def _add(self, node: Node, event: Any, *, weight: int = 1, height: int = 0) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.weight += weight
        if parent.height <= height:
            parent.height = height + 1
        if isinstance(parent.node, SequenceNode):
            parent.node.items.append(node)
        elif parent.key is not None:
            self._add_value(parent, parent.node, node)
        elif isinstance(node, ScalarNode):
            parent.key, parent.key_place = node.text, _place(event)
        else:
            self._reject_key(parent, node)

    def _reject_key(self, parent: _OpenNode, node: SequenceNode | MappingNode) -> None:
        message = "a key is a list or a mapping"
        remedy = 'Write a word before the colon; put a text that begins with { or [ in "quotes".'
        self.problems.append(Problem(message, remedy, "", node.line, node.column, self._path()))
        # A key that no author writes lets the reading continue.
        parent.key, parent.key_place = f"\0{len(self.problems)}", (node.line, node.column)

    def _add_value(self, parent: _OpenNode, mapping: MappingNode, node: Node) -> None:
        key = parent.key or ""
        if key in mapping.places:
            first = mapping.places[key][0]
            message = f"{quote(key)} is written twice; the first is in line {first}"
            self.problems.append(
                Problem(message, "Keep one of them.", "", *parent.key_place, self._path())
            )
        elif not key.startswith("\0"):
            mapping.entries[key] = node
            mapping.places[key] = parent.key_place
        parent.key = None

    def _check_depth(self, levels: int, event: Any) -> None:
        if len(self._open) + levels > MAX_DEPTH:
            message = f"lists and mappings are nested deeper than {MAX_DEPTH} levels"
            remedy = "Close the brackets, or write it flat."
            raise _UnreadableError(Problem(message, remedy, "", *_place(event)))

    def _count(self, nodes: int, event: Any) -> None:
        self._weight += nodes
        if self._weight > MAX_NODES:
            message = f"the board has more than {MAX_NODES} values, aliases included"
            raise _UnreadableError(self._problem(event, message, "Split it into several boards."))

    def _reject_tag(self, event: Any) -> None:
        tag = event.tag.replace(_YAML_TAGS, "!!", 1)
        message = f"the tag {quote(tag)} is not allowed; a board is plain data"
        self.problems.append(self._problem(event, message, "Remove the tag."))

    def _reject_control_chars(self, text: str, event: Any) -> str:
        """Return the text without them, so that they are reported only once."""
        control = next(filter(_is_control, text), None)
        if control is None:
            return text
        message = f"the text contains the control character U+{ord(control):04X}"
        self.problems.append(self._problem(event, message, "Remove the escape."))
        return "".join("?" if _is_control(char) else char for char in text)

    def _problem(self, event: Any, message: str, remedy: str) -> Problem:
        return Problem(message, remedy, "", *_place(event), self._path())

    def _path(self) -> NodePath:
        path: list[str | int] = []
        for parent in self._open:
            if isinstance(parent.node, SequenceNode):
                path.append(len(parent.node.items))
            elif parent.key is not None and not parent.key.startswith("\0"):
                path.append(parent.key)
        return tuple(path)


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _is_control(char: str) -> bool:
    """Return whether a terminal would interpret the character, or UTF-8 can't encode it."""
    point = ord(char)
    return (point < 0x20 and char not in "\t\n") or 0x7F <= point < 0xA0 or point in _SURROGATES
