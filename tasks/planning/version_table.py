"""A CSV file with one version per row: its header names variables, its cells are their values.

The file may come from any spreadsheet, or from a stranger: separators, quotes and a byte order mark
are recognised, and its size is limited. Every problem has the file and the line of the row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from storyboards.board import Board
from storyboards.loading import find_forbidden_char
from storyboards.models import Name, Text
from storyboards.problems import Problem
from storyboards.terminal_text import quote
from tasks.planning.media_files import MediaInputError, resolve_file

MAX_TABLE_BYTES = 4_000_000
MAX_ROWS = 1_000
"""Of one table, and versions of one board in all."""

_MAX_COLUMNS = 100
_SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""The first line with which a table for Excel names its separator."""
_SAVE_AS = "Save it as CSV in UTF-8."


class TableRow(NamedTuple):
    """A row of a table."""

    line: int
    """The line of the file on which it begins, from 1."""
    values: dict[str, str]
    """The values of variables by name."""


class InvalidTable(Exception):
    """A table that can't be used.

    Attributes:
        problems: Every problem that was found, each with its file and line.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = tuple(problems)


def read_table(board: Board, reference: str) -> list[TableRow]:
    """Return the rows of a CSV file beside a board; empty rows are left out.

    Args:
        board: The board.
        reference: The file as written.

    Raises:
        MediaInputError: The file is missing, outside of the board's folder or too large.
        InvalidTable: Its content can't be used.
    """
    path = resolve_file(board, reference)
    shown_as = str(PurePath(board.shown_as).parent / reference)
    return parse_table(_read_text(path, reference, shown_as), shown_as)


def _read_text(path: Path, reference: str, shown_as: str) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_TABLE_BYTES + 1)
    if len(data) > MAX_TABLE_BYTES:
        msg = f"{reference} is larger than {MAX_TABLE_BYTES // 1_000_000} MB"
        raise MediaInputError(msg, "Split it into several tables.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidTable([Problem("the table is UTF-16", _SAVE_AS, shown_as, 1)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{data[error.start]:02X} is not valid UTF-8"
        raise InvalidTable([Problem(message, _SAVE_AS, shown_as, line)]) from None
    if forbidden := find_forbidden_char(text):
        line = text.count("\n", 0, forbidden.start()) + 1
        message = f"the character U+{ord(forbidden[0]):04X} is not allowed in a table"
        raise InvalidTable([Problem(message, _SAVE_AS, shown_as, line)])
    return text


def parse_table(text: str, shown_as: str) -> list[TableRow]:
    """Return the rows of a table.

    Args:
        text: The content of the file.
        shown_as: The file as the user names it, for messages.

    Raises:
        InvalidTable: With every problem.
    """
    problems: list[Problem] = []
    first_line, text, separator = _find_separator(text)
    rows = _read_rows(text, separator, first_line, shown_as)
    header_line, header = next(rows, (1, []))
    names = _read_header(header, header_line, shown_as)
    table: list[TableRow] = []
    for line, cells in rows:
        if len(table) == MAX_ROWS:
            message = f"the table has more than {MAX_ROWS:,} rows"
            raise InvalidTable([Problem(message, "Split it, one board each.", shown_as, line)])
        table_row = TableRow(line, dict(zip(names, cells, strict=False)))
        problems += _check_cells(table_row, cells, names, shown_as)
        table.append(table_row)
    if not table:
        remedy = "Write a row for each version below the header."
        problems.append(Problem("the table has no rows", remedy, shown_as, header_line))
    if problems:
        raise InvalidTable(problems)
    return table


def _find_separator(text: str) -> tuple[int, str, str]:
    """Return the number of the first line of the table, its text and its separator.

    The separator is the character that is used most often for it in the header, outside of quotes.
    """
    if match := _SEPARATOR_LINE.match(text):
        return 2, text[match.end() :], match[1]
    header = text.lstrip().partition("\n")[0]
    unquoted = re.sub(r'"[^"]*"', "", header)
    return 1, text, max(_SEPARATORS, key=unquoted.count)


def _read_rows(
    text: str, separator: str, first_line: int, shown_as: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the stripped cells of each row that is not empty.

    Raises:
        InvalidTable: A row is not CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = first_line
    while True:
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            message = f"the row is not valid CSV: {error}"
            remedy = "Double each quote in a quoted cell, and end the cell with a quote."
            raise InvalidTable([Problem(message, remedy, shown_as, line)]) from None
        if any(cells):
            yield line, cells
        line = first_line + reader.line_num


def _read_header(cells: Sequence[str], line: int, shown_as: str) -> list[str]:
    """Return the names of the variables; empty columns at the end are left out.

    Raises:
        InvalidTable: A name is not valid, or is there twice.
    """
    names: list[str] = []
    problems = []
    filled = max((index for index, cell in enumerate(cells, 1) if cell), default=0)
    if filled > _MAX_COLUMNS:
        message = f"the table has {filled} columns, more than {_MAX_COLUMNS}"
        raise InvalidTable([Problem(message, "Keep those of variables.", shown_as, line)])
    for number, cell in enumerate(cells[:filled], 1):
        name, problem = _read_name(cell, number)
        if name in names:
            problem = f"the column {quote(name)} is there twice"
        if problem:
            problems.append(Problem(problem, _HEADER_REMEDY, shown_as, line, number))
        names.append(name)
    if not names:
        problems.append(Problem("the table is empty", _HEADER_REMEDY, shown_as, line))
    if problems:
        raise InvalidTable(problems)
    return names


_HEADER_REMEDY = "The first row names variables, one for each column: lang, claim."
_NAMES: TypeAdapter[str] = TypeAdapter(Name)
_TEXTS: TypeAdapter[str] = TypeAdapter(Text)


def _read_name(cell: str, number: int) -> tuple[str, str]:
    """Return the name of a variable in a header, and the problem of it; else ""."""
    if not cell:
        return "", f"column {number} has no name"
    try:
        return _NAMES.validate_python(cell), ""
    except ValidationError:
        return cell, f"{quote(cell)} is not a name: letters, digits, - and _, a letter first"


def _check_cells(
    table_row: TableRow, cells: Sequence[str], names: Sequence[str], shown_as: str
) -> Iterator[Problem]:
    """Yield the problems of a row: a cell is missing, empty, too long or has no column."""
    if any(cells[len(names) :]):
        message = f"the row has {len(cells)} cells, and the header {len(names)}"
        remedy = "Put quotes around a cell with a separator in it."
        yield Problem(message, remedy, shown_as, table_row.line, len(names) + 1)
    for number, name in enumerate(names, 1):
        if not table_row.values.get(name):
            message = f"the cell of {quote(name)} is empty"
            remedy = "Write its value for this version, or remove the column."
            yield Problem(message, remedy, shown_as, table_row.line, number)
            continue
        try:
            _TEXTS.validate_python(table_row.values[name])
        except ValidationError:
            message = f"the cell of {quote(name)} has more than 20,000 characters"
            yield Problem(message, "Shorten it.", shown_as, table_row.line, number)
