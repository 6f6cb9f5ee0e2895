"""From the text of a storyboard to its tree of nodes, within bounds.

The tree is built from the parser's events, without recursion: nesting, nodes and what aliases
multiply are counted, so that no file, however it is made, costs more than a moment. What YAML
allows and a storyboard does not (tags, duplicate keys, keys that are no text, a second document)
is found here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

from storyboards.nodes import Flaw, Mapping, Node, Path, Scalar, Sequence
from storyboards.quoting import quote
from storyboards.scalars import read_plain

MAX_DEPTH = 32
MAX_NODES = 100_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SURROGATES = range(0xD800, 0xE000)
_QUOTED = frozenset("'\"|>")
_YAML_TAGS = "tag:yaml.org,2002:"


class _Unreadable(Exception):
    """Nothing behind this flaw can be read."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class _Anchored(NamedTuple):
    node: Node
    weight: int
    height: int


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "height", "key", "key_place", "node", "weight")

    def __init__(self, node: Sequence | Mapping, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.weight = 1
        self.height = 1
        self.key: str | None = None
        self.key_place = (0, 0)


def compose(text: str, *, loader: Any = None) -> tuple[Node | None, list[Flaw]]:
    """The tree of the text's one document and the flaws in it.

    There is no tree where the document is empty, or where a flaw leaves nothing to go on with:
    text that is no YAML, a second document, an unknown or endless alias, and what is beyond the
    bounds.
    """
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=loader or _LOADER):
            take = composer.takes.get(type(event))
            if take:
                take(event)
    except _Unreadable as error:
        return None, [*composer.flaws, error.flaw]
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Only a wrong board needs the words.
        from storyboards.syntax import explain_syntax

        # The pure parser lets Python's own errors through, for an escape beyond Unicode say.
        return None, [*composer.flaws, explain_syntax(error, text)]
    return composer.root, composer.flaws


class _Composer:
    """The growing tree; one method for each kind of event."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.flaws: list[Flaw] = []
        self.takes: dict[type, Callable[[Any], None]] = {
            yaml.DocumentStartEvent: self._begin_document,
            yaml.ScalarEvent: self._take_scalar,
            yaml.AliasEvent: self._take_alias,
            yaml.SequenceStartEvent: self._begin_sequence,
            yaml.MappingStartEvent: self._begin_mapping,
            yaml.SequenceEndEvent: self._end,
            yaml.MappingEndEvent: self._end,
        }
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._weight = 0

    def _begin_document(self, event: Any) -> None:
        if self.root is not None:
            raise _Unreadable(
                self._flaw(
                    event,
                    "a second document begins here",
                    "A file holds one board: take the --- out, or move the rest to its own file.",
                )
            )

    def _take_scalar(self, event: Any) -> None:
        text: str = event.value
        quoted = event.style in _QUOTED or event.tag is not None
        if event.tag is not None:
            self._refuse_tag(event)
        if not text.isprintable():
            text = self._refuse_control_characters(text, event)
        value = text if quoted else read_plain(text)
        mark = event.start_mark
        node = Scalar(value, text, quoted, mark.line + 1, mark.column + 1)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._count(1, event)
        self._add(node, event)

    def _take_alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            inside = any(opened.anchor == event.anchor for opened in self._open)
            raise _Unreadable(
                self._flaw(
                    event,
                    f"the alias {quote('*' + event.anchor)} stands inside its own anchor"
                    if inside
                    else f"the alias {quote('*' + event.anchor)} has no anchor above it",
                    "Write out what is meant."
                    if inside
                    else 'Put a text that begins with * in "quotes".',
                )
            )
        # What is opened here was measured when it was opened, what stands behind an alias was not.
        self._refuse_depth(known.height, event)
        self._count(known.weight, event)
        self._add(known.node, event, weight=known.weight, height=known.height)

    def _begin_sequence(self, event: Any) -> None:
        self._begin(Sequence([], *_place(event)), event)

    def _begin_mapping(self, event: Any) -> None:
        self._begin(Mapping({}, {}, *_place(event)), event)

    def _begin(self, node: Sequence | Mapping, event: Any) -> None:
        if event.tag is not None:
            self._refuse_tag(event)
        self._refuse_depth(1, event)
        self._open.append(_Open(node, event.anchor))

    def _end(self, event: Any) -> None:
        opened = self._open.pop()
        if opened.anchor:
            self._anchors[opened.anchor] = _Anchored(opened.node, opened.weight, opened.height)
        self._count(1, event)
        self._add(opened.node, event, weight=opened.weight, height=opened.height)

    def _add(self, node: Node, event: Any, *, weight: int = 1, height: int = 0) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.weight += weight
        if parent.height <= height:
            parent.height = height + 1
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif parent.key is not None:
            self._take_value(parent, parent.node, node)
        elif isinstance(node, Scalar):
            parent.key, parent.key_place = node.text, _place(event)
        else:
            self._refuse_key(parent, node)

    def _refuse_key(self, parent: _Open, node: Sequence | Mapping) -> None:
        message = "a list or a mapping stands where a key is expected"
        remedy = 'Write a word before the colon; put a text that begins with { or [ in "quotes".'
        self.flaws.append(Flaw(node.line, node.column, self._path(), message, remedy))
        # A name that no author writes lets the reading go on.
        parent.key, parent.key_place = f"\0{len(self.flaws)}", (node.line, node.column)

    def _take_value(self, parent: _Open, mapping: Mapping, node: Node) -> None:
        key = parent.key or ""
        if key in mapping.places:
            first = mapping.places[key][0]
            message = f"{quote(key)} is written twice; the first is in line {first}"
            self.flaws.append(Flaw(*parent.key_place, self._path(), message, "Keep one of them."))
        elif not key.startswith("\0"):
            mapping.entries[key] = node
            mapping.places[key] = parent.key_place
        parent.key = None

    def _refuse_depth(self, more: int, event: Any) -> None:
        if len(self._open) + more > MAX_DEPTH:
            message = f"lists and keys are nested deeper than {MAX_DEPTH} levels"
            remedy = "Close the brackets, or write it flat."
            raise _Unreadable(Flaw(*_place(event), (), message, remedy))

    def _count(self, more: int, event: Any) -> None:
        self._weight += more
        if self._weight > MAX_NODES:
            message = f"the board holds more than {MAX_NODES} values, aliases filled in"
            raise _Unreadable(self._flaw(event, message, "Split it into several boards."))

    def _refuse_tag(self, event: Any) -> None:
        tag = event.tag.replace(_YAML_TAGS, "!!", 1)
        message = f"the tag {quote(tag)} is not allowed; a board is plain data"
        self.flaws.append(self._flaw(event, message, "Take the tag out."))

    def _refuse_control_characters(self, text: str, event: Any) -> str:
        """The text without them, so that nothing stumbles over them a second time."""
        unseen = next(filter(_is_control, text), None)
        if unseen is None:
            return text
        message = f"the text holds the control character U+{ord(unseen):04X}"
        self.flaws.append(self._flaw(event, message, "Take the escape out."))
        return "".join("?" if _is_control(character) else character for character in text)

    def _flaw(self, event: Any, message: str, remedy: str) -> Flaw:
        return Flaw(*_place(event), self._path(), message, remedy)

    def _path(self) -> Path:
        steps: list[str | int] = []
        for opened in self._open:
            if isinstance(opened.node, Sequence):
                steps.append(len(opened.node.items))
            elif opened.key is not None and not opened.key.startswith("\0"):
                steps.append(opened.key)
        return tuple(steps)


def _place(event: Any) -> tuple[int, int]:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _is_control(character: str) -> bool:
    """Whether a terminal would obey it, or no UTF-8 can carry it."""
    point = ord(character)
    return (
        (point < 0x20 and character not in "\t\n") or 0x7F <= point < 0xA0 or point in _SURROGATES
    )
