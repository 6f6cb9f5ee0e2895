"""Checks before a run pays: budgets, unknown prices, and the user's consent.

Only the user agrees to pay: with an answer in a terminal, or with an option on the command line or
a parameter of a deployment run. A budget in a file limits what is paid and never agrees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import NamedTuple

from flows.run import Run
from storyboards.models import Money
from storyboards.problems import ShotchainError
from tasks.budgets.limits import BudgetLimit, MaxPrices
from tasks.budgets.money import Total, format_exact_amount, sum_prices
from tasks.errors import BudgetExceeded, UsageError
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.store.layout import RecordStore
from tasks.store.status import ShotState


def check_consent(run: Run, *, ask: Callable[[Run], bool] | None = None) -> None:
    """Check that every budget allows the maximum price of a run, and that the user agrees to it.

    Args:
        run: The run, before anything is sent.
        ask: Asks the user to pay for the run; None if there is no terminal.

    Raises:
        BudgetExceeded: A budget is too low, a price under a budget is unknown, or consent is
            missing.
        UsageError: A budget and a price are in two currencies without a rate.
    """
    check_budgets(run)
    if run.max_cost.is_free or is_agreed(run) or (ask and ask(run)):
        return
    hint = " (a budget in a file limits, and does not agree)" if run.budget_guard.limits else ""
    msg = f"this run may cost {run.max_cost} and was not agreed to{hint}: {_how_to_agree(run)}"
    raise BudgetExceeded(msg)


def is_agreed(run: Run) -> bool:
    """Return True if the user agreed to pay with an option or a parameter."""
    return run.options.yes or run.options.budget is not None


def check_budgets(run: Run) -> None:
    """Check that every budget allows the maximum price of a run.

    Raises:
        BudgetExceeded: A budget is too low, or a price under a budget is unknown.
        UsageError: A budget and a price are in two currencies without a rate.
    """
    if not run.max_cost.is_free:
        run.budget_guard.check_total(_prices_to_send(run))


def find_budget_error(run: Run) -> ShotchainError | None:
    """Return the error with which `check_budgets` would end a run, or None."""
    try:
        check_budgets(run)
    except (BudgetExceeded, UsageError) as error:
        return error
    return None


def find_sufficient_budget(run: Run) -> str | None:
    """Return the amount of `--budget` that is just enough for a run; None if it is not known."""
    cost = run.max_cost.as_money
    if cost is None:
        return None
    amount = cost.amount.quantize(Decimal("0.000001"), ROUND_CEILING)
    return f"{format_exact_amount(amount)} {cost.currency}"


def _how_to_agree(run: Run) -> str:
    """Return what the user gives to agree; the amount of --budget is enough for the run."""
    yes = "-p yes=true" if run.settings.is_deployed else "--yes"
    money = find_sufficient_budget(run)
    if money is None:
        return f"give {yes}"
    budget = f"-p budget='\"{money}\"'" if run.settings.is_deployed else f'--budget "{money}"'
    return f"give {yes} or {budget}"


def _prices_to_send(run: Run) -> Mapping[RecordStore, MaxPrices]:
    """Return the maximum prices of the requests that the run surely sends, a shared key once.

    Jobs in flight and unclear jobs are booked already. If such a job turns out to be lost, its new
    request is checked against the budgets alone: a budget must not prevent that a job is fetched
    that is paid for.
    """
    seen_keys: set[str] = set()
    prices: dict[RecordStore, dict[str, Money | None]] = {}
    for shot in run.pending:
        status = run.status[shot.id]
        is_sent = status.state is ShotState.TO_RENDER or shot.key in run.resubmitted
        if is_sent and shot.key not in seen_keys:
            seen_keys.add(shot.key)
            prices.setdefault(run.records_of(shot), {})[shot.id] = status.max_price
    return prices


class BudgetBalance(NamedTuple):
    """A budget of a run, before the run."""

    limit: BudgetLimit
    booked: Total
    requested: Total
    """The maximum price of what the run sends."""
    remaining: Decimal | None
    """The rest after the run, in the currency of the limit; negative if the limit is exceeded, None
    if it is not known."""


def list_budgets(run: Run) -> list[BudgetBalance]:
    """Return every budget that applies to a run, for each record store that it counts."""
    shots = run.plan.shots_to_render
    billed = [shot for shot in shots if shot.provider.price_table != FREE_PRICE_TABLE]
    folders = dict.fromkeys(run.records_of(shot) for shot in billed)
    prices, guard = _prices_to_send(run), run.budget_guard
    balances = []
    for limit in guard.limits if folders else ():
        # The limit of a run counts all that it sends.
        counted = [(folder,) for folder in folders] if limit.boards is not None else [(*folders,)]
        for group in counted:
            requested = sum_prices(
                price for folder in group for price in prices.get(folder, {}).values()
            )
            booked = guard.booked_total(limit, group[0])
            remaining = guard.remaining(limit, booked, requested)
            balances.append(BudgetBalance(limit, booked, requested, remaining))
    return balances
