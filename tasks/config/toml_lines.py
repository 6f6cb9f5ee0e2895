"""Read a TOML file with the line of each key, for error messages.

The keys and sections of `shotchain.toml` are defined in `schema`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from stat import S_ISREG
from typing import Any

from storyboards.problems import Problem
from tasks.errors import InvalidConfiguration, NotConfigured

TomlPath = tuple[str | int, ...]
"""The path of a value: keys and indexes of lists."""
TomlKeys = tuple[str, ...]
"""The path of a key, without indexes."""

MAX_CONFIG_BYTES = 256_000
_MAX_VALUE_LINES = 200
_SYNTAX_REMEDY = "Correct the TOML there."


@dataclass(frozen=True)
class ConfigFile:
    """The data of a configuration file, and the lines of its keys."""

    display_name: str
    """The file's name in messages."""
    data: dict[str, Any]
    text: str = field(repr=False)

    def problem(self, path: TomlPath, message: str, remedy: str) -> Problem:
        """Return a problem at a path, with the line of the nearest key that is in the file."""
        lines = find_lines(self.text)
        keys = tuple(part for part in path if isinstance(part, str))
        while keys and keys not in lines:
            keys = keys[:-1]
        return Problem(message, remedy, self.display_name, lines.get(keys, 0), 0, path)


def read_config_file(
    path: Path, *, display_name: str, root_folder: Path | None = None
) -> ConfigFile:
    """Read a TOML file; numbers with a point become exact decimals.

    Args:
        path: The file.
        display_name: Its name in messages.
        root_folder: The folder that a symbolic link must not leave; None for any target.

    Raises:
        InvalidConfiguration: If it is not valid TOML, or lies outside the folder.
        NotConfigured: If it can't be read.
    """
    try:
        target = path.resolve(strict=True)
        if root_folder is not None and not target.is_relative_to(root_folder.resolve()):
            message = "the file is a link out of the board's folder"
            raise _invalid_file_error(display_name, message, "Copy it here.")
        if not S_ISREG(target.stat().st_mode):
            message = "this is not a regular file"
            raise _invalid_file_error(display_name, message, "Write the configuration to a file.")
        with target.open("rb") as opened:
            data = opened.read(MAX_CONFIG_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its links form a loop"
        msg = f"the configuration {display_name} can't be read: {reason}"
        raise NotConfigured(msg) from None
    if len(data) > MAX_CONFIG_BYTES:
        message = f"the file is larger than {MAX_CONFIG_BYTES // 1000} kB"
        raise _invalid_file_error(display_name, message, "Shorten it.")
    return _parse_file(data, display_name)


def _parse_file(data: bytes, display_name: str) -> ConfigFile:
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return ConfigFile(display_name, _parse_toml(text), text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = "the file is not valid UTF-8"
        raise _invalid_file_error(display_name, message, "Save it as UTF-8.", line) from None
    except RecursionError:
        message = "the file is nested too deep"
        raise _invalid_file_error(display_name, message, _SYNTAX_REMEDY) from None
    except ValueError as error:
        message, line = _locate_error(str(error), text)
        raise _invalid_file_error(display_name, message, _SYNTAX_REMEDY, line) from None


def _parse_toml(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _locate_error(parser_message: str, text: str) -> tuple[str, int]:
    """Return message and line of a parser's error, which ends in "(at line 2, column 3)"."""
    message, _, place = parser_message.rpartition(" (at ")
    if not message:
        return f"the file is not valid TOML: {parser_message}", 0
    digits = place.removeprefix("line ").partition(",")[0]
    line = int(digits) if digits.isdigit() else len(text.splitlines())
    return f"the file is not valid TOML: {message[:1].lower()}{message[1:]}", line


def _invalid_file_error(
    display_name: str, message: str, remedy: str, line: int = 0
) -> InvalidConfiguration:
    return InvalidConfiguration((Problem(message, remedy, display_name, line),))


def find_lines(text: str) -> dict[TomlKeys, int]:
    """Return the 1-based line at which each key of a TOML text is first written.

    Statements are parsed one by one, because each of them is valid TOML. Keys after a value of more
    than 200 lines are left out.
    """
    lines: dict[TomlKeys, int] = {}
    table: TomlKeys = ()
    for number, statement, data in _iter_statements(text.split("\n")):
        paths = list(_iter_paths(data))
        if statement.startswith("["):
            table = paths[-1]
            lines.update({path: number for path in paths if path not in lines})
        else:
            lines.update({(*table, *path): number for path in paths})
    return lines


def _iter_statements(lines: list[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield the first line, the text and the data of each statement."""
    begin = 0
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[begin:end]).strip()
        try:
            data = _parse_toml(statement)
        except ValueError:
            if end - begin > _MAX_VALUE_LINES:
                return
            continue
        if data:
            yield begin + 1, statement, data
        begin = end


def _iter_paths(data: Any) -> Iterator[TomlKeys]:
    """Yield the path of each key in the data, outer keys before inner keys."""
    for table in data if isinstance(data, list) else [data]:
        if isinstance(table, dict):
            for key, value in table.items():
                yield (key,)
                yield from ((key, *path) for path in _iter_paths(value))
