"""Whether a run may spend what it may cost: budgets, unknown prices, and somebody's yes."""

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


def check_consent(production: Run, *, ask: Callable[[str], bool] | None = None) -> None:
    """See to it that what this run may cost is allowed and agreed to; `ask` asks a person.

    Raises Unpayable where a budget forbids it, a price is unknown under a budget, or nobody agreed.
    """
    bill = production.max_cost
    if bill.is_free:
        return
    account = production.budget_guard
    account.check_total(_about_to_send(production))
    agreed = production.options.yes or any(wall.implies_consent for wall in account.limits)
    if not agreed and not (ask and ask(str(bill))):
        msg = f"this run may cost {bill}, and nobody agreed: give --yes or a --budget"
        raise BudgetExceeded(msg)


def _about_to_send(production: Run) -> Mapping[RecordStore, MaxPrices]:
    """The most that what is surely to render may cost, by shelf; a shared key counts once.

    A job that is fetched or in doubt is booked already. Where it turns out to be lost or never
    made, its submit is held against the walls by itself: a wall must not keep what is paid for
    from being fetched.
    """
    seen: set[str] = set()
    by_shelf: dict[RecordStore, dict[str, Money | None]] = {}
    for shot in production.pending:
        standing = production.status[shot.id]
        sent = standing.state is ShotState.TO_RENDER or shot.key in production.resubmitted
        if sent and shot.key not in seen:
            seen.add(shot.key)
            by_shelf.setdefault(production.records_of(shot), {})[shot.id] = standing.max_price
    return by_shelf


def list_budgets(production: Run) -> list[tuple[BudgetLimit, Total]]:
    """Every budget that holds for a run, and what is booked against it already."""
    priced = [
        one
        for one in production.plan.shots_to_render
        if one.provider.price_table != FREE_PRICE_TABLE
    ]
    shelves = dict.fromkeys(production.records_of(one) for one in priced)
    account = production.budget_guard
    return [
        (wall, account.booked_total(wall, shelf)) for wall in account.limits for shelf in shelves
    ]
