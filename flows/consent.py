"""Checks before a run pays: budgets, unknown prices, and the user's consent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.run import Run
from storyboards.models import Money
from tasks.budgets.limits import BudgetLimit, MaxPrices
from tasks.budgets.money import Total
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
    guard = run.budget_guard
    guard.check_total(_prices_to_send(run))
    is_agreed = run.options.yes or any(limit.implies_consent for limit in guard.limits)
    if not is_agreed and not (ask and ask(str(max_cost))):
        msg = f"this run may cost {max_cost} and was not agreed to: give --yes or --budget"
        raise BudgetExceeded(msg)


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
