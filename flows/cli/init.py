"""`shotchain init`: write a small starter board."""

from __future__ import annotations

import argparse
from pathlib import Path

from flows.cli.output import print_output
from storyboards.template import build_template
from tasks.errors import UsageError

EXAMPLES = """\
# write a small board that renders unchanged, free, with the simulator
shotchain init film.yaml
# a folder that does not exist is created
shotchain init spots/autumn.yaml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `init`."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the YAML file to write")


def run_command(arguments: argparse.Namespace) -> int:
    """Write the board and return the exit code.

    Raises:
        UsageError: The file exists, or cannot be written.
    """
    file: Path = arguments.file
    text = build_template(file.stem)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new_file:
            new_file.write(text)
    except FileExistsError:
        msg = f"{file} exists; name a new file"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{file} can't be written: {error.strerror}; name another file"
        raise UsageError(msg) from error
    print_output(
        lambda: {"file": str(file.resolve())},
        lambda: f"{file} is written; next: shotchain render {file}",
        as_json=arguments.json,
    )
    return 0
