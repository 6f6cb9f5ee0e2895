"""From a board's file to a `Board`: the one way in, and every problem at once.

For any bytes, the only exception is InvalidStoryboard. The file and its encoding are read here, the
YAML in `yaml_nodes` and `yaml_recovery`; `validation` checks the values.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePath
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from storyboards.board import INLINE_NAME, Board, derive_name
from storyboards.misread_texts import find_misread_texts
from storyboards.problems import (
    MAX_CANDIDATES,
    MAX_PROBLEMS,
    InvalidStoryboard,
    Problem,
    find_similar,
    join_or,
    merge_problems,
)
from storyboards.terminal_text import quote
from storyboards.validation import Checked, check_tree, find_warnings
from storyboards.yaml_nodes import (
    LINE_BREAK,
    MappingNode,
    Node,
    NodePath,
    ScalarNode,
    SequenceNode,
    compose,
    find_place,
)

MAX_BYTES = 2_000_000
BOARD_SUFFIXES = (".yaml", ".yml", ".json")
"""Endings of the file of a board."""
_MAX_LISTED_FILES = 10_000
"""Files of a folder that are compared with the name of a missing file."""

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME_BOARD = "Name the board's YAML file."
_SAVE_AS_TEXT = "Save it as plain text, in UTF-8."
_OTHER_FORMATS = (
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|BM....\0\0\0\0", "a picture", _NAME_BOARD),
    (rb"....ftyp|\x1aE\xdf\xa3", "a video", _NAME_BOARD),
    (rb"%PDF", "a PDF", _SAVE_AS_TEXT),
    (rb"\{\\rtf", "rich text (RTF)", _SAVE_AS_TEXT),
    (rb"PK\x03\x04", "a Word or ZIP file", _SAVE_AS_TEXT),
    (rb"(?i)\s*<(!doctype html|html)", "a web page", "Save the board itself, as plain text."),
)
"""The first bytes of files that are named by mistake, what they are, and the remedy."""
_REMEDY_UTF8 = "Save the file as UTF-8."


def load(path: Path, *, shown_as: str | None = None) -> Board:
    """Load the board in a file.

    Args:
        path: The file.
        shown_as: The file as the user named it, for messages.

    Raises:
        InvalidStoryboard: With every problem of the file, each at its line and column.
    """
    return _require_clean(load_partial(path, shown_as=shown_as))


def load_partial(path: Path, *, shown_as: str | None = None) -> Board:
    """Load the board in a file, without the values that are broken.

    The returned board lists its `problems`. It is for finding the problems that remain in the
    rest of it, and must never be rendered: `make_plan` raises if there are any.

    Raises:
        InvalidStoryboard: If nothing of the file can be read as a board.
    """
    shown = str(path) if shown_as is None else shown_as
    return _read(read_bytes(path, file=shown), shown, path.absolute(), path.stem)


def parse(data: bytes, *, file: str, folder: Path | None = None) -> Board:
    """Parse the bytes of a board.

    Args:
        data: The bytes.
        file: The name of the board's file, for messages.
        folder: Where relative references begin. Without it the board has no file and reads no
            local files.

    Raises:
        InvalidStoryboard: With every problem, each at its line and column.
    """
    return _require_clean(parse_partial(data, file=file, folder=folder))


def parse_partial(data: bytes, *, file: str, folder: Path | None = None) -> Board:
    """Parse the bytes of a board, without the values that are broken. See `load_partial`.

    Raises:
        InvalidStoryboard: If nothing of it can be read as a board.
    """
    name = PurePath(file)
    path = folder.absolute() / name.name if folder else None
    return _read(data, file, path, name.stem)


def _require_clean(board: Board) -> Board:
    if board.problems:
        raise InvalidStoryboard(board.problems)
    return board


class _Examined(NamedTuple):
    """The result of reading a text as a board."""

    tree: Node | None
    problems: list[Problem]
    warnings: list[Problem]
    checked: Checked | None
    """None if nothing of the text can be read as a board."""


def _read(data: bytes, shown: str, file: Path | None, stem: str) -> Board:
    text = decode(data, file=shown)
    examined = _examine(text)
    if examined.problems:
        examined = _examine_repaired(text) or examined
    tree, problems, warnings, checked = examined
    if not isinstance(tree, MappingNode) or checked is None:
        raise InvalidStoryboard(merge_problems(problems, file=shown))
    name = (checked.storyboard and checked.storyboard.name) or derive_name(stem)
    if not name and not _may_have_name(checked):
        message = f"no board name can be derived from the file's name {quote(stem)}"
        remedy = "Add a line `name: ...`."
        problems.append(Problem(message, remedy, "", tree.line, tree.column, ("name",)))
    merged = merge_problems(problems, file=shown)
    if checked.storyboard is None:
        raise InvalidStoryboard(merged)
    return Board(
        checked.storyboard,
        name or INLINE_NAME,
        file,
        shown,
        tree,
        merged,
        warnings=merge_problems(warnings, file=shown),
        broken=frozenset(checked.broken),
    )


def _examine(text: str) -> _Examined:
    composed = compose(text)
    if composed.error is not None:
        # Most boards need none of these patterns.
        from storyboards.yaml_recovery import compose_with_recovery

        composed = compose_with_recovery(text, composed)
    tree, problems = composed.tree, composed.problems
    if not isinstance(tree, MappingNode):
        return _Examined(tree, problems or [_top_problem(tree)], [], None)
    if len(problems) > MAX_PROBLEMS:
        return _Examined(tree, problems, [], None)
    misread = find_misread_texts(text, tree)
    problems += misread.problems
    checked = check_tree(tree, {*composed.broken, *(each.keys for each in misread.problems)})
    # A YAML problem of a value is the cause of a later problem of the same value.
    explained = {(each.line, each.column, each.keys) for each in problems}
    problems += [
        each for each in checked.problems if (each.line, each.column, each.keys) not in explained
    ]
    warnings = misread.warnings
    if checked.storyboard:
        warnings += (
            each._replace(line=line, column=column)
            for each in find_warnings(checked.storyboard)
            for line, column in [find_place(tree, each.keys)]
        )
    return _Examined(tree, problems, warnings, checked)


def _examine_repaired(text: str) -> _Examined | None:
    """Examine a text with problems again, with characters that only look like YAML replaced.

    Returns:
        The problems of these lines and those of the rest; None if the text has no such line.
    """
    from storyboards.yaml_lookalikes import apply_repairs, repair_lines
    from storyboards.yaml_recovery import walk_entries

    lines = LINE_BREAK.split(text)
    repairs = repair_lines(lines)
    if not repairs:
        return None
    examined = _examine(apply_repairs(lines, repairs, repairs))
    paths: dict[int, NodePath] = {}
    for entry in walk_entries(examined.tree or _NOTHING):
        paths.setdefault(entry.line, entry.path)
    # A line where no key begins is part of a text, which may contain anything.
    real = {
        index: repair
        for index, repair in sorted(repairs.items())
        if index + 1 in paths or not repair.text or repair.problem is None
    }
    if len(real) < len(repairs):
        examined = _examine(apply_repairs(lines, repairs, real))
    problems = dict.fromkeys(
        repair.problem._replace(keys=paths.get(index + 1, ()))
        for index, repair in real.items()
        if repair.problem
    )
    rest = (
        each._replace(column=each.column - real[each.line - 1].shift)
        if each.line - 1 in real
        else each
        for each in examined.problems
    )
    return examined._replace(problems=[*problems, *rest]) if problems else None


_NOTHING = ScalarNode(None, "", False, 1, 1)


def _may_have_name(checked: Checked) -> bool:
    """Return whether the board's `name` is among what could not be read."""
    unknown: set[NodePath] = {("name",), ("",)}
    return bool(unknown & checked.broken)


def _top_problem(tree: Node | None) -> Problem:
    remedy = "Begin with `shots:`; `shotchain init FILE` writes a starter."
    if tree is None or (isinstance(tree, ScalarNode) and tree.value is None):
        return Problem("the board is empty", remedy, "", 1, 1)
    kind = "a list" if isinstance(tree, SequenceNode) else "a text"
    message = f"the board is {kind}, not `key: value` lines"
    return Problem(message, remedy, "", tree.line, tree.column)


def read_bytes(path: Path, *, file: str) -> bytes:
    """Read the bytes of a board's file.

    Args:
        path: The file.
        file: The file as the user named it, for messages.

    Raises:
        InvalidStoryboard: If it can't be read.
    """
    try:
        mode = path.stat().st_mode
        if S_ISDIR(mode):
            raise _file_error(file, "this is a folder", _suggest_board_in(path, file))
        if not S_ISREG(mode):
            message = "this is not a regular file"
            raise _file_error(file, message, "Write the board to a file first.")
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _file_error(file, "there is no such file", _suggest_file(path, file)) from None
    except PermissionError:
        message = "there is no permission to read the file"
        raise _file_error(file, message, "Change its permissions.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise _file_error(file, f"the file can't be read: {reason}", "Check the path.") from None


def _suggest_file(path: Path, file: str) -> str:
    """Return the remedy for a missing file: the boards in its folder with a similar name."""
    by_stem = {PurePath(name).stem: name for name in list_boards(path.parent)}
    stems = [path.stem] if path.stem in by_stem else find_similar(path.stem, by_stem)
    if not stems:
        return "Check the path, or write a starter with `shotchain init FILE`."
    files = [str(PurePath(file).with_name(by_stem[stem])) for stem in stems]
    return f"Did you mean {join_or(files)}?"


def _suggest_board_in(folder: Path, shown: str) -> str:
    """Return the remedy for a folder in place of a board: the first boards in it, if any."""
    names = list_boards(folder)[:MAX_CANDIDATES]
    if not names:
        return "Name the board's YAML file."
    return f"Name a board in it: {join_or([str(PurePath(shown, name)) for name in names])}."


def list_boards(folder: Path) -> list[str]:
    """Return the sorted names of the files in a folder that may be boards."""
    with suppress(OSError, ValueError), os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in islice(entries, _MAX_LISTED_FILES)
            if entry.name.lower().endswith(BOARD_SUFFIXES)
            and not entry.name.endswith(".schema.json")
            and entry.is_file()
        )
    return []


def decode(data: bytes, *, file: str) -> str:
    """Decode a board's bytes: UTF-8, with or without a byte order mark, at most 2 MB.

    Raises:
        InvalidStoryboard: At the line and column of the first byte or character that is not
            allowed. Nothing else in the file is reliable then.
    """
    if len(data) > MAX_BYTES:
        message = f"the board is larger than {MAX_BYTES // 1_000_000} MB"
        raise _file_error(file, message, "Split it into several boards.")
    for sign, kind, remedy in _OTHER_FORMATS:
        if re.match(sign, data):
            raise _file_error(file, f"this is {kind}, not a storyboard", remedy)
    if data.startswith(_UTF16_MARKS):
        raise _file_error(file, "the file is UTF-16", _REMEDY_UTF8, (1, 1))
    data = data.removeprefix(_UTF8_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"the byte 0x{data[error.start]:02X} is not valid UTF-8"
        raise _file_error(file, message, _REMEDY_UTF8, _end_of(before)) from None
    if forbidden := find_forbidden_char(text):
        message = f"the character U+{ord(forbidden[0]):04X} is not allowed in a board"
        remedy = _REMEDY_UTF8 if forbidden[0] == "\0" else "Remove it."
        raise _file_error(file, message, remedy, _end_of(text[: forbidden.start()]))
    return text


def find_forbidden_char(text: str) -> re.Match[str] | None:
    """Return the first character of a text that no board may have, such as a control character."""
    return _FORBIDDEN.search(text)


def _end_of(text: str) -> tuple[int, int]:
    """Return line and column of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _file_error(
    file: str, message: str, remedy: str, place: tuple[int, int] = (0, 0)
) -> InvalidStoryboard:
    return InvalidStoryboard([Problem(message, remedy, file, *place)])
