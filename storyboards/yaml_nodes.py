"""From the text of a storyboard to a tree of nodes with line and column, within bounds.

A safe subset of YAML. Plain scalars have a type only if they look like nothing else: YAML's own
rules turn ``16:9`` into 969, ``no`` into false, ``010`` into 8 and ``2026-08-01`` into a date. Here
``true`` and ``false`` are booleans, ``null``, ``~`` and nothing at all are an empty value, decimal
numbers are numbers, and everything else is text.

The tree is built from the parser's events, without recursion: nesting, nodes and what aliases
multiply are counted, so that no file, however it is made, takes long. What YAML allows and a
storyboard does not (tags, duplicate keys, keys that are not text, a second document) is reported
here. The meaning of the values is not known here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from storyboards.problems import Problem
from storyboards.surrogate_escapes import hide_surrogates, show_surrogates
from storyboards.terminal_text import quote

MAX_DEPTH = 32
MAX_NODES = 100_000
MAX_MERGES = 200
"""Duplicate keys whose values are merged, so that a hostile file can't make it slow."""

NodePath = tuple[str | int, ...]
"""Keys and indexes from the top of the board, for example ``("shots", 2, "seconds")``."""
PlainValue = str | int | float | bool | None

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATES = range(0xD800, 0xE000)
_QUOTED = frozenset("'\"|>")
_QUOTES = frozenset("'\"")
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
"""At most 18 digits: a longer number is not meant as one, and Python rejects very long ones."""
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


class Composed(NamedTuple):
    """The result of reading a text."""

    tree: Node | None
    """None if the document is empty, the text has a syntax error or is beyond the bounds."""
    problems: list[Problem]
    """Without the file's name."""
    broken: set[NodePath]
    """Values that a problem makes unusable. They are to be set aside. A path that ends in an empty
    key stands for keys that may be missing there."""
    error: Exception | None = None
    """The parser's error, if the text has a syntax error."""
    error_start: int = 0
    """The 0-based line of the value in which the error arose: an unclosed quote ends far below."""


def compose(text: str, *, loader: Any = None) -> Composed:
    """Compose the tree of the text's first document, up to the first syntax error.

    Args:
        text: The YAML text.
        loader: The PyYAML loader; libyaml's if it is installed.
    """
    hidden = hide_surrogates(text)
    composer = _Composer(has_surrogates=hidden != text)
    try:
        for event in yaml.parse(hidden, Loader=loader or LOADER):
            composer.add(event)
        composer.report_unused_anchors()
    except _Stop as stop:
        composer.problems.append(stop.problem)
        tree = composer.root if stop.keeps_tree else None
        return Composed(tree, composer.problems, composer.broken)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The pure Python parser raises ValueError, for example for an escape beyond Unicode.
        start = composer.find_error_start(error)
        return Composed(None, composer.problems, composer.broken, error, start)
    return Composed(composer.root, composer.problems, composer.broken)


class _Stop(Exception):
    """Nothing is read beyond this problem."""

    def __init__(self, problem: Problem, *, keeps_tree: bool = False) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.keeps_tree = keeps_tree


class _Anchored(NamedTuple):
    node: Node
    weight: int
    height: int


class _OpenNode:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "height", "in_flow", "key", "key_place", "node", "weight")

    def __init__(self, node: SequenceNode | MappingNode, event: Any) -> None:
        self.node = node
        self.anchor: str | None = event.anchor
        self.in_flow: bool = event.flow_style
        self.weight = 1
        self.height = 1
        self.key: str | None = None
        self.key_place = (0, 0)


class _Composer:
    """The growing tree, with one method for each type of event."""

    def __init__(self, *, has_surrogates: bool) -> None:
        self.root: Node | None = None
        self._has_surrogates = has_surrogates
        self.problems: list[Problem] = []
        self.broken: set[NodePath] = set()
        self._handlers: dict[type, Callable[[Any], None]] = {
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
        self._unused_anchors: dict[str, Problem] = {}
        """Of texts without quotes: the & may be meant as a letter."""
        self._weight = 0
        self._skips_key = False
        self._scalar_lines = (0, 0)
        """The 0-based first and last line of the last text in quotes."""

    def add(self, event: Any) -> None:
        handler = self._handlers.get(type(event))
        if handler:
            handler(event)

    def report_unused_anchors(self) -> None:
        """Report the anchors of texts that no alias refers to."""
        self.problems += self._unused_anchors.values()

    def find_error_start(self, error: Exception) -> int:
        """Return the 0-based line of the value in which a syntax error arose."""
        mark = getattr(error, "problem_mark", None)
        first, last = self._scalar_lines
        line: int = mark.line if mark else last
        lines = [line]
        if line <= last:
            lines.append(first)
        context = str(getattr(error, "context", None) or "")
        context_mark = getattr(error, "context_mark", None)
        if context_mark and any(word in context for word in ("quoted", "simple key", "flow")):
            lines.append(context_mark.line)
        lines += [parent.node.line - 1 for parent in self._open if parent.in_flow][:1]
        return min(lines)

    def _begin_document(self, event: Any) -> None:
        if self.root is not None:
            message = "a second document begins here"
            remedy = "A file holds one board: remove the ---, or move the rest to its own file."
            self.broken.add(("",))
            raise _Stop(self._problem(event, message, remedy), keeps_tree=True)

    def _add_scalar(self, event: Any) -> None:
        text: str = show_surrogates(event.value) if self._has_surrogates else event.value
        quoted = event.style in _QUOTED or event.tag is not None
        if event.style in _QUOTES:
            self._scalar_lines = (event.start_mark.line, event.end_mark.line)
        if event.tag is not None:
            self._reject_tag(event)
            self._mark_broken()
        if not text.isprintable():
            text = self._reject_control_chars(text, event)
        value = text if quoted else read_plain(text)
        node = ScalarNode(value, text, quoted, *_place(event))
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
            if isinstance(value, str) and not quoted:
                sign = quote("&" + event.anchor)
                message = f"{sign} is not part of the text: YAML reads it as an anchor"
                remedy = 'Put the text in "quotes", or remove the anchor, which nothing uses.'
                self._unused_anchors[event.anchor] = self._problem(event, message, remedy)
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
            self.problems.append(self._problem(event, message, remedy))
            self._mark_broken()
            anchored = _Anchored(ScalarNode(None, "", False, *_place(event)), 1, 0)
        self._unused_anchors.pop(event.anchor, None)
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
        self._open.append(_OpenNode(node, event))

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
        elif self._skips_key:
            self._skip_key(parent, _place(event))
        elif isinstance(node, ScalarNode):
            parent.key, parent.key_place = _normalise_key(node.text), _place(event)
        else:
            self._reject_key(parent, node)

    def _reject_key(self, parent: _OpenNode, node: SequenceNode | MappingNode) -> None:
        message = "a key is a list or a mapping"
        remedy = 'Write a word before the colon; put a text that begins with { or [ in "quotes".'
        path = self._path()
        self.problems.append(Problem(message, remedy, "", node.line, node.column, path))
        self.broken.add((*path, ""))
        self._skip_key(parent, (node.line, node.column))

    def _skip_key(self, parent: _OpenNode, place: tuple[int, int]) -> None:
        """Read on with a key that no author writes; its value is dropped."""
        parent.key, parent.key_place = f"\0{len(self.problems)}", place
        self._skips_key = False

    def _mark_broken(self) -> None:
        """Mark the value that begins now as broken, or its mapping as incomplete if it is a key."""
        parent = self._open[-1] if self._open else None
        if parent and isinstance(parent.node, MappingNode) and parent.key is None:
            self.broken.add((*self._path(), ""))
            self._skips_key = True
        elif parent:
            self.broken.add(self._path())

    def _add_value(self, parent: _OpenNode, mapping: MappingNode, node: Node) -> None:
        key = parent.key or ""
        if key in mapping.places:
            first = mapping.places[key][0]
            message = f"{quote(key)} is written twice; the first is in line {first}"
            path = self._path()
            remedy = "Keep one of them."
            if path[:1] == ("shots",) and path[2:] in (("id",), ("prompt",)):
                remedy = "Keep one of them, or begin another shot with a dash: `- id: ...`."
            self.problems.append(Problem(message, remedy, "", *parent.key_place, path))
            if len(self.problems) <= MAX_MERGES:
                mapping.entries[key] = _merge(mapping.entries[key], node)
        elif not key.startswith("\0"):
            mapping.entries[key] = node
            mapping.places[key] = parent.key_place
        parent.key = None

    def _check_depth(self, levels: int, event: Any) -> None:
        if len(self._open) + levels > MAX_DEPTH:
            message = f"lists and mappings are nested deeper than {MAX_DEPTH} levels"
            remedy = "Close the brackets, or write it flat."
            raise _Stop(Problem(message, remedy, "", *_place(event)))

    def _count(self, nodes: int, event: Any) -> None:
        self._weight += nodes
        if self._weight > MAX_NODES:
            message = f"the board has more than {MAX_NODES} values, aliases included"
            raise _Stop(self._problem(event, message, "Split it into several boards."))

    def _reject_tag(self, event: Any) -> None:
        tag = event.tag.replace(_YAML_TAGS, "!!", 1)
        message = f"the tag {quote(tag)} is not allowed; a board is plain data"
        remedy = 'Remove the tag, or put a text that begins with ! in "quotes".'
        self.problems.append(self._problem(event, message, remedy))

    def _reject_control_chars(self, text: str, event: Any) -> str:
        """Return the text without them, so that they are reported only once."""
        control = next(filter(_is_control, text), None)
        if control is None:
            return text
        message = f"the text contains the control character U+{ord(control):04X}"
        self.problems.append(self._problem(event, message, "Remove the escape."))
        self._mark_broken()
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


def _merge(first: Node, second: Node) -> Node:
    """Return the first value of a duplicate key, with what only the second one has.

    So that all of both is checked, and a name that only the second one has is not reported as
    unknown.
    """
    if isinstance(first, MappingNode) and isinstance(second, MappingNode):
        entries, places = second.entries | first.entries, second.places | first.places
        return MappingNode(entries, places, first.line, first.column)
    if isinstance(first, SequenceNode) and isinstance(second, SequenceNode):
        return SequenceNode(first.items + second.items, first.line, first.column)
    return first


def _normalise_key(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _is_control(char: str) -> bool:
    """Return whether a terminal would interpret the character, or UTF-8 can't encode it."""
    point = ord(char)
    return (point < 0x20 and char not in "\t\n") or 0x7F <= point < 0xA0 or point in _SURROGATES
