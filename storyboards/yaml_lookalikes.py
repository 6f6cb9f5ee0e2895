"""Characters that look like YAML to an author and are something else to its parser.

Non-breaking blanks, typographic dashes, quotes and colons, a colon without its blank, Markdown
around the board. They are only searched in a board with problems. A line is repaired as it was
meant, so that the rest of the board is still checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from storyboards.models import CastMember, Film, Look, References, Shot, Storyboard
from storyboards.problems import Problem
from storyboards.terminal_text import quote

_BLANKS = "\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000\ufeff"
_LINE = re.compile(
    rf"""
    (?P<indent>[ {_BLANKS}]*)
    (?:(?P<bullet>[-–—‐‑•‣●*]|\d{{1,3}}[.)])(?P<behind>[ {_BLANKS}]+))?
    (?P<key>[\"“”„‘’'«»]?[^\W\d][\w-]*[\"“”„‘’'«»]?)
    (?P<before>[ {_BLANKS}]*)
    (?P<colon>[:：=])
    (?P<after>[ {_BLANKS}]*)
    (?P<value>.*)
    """,
    re.VERBOSE,
)
_UNUSUAL = re.compile(f"[{_BLANKS}]")
_BLANK_NAMES = {"\u00a0": "a non-breaking blank", "\u3000": "a full-width blank"}
_CURLY_KEY = re.compile("[“”„‘’«»]")
_QUOTES = frozenset('“”„«»‘’"')
_OPENING = _QUOTES - {'"'}
_NESTED_SHOT = re.compile(r"shot:\s*([^\s{}]+)\s*$")
_ITEM = re.compile(r"( *-[ ]+)([\w-]*)")
_ID = re.compile(r" *id *:(?: |$)")
_FENCE = re.compile("```|~~~")
"""At the left edge, where no text of a board can be."""


class Repair(NamedTuple):
    """A line in the form that was meant, and the problem of the line as written."""

    text: str
    problem: Problem | None
    """None for a line that moves with the line above it."""
    shift: int = 0
    """The characters that are added at the start of the line."""


def repair_lines(lines: list[str]) -> dict[int, Repair]:
    """Return the repair of each line that is not YAML, by its 0-based index."""
    fenced = _repair_fences(lines)
    repairs = dict(fenced)
    dashes = _DashRepairer()
    for index, line in enumerate(lines):
        if index in fenced:
            continue
        repair = _repair(line, index)
        repair = repair or dashes.repair(line, index)
        if repair:
            repairs[index] = repair
    return repairs


class _DashRepairer:
    """Adds the dash of a shot that begins with its id, and moves the keys of that shot."""

    def __init__(self) -> None:
        self._dash_column = self._key_column = -1
        """Of the item that a line is part of; -1 outside of one."""
        self._has_id = False
        self._shift = 0
        self._is_moving = False

    def repair(self, line: str, index: int) -> Repair | None:
        """Return the repair of the next line, if it needs one."""
        indent = len(line) - len(line.lstrip(" "))
        if not line.strip():
            return None
        if item := _ITEM.match(line):
            if self._dash_column in (-1, indent) or indent < self._dash_column:
                self._dash_column, self._key_column = indent, item.end(1)
                self._has_id, self._shift = item[2] == "id", 0
            return self._move(line, indent)
        is_id = bool(_ID.match(line))
        if is_id and indent == self._dash_column >= 0:
            self._shift, self._is_moving = self._key_column - self._dash_column, False
            text = f"{line[:indent]}-{' ' * (self._shift - 1)}{line[indent:]}"
            return Repair(text, _missing_dash(index, indent), self._shift)
        if is_id and indent == self._key_column and self._has_id and not self._shift:
            column = self._dash_column
            text = f"{line[:column]}-{line[column + 1 :]}"
            return Repair(text, _missing_dash(index, indent))
        if indent < self._dash_column:
            self._dash_column = self._key_column = -1
            self._shift = 0
        self._has_id |= is_id and indent == self._key_column
        return self._move(line, indent)

    def _move(self, line: str, indent: int) -> Repair | None:
        """Return the repair of a line that moves with the id of its shot."""
        # The keys may already be where they belong, with only the dash missing.
        self._is_moving |= indent == self._dash_column
        if not self._shift or not self._is_moving:
            return None
        return Repair(" " * self._shift + line, None, self._shift)


def _missing_dash(index: int, column: int) -> Problem:
    message = "a shot begins without a dash"
    return Problem(message, "Write `- id: ...`.", "", index + 1, column + 1)


def apply_repairs(lines: list[str], repairs: dict[int, Repair], only: Collection[int]) -> str:
    """Return the text with the repairs of some lines."""
    return "\n".join(
        repairs[index].text if index in only else line for index, line in enumerate(lines)
    )


def _repair_fences(lines: list[str]) -> dict[int, Repair]:
    """Return the repairs that remove Markdown: the lines of the fences and what is outside."""
    fences = [index for index, line in enumerate(lines) if _FENCE.match(line)]
    if not fences:
        return {}
    message = "the board is inside a Markdown code block"
    remedy = "Remove the ``` lines, and what is above the first and below the last."
    problem = Problem(message, remedy, "", fences[0] + 1, 1)
    outside = fences
    if len(fences) > 1:
        inside = range(fences[0] + 1, fences[1])
        outside = [index for index in range(len(lines)) if index not in inside]
    return {index: Repair("", problem) for index in outside if lines[index].strip()}


def _repair(line: str, index: int) -> Repair | None:
    match = _LINE.match(line)
    lookalike = next(_find_lookalikes(match), None) if match else None
    if match is None or lookalike is None:
        return None
    message, remedy, column = lookalike
    return Repair(_write(match), Problem(message, remedy, "", index + 1, column + 1))


def _find_lookalikes(match: re.Match[str]) -> Iterator[tuple[str, str, int]]:
    """Yield message, remedy and column of what is not YAML in a line."""
    for group in ("indent", "behind", "before", "after"):
        if match[group] and _UNUSUAL.search(match[group]):
            yield _describe_blank(match[group], match.start(group))
    bullet, key, colon = match["bullet"], match["key"], match["colon"]
    if bullet and bullet != "-":
        yield (
            f"a shot or item begins with {quote(bullet)}",
            "Write a plain hyphen: `- `.",
            match.start("bullet"),
        )
    if _CURLY_KEY.search(key):
        plain = _CURLY_KEY.sub("", key)
        yield (
            f"the key {quote(key)} is in curly quotes",
            f"Write `{plain}:` without them.",
            match.start("key"),
        )
    if colon == "：":
        yield (
            "the colon is a full-width one",
            "Write a plain colon and a blank: `: `.",
            match.start("colon"),
        )
    elif colon == "=" and key in _KEYS:
        yield (
            f"{quote(key)} is followed by =",
            "Write a colon: `" + key + ": ...`.",
            match.start("colon"),
        )
    elif colon == ":" and not match["after"] and match["value"] and key in _KEYS:
        message = f"the blank behind the colon of {quote(key)} is missing"
        yield message, f"Write `{key}: ...`.", match.start("colon")
    if nested := _find_nested_shot(match):
        remedy = f"Write {{shot: {nested}}}."
        yield "a shot to continue is written in braces", remedy, match.start("value")
    if colon == ":" and match["after"] and _strip_curly(match["value"]):
        message = "a text with a colon or # is in curly quotes, which are not YAML's"
        yield message, 'Replace them by straight ones, "like these".', match.start("value")


def _describe_blank(blanks: str, start: int) -> tuple[str, str, int]:
    blank = _UNUSUAL.search(blanks)
    char = blank[0] if blank else " "
    name = _BLANK_NAMES.get(char, "an invisible blank")
    message = f"the line has {name} (U+{ord(char):04X}), which YAML reads as a letter"
    return message, "Replace it by a plain blank.", start + (blank.start() if blank else 0)


def _find_nested_shot(match: re.Match[str]) -> str:
    nested = _NESTED_SHOT.match(match["value"]) if match["key"] == "first_frame" else None
    return nested[1] if nested else ""


def _strip_curly(value: str) -> str:
    """Return the text in the curly quotes around a value that YAML can't read; else ""."""
    value = value.rstrip()
    inner = value[1:-1]
    is_quoted = value[:1] in _OPENING and value[-1:] in _QUOTES and _QUOTES.isdisjoint(inner)
    return inner if is_quoted and (": " in inner or " #" in inner) else ""


def _write(match: re.Match[str]) -> str:
    """Return the line as it was meant, with as many characters where possible."""
    text = " " * len(match["indent"])
    if match["bullet"]:
        text += "-" + " " * (len(match["bullet"]) - 1 + len(match["behind"]))
    text += _CURLY_KEY.sub('"', match["key"]) + " " * len(match["before"]) + ":"
    value = match["value"]
    if nested := _find_nested_shot(match):
        value = f"{{shot: {nested}}}"
    elif inner := _strip_curly(value):
        value = f'"{inner}"'
    return text + " " * max(1, len(match["after"])) + value if value else text


_KEYS = frozenset(
    field.alias or name
    for model in (Storyboard, Look, Shot, CastMember, References, Film)
    for name, field in model.model_fields.items()
)
