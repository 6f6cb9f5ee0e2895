"""One `shotchain.toml` as data, and the line of each key in it, so that messages can name a place.

TOML only; which keys there are is told by `words`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path as File
from stat import S_ISREG
from typing import Any

from storyboards.problems import Problem
from tasks.errors import InvalidConfiguration, NotConfigured

Path = tuple[str | int, ...]
Keys = tuple[str, ...]

MOST_BYTES = 256_000
_LONGEST_VALUE_LINES = 200


@dataclass(frozen=True)
class ConfigurationFile:
    """The data of a file, and how its places are named."""

    shown: str
    """The file as messages name it."""
    data: dict[str, Any]
    text: str = field(repr=False)

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """One problem at a path, with the line of the nearest key that is written there."""
        lines = find_lines(self.text)
        keys = tuple(part for part in path if isinstance(part, str))
        while keys and keys not in lines:
            keys = keys[:-1]
        return Problem(message, remedy, self.shown, lines.get(keys, 0), 0, path)


def read_file(path: File, *, shown: str, within: File | None = None) -> ConfigurationFile:
    """The data of the file; numbers with a point are exact. `within` is a folder it may not leave.

    Raises InvalidConfiguration where it is no TOML or lies elsewhere, NotConfigured where it can't
    be read.
    """
    try:
        real = path.resolve(strict=True)
        if within is not None and not real.is_relative_to(within.resolve()):
            raise _refuse(shown, "the file is a link out of the board's folder", "Copy it here.")
        if not S_ISREG(real.stat().st_mode):
            raise _refuse(shown, "this is no regular file", "Write the configuration to a file.")
        with real.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its links lead nowhere"
        msg = f"the configuration {shown} can't be read: {reason}"
        raise NotConfigured(msg) from None
    if len(data) > MOST_BYTES:
        raise _refuse(shown, f"the file is larger than {MOST_BYTES // 1000} kB", "Shorten it.")
    return _parse(data, shown)


def _parse(data: bytes, shown: str) -> ConfigurationFile:
    remedy = "Mend the TOML there."
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return ConfigurationFile(shown, _loads(text), text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _refuse(shown, "the file is no UTF-8", "Save it as UTF-8.", line) from None
    except RecursionError:
        raise _refuse(shown, "the file is nested too deep", remedy) from None
    except ValueError as error:
        message, line = _place(str(error), text)
        raise _refuse(shown, message, remedy, line) from None


def _loads(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _place(said: str, text: str) -> tuple[str, int]:
    """What the parser says, and at which line; it says so at the end, in brackets."""
    message, _, place = said.rpartition(" (at ")
    if not message:
        return f"the file is no TOML: {said}", 0
    digits = place.removeprefix("line ").partition(",")[0]
    line = int(digits) if digits.isdigit() else len(text.splitlines())
    return f"the file is no TOML: {message[:1].lower()}{message[1:]}", line


def _refuse(shown: str, message: str, remedy: str, line: int = 0) -> InvalidConfiguration:
    return InvalidConfiguration((Problem(message, remedy, shown, line),))


def find_lines(text: str) -> dict[Keys, int]:
    """The line, from 1, at which each key of a TOML text is first written.

    Statement by statement, for each is TOML on its own. What stands behind a value of very many
    lines is left out.
    """
    lines: dict[Keys, int] = {}
    table: Keys = ()
    for number, written, data in _statements(text.split("\n")):
        paths = list(_paths(data))
        if written.startswith("["):
            table = paths[-1]
            lines.update({path: number for path in paths if path not in lines})
        else:
            lines.update({(*table, *path): number for path in paths})
    return lines


def _statements(lines: list[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement's first line, its text and its data."""
    begin = 0
    for end in range(1, len(lines) + 1):
        written = "\n".join(lines[begin:end]).strip()
        try:
            data = _loads(written)
        except ValueError:
            if end - begin > _LONGEST_VALUE_LINES:
                return
            continue
        if data:
            yield begin + 1, written, data
        begin = end


def _paths(data: Any) -> Iterator[Keys]:
    """The path of each key in the data, the outer before the inner."""
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict):
            for key, value in one.items():
                yield (key,)
                yield from ((key, *path) for path in _paths(value))
