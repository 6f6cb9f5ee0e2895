"""How one value is written in YAML: each way that suits its place, the most like its place first.

Whether a spelling reads as the value that was meant is asked by `rewriting`, which tries them.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from storyboards.scalars import read_plain

WIDTH = 96
_NEEDS_ESCAPE = re.compile("[\x7f-\xa0\xad\u2028\u2029\ufeff]")


def spell(value: Any, *, style: str = "plain", column: int | None = None) -> Iterator[str]:
    """The ways to write a value, with ``\\n`` between lines.

    ``style`` is how it was written before, ``column`` where its key begins; None is between braces.
    """
    if isinstance(value, dict):
        pairs = (f"{key}: {next(_spell_word(one))}" for key, one in value.items())
        yield "{" + ", ".join(pairs) + "}"
    elif not isinstance(value, str):
        yield json.dumps(value)
    else:
        yield from _spell_text(value, style, column)


def spell_key(name: str, *, like: str | None) -> str:
    """A key, in double quotes where its neighbour is."""
    return json.dumps(name) if like == '"' else name


def _spell_word(value: Any) -> Iterator[str]:
    """A number or an id between braces: bare where it can't be taken for anything else."""
    if not isinstance(value, str):
        yield json.dumps(value)
        return
    if re.fullmatch(r"[A-Za-z0-9_-]+", value) and read_plain(value) == value:
        yield value
    yield _double_quoted(value)


def _spell_text(text: str, style: str, column: int | None) -> Iterator[str]:
    if column is not None and (style in ("|", ">") or "\n" in text):
        pad = " " * (column + 2)
        if style == ">":
            yield from _folded(text, pad)
        yield from _literal(text, pad)
    if style == "'" and "\n" not in text:
        yield "'" + text.replace("'", "''") + "'"
    if style == "plain" and "\n" not in text and read_plain(text) == text and _is_calm(text):
        yield text
    yield _double_quoted(text)


def _is_calm(text: str) -> bool:
    """Whether a text has nothing in it that YAML could take for more than text."""
    return bool(re.fullmatch(r"[^\W\d_][\w ,.;()'-]*", text)) and text == text.strip()


def _double_quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _NEEDS_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _literal(text: str, pad: str) -> Iterator[str]:
    body, chomp = _chomped(text)
    if body and not body[0].isspace() and not any(map(_is_blank, body.split("\n"))):
        yield f"|{chomp}\n" + "\n".join(f"{pad}{line}" if line else "" for line in body.split("\n"))


def _folded(text: str, pad: str) -> Iterator[str]:
    body, chomp = _chomped(text)
    if body and body == " ".join(body.split()):
        lines = textwrap.wrap(body, WIDTH, break_long_words=False, break_on_hyphens=False)
        yield f">{chomp}\n" + "\n".join(pad + line for line in lines)


def _chomped(text: str) -> tuple[str, str]:
    """The text without the break at its end, and the sign that says whether it has one."""
    if text.endswith("\n"):
        return text[:-1], ""
    return text, "-"


def _is_blank(line: str) -> bool:
    return line != "" and not line.strip()
