"""Read a TOML file with the line of each key, for error messages. Knows no keys of its own."""

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

TomlPath = tuple[str | int, ...]
TomlKeys = tuple[str, ...]

MAX_CONFIG_BYTES = 256_000
_MAX_VALUE_LINES = 200


@dataclass(frozen=True)
class ConfigFile:
    """The data of a file, and how its places are named."""

    display_name: str
    """The file as messages name it."""
    data: dict[str, Any]
    text: str = field(repr=False)

    def problem(self, path: TomlPath, message: str, remedy: str) -> Problem:
        """One problem at a path, with the line of the nearest key that is written there."""
        lines = find_lines(self.text)
        keys = tuple(part for part in path if isinstance(part, str))
        while keys and keys not in lines:
            keys = keys[:-1]
        return Problem(message, remedy, self.display_name, lines.get(keys, 0), 0, path)


def read_config_file(
    path: File, *, display_name: str, root_folder: File | None = None
) -> ConfigFile:
    """The data of the file; numbers with a point are exact. `within` is a folder it may not leave.

    Raises InvalidConfiguration where it is no TOML or lies elsewhere, NotConfigured where it can't
    be read.
    """
    try:
        real = path.resolve(strict=True)
        if root_folder is not None and not real.is_relative_to(root_folder.resolve()):
            raise _invalid_file_error(
                display_name, "the file is a link out of the board's folder", "Copy it here."
            )
        if not S_ISREG(real.stat().st_mode):
            raise _invalid_file_error(
                display_name, "this is no regular file", "Write the configuration to a file."
            )
        with real.open("rb") as opened:
            data = opened.read(MAX_CONFIG_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "its links lead nowhere"
        msg = f"the configuration {display_name} can't be read: {reason}"
        raise NotConfigured(msg) from None
    if len(data) > MAX_CONFIG_BYTES:
        raise _invalid_file_error(
            display_name, f"the file is larger than {MAX_CONFIG_BYTES // 1000} kB", "Shorten it."
        )
    return _parse_file(data, display_name)


def _parse_file(data: bytes, display_name: str) -> ConfigFile:
    remedy = "Mend the TOML there."
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        return ConfigFile(display_name, _parse_toml(text), text)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _invalid_file_error(
            display_name, "the file is no UTF-8", "Save it as UTF-8.", line
        ) from None
    except RecursionError:
        raise _invalid_file_error(display_name, "the file is nested too deep", remedy) from None
    except ValueError as error:
        message, line = _locate_error(str(error), text)
        raise _invalid_file_error(display_name, message, remedy, line) from None


def _parse_toml(text: str) -> dict[str, Any]:
    return tomllib.loads(text, parse_float=Decimal)


def _locate_error(parser_message: str, text: str) -> tuple[str, int]:
    """What the parser says, and at which line; it says so at the end, in brackets."""
    message, _, place = parser_message.rpartition(" (at ")
    if not message:
        return f"the file is no TOML: {parser_message}", 0
    digits = place.removeprefix("line ").partition(",")[0]
    line = int(digits) if digits.isdigit() else len(text.splitlines())
    return f"the file is no TOML: {message[:1].lower()}{message[1:]}", line


def _invalid_file_error(
    display_name: str, message: str, remedy: str, line: int = 0
) -> InvalidConfiguration:
    return InvalidConfiguration((Problem(message, remedy, display_name, line),))


def find_lines(text: str) -> dict[TomlKeys, int]:
    """The line, from 1, at which each key of a TOML text is first written.

    Statement by statement, for each is TOML on its own. What stands behind a value of very many
    lines is left out.
    """
    lines: dict[TomlKeys, int] = {}
    table: TomlKeys = ()
    for number, written, data in _iter_statements(text.split("\n")):
        paths = list(_iter_paths(data))
        if written.startswith("["):
            table = paths[-1]
            lines.update({path: number for path in paths if path not in lines})
        else:
            lines.update({(*table, *path): number for path in paths})
    return lines


def _iter_statements(lines: list[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each statement's first line, its text and its data."""
    begin = 0
    for end in range(1, len(lines) + 1):
        written = "\n".join(lines[begin:end]).strip()
        try:
            data = _parse_toml(written)
        except ValueError:
            if end - begin > _MAX_VALUE_LINES:
                return
            continue
        if data:
            yield begin + 1, written, data
        begin = end


def _iter_paths(data: Any) -> Iterator[TomlKeys]:
    """The path of each key in the data, the outer before the inner."""
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict):
            for key, value in one.items():
                yield (key,)
                yield from ((key, *path) for path in _iter_paths(value))
