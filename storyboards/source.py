"""From a file to its text: size, kind of file, encoding and characters, before any YAML is read."""

from __future__ import annotations

import re
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from storyboards.errors import InvalidStoryboard, Problem

MAX_BYTES = 2_000_000

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REMEDY_UTF8 = "Save the file as UTF-8."


def read_bytes(path: Path, *, file: str) -> bytes:
    """The bytes of a board's file. Raises InvalidStoryboard where there is none to read."""
    try:
        mode = path.stat().st_mode
        if S_ISDIR(mode):
            raise _refuse(file, "this is a folder", "Name the board's YAML file in it.")
        if not S_ISREG(mode):
            raise _refuse(file, "this is no regular file", "Write the board to a file first.")
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        remedy = "Check the path, or write a starter with `shotchain init FILE`."
        raise _refuse(file, "there is no such file", remedy) from None
    except PermissionError:
        raise _refuse(file, "the file may not be read", "Change its permissions.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise _refuse(file, f"the file can't be read: {reason}", "Check the path.") from None


def decode(data: bytes, *, file: str) -> str:
    """The text of a board's bytes: UTF-8, with or without a mark, no larger than 2 MB.

    Raises InvalidStoryboard where they are not, at the line and column of the first wrong byte.
    """
    if len(data) > MAX_BYTES:
        message = f"the board is larger than {MAX_BYTES // 1_000_000} MB"
        raise _refuse(file, message, "Split it into several boards.")
    if data.startswith(_UTF16_MARKS):
        raise _refuse(file, "the file is UTF-16", _REMEDY_UTF8, (1, 1))
    data = data.removeprefix(_UTF8_MARK)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"the byte 0x{data[error.start]:02X} is no UTF-8"
        raise _refuse(file, message, _REMEDY_UTF8, _end_of(before)) from None
    forbidden = _FORBIDDEN.search(text)
    if forbidden:
        message = f"the character U+{ord(forbidden[0]):04X} is not allowed in a board"
        remedy = _REMEDY_UTF8 if forbidden[0] == "\0" else "Take it out."
        raise _refuse(file, message, remedy, _end_of(text[: forbidden.start()]))
    return text


def _end_of(text: str) -> tuple[int, int]:
    """Line and column of what follows the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _refuse(
    file: str, message: str, remedy: str, place: tuple[int, int] = (0, 0)
) -> InvalidStoryboard:
    return InvalidStoryboard([Problem(message, remedy, file, *place)])
