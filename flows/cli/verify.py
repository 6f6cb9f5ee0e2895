"""`shotchain verify`: read every file of the store and report damage; put it aside on request."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.cli.arguments import add_store, open_store
from flows.cli.output import print_output
from tasks.store.layout import Store
from tasks.store.temp_files import format_bytes
from tasks.store.verify import StoreProblem, UnknownFile, VerifyResult, quarantine, verify_store

Quarantined = Mapping[Path, Path]
"""The new paths of damaged files, by their old paths."""

EXAMPLES = """\
# read every file of the store and report damage
shotchain verify
# put damaged files aside, so that the next run replaces them
shotchain verify --repair
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    add_store(parser)
    repair = "put damaged clips and films aside, so that the next run replaces them"
    parser.add_argument("--repair", action="store_true", help=repair)


def run_command(arguments: argparse.Namespace) -> int:
    """Verify the store and return the exit code: 1 if a file is damaged.

    Raises:
        UsageError: The store does not exist.
        StoreError: A file cannot be put aside.
    """
    store = open_store(arguments)
    result = verify_store(store)
    movable = [problem for problem in result.problems if problem.is_movable and arguments.repair]
    quarantined = {problem.path: quarantine(problem) for problem in movable}
    print_output(
        lambda: _document(store, result, quarantined),
        lambda: _text(store, result, quarantined),
        as_json=arguments.json,
    )
    return 1 if result.problems else 0


def _text(store: Store, result: VerifyResult, quarantined: Quarantined) -> str:
    lines = [_format_problem(problem, quarantined) for problem in result.problems]
    lines += [_format_unknown_file(store, file) for file in result.unknown_files]
    verdict = f"{len(result.problems)} damaged" if result.problems else "all files are intact"
    size = format_bytes(result.byte_count)
    return "\n".join([*lines, f"{store.root}: {result.file_count} files, {size}; {verdict}"])


def _format_problem(problem: StoreProblem, quarantined: Quarantined) -> str:
    subject = " ".join(filter(None, (problem.key[:10], problem.owner))) or problem.path.name
    remedy = problem.remedy
    if problem.path in quarantined:
        next_step = remedy.rpartition("; then ")[2]
        remedy = f"put aside as {quarantined[problem.path].name}; {next_step}"
    return f"damaged: {subject}: {problem.message}; {remedy}"


def _format_unknown_file(store: Store, file: UnknownFile) -> str:
    is_inside = file.path.is_relative_to(store.root)
    place = file.path.relative_to(store.root) if is_inside else file.path
    return f"{place}: {file.reason} ({format_bytes(file.size_bytes)})"


def _document(store: Store, result: VerifyResult, quarantined: Quarantined) -> dict[str, Any]:
    return {
        "store": str(store.root),
        "files": result.file_count,
        "bytes": result.byte_count,
        "damaged": [
            {
                "path": str(problem.path),
                "key": problem.key or None,
                "board": problem.attempt.board if problem.attempt else None,
                "shot": problem.attempt.shot if problem.attempt else None,
                "what": problem.message,
                "remedy": problem.remedy,
                "aside": str(quarantined[problem.path]) if problem.path in quarantined else None,
            }
            for problem in result.problems
        ],
        "strays": [
            {"path": str(file.path), "why": file.reason, "bytes": file.size_bytes}
            for file in result.unknown_files
        ],
    }
