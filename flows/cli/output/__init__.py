"""Printing of results. The content of JSON documents is built in `flows.documents`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from flows.cli.output.style import print_styled


class LogOptions(NamedTuple):
    """The options about what a command shows on stderr while it works."""

    is_quiet: bool = False
    """Show nothing but errors and the end."""
    is_verbose: bool = False
    """Show requests to vendors and the log of Prefect too."""
    as_json: bool = False
    """Print JSON lines; stderr is a `json_lines.JsonLines` then."""


def print_output(
    document: Callable[[], dict[str, Any]], text: Callable[[], str], *, as_json: bool
) -> None:
    """Print the result of a command.

    Args:
        document: Builds the JSON document; called only with `as_json`.
        text: Formats the result for a person, with colours of `style.paint`; called only without
            `as_json`.
        as_json: Choose the document.
    """
    if as_json:
        print(format_json(document()))
    else:
        print_styled(text(), sys.stdout)


def format_json(document: dict[str, Any]) -> str:
    """Return a document as JSON text.

    Letters of all scripts stay if stdout is UTF-8; then only the bytes of a file name that is not
    valid UTF-8 are escaped.
    """
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not is_utf8, indent=1)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
