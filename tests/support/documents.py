"""Read the documents of the repository: their code blocks, tables and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read_document(path: str) -> str:
    """Return the text of a document; the path is relative to the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def read_block(path: str, marker: str) -> str:
    """Return the code block of a document that follows the comment `<!-- marker -->`.

    Raises:
        LookupError: The document has no such block.
    """
    match = re.search(rf"<!-- {marker} -->\n```\w*\n(.*?)```", read_document(path), re.DOTALL)
    if match is None:
        msg = f"{path} has no code block {marker}"
        raise LookupError(msg)
    return match[1]


def iter_code_blocks(path: str, language: str) -> Iterator[str]:
    """Yield the code blocks of a document in a language."""
    yield from re.findall(rf"^```{language}\n(.*?)^```", read_document(path), re.DOTALL | re.M)


def read_table(path: str, marker: str) -> list[list[str]]:
    """Return the cells of the table that follows the comment `<!-- marker -->`, without header.

    Raises:
        LookupError: The document has no such table.
    """
    match = re.search(rf"<!-- {marker} -->\n((?:\|.*\n)+)", read_document(path))
    if match is None:
        msg = f"{path} has no table {marker}"
        raise LookupError(msg)
    return table_cells(match[1])


def table_cells(lines: str) -> list[list[str]]:
    """Return the cells of a Markdown table, without its header."""
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        for line in lines.splitlines()[2:]
    ]


def read_section(path: str, heading: str) -> str:
    """Return the text below a heading, up to the next heading of the same or a higher level.

    Raises:
        LookupError: The document has no such heading.
    """
    lines = read_document(path).splitlines()
    is_code, level, section = False, 0, []
    for line in lines:
        is_code ^= line.startswith("```")
        match = None if is_code else re.fullmatch(r"(#+) (.*)", line)
        if match and level and len(match[1]) <= level:
            break
        if match and match[2] == heading and not level:
            level = len(match[1])
        elif level:
            section.append(line)
    if not level:
        msg = f"{path} has no heading {heading}"
        raise LookupError(msg)
    return "\n".join(section)
