"""Reading on after YAML syntax errors.

A value with a syntax error is cut out of the text, line by line and as little as possible, and the
rest is composed again. So one check reports every syntax error, and everything else in the board.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from storyboards.problems import Problem
from storyboards.yaml_nodes import (
    Composed,
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
    compose,
)
from storyboards.yaml_syntax import explain_bare_line, explain_syntax

MAX_SYNTAX_ERRORS = 100
_MAX_COMPOSED_CHARS = 3_000_000
"""The most text that is composed in all, however many errors a board has."""

_LINE = re.compile("[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|$)")
_LINE_BREAKS = "\r\n\x85\u2028\u2029"
_KEY_LINE = re.compile(
    r"""(?P<indent>\ *)(?P<dash>(?:-\ +)*)(?P<key>"[^"]+"|'[^']+'|[^\W\d][\w-]*)\ *:(?=\s|$)""",
    re.VERBOSE,
)
_DASH_LINE = re.compile(r" *-(?=\s|$)")
_FLOW_BOARD = re.compile(r"(?:\s|#.*|---.*)*[\[{]")
"""A board in braces has no lines of its own for its values."""
_BARE_LINE = re.compile(r" *[^\W\d][^:#]*$")
_FIRST_WORD = re.compile(r"[\s\"'-]*([^\W\d][\w-]*)")


def compose_with_recovery(text: str, composed: Composed | None = None) -> Composed:
    """Compose the tree of a text; values with syntax errors are reported and set aside.

    Args:
        text: The text.
        composed: What `compose` returned for the text, if it was called already.

    Returns:
        The tree without the values that have errors, which are among `broken`. The tree is None
        if nothing could be read, for example of a text in braces with an error.
    """
    composed = composed or compose(text)
    if composed.error is None:
        return composed
    if _FLOW_BOARD.match(text):
        problem = explain_syntax(composed.error, text)
        return composed._replace(problems=[*composed.problems, problem])
    recovery = _Recovery(text)
    attempts = max(5, min(MAX_SYNTAX_ERRORS, _MAX_COMPOSED_CHARS // (len(text) + 1)))
    for _ in range(attempts):
        if composed.error is None or not recovery.cut(composed, composed.error):
            break
        composed = compose(recovery.text)
    if composed.error is None:
        composed = recovery.restore(composed, attempts)
    problems, broken = recovery.locate(composed.tree)
    if composed.error is not None:
        last = explain_syntax(composed.error, recovery.text)
        rest = last._replace(
            message="the rest of the board was not checked", remedy="Fix this first."
        )
        problems = [*recovery.problems, last, rest]
    return Composed(composed.tree, problems + composed.problems, broken | composed.broken)


class _Option(NamedTuple):
    """A replacement for the first line of a value, and the lines of the value."""

    text: str
    end: int
    """The 0-based line behind the last line; all but the first are emptied."""


class _Cut(NamedTuple):
    """Lines of the text that are replaced because of one error."""

    start: int
    """The 0-based first line."""
    end: int
    """The 0-based line behind the last line that is replaced now."""
    text: str
    """The current replacement for the first line."""
    options: tuple[_Option, ...]
    """Replacements that were not tried yet, the most specific first."""


class _Recovery:
    """A text in which values with syntax errors are replaced by nothing, one after another."""

    def __init__(self, text: str) -> None:
        self._original = [match[0] for match in _LINE.finditer(text) if match[0]]
        self._lines = list(self._original)
        self._cuts: list[_Cut] = []
        self.problems: list[Problem] = []

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def cut(self, composed: Composed, error: Exception) -> bool:
        """Replace the value that the error is about; return False if nothing is left to replace."""
        last = len(self._lines) - 1
        start = self._find_bare_line(error, min(composed.error_start, last))
        error_line = max(start, min(_error_line(error, start), last))
        # An error at the end of the text is about the last line with text.
        while start > 0 and not self._lines[start].strip():
            start -= 1
        number = next(
            (n for n, cut in enumerate(self._cuts) if cut.start <= start < cut.end), len(self._cuts)
        )
        if number == len(self._cuts):
            self._cuts.append(self._choose(start, error_line))
            self.problems.append(self._explain(composed, error, self._cuts[number]))
        cut = self._cuts[number]
        if not cut.options:
            parent = self._find_parent(cut.start)
            if parent is None:
                return False
            cut = self._choose(parent, cut.end - 1)
        option = cut.options[0]
        cut = _Cut(cut.start, option.end, option.text, cut.options[1:])
        self._cuts[number] = cut
        _apply(cut, self._lines, self._original)
        return True

    def restore(self, composed: Composed, attempts: int) -> Composed:
        """Undo the cuts that the others made unnecessary.

        An unclosed quote may end at a quote far below, where the error is noticed.
        """
        number = 0
        for _ in range(attempts):
            if len(self._cuts) < 2 or number == len(self._cuts):
                break
            others = self._cuts[:number] + self._cuts[number + 1 :]
            lines = list(self._original)
            for cut in others:
                _apply(cut, lines, self._original)
            restored = compose("".join(lines))
            if restored.error is None:
                self._cuts, self._lines, composed = others, lines, restored
                del self.problems[number]
            else:
                number += 1
        return composed

    def _choose(self, start: int, error_line: int) -> _Cut:
        """Return the lines of the value that begins on a line, and what may stand in its place."""
        line = self._original[start]
        if _is_tab_indented(line):
            end = start + 1
            while end < len(self._original) and _is_tab_indented(self._original[end]):
                end += 1
            return _Cut(start, end, "", (_Option("", end),))
        indent, key = _indent(line), _KEY_LINE.match(line)
        end = self._find_end(start, indent, error_line)
        options = [_Option("", end)]
        if _DASH_LINE.match(line):
            # An item whose dash is in a column of its own is moved to that of the others.
            others = filter(_DASH_LINE.match, reversed(self._original[:start]))
            columns = dict.fromkeys([indent, *(_indent(other) for other in islice(others, 1))])
            options = [_Option(" " * column + "-", end) for column in columns] + options
        if key:
            own_end = self._find_end(start, key.start("key"), error_line)
            options = [_Option(line[: key.end()], own_end), *options]
        return _Cut(start, options[0].end, "", tuple(options))

    def _find_end(self, start: int, column: int, error_line: int) -> int:
        """Return the line behind a value whose key begins in a column."""
        end = start + 1
        while end < len(self._original) and self._continues(end, column, error_line):
            end += 1
        return end

    def _continues(self, index: int, column: int, error_line: int) -> bool:
        """Return whether a line is part of a value whose key begins in a column above it."""
        line = self._original[index]
        if not line.strip() or _indent(line) > column:
            return True
        is_own_line = _KEY_LINE.match(line) or _DASH_LINE.match(line) or line.startswith("#")
        return index <= error_line and not is_own_line

    def _find_bare_line(self, error: Exception, start: int) -> int:
        """Return the line above that lacks its colon if the error is only noticed on this line."""
        if "mapping values" in str(error):
            above = start - 1
            while above > 0 and not self._lines[above].strip():
                above -= 1
            if above >= 0 and self._is_bare(above):
                return above
        return start

    def _is_bare(self, index: int) -> bool:
        """Return whether a line is neither `key: value` nor the continuation of a text."""
        line = self._lines[index]
        if not _BARE_LINE.match(line):
            return False
        before = next((each for each in reversed(self._lines[:index]) if each.strip()), "")
        key = _KEY_LINE.match(before)
        return _indent(line) == 0 or bool(key and _indent(line) <= key.start("key"))

    def _find_parent(self, index: int) -> int | None:
        """Return the nearest line above that is indented less, or None."""
        column = _indent(self._original[index])
        for above in range(index - 1, -1, -1):
            line = self._original[above]
            if line.strip() and not line.lstrip().startswith("#") and _indent(line) < column:
                return above
        return None

    def _explain(self, composed: Composed, error: Exception, cut: _Cut) -> Problem:
        """Explain the error by the value's own lines if the parser noticed it far below them."""
        for problem in composed.problems:
            if cut.start < problem.line <= cut.end:
                return problem
        problem = explain_syntax(error, self.text)
        if self._is_bare(cut.start):
            return explain_bare_line(cut.start, _indent(self._original[cut.start]))
        if problem.line > cut.start + 1:
            own_text = "".join(self._original[cut.start : cut.end])
            own_error = compose(own_text).error
            if own_error is not None:
                own_problem = explain_syntax(own_error, own_text)
                return own_problem._replace(line=own_problem.line + cut.start)
        return problem

    def locate(self, tree: Node | None) -> tuple[list[Problem], set[NodePath]]:
        """Return the problems with their paths in the final tree, and the paths to set aside."""
        entries = sorted(walk_entries(tree), key=lambda entry: entry[:2]) if tree else []
        paths: list[NodePath] = [self._locate(cut, entries) for cut in self._cuts]
        problems = [
            # A word that is not followed by a colon may be part of a text.
            problem._replace(keys=path if self._has_key(cut, path) else path[:-1])
            for problem, cut, path in zip(self.problems, self._cuts, paths, strict=True)
        ]
        return problems, set(paths)

    def _has_key(self, cut: _Cut, path: NodePath) -> bool:
        line = self._original[cut.start]
        return isinstance(path[-1], int) or f"{path[-1]}:" in line or f'{path[-1]}":' in line

    def _locate(self, cut: _Cut, entries: list[Entry]) -> NodePath:
        """Return the path of the value that was cut out.

        If nothing is left of it, the path is that of the key which the line seems to have, or ends
        in an empty key: something may be missing there.
        """
        for entry in entries:
            if cut.start < entry.line <= cut.end:
                return entry.path
        line = self._original[cut.start]
        above = [entry for entry in entries if entry.line <= cut.start and entry.has_key]
        word = _FIRST_WORD.match(line)
        key = word[1] if word else ""
        if not above:
            return (key,)
        nearest = above[-1]
        if nearest.is_empty and (_is_tab_indented(line) or _indent(line) >= nearest.column):
            return nearest.path  # the line was part of its value
        if line.lstrip().startswith("-"):
            indexes = [at for at, part in enumerate(nearest.path) if isinstance(part, int)]
            return (*nearest.path[: indexes[-1]], "") if indexes else nearest.path
        if _is_tab_indented(line):
            return (*nearest.path[:-1], key)
        return (*self._find_container(_indent(line) + 1, above), key)

    def _find_container(self, column: int, above: list[Entry]) -> NodePath:
        """Return the path of the mapping that a line in a column belongs to."""
        lowest = above[-1].column + 1
        for entry in reversed(above):
            if entry.column < lowest:
                lowest = entry.column
                if lowest == column:
                    return entry.path[:-1]
                if lowest < column:
                    break
        # Between two levels it is the deeper one: the line is indented too little or too much.
        return above[-1].path[:-1]


class Entry(NamedTuple):
    """A key of the tree, or an empty item of a list."""

    line: int
    column: int
    path: NodePath
    is_empty: bool

    @property
    def has_key(self) -> bool:
        """True if it is a key."""
        return isinstance(self.path[-1], str)


def walk_entries(tree: Node) -> Iterator[Entry]:
    """Yield the keys of a tree and the empty items of its lists, each once."""
    waiting: list[tuple[Node, NodePath]] = [(tree, ())]
    seen: set[int] = set()
    while waiting:
        node, path = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            for key, child in node.entries.items():
                yield Entry(*node.places[key], (*path, key), _is_empty(child))
                waiting.append((child, (*path, key)))
        elif isinstance(node, SequenceNode):
            for index, item in enumerate(node.items):
                if _is_empty(item):
                    yield Entry(item.line, item.column, (*path, index), True)
                waiting.append((item, (*path, index)))


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None


def _apply(cut: _Cut, lines: list[str], original: list[str]) -> None:
    for index in range(cut.start, cut.end):
        lines[index] = _line_break(original[index])
    lines[cut.start] = cut.text + lines[cut.start]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _is_tab_indented(line: str) -> bool:
    return "\t" in line[: len(line) - len(line.lstrip(" \t"))] and bool(line.strip())


def _line_break(line: str) -> str:
    return line[len(line.rstrip(_LINE_BREAKS)) :]


def _error_line(error: Exception, default: int) -> int:
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) if mark else default
