"""Budgets as walls: what is booked, plus what is about to be sent, never passes one.

A wall counts a shelf of the store, so that a rehearsal over loopback eats no real budget. Reads the
ledger and writes nothing; `booking` makes checking a wall and writing an intent one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from storyboards.models import Money, parse_money
from tasks.errors import Unpayable, UsageError
from tasks.money.bill import NOTHING, Bill, add, exact
from tasks.money.ledger import Entry, Ledger
from tasks.receipts import Receipt
from tasks.store import Shelf

if TYPE_CHECKING:
    from tasks.configuration.values import BudgetWall

Convert = Callable[[Money, str], Money | None]
"""A sum in another currency, by a dated rate; None where there is no rate."""

Asked = Mapping[str, Money | None]
"""What is about to be sent: the most it may cost by the shot's id, None where that is unknown."""


@dataclass(frozen=True)
class Wall:
    """A sum that may not be passed, and what counts against it."""

    whose: str
    """As a sentence says it: `the budget of {whose}`."""
    limit: Money
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns such as `spot-*`; None counts what this run sends itself."""
    month: bool = False
    """Whether only this calendar month counts, UTC; else everything that was ever booked."""
    consents: bool = False
    """Whether it is said of this very run or board, so that whoever said it agrees to spend it."""

    def counts(self, board: str) -> bool:
        """Whether what is booked under a board's name counts."""
        return any(fnmatchcase(board, pattern) for pattern in self.boards or ())


def run_wall(said: str) -> Wall:
    """What a command allows its run. Raises UsageError where it is no amount."""
    try:
        limit = Money.model_validate(parse_money(said))
    except ValueError as error:
        msg = f"the budget {said!r} is no sum of money: write it like '3 USD'"
        raise UsageError(msg) from error
    return Wall("this run", limit, consents=True)


def board_wall(name: str, limit: Money) -> Wall:
    """What a board may cost, all runs together."""
    return Wall(f"the board {name}", limit, (name,), consents=True)


def budget_wall(budget: BudgetWall) -> Wall:
    """What `shotchain.toml` allows a project or a client."""
    whose = f"{budget.name} for this month" if budget.month else budget.name
    boards = ("*",) if budget.boards is None else budget.boards
    return Wall(whose, budget.amount, boards, budget.month)


def no_rates(price: Money, currency: str) -> Money | None:
    """No sum has a value in another currency."""
    return price if price.currency == currency else None


class Account:
    """What one run may spend: the walls around it, the ledger behind them, what it sent itself."""

    def __init__(
        self,
        walls: Iterable[Wall] = (),
        *,
        convert: Convert = no_rates,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.walls = tuple(walls)
        self._convert = convert
        self._clock = clock
        self._ledgers: dict[Shelf, Ledger] = {}
        self._sent: dict[Shelf, dict[str, set[int]]] = {}

    def check_total(self, asked: Mapping[Shelf, Asked]) -> None:
        """See to it that everything a run is about to send, by shelf, passes no wall.

        Raises Unpayable where it may, or a price is not known; UsageError where a wall and a price
        are in two currencies without a rate.
        """
        every = {shot: price for some in asked.values() for shot, price in some.items()}
        for wall in self.walls:
            if wall.boards is None:
                self._hold(wall, [], every, "this run")
                continue
            for shelf, some in asked.items():
                self._hold(wall, self._booked(wall, shelf, self._month), some, "this run")

    def check(self, receipt: Receipt, shelf: Shelf) -> None:
        """See to it that the attempt that a receipt begins passes no wall. Raises as the total."""
        attempt = receipt.attempts[-1]
        for wall in self.walls:
            # Its own month, not the clock's: it may have been made out just before midnight.
            booked = self._booked(wall, shelf, attempt.intended_at[:7])
            self._hold(wall, booked, {attempt.shot: attempt.price_most}, attempt.shot)

    def note(self, receipt: Receipt, shelf: Shelf) -> None:
        """Remember that this run sends the attempt that a receipt begins."""
        numbers = self._sent.setdefault(shelf, {}).setdefault(receipt.key, set())
        numbers.add(len(receipt.attempts) - 1)

    def booked(self, wall: Wall, shelf: Shelf) -> Bill:
        """What counts against a wall now."""
        return add(self._booked(wall, shelf, self._month))

    @property
    def _month(self) -> str:
        return f"{self._clock():%Y-%m}"

    def _booked(self, wall: Wall, shelf: Shelf, month: str) -> list[Money | None]:
        if wall.boards is None:
            return [entry.booked for entry in self._own()]
        return [
            entry.booked
            for entry in self._ledger(shelf).entries()
            if wall.counts(entry.attempt.board) and (not wall.month or entry.month == month)
        ]

    def _own(self) -> Iterable[Entry]:
        for shelf, keys in self._sent.items():
            for key, numbers in keys.items():
                for entry in self._ledger(shelf).of(key):
                    if entry.number in numbers:
                        yield entry

    def _ledger(self, shelf: Shelf) -> Ledger:
        return self._ledgers.setdefault(shelf, Ledger(shelf))

    def _hold(self, wall: Wall, booked: list[Money | None], asked: Asked, what: str) -> None:
        wanted = add(asked.values())
        if wanted.free:
            return
        if wanted.unknown:
            shots = ", ".join(shot for shot, price in asked.items() if price is None)
            msg = f"the price is not known of {shots}, and {wall.whose} has a budget; "
            raise Unpayable(msg + "give its price in shotchain.toml, or leave the budget out")
        standing = add(booked)
        if standing.unknown:
            msg = f"{wall.whose} has a budget, and shots at an unknown price are booked there: "
            raise Unpayable(msg + "what is left of it is not known; leave the budget out to go on")
        if self._sum(wall, standing) + self._sum(wall, wanted) > wall.limit.amount:
            beside = "" if standing.free else f" beside {exact(standing)} that is booked"
            limit = exact(add([wall.limit])) if wall.limit.amount else "0"
            msg = f"{what} may cost {exact(wanted)}{beside}, more than the budget of {wall.whose}: "
            raise Unpayable(msg + f"{limit}; raise the budget, or ask for less")

    def _sum(self, wall: Wall, bill: Bill) -> Decimal:
        """A bill in the currency of a wall. Zero has every currency."""
        if not wall.limit.amount:
            return sum(bill.by_currency.values(), Decimal(0))
        total = NOTHING.amount
        for currency, amount in bill.by_currency.items():
            price = Money(amount=amount, currency=currency)
            converted = self._convert(price, wall.limit.currency)
            if converted is None:
                msg = f"the budget of {wall.whose} is in {wall.limit.currency} and {exact(bill)} "
                raise UsageError(
                    msg + f"is not: give a budget in {currency}, or a rate in shotchain.toml"
                )
            total += converted.amount
        return total
