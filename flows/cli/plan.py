"""`shotchain plan`: show what a run would render and cost, and why. Offline."""

from __future__ import annotations

import argparse
import sys

from flows.cli.arguments import (
    add_board,
    add_stale,
    add_variables,
    add_versions,
    add_was,
    prepare_board,
)
from flows.cli.next_command import build_command
from flows.cli.output import format_json, print_output
from flows.cli.output.plan_text import fit_view, format_plan
from flows.consent import find_budget_error
from flows.documents import error_document, plan_document
from flows.run import Run, check_preconditions
from tasks.store.staleness import StalePolicy

EXAMPLES = """\
# what a run would render, keep and cost; offline, spends nothing
shotchain plan film.yaml
# the price at another provider, and exit 4 if a budget forbids it
shotchain plan film.yaml --provider modelark --check
# each prompt as the vendor gets it, with its numbered pictures
shotchain plan film.yaml --prompts
# every column, with keys and tokens
shotchain plan film.yaml --wide
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `plan`."""
    add_board(parser)
    add_stale(parser)
    add_was(parser)
    add_versions(parser)
    add_variables(parser)
    wide = "show every column in full, with tokens, keys and chains"
    parser.add_argument("--wide", action="store_true", help=wide)
    prompts = "show each prompt as it is sent, and the pictures that are sent with it"
    parser.add_argument("--prompts", action="store_true", help=prompts)
    check = "exit with 4 if a budget forbids the run"
    parser.add_argument("--check", action="store_true", help=check)


def run_command(arguments: argparse.Namespace) -> int:
    """Print the plan and return the exit code.

    Raises:
        BudgetExceeded: `--check` was given, and a budget forbids the run.
        ShotchainError: See `flows.run.prepare_run` and `flows.run.check_preconditions`.
    """
    run = prepare_board(arguments, stale=StalePolicy(arguments.stale), was=arguments.was)
    return show_plan(
        run,
        arguments,
        is_wide=arguments.wide,
        shows_prompts=arguments.prompts,
        is_checked=arguments.check,
    )


def show_plan(
    run: Run,
    arguments: argparse.Namespace,
    *,
    is_wide: bool = False,
    shows_prompts: bool = False,
    is_checked: bool = False,
) -> int:
    """Print the plan of a run on stdout, and return the exit code.

    Args:
        run: The run.
        arguments: The arguments of `plan` or `render`.
        is_wide: Show every column.
        shows_prompts: Show each prompt as it is sent.
        is_checked: End with an error if a budget forbids the run.

    Raises:
        BudgetExceeded: A budget forbids the run.
        UsageError: A budget and a price are in two currencies without a rate.
        ShotchainError: See `flows.run.check_preconditions`.
    """
    check_preconditions(run)
    error = find_budget_error(run) if is_checked else None
    if error and arguments.json:
        document = plan_document(run, with_prompts=shows_prompts)
        print(format_json(error_document(error, document)))
        print(f"shotchain: {error}", file=sys.stderr)
        return error.exit_code
    view = fit_view(sys.stdout, is_wide=is_wide)
    view = view._replace(shows_prompts=shows_prompts, shows_budget_error=not error)
    print_output(
        lambda: plan_document(run, with_prompts=shows_prompts),
        lambda: format_plan(run, view, next_command=build_command("render", arguments)),
        as_json=arguments.json,
    )
    if error:
        raise error
    return 0
