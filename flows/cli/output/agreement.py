"""The plan of a run that costs money, and the question if the user pays for it."""

from __future__ import annotations

import argparse
import sys

from flows.cli.arguments import ask_yes_no, is_interactive
from flows.cli.next_command import build_command
from flows.cli.output.plan_text import fit_view, format_plan, summarize_plan
from flows.cli.output.style import count_noun, print_styled, wrap
from flows.consent import find_sufficient_budget
from flows.run import Run
from tasks.budgets.money import format_max_price
from tasks.errors import BudgetExceeded


def ask_to_pay(run: Run, arguments: argparse.Namespace) -> bool:
    """Print the plan of a run in the terminal and ask once if the user pays for it.

    Returns:
        True if the user agrees; False without a terminal.

    Raises:
        BudgetExceeded: The user declined; the command to type was printed.
    """
    if not is_interactive():
        return False
    view = fit_view(sys.stderr)._replace(hides_kept=True)
    print_styled(format_plan(run, view) + "\n", sys.stderr)
    if ask_yes_no(_format_question(run)):
        return True
    budget = find_sufficient_budget(run)
    options = ("--budget", budget) if budget else ("--yes",)
    command = build_command("render", arguments, *options, also=("resubmit",))
    hint = f"Nothing was sent and nothing is paid. To render without a question:\n  {command}"
    print_styled(hint, sys.stderr)
    msg = "the price was declined"
    raise BudgetExceeded(msg)


def _format_question(run: Run) -> str:
    """Return the question with the price and the number of shots that it pays for."""
    cost = run.max_cost
    limit = "" if cost.has_unknown else "up to "
    payable = {shot.key for shot in run.pending if _is_payable(run, shot.id)}
    return f"Pay {limit}{format_max_price(cost)} for {count_noun(len(payable), 'shot')}?"


def _is_payable(run: Run, shot_id: str) -> bool:
    price = run.status[shot_id].max_price
    return price is None or bool(price.amount)


def print_summary(run: Run) -> None:
    """Print what a run that was agreed to renders and costs, in a line or two."""
    view = fit_view(sys.stderr)
    print_styled("\n".join(wrap(summarize_plan(run), view.width, indent="  ")), sys.stderr)
