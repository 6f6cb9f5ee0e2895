"""`shotchain init`: write a starter board, with what it needs beside it."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from flows.cli.output import print_output
from storyboards.template import SCHEMA_FILE, TEMPLATES, build_template
from storyboards.terminal_text import escape_control_chars
from tasks.errors import UsageError

EXAMPLES = """\
# write a small board that renders unchanged, free, with the simulator
shotchain init film.yaml
# a spot of twelve shots, in a folder that may not exist yet
shotchain init spots/autumn.yaml --template spot
# a first and a last frame from pictures, which are written too
shotchain init card --template end-card
"""

YAML_SUFFIXES = (".yaml", ".yml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `init`."""
    file = "the YAML file to write; .yaml is added if it is missing"
    parser.add_argument("file", metavar="FILE", help=file)
    purposes = "; ".join(f"{name}: {purpose}" for name, purpose in TEMPLATES.items())
    parser.add_argument(
        "--template",
        metavar="NAME",
        choices=list(TEMPLATES),
        default=next(iter(TEMPLATES)),
        help=f"the board to begin with (by default the first): {purposes}",
    )


def run_command(arguments: argparse.Namespace) -> int:
    """Write the board and what it needs, and return the exit code.

    Raises:
        UsageError: The file exists, cannot be written, or is not the name of a YAML file.
    """
    file = _name_file(arguments.file)
    template = build_template(file.stem, arguments.template)
    _write(file, template.text.encode())
    needed = {**template.pictures, SCHEMA_FILE.name: SCHEMA_FILE}
    written = [file]
    for name, source in needed.items():
        content = source.read_bytes()
        beside = file.parent / name
        if _write_if_missing(beside, content):
            written.append(beside)
        elif name in template.pictures and beside.is_file() and beside.read_bytes() != content:
            note = f"warning: {beside} exists with another picture, which the board uses"
            print(escape_control_chars(note), file=sys.stderr)
    print_output(
        lambda: {
            "file": str(file.resolve()),
            "template": arguments.template,
            "files": [str(path.resolve()) for path in written],
        },
        lambda: _text(file, written[1:]),
        as_json=arguments.json,
    )
    return 0


def _name_file(text: str) -> Path:
    """Return the file to write for a name as it was typed.

    Raises:
        UsageError: It is a folder or not the name of a YAML file.
    """
    file = Path(text)
    if text.endswith("/") or file.name in ("", "..") or file.is_dir():
        msg = f"{text} is a folder; name a file in it: {shlex.quote(str(file / 'film.yaml'))}"
        raise UsageError(msg)
    if file.suffix.lower() == ".json":
        msg = f"{text} is not a YAML file; name it {shlex.quote(str(file.with_suffix('.yaml')))}"
        raise UsageError(msg)
    return file if file.suffix.lower() in YAML_SUFFIXES else file.with_name(f"{file.name}.yaml")


def _write(file: Path, content: bytes) -> None:
    """Write a new file, and its folder.

    Raises:
        UsageError: The file exists, or cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {file.parent} can't be made: {error.strerror}; name another file"
        raise UsageError(msg) from error
    try:
        with file.open("xb") as new_file:
            new_file.write(content)
    except FileExistsError:
        msg = f"{file} exists; name a new file"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{file} can't be written: {error.strerror}; name another file"
        raise UsageError(msg) from error


def _write_if_missing(file: Path, content: bytes) -> bool:
    """Write a file unless it exists; return whether it was written."""
    if file.exists():
        return False
    _write(file, content)
    return True


def _text(file: Path, others: list[Path]) -> str:
    """Return what was written, and the next command as it can be pasted into a shell."""
    beside = [path.relative_to(file.parent).as_posix() for path in others]
    board = shlex.quote(f"./{file}" if str(file).startswith("-") else str(file))
    lines = [f"{file} is written" + (f", and beside it {', '.join(beside)}" if beside else "")]
    return "\n".join([*lines, f"next: shotchain render {board}"])
