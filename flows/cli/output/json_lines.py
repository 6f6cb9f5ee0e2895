"""The log of a command as JSON lines: `--log-format json`.

Each line is an object with the same fields. What is printed as text, such as an error, becomes an
object as well.
"""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

_PROBLEM = re.compile(r"^\S.*:\d+:\d+: ")
"""The beginning of a problem of a board: file, line and column."""

FIELDS = (
    "time",
    "level",
    "event",
    "message",
    "shot",
    "state",
    "detail",
    "fraction",
    "since",
    "expected_seconds",
    "retry",
    "max_retries",
    "delay_seconds",
    "job",
    "provider",
    "price",
)
"""The fields of a JSON line, null if they do not apply."""


def json_line(now: float, message: str, **fields: Any) -> str:
    """Return a JSON line with all `FIELDS`."""
    values = {"time": format_utc(now), "level": "info", "event": "message", "message": message}
    values |= fields
    return json.dumps({name: values.get(name) for name in FIELDS}, ensure_ascii=False)


class JsonLines(io.TextIOBase):
    """A stream that writes each line of text as a JSON object: warnings, errors, notes of others.

    Args:
        stream: The destination.
        clock: Returns Unix seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.time) -> None:
        self._stream, self._clock = stream, clock
        self._rest = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the destination."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in filter(None, lines):
            self.write_object(_level_of(line), line)
        return len(text)

    def flush(self) -> None:
        """Flush the destination."""
        self._stream.flush()

    def write_object(self, level: str, message: str, **fields: Any) -> None:
        """Write one JSON object."""
        for prefix in ("warning: ", "shotchain: "):
            message = message.removeprefix(prefix)
        line = json_line(self._clock(), message, level=level, **fields)
        # One write: lines of several threads stay whole.
        self._stream.write(line.encode(errors="backslashreplace").decode() + "\n")
        self._stream.flush()


def _level_of(line: str) -> str:
    if line.startswith("warning: "):
        return "warning"
    is_error = line.startswith("shotchain: ") or _PROBLEM.match(line)
    return "error" if is_error else "info"


def format_utc(unix_seconds: float) -> str:
    """Return a time in ISO 8601 with milliseconds, in UTC."""
    at = datetime.fromtimestamp(unix_seconds, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
