"""Checks before a run pays: budgets, unknown prices, and the user's consent.

Only the user agrees to pay: with an answer in a terminal, or with an option on the command line or
a parameter of a deployment run. A budget in a file limits what is paid and never agrees to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal

from flows.run import Run
from storyboards.models import Money
from tasks.budgets.limits import BudgetLimit, MaxPrices
from tasks.budgets.money import Total, format_exact_amount
from tasks.errors import BudgetExceeded
from tasks.providers.price_tables import FREE_PRICE_TABLE
from tasks.store.layout import RecordStore
from tasks.store.status import ShotState


def check_consent(run: Run, *, ask: Callable[[str], bool] | None = None) -> None:
    """Check that every budget allows the maximum price of a run, and that the user agrees to it.

    Args:
        run: The run, before anything is sent.
        ask: Asks the user to pay that price, such as "0.60 CNY"; None if there is no terminal.

    Raises:
        BudgetExceeded: A budget is too low, a price under a budget is unknown, or consent is
            missing.
        UsageError: A budget and a price are in two currencies without a rate.
    """
    max_cost = run.max_cost
    if max_cost.is_free:
        return
    run.budget_guard.check_total(_prices_to_send(run))
    is_agreed = run.options.yes or run.options.budget is not None
    if not is_agreed and not (ask and ask(str(max_cost))):
        hint = " (a budget in a file limits, and does not agree)" if run.budget_guard.limits else ""
        msg = f"this run may cost {max_cost} and was not agreed to{hint}: {_how_to_agree(run)}"
        raise BudgetExceeded(msg)


def _how_to_agree(run: Run) -> str:
    """Return what the user types to agree; the amount of --budget is enough for the run."""
    yes = "-p yes=true" if run.settings.is_deployed else "--yes"
    cost = run.max_cost.as_money
    if cost is None:
        return f"give {yes}"
    amount = cost.amount.quantize(Decimal("0.000001"), ROUND_CEILING)
    money = f'"{format_exact_amount(amount)} {cost.currency}"'
    budget = f"-p budget='{money}'" if run.settings.is_deployed else f"--budget {money}"
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


def list_budgets(run: Run) -> list[tuple[BudgetLimit, Total]]:
    """Return every budget that applies to a run, with the total that is booked against it."""
    shots = run.plan.shots_to_render
    billed = [shot for shot in shots if shot.provider.price_table != FREE_PRICE_TABLE]
    folders = dict.fromkeys(run.records_of(shot) for shot in billed)
    guard = run.budget_guard
    return [
        (limit, guard.booked_total(limit, records)) for limit in guard.limits for records in folders
    ]
