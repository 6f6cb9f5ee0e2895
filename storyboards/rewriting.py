"""Single values of a board changed in its own text: comments, quotes, layout stay as they are.

The place of a value is asked of the YAML parser and the text is spliced there, never dumped anew.
What comes out is read again and must differ in just the value that was wanted; where no way of
writing it does that, nothing is changed and the author is told the line. Files are `saving`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import yaml

from storyboards.composing import compose
from storyboards.errors import InvalidStoryboard, Problem
from storyboards.nodes import Path, find_place, to_data
from storyboards.quoting import quote, write_path
from storyboards.source import decode
from storyboards.spelling import spell, spell_key

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UTF8_MARK = b"\xef\xbb\xbf"
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_HEADER = re.compile(r"[|>][0-9+-]*([ \t]+#[^\r\n\x85\u2028\u2029]*)?")
_TO_LINE_END = re.compile(r"[ \t]*(#[^\r\n\x85\u2028\u2029]*)?")
_BEHIND = ("take", "id", "shot")
"""Behind which of a mapping's keys a new one is written, where it has one of them."""


class Edit(NamedTuple):
    """One value to set, or to take out where it is None."""

    path: Path
    value: Any
    """A number, a text, a mapping of these, or None."""


class _Pair(NamedTuple):
    key: Any
    value: Any


def rewrite(data: bytes, edits: Sequence[Edit], *, file: str) -> bytes:
    """The bytes of a board with these values in it, everything else as it was.

    Raises InvalidStoryboard at the line of the first value that can't be changed in place.
    """
    text = decode(data, file=file)
    for edit in edits:
        text = _apply(text, edit, file)
    return (_UTF8_MARK if data.startswith(_UTF8_MARK) else b"") + text.encode()


def _apply(text: str, edit: Edit, file: str) -> str:
    tree, _ = compose(text)
    if tree is None:
        raise InvalidStoryboard([Problem("the board can't be read", "Check it first.", file)])
    wanted = _strict(_with(to_data(tree), edit))
    for candidate in _candidates(text, edit):
        told, flaws = compose(candidate)
        if told is not None and not flaws and _strict(to_data(told)) == wanted:
            return candidate
    line, column = find_place(tree, edit.path)
    name = write_path(edit.path)
    remedy = f"Write {name}: {_shown(edit.value)} there by hand."
    if edit.value is None:
        remedy = f"Take {name} out by hand."
    message = "this can't be changed without touching more than it"
    raise InvalidStoryboard([Problem(message, remedy, file, line, column, name)])


def _shown(value: Any) -> str:
    return quote(value) if isinstance(value, str) else next(spell(value))


def _with(data: Any, edit: Edit) -> Any:
    """The plain data of a board with the value in it."""
    changed = deepcopy(data)
    holder = changed
    for part in edit.path[:-1]:
        holder = holder[part]
    if edit.value is None:
        holder.pop(edit.path[-1], None)
    else:
        holder[edit.path[-1]] = edit.value
    return changed


def _strict(data: Any) -> str:
    """The data as text, so that 1, 1.0 and true are told apart; empty values are left out."""
    return json.dumps(_without_nothings(data), sort_keys=True)


def _without_nothings(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_nothings(one) for key, one in data.items() if one is not None}
    return [_without_nothings(one) for one in data] if isinstance(data, list) else data


def _candidates(text: str, edit: Edit) -> Iterator[str]:
    """The text with the change in it, in every way that comes to mind, the best first."""
    mapping = _find(yaml.compose(text, Loader=_LOADER), edit.path[:-1])
    if not isinstance(mapping, yaml.MappingNode):
        return
    pairs = [_Pair(key, value) for key, value in mapping.value]
    name = str(edit.path[-1])
    at = next((index for index, pair in enumerate(pairs) if pair.key.value == name), None)
    if at is not None and edit.value is None:
        yield from _removed(text, mapping, pairs, at)
    elif at is not None:
        yield from _replaced(text, mapping, pairs[at], edit.value)
    elif edit.value is None:
        yield text
    else:
        yield from _inserted(text, mapping, pairs, edit)


def _find(node: Any, path: Path) -> Any:
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            return None
    return node


def _replaced(text: str, mapping: Any, pair: _Pair, value: Any) -> Iterator[str]:
    start, end, comment = _extent(text, pair.value)
    style = getattr(pair.value, "style", None) or "plain"
    # Without a value the place is right behind the colon.
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    column = None if mapping.flow_style else pair.key.start_mark.column
    for spelt in spell(value, style=style, column=column):
        head, new_line, rest = spelt.partition("\n")
        words = gap + head + comment + new_line + rest
        yield text[:start] + words.replace("\n", _break_at(text, start)) + text[end:]


def _extent(text: str, node: Any) -> tuple[int, int, str]:
    """Where a value stands, and the comment inside of it that has to be kept."""
    start, end = node.start_mark.index, node.end_mark.index
    if getattr(node, "style", None) not in ("|", ">"):
        return start, end, ""
    # What is behind a block of text belongs to the lines that follow.
    end = start + len(text[start:end].rstrip())
    header = _HEADER.search(text, start)
    return start, end, (header and header[1]) or ""


def _inserted(text: str, mapping: Any, pairs: list[_Pair], edit: Edit) -> Iterator[str]:
    named = {pair.key.value: pair for pair in reversed(pairs)}
    behind = next((named[name] for name in _BEHIND if name in named), pairs[0] if pairs else None)
    if behind is None:
        return
    at = behind.value.end_mark.index
    key = spell_key(str(edit.path[-1]), like=behind.key.style)
    if mapping.flow_style:
        for spelt in spell(edit.value):
            yield f"{text[:at]}, {key}: {spelt}{text[at:]}"
        return
    found = _BREAK.search(text, at)
    end = found.start() if found else len(text)
    column = behind.key.start_mark.column
    for spelt in spell(edit.value, column=column):
        line = f"\n{' ' * column}{key}: {spelt}".replace("\n", _break_at(text, at))
        yield text[:end] + line + text[end:]


def _removed(text: str, mapping: Any, pairs: list[_Pair], at: int) -> Iterator[str]:
    pair = pairs[at]
    start = pair.key.start_mark.index
    first, end, comment = _extent(text, pair.value)
    if mapping.flow_style:
        yield from _removed_from_flow(text, pairs, at)
    else:
        line = max((one.end() for one in _BREAK.finditer(text, 0, start)), default=0)
        tail = _TO_LINE_END.match(text, end)
        behind = tail.end() if tail else end
        found = _BREAK.match(text, behind)
        kept = (comment.strip() or (tail and tail[1])) or ""
        if not text[line:start].strip(" "):
            rest = text[line:start] + kept + text[behind:] if kept else ""
            if not kept and found:
                rest = text[found.end() :]
            yield text[:line] + rest if kept or found else text[:line].rstrip("\r\n")
        elif at + 1 < len(pairs) and not kept:
            following = pairs[at + 1].key.start_mark.index
            if not text[behind:following].strip():
                yield text[:start] + text[following:]
    # An empty value counts as left out, wherever it stands.
    yield text if first == end else text[:first] + "null" + comment + text[end:]


def _removed_from_flow(text: str, pairs: list[_Pair], at: int) -> Iterator[str]:
    if at + 1 < len(pairs):
        start, end = pairs[at].key.start_mark.index, pairs[at + 1].key.start_mark.index
    elif at:
        start, end = pairs[at - 1].value.end_mark.index, pairs[at].value.end_mark.index
    else:
        return
    if "#" not in text[start:end]:
        yield text[:start] + text[end:]


def _break_at(text: str, at: int) -> str:
    """The line break of the line at this place, or of any other where it is the last one."""
    found = _BREAK.search(text, at) or _BREAK.search(text)
    return found[0] if found else "\n"
