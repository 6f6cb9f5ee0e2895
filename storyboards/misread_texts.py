"""Texts without quotes that YAML reads otherwise than they look.

A `#` after a blank begins a comment and cuts the text, and curly quotes are letters of it. What is
surely a mistake, or is solved without another prompt, is a problem; the rest are warnings, because
a shot with a changed prompt is paid again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from storyboards.problems import Problem
from storyboards.terminal_text import quote
from storyboards.yaml_nodes import (
    LINE_BREAK,
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
)

_TEXT_KEYS = frozenset({"prompt", "style", "is", "title", "text", "legal"})
_ANCHOR = re.compile(r"&\S+[ \t]+")
_COMMENT = re.compile(r"[ \t]+(#.*)")
_CURLY_QUOTES = {"“": "”", "„": "“”", "”": "”", "‘": "’", "‚": "‘’", "«": "»", "»": "«", "「": "」"}
_ANY_CURLY = frozenset("“”„‘‚«»「」")
_MAX_LINES = 1_000
"""Lines of one text that are searched for its end."""


class Misread(NamedTuple):
    """The problems and warnings of the texts of a board, without the file's name."""

    problems: list[Problem]
    warnings: list[Problem]


def find_misread_texts(text: str, tree: MappingNode) -> Misread:
    """Return the texts that YAML probably reads otherwise than the author.

    Args:
        text: The text of the board's file.
        tree: The board.
    """
    misread = Misread([], [])
    has_comments, has_curly = "#" in text, not _ANY_CURLY.isdisjoint(text)
    if not has_comments and not has_curly:
        return misread
    lines = LINE_BREAK.split(text)
    for path, node in _walk_plain(tree):
        if has_comments and _is_text(path):
            _find_cut(path, node, lines, misread)
        if has_curly and _is_in_curly_quotes(node.text):
            _add_curly(path, node, misread)
    return misread


def _walk_plain(tree: Node) -> Iterator[tuple[NodePath, ScalarNode]]:
    """Yield each scalar without quotes once; aliases repeat nodes."""
    waiting: list[tuple[NodePath, Node]] = [((), tree)]
    seen: set[int] = set()
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            waiting += [((*path, key), child) for key, child in node.entries.items()]
        elif isinstance(node, SequenceNode):
            waiting += [((*path, index), child) for index, child in enumerate(node.items)]
        elif not node.quoted:
            yield path, node


def _is_text(path: NodePath) -> bool:
    return path[-1] in _TEXT_KEYS or (path[0] == "variables" and len(path) == 2)


def _find_cut(path: NodePath, node: ScalarNode, lines: list[str], misread: Misread) -> None:
    """Add the comment directly behind a text."""
    end = _find_end(node, lines)
    if end is None:
        return
    line, column = end
    comment = _COMMENT.match(lines[line], column)
    if comment is None:
        return
    is_attached = comment[1][1:2] not in ("", " ", "\t", "#", "!")
    place = (line + 1, comment.start(1) + 1)
    if node.value is None and not is_attached:
        return
    message = f"the text ends before {quote(comment[1])}, which YAML reads as a comment"
    if node.value is None:
        message = f"the text is empty: YAML reads {quote(comment[1])} as a comment"
    if is_attached:
        remedy = 'Put the whole text in "quotes", or write a blank after the # of a comment.'
        misread.problems.append(Problem(message, remedy, "", *place, path))
    else:
        remedy = 'Put the whole text in "quotes", or only the part before the comment.'
        misread.warnings.append(Problem(message, remedy, "", *place, path))


def _find_end(node: ScalarNode, lines: list[str]) -> tuple[int, int] | None:
    """Return the 0-based line and column behind a text, or None if it is not misread.

    A text of several lines is folded: a line break in it is read as a blank.
    """
    line, column = node.line - 1, node.column - 1
    rest = node.text
    if line < len(lines) and (anchor := _ANCHOR.match(lines[line], column)):
        column = anchor.end()
    for _ in range(_MAX_LINES):
        if line >= len(lines):
            return None
        if lines[line].startswith(rest, column):
            return line, column + len(rest)
        part = lines[line][column:].rstrip()
        if not rest.startswith(part):
            return None
        rest = rest[len(part) :].lstrip(" \n")
        line += 1
        if line < len(lines):
            column = len(lines[line]) - len(lines[line].lstrip())
    return None


def _is_in_curly_quotes(text: str) -> bool:
    closing = _CURLY_QUOTES.get(text[:1], "")
    return len(text) > 1 and text[-1] in closing and _ANY_CURLY.isdisjoint(text[1:-1])


def _add_curly(path: NodePath, node: ScalarNode, misread: Misread) -> None:
    message = f"YAML reads the curly quotes of {quote(node.text)} as letters of the text"
    remedy = 'Replace them by straight ones, "like these", or remove them.'
    is_prompt = _is_text(path)
    problems = misread.warnings if is_prompt else misread.problems
    problems.append(Problem(message, remedy, "", node.line, node.column, path))
