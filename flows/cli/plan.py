"""`shotchain plan`: show what a run would render and cost, and why. Offline."""

from __future__ import annotations

import argparse

from flows.cli.arguments import add_board, add_stale, add_was, prepare_board
from flows.cli.output import print_output
from flows.cli.output.text import format_plan
from flows.documents import plan_document
from flows.run import check_preconditions
from tasks.store.staleness import StalePolicy

EXAMPLES = """\
# what a run would render, keep and cost; offline, spends nothing
shotchain plan film.yaml
# the price at another provider
shotchain plan film.yaml --provider modelark
# the price if shots that start on an old frame are rendered again
shotchain plan film.yaml --stale cascade
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `plan`."""
    add_board(parser)
    add_stale(parser)
    add_was(parser)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the plan and return the exit code.

    Raises:
        ShotchainError: See `flows.run.prepare_run` and `flows.run.check_preconditions`.
    """
    run = prepare_board(arguments, stale=StalePolicy(arguments.stale), was=arguments.was)
    check_preconditions(run)
    print_output(lambda: plan_document(run), lambda: format_plan(run), as_json=arguments.json)
    return 0
