"""Whether a run may spend what it may cost: budgets, unknown prices, and somebody's yes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flows.production import Production
from storyboards.models import Money
from tasks.errors import Unpayable
from tasks.money.bill import Bill
from tasks.money.walls import Asked, Wall
from tasks.providers.prices import FREE
from tasks.store import Shelf


def check_agreed(production: Production, *, ask: Callable[[str], bool] | None = None) -> None:
    """See to it that what this run may cost is allowed and agreed to; `ask` asks a person.

    Raises Unpayable where a budget forbids it, a price is unknown under a budget, or nobody agreed.
    """
    bill = production.to_pay
    if bill.free:
        return
    account = production.account
    account.check_total(_about_to_send(production))
    agreed = production.wish.agreed or any(wall.consents for wall in account.walls)
    if not agreed and not (ask and ask(str(bill))):
        msg = f"this run may cost {bill}, and nobody agreed: give --yes or a --budget"
        raise Unpayable(msg)


def _about_to_send(production: Production) -> Mapping[Shelf, Asked]:
    """The most that what is surely to render may cost, by shelf; a shared key counts once.

    A job that is fetched or in doubt is booked already. Where it turns out to be lost or never
    made, its submit is held against the walls by itself: a wall must not keep what is paid for
    from being fetched.
    """
    seen: set[str] = set()
    by_shelf: dict[Shelf, dict[str, Money | None]] = {}
    for shot in production.waiting:
        standing = production.survey[shot.id]
        sent = standing.state == "to render" or shot.key in production.resubmit
        if sent and shot.key not in seen:
            seen.add(shot.key)
            by_shelf.setdefault(production.shelf(shot), {})[shot.id] = standing.may_pay
    return by_shelf


def budgets_of(production: Production) -> list[tuple[Wall, Bill]]:
    """Every budget that holds for a run, and what is booked against it already."""
    priced = [one for one in production.plan if one.provider and one.provider.prices != FREE]
    shelves = dict.fromkeys(production.shelf(one) for one in priced)
    account = production.account
    return [(wall, account.booked(wall, shelf)) for wall in account.walls for shelf in shelves]
