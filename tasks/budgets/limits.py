"""Budget limits: what is booked plus what is about to be sent must not exceed one.

A limit is checked and the attempt recorded in one step under the ledger lock; no request is sent while that lock is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from storyboards.models import Money, parse_money
from tasks.budgets.ledger import Ledger, LedgerEntry
from tasks.budgets.money import ZERO, Total, format_exact, sum_prices
from tasks.errors import BudgetExceeded, UsageError
from tasks.store.layout import RecordStore
from tasks.store.locks import open_lock_file, try_lock
from tasks.store.receipts import Receipt

if TYPE_CHECKING:
    from tasks.config.config import BudgetConfig


ConvertMoney = Callable[[Money, str], Money | None]
"""A sum in another currency, by a dated rate; None where there is no rate."""

MaxPrices = Mapping[str, Money | None]
"""What is about to be sent: the most it may cost by the shot's id, None where that is unknown."""


@dataclass(frozen=True)
class BudgetLimit:
    """A sum that may not be passed, and what counts against it."""

    owner: str
    """As a sentence says it: `the budget of {whose}`."""
    amount: Money
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns such as `spot-*`; None counts what this run sends itself."""
    is_monthly: bool = False
    """Whether only this calendar month counts, UTC; else everything that was ever booked."""
    implies_consent: bool = False
    """Whether it is said of this very run or board, so that whoever said it agrees to spend it."""

    def applies_to(self, board: str) -> bool:
        """Whether what is booked under a board's name counts."""
        return any(fnmatchcase(board, pattern) for pattern in self.boards or ())


def run_limit(text: str) -> BudgetLimit:
    """What a command allows its run. Raises UsageError where it is no amount."""
    try:
        limit = Money.model_validate(parse_money(text))
    except ValueError as error:
        msg = f"the budget {text!r} is no sum of money: write it like '3 USD'"
        raise UsageError(msg) from error
    return BudgetLimit("this run", limit, implies_consent=True)


def board_limit(name: str, amount: Money) -> BudgetLimit:
    """What a board may cost, all runs together."""
    return BudgetLimit(f"the board {name}", amount, (name,), implies_consent=True)


def config_limit(budget: BudgetConfig) -> BudgetLimit:
    """What `shotchain.toml` allows a project or a client."""
    whose = f"{budget.name} for this month" if budget.is_monthly else budget.name
    boards = ("*",) if budget.boards is None else budget.boards
    return BudgetLimit(whose, budget.amount, boards, budget.is_monthly)


def convert_without_rates(price: Money, currency: str) -> Money | None:
    """No sum has a value in another currency."""
    return price if price.currency == currency else None


class BudgetGuard:
    """What one run may spend: the walls around it, the ledger behind them, what it sent itself."""

    def __init__(
        self,
        limits: Iterable[BudgetLimit] = (),
        *,
        convert: ConvertMoney = convert_without_rates,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.limits = tuple(limits)
        self._convert = convert
        self._clock = clock
        self._ledgers: dict[RecordStore, Ledger] = {}
        self._sent: dict[RecordStore, dict[str, set[int]]] = {}

    def check_total(self, requested: Mapping[RecordStore, MaxPrices]) -> None:
        """See to it that everything a run is about to send, by shelf, passes no wall.

        Raises Unpayable where it may, or a price is not known; UsageError where a wall and a price
        are in two currencies without a rate.
        """
        every = {shot: price for some in requested.values() for shot, price in some.items()}
        for wall in self.limits:
            if wall.boards is None:
                self._check_limit(wall, [], every, "this run")
                continue
            for shelf, some in requested.items():
                self._check_limit(
                    wall, self._booked_prices(wall, shelf, self._month), some, "this run"
                )

    def check_attempt(self, receipt: Receipt, records: RecordStore) -> None:
        """See to it that the attempt that a receipt begins passes no wall. Raises as the total."""
        attempt = receipt.attempts[-1]
        for wall in self.limits:
            # Its own month, not the clock's: it may have been made out just before midnight.
            booked = self._booked_prices(wall, records, attempt.intended_at[:7])
            self._check_limit(wall, booked, {attempt.shot: attempt.max_price}, attempt.shot)

    def record_attempt(self, receipt: Receipt, records: RecordStore) -> None:
        """Remember that this run sends the attempt that a receipt begins."""
        numbers = self._sent.setdefault(records, {}).setdefault(receipt.key, set())
        numbers.add(len(receipt.attempts) - 1)

    def booked_total(self, limit: BudgetLimit, records: RecordStore) -> Total:
        """What counts against a wall now."""
        return sum_prices(self._booked_prices(limit, records, self._month))

    @property
    def _month(self) -> str:
        return f"{self._clock():%Y-%m}"

    def _booked_prices(
        self, limit: BudgetLimit, records: RecordStore, month: str
    ) -> list[Money | None]:
        if limit.boards is None:
            return [entry.booked_price for entry in self._own_entries()]
        return [
            entry.booked_price
            for entry in self._ledger(records).entries()
            if limit.applies_to(entry.attempt.board)
            and (not limit.is_monthly or entry.month == month)
        ]

    def _own_entries(self) -> Iterable[LedgerEntry]:
        for shelf, keys in self._sent.items():
            for key, numbers in keys.items():
                for entry in self._ledger(shelf).entries_of(key):
                    if entry.attempt_index in numbers:
                        yield entry

    def _ledger(self, records: RecordStore) -> Ledger:
        return self._ledgers.setdefault(records, Ledger(records))

    def _check_limit(
        self,
        budget_limit: BudgetLimit,
        booked: list[Money | None],
        requested: MaxPrices,
        subject: str,
    ) -> None:
        wanted = sum_prices(requested.values())
        if wanted.is_free:
            return
        if wanted.has_unknown:
            shots = ", ".join(shot for shot, price in requested.items() if price is None)
            msg = f"the price is not known of {shots}, and {budget_limit.owner} has a budget; "
            raise BudgetExceeded(msg + "give its price in shotchain.toml, or leave the budget out")
        standing = sum_prices(booked)
        if standing.has_unknown:
            msg = f"{budget_limit.owner} has a budget, and shots at an unknown price are booked there: "
            raise BudgetExceeded(
                msg + "what is left of it is not known; leave the budget out to go on"
            )
        if (
            self._sum_in_currency(budget_limit, standing)
            + self._sum_in_currency(budget_limit, wanted)
            > budget_limit.amount.amount
        ):
            beside = "" if standing.is_free else f" beside {format_exact(standing)} that is booked"
            limit = (
                format_exact(sum_prices([budget_limit.amount]))
                if budget_limit.amount.amount
                else "0"
            )
            msg = f"{subject} may cost {format_exact(wanted)}{beside}, more than the budget of {budget_limit.owner}: "
            raise BudgetExceeded(msg + f"{limit}; raise the budget, or ask for less")

    def _sum_in_currency(self, limit: BudgetLimit, amounts: Total) -> Decimal:
        """A bill in the currency of a wall. Zero has every currency."""
        if not limit.amount.amount:
            return sum(amounts.by_currency.values(), Decimal(0))
        total = ZERO.amount
        for currency, amount in amounts.by_currency.items():
            price = Money(amount=amount, currency=currency)
            converted = self._convert(price, limit.amount.currency)
            if converted is None:
                msg = f"the budget of {limit.owner} is in {limit.amount.currency} and {format_exact(amounts)} "
                raise UsageError(
                    msg + f"is not: give a budget in {currency}, or a rate in shotchain.toml"
                )
            total += converted.amount
        return total


LEDGER_LOCK_POLL_SECONDS = 0.02

Reserve = Callable[[Receipt, RecordStore], AbstractAsyncContextManager[None]]
"""Entered with the receipt that begins an attempt; inside it the intent is to be written."""


def make_reserve(guard: BudgetGuard, lock_path: Path) -> Reserve:
    """The booking of a run: raises Unpayable where an attempt could pass one of its walls.

    Where there is no wall nothing is read and nobody waits.
    """

    @asynccontextmanager
    async def book(receipt: Receipt, shelf: RecordStore) -> AsyncIterator[None]:
        if not guard.limits:
            yield
            return
        # Whoever dies lets go of it, and has written its intent or sends nothing.
        with open_lock_file(lock_path) as file:
            while not try_lock(file):
                await asyncio.sleep(LEDGER_LOCK_POLL_SECONDS)
            guard.check_attempt(receipt, shelf)
            guard.record_attempt(receipt, shelf)
            yield

    return book


@asynccontextmanager
async def reserve_unlimited(receipt: Receipt, records: RecordStore) -> AsyncIterator[None]:
    """The booking of a run without walls."""
    yield
