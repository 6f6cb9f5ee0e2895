"""`shotchain schema`: print the JSON Schema of boards, for editors. Offline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from flows.cli.output import print_output
from storyboards.schema import build_schema
from tasks.errors import UsageError
from tasks.providers import PROVIDERS
from tasks.providers.families import FAMILIES

EXAMPLES = """\
# the file that the first line of a board names, for an editor with a YAML language server
shotchain schema --out storyboard.schema.json
# for other programs
shotchain schema
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `schema`."""
    out = "write it to this file, which is replaced if it exists"
    parser.add_argument("--out", metavar="FILE", type=Path, help=out)


def run_command(arguments: argparse.Namespace) -> int:
    """Print or write the schema and return the exit code.

    Raises:
        UsageError: The file cannot be written.
    """
    file: Path | None = arguments.out
    if file is None:
        print(format_schema(), end="")
        return 0
    try:
        file.write_text(format_schema(), encoding="utf-8")
    except OSError as error:
        msg = f"{file} can't be written: {error.strerror}; name another file"
        raise UsageError(msg) from error
    print_output(
        lambda: {"file": str(file.resolve())},
        lambda: f"{file} is written",
        as_json=arguments.json,
    )
    return 0


def format_schema() -> str:
    """Return the text of the schema, with the names of the built-in models and providers."""
    schema: dict[str, Any] = build_schema(models=FAMILIES, providers=PROVIDERS)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
