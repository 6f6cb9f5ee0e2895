"""Single values of a board changed in its own text: comments, quotes and layout stay unchanged.

The YAML parser gives the place of a value and the text is spliced there, never dumped anew. The
result is parsed again and must differ in exactly the requested value; if no way of writing it
achieves that, nothing is changed and the error names the line.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from storyboards.loading import decode
from storyboards.problems import InvalidStoryboard, Problem
from storyboards.surrogate_escapes import hide_surrogates
from storyboards.terminal_text import format_path, quote
from storyboards.yaml_nodes import LOADER, NodePath, compose, find_place, read_plain, to_data

_UTF8_MARK = b"\xef\xbb\xbf"
_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_BLOCK_HEADER = re.compile(r"[|>][0-9+-]*([ \t]+#[^\r\n\x85\u2028\u2029]*)?")
_REST_OF_LINE = re.compile(r"[ \t]*(#[^\r\n\x85\u2028\u2029]*)?")
_INSERT_AFTER = ("take", "from", "id", "shot")
"""The keys of a mapping after which a new key is inserted, the first that exists."""
_FOLD_WIDTH = 96
_NEEDS_ESCAPE = re.compile("[\x7f-\xa0\xad\u2028\u2029\ufeff]")


class Edit(NamedTuple):
    """One value to set, or to remove if it is None."""

    path: NodePath
    """May end in the index of an item; the index behind the last item appends one."""
    value: Any
    """A number, a text, a mapping of these, a list of those, or None."""


class _Pair(NamedTuple):
    key: Any
    value: Any


def apply_edits(data: bytes, edits: Sequence[Edit], *, file: str) -> bytes:
    """Return the bytes of a board with these values changed and everything else unchanged.

    Raises:
        InvalidStoryboard: At the line of the first value that can't be changed in place.
    """
    text = decode(data, file=file)
    for edit in edits:
        text = _apply(text, edit, file)
    return (_UTF8_MARK if data.startswith(_UTF8_MARK) else b"") + text.encode()


def replace_file(path: Path, before: bytes, after: bytes, *, shown: str) -> None:
    """Replace the content of a board's file, all or nothing; durable when this returns.

    The target of a symbolic link is replaced and the link stays. The file keeps its mode.

    Args:
        path: The board's file.
        before: The content that the change is based on.
        after: The new content.
        shown: The file as the user named it, for messages.

    Raises:
        InvalidStoryboard: If the file no longer has the content `before`, or can't be written.
    """
    target = path.resolve()
    staging = target.with_name(f".{target.name}.{os.getpid()}.staging")
    try:
        with staging.open("xb") as file:
            staging.chmod(target.stat().st_mode & 0o7777)
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if target.read_bytes() != before:
            raise _file_error(shown, "the file was changed meanwhile", "Run the command again.")
        staging.replace(target)
    except OSError as error:
        message = f"the file can't be written: {error.strerror}"
        raise _file_error(shown, message, "Change its permissions or make room.") from error
    finally:
        staging.unlink(missing_ok=True)


def _file_error(shown: str, message: str, remedy: str) -> InvalidStoryboard:
    return InvalidStoryboard([Problem(message, remedy, shown)])


def _apply(text: str, edit: Edit, file: str) -> str:
    tree = compose(text).tree
    if tree is None:
        raise _file_error(file, "the board can't be read", "Run `shotchain check` on it first.")
    wanted = _canonical(_with_edit(to_data(tree), edit))
    for candidate in _candidates(text, edit):
        result = compose(candidate)
        if result.tree is None or result.problems:
            continue
        if _canonical(to_data(result.tree)) == wanted:
            return candidate
    line, column = find_place(tree, edit.path)
    name = format_path(edit.path)
    remedy = f"Write {name}: {_format_for_remedy(edit.value)} there by hand."
    if edit.value is None:
        remedy = f"Remove {name} by hand."
    message = "this value can't be changed without changing something else"
    raise InvalidStoryboard([Problem(message, remedy, file, line, column, edit.path)])


def _format_for_remedy(value: Any) -> str:
    return quote(value) if isinstance(value, str) else next(format_value(value))


def _with_edit(data: Any, edit: Edit) -> Any:
    """Return a copy of a board's plain data with the edit applied."""
    changed = deepcopy(data)
    parent = changed
    for part in edit.path[:-1]:
        parent = parent[part]
    key = edit.path[-1]
    if isinstance(parent, list):
        index = int(key)
        parent[index : index + 1] = [] if edit.value is None else [edit.value]
    elif edit.value is None:
        parent.pop(key, None)
    else:
        parent[key] = edit.value
    return changed


def _canonical(data: Any) -> str:
    """Return the data as text, in which 1, 1.0 and true differ; empty values are left out."""
    return json.dumps(_without_empty(data), sort_keys=True)


def _without_empty(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_empty(value) for key, value in data.items() if value is not None}
    return [_without_empty(value) for value in data] if isinstance(data, list) else data


def _candidates(text: str, edit: Edit) -> Iterator[str]:
    """Yield the text with the edit in it, in every way that may work, the best first."""
    mapping = _find_node(yaml.compose(hide_surrogates(text), Loader=LOADER), edit.path[:-1])
    if isinstance(mapping, yaml.SequenceNode):
        yield from _list_candidates(text, mapping, edit)
    if not isinstance(mapping, yaml.MappingNode):
        return
    pairs = [_Pair(key, value) for key, value in mapping.value]
    name = str(edit.path[-1])
    at = next((index for index, pair in enumerate(pairs) if pair.key.value == name), None)
    if at is not None and edit.value is None:
        yield from _remove(text, mapping, pairs, at)
    elif at is not None:
        yield from _replace(text, mapping, pairs[at], edit.value)
    elif edit.value is None:
        yield text
    else:
        yield from _insert(text, mapping, pairs, edit)


def _list_candidates(text: str, sequence: Any, edit: Edit) -> Iterator[str]:
    """Yield the text with an item changed, appended or removed."""
    items, index = sequence.value, int(edit.path[-1])
    if index < len(items) and edit.value is not None:
        start, end = items[index].start_mark.index, _find_end(items[index])
        for spelling in format_value(edit.value):
            yield text[:start] + spelling + text[end:]
    elif edit.value is not None:
        yield from _append(text, sequence, edit.value)
    elif index < len(items):
        yield from _remove_item(text, sequence, index)


def _append(text: str, sequence: Any, value: Any) -> Iterator[str]:
    if not sequence.value:
        return
    at = _find_end(sequence.value[-1])
    for spelling in format_value(value):
        if sequence.flow_style:
            yield f"{text[:at]}, {spelling}{text[at:]}"
        else:
            line_break = _LINE_BREAK.search(text, at)
            end = line_break.start() if line_break else len(text)
            indent = " " * sequence.start_mark.column
            yield f"{text[:end]}{_line_break_at(text, at)}{indent}- {spelling}{text[end:]}"


def _remove_item(text: str, sequence: Any, index: int) -> Iterator[str]:
    items = sequence.value
    if sequence.flow_style:
        yield from _remove_from_flow(text, [_Pair(item, item) for item in items], index)
        return
    start, end = items[index].start_mark.index, _find_end(items[index])
    line = max((match.end() for match in _LINE_BREAK.finditer(text, 0, start)), default=0)
    rest = _REST_OF_LINE.match(text, end)
    line_break = _LINE_BREAK.match(text, rest.end() if rest else end)
    if text[line:start].strip(" ") == "-":
        behind = text[line_break.end() :] if line_break else ""
        yield text[:line] + behind if line_break else text[:line].rstrip("\r\n")


def _find_end(node: Any) -> int:
    """Return where the content of a node ends: its end mark may lie behind comments."""
    while not isinstance(node, yaml.ScalarNode) and node.value and not node.flow_style:
        node = node.value[-1]
        node = node[1] if isinstance(node, tuple) else node
    return int(node.end_mark.index)


def _find_node(node: Any, path: NodePath) -> Any:
    for part in path:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
        else:
            return None
    return node


def _replace(text: str, mapping: Any, pair: _Pair, value: Any) -> Iterator[str]:
    start, end, comment = _extent(text, pair.value)
    style = getattr(pair.value, "style", None) or "plain"
    # An empty value lies directly behind the colon.
    gap = " " if start == end and text[start - 1 : start] == ":" else ""
    column = None if mapping.flow_style else pair.key.start_mark.column
    for spelling in format_value(value, style=style, column=column):
        head, line_break, rest = spelling.partition("\n")
        inserted = gap + head + comment + line_break + rest
        yield text[:start] + inserted.replace("\n", _line_break_at(text, start)) + text[end:]


def _extent(text: str, node: Any) -> tuple[int, int, str]:
    """Return where a value starts and ends, and the comment inside it that has to be kept."""
    start, end = node.start_mark.index, node.end_mark.index
    if getattr(node, "style", None) not in ("|", ">"):
        return start, end, ""
    # The parser counts the blank lines behind a block scalar to it; they stay where they are.
    end = start + len(text[start:end].rstrip())
    header = _BLOCK_HEADER.search(text, start)
    return start, end, (header and header[1]) or ""


def _insert(text: str, mapping: Any, pairs: list[_Pair], edit: Edit) -> Iterator[str]:
    by_name = {pair.key.value: pair for pair in reversed(pairs)}
    first = pairs[0] if pairs else None
    before = next((by_name[name] for name in _INSERT_AFTER if name in by_name), first)
    if before is None:
        return
    at = before.value.end_mark.index
    name = str(edit.path[-1])
    key = json.dumps(name) if before.key.style == '"' else name
    if mapping.flow_style:
        for spelling in format_value(edit.value):
            yield f"{text[:at]}, {key}: {spelling}{text[at:]}"
        return
    line_break = _LINE_BREAK.search(text, at)
    end = line_break.start() if line_break else len(text)
    column = before.key.start_mark.column
    for spelling in format_value(edit.value, column=column):
        line = f"\n{' ' * column}{key}: {spelling}".replace("\n", _line_break_at(text, at))
        yield text[:end] + line + text[end:]


def _remove(text: str, mapping: Any, pairs: list[_Pair], at: int) -> Iterator[str]:
    first, end, comment = _extent(text, pairs[at].value)
    if mapping.flow_style:
        yield from _remove_from_flow(text, pairs, at)
    else:
        yield from _remove_from_block(text, pairs, at, end, comment)
    # An empty value counts as left out.
    yield text if first == end else text[:first] + "null" + comment + text[end:]


def _remove_from_block(
    text: str, pairs: list[_Pair], at: int, end: int, comment: str
) -> Iterator[str]:
    start = pairs[at].key.start_mark.index
    line = max((match.end() for match in _LINE_BREAK.finditer(text, 0, start)), default=0)
    tail = _REST_OF_LINE.match(text, end)
    behind = tail.end() if tail else end
    line_break = _LINE_BREAK.match(text, behind)
    kept = (comment.strip() or (tail and tail[1])) or ""
    if not text[line:start].strip(" "):
        rest = text[line:start] + kept + text[behind:] if kept else ""
        if not kept and line_break:
            rest = text[line_break.end() :]
        yield text[:line] + rest if kept or line_break else text[:line].rstrip("\r\n")
    elif at + 1 < len(pairs) and not kept:
        following = pairs[at + 1].key.start_mark.index
        if not text[behind:following].strip():
            yield text[:start] + text[following:]


def _remove_from_flow(text: str, pairs: list[_Pair], at: int) -> Iterator[str]:
    if at + 1 < len(pairs):
        start, end = pairs[at].key.start_mark.index, pairs[at + 1].key.start_mark.index
    elif at:
        start, end = pairs[at - 1].value.end_mark.index, pairs[at].value.end_mark.index
    else:
        return
    if "#" not in text[start:end]:
        yield text[:start] + text[end:]


def _line_break_at(text: str, at: int) -> str:
    """Return the line break of the line at this place, else the text's first one."""
    match = _LINE_BREAK.search(text, at) or _LINE_BREAK.search(text)
    return match[0] if match else "\n"


def format_value(value: Any, *, style: str = "plain", column: int | None = None) -> Iterator[str]:
    r"""Yield the ways to write a value in YAML, the one most like its place first.

    Whether a spelling reads as the intended value is not checked here.

    Args:
        value: A number, a text, a mapping of these or a list of those.
        style: How the value was written before: ``plain`` or the YAML indicator ``'"|>``.
        column: The 0-based column of its key in block style; None inside braces.

    Yields:
        The YAML text, with ``\n`` between lines.
    """
    if isinstance(value, dict):
        pairs = (f"{key}: {next(_format_atom(item))}" for key, item in value.items())
        yield "{" + ", ".join(pairs) + "}"
    elif isinstance(value, list):
        yield "[" + ", ".join(next(format_value(item)) for item in value) + "]"
    elif not isinstance(value, str):
        yield json.dumps(value)
    else:
        yield from _format_text(value, style, column)


def _format_atom(value: Any) -> Iterator[str]:
    """Yield a number or an id inside braces: bare if it reads as nothing else."""
    if not isinstance(value, str):
        yield json.dumps(value)
        return
    if re.fullmatch(r"[\w-]+", value) and read_plain(value) == value:
        yield value
    yield _double_quoted(value)


def _format_text(text: str, style: str, column: int | None) -> Iterator[str]:
    if column is not None and (style in ("|", ">") or "\n" in text):
        indent = " " * (column + 2)
        if style == ">":
            yield from _folded(text, indent)
        yield from _literal(text, indent)
    if style == "'" and "\n" not in text:
        yield "'" + text.replace("'", "''") + "'"
    if style == "plain" and "\n" not in text and read_plain(text) == text and _is_plain_safe(text):
        yield text
    yield _double_quoted(text)


def _is_plain_safe(text: str) -> bool:
    """Return whether the text contains nothing that YAML could take for syntax."""
    is_text = re.fullmatch(r"[^\W\d_][\w ,.;()'-]*", text)
    return bool(is_text or re.fullmatch("[0-9]+f", text)) and text == text.strip()


def _double_quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _NEEDS_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _literal(text: str, indent: str) -> Iterator[str]:
    body, chomping = _split_chomping(text)
    lines = body.split("\n")
    if body and not body[0].isspace() and not any(map(_is_blank, lines)):
        yield f"|{chomping}\n" + "\n".join(f"{indent}{line}" if line else "" for line in lines)


def _folded(text: str, indent: str) -> Iterator[str]:
    body, chomping = _split_chomping(text)
    if body and body == " ".join(body.split()):
        lines = textwrap.wrap(body, _FOLD_WIDTH, break_long_words=False, break_on_hyphens=False)
        yield f">{chomping}\n" + "\n".join(indent + line for line in lines)


def _split_chomping(text: str) -> tuple[str, str]:
    """Return the text without its final line break, and YAML's chomping indicator for it."""
    if text.endswith("\n"):
        return text[:-1], ""
    return text, "-"


def _is_blank(line: str) -> bool:
    return line != "" and not line.strip()
