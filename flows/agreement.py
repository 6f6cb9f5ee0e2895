"""Whether a run may spend what it may cost: budgets, unknown prices, and somebody's yes."""

from __future__ import annotations

from collections.abc import Callable

from flows.production import Production
from storyboards.models import Money, read_money
from tasks.bill import show
from tasks.errors import Unpayable, UsageError


def budget_of(production: Production) -> Money | None:
    """What the command allows this run. Raises UsageError where it is no amount."""
    said = production.wish.budget
    if said is None:
        return None
    try:
        return Money.model_validate(read_money(said))
    except ValueError as error:
        msg = f"the budget {said!r} is no sum of money: write it like '3 USD'"
        raise UsageError(msg) from error


def check_agreed(production: Production, *, ask: Callable[[str], bool] | None = None) -> None:
    """See to it that what this run may cost is allowed and agreed to; `ask` asks a person.

    Raises Unpayable where a budget forbids it, a price is unknown under a budget, or nobody agreed.
    """
    budgets = [("this run", budget_of(production)), ("the board", _board_budget(production))]
    bill = production.to_pay
    if bill.free:
        return
    walls = [(whose, wall) for whose, wall in budgets if wall is not None]
    for whose, wall in walls:
        _check_wall(production, whose, wall)
    agreed = bool(walls) or production.wish.agreed
    if not agreed and not (ask and ask(str(bill))):
        msg = f"this run may cost {bill}, and nobody agreed: give --yes or a --budget"
        raise Unpayable(msg)


def _board_budget(production: Production) -> Money | None:
    return production.board.storyboard.budget


def _check_wall(production: Production, whose: str, wall: Money) -> None:
    bill = production.to_pay
    if bill.unknown:
        msg = f"the price is not known of {_unpriced(production)}, and {whose} has a budget"
        raise Unpayable(msg)
    single = bill.single
    if single is None or (single.currency != wall.currency and wall.amount):
        msg = (
            f"the budget of {whose} is in {wall.currency} and this run costs {bill}; "
            f"give a budget in the currency of the price"
        )
        raise UsageError(msg)
    if single.amount > wall.amount:
        msg = f"this run may cost {bill}, more than the budget of {whose}: {show(wall)}"
        raise Unpayable(msg)


def _unpriced(production: Production) -> str:
    names = [one.id for one in production.waiting if production.survey[one.id].may_pay is None]
    return ", ".join(names)
