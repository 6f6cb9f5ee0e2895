"""Budget limits: booked prices plus the next request must not exceed any limit.

A limit counts one record store, so that previews on loopback use up no real budget. Checking the
limits and recording the attempt is one step under the ledger lock; no request is sent meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from storyboards.models import Money, parse_money
from storyboards.problems import MAX_CANDIDATES
from tasks.budgets.ledger import Ledger, LedgerEntry
from tasks.budgets.money import ZERO, Total, format_exact, sum_prices
from tasks.config.config import Author, BudgetConfig, Config
from tasks.errors import BudgetExceeded, UsageError
from tasks.store.layout import RecordStore
from tasks.store.locks import open_lock_file, wait_for_lock_async
from tasks.store.receipts import Attempt, Receipt

_NO_RATES = Config()

ConvertMoney = Callable[[Money, str, Author], Money | None]
"""Converts a sum to the currency of a limit by a dated rate that counts for the limit's author;
returns None without such a rate."""

MaxPrices = Mapping[str, Money | None]
"""The maximum price of each shot that is about to be sent, by shot id; None if unknown."""


class BudgetLimit(NamedTuple):
    """A sum that must not be exceeded, and the attempts that count against it."""

    owner: str
    """Completes the phrase "the budget of ..."."""
    amount: Money
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns such as `spot-*`; None counts the requests of this run only."""
    is_monthly: bool = False
    """True if only the current calendar month (UTC) counts."""
    author: Author = Author.USER

    def applies_to(self, names: Collection[str]) -> bool:
        """Return True if attempts of a board that has or had these names count."""
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.boards or ())


def run_limit(text: str) -> BudgetLimit:
    """Return the limit of one run.

    Args:
        text: The amount as typed, such as `3 USD`.

    Raises:
        UsageError: The text is not an amount.
    """
    try:
        limit = Money.model_validate(parse_money(text))
    except ValueError as error:
        msg = f"the budget {text!r} is not an amount of money: write it like '3 USD'"
        raise UsageError(msg) from error
    return BudgetLimit("this run", limit)


def board_limit(name: str, amount: Money) -> BudgetLimit:
    """Return the limit that a board sets for all its runs together."""
    return BudgetLimit(f"the board {name}", amount, (name,), author=Author.BOARD)


def config_limit(budget: BudgetConfig) -> BudgetLimit:
    """Return the limit of a budget in `shotchain.toml`."""
    owner = f"{budget.name} for this month" if budget.is_monthly else budget.name
    boards = ("*",) if budget.boards is None else budget.boards
    return BudgetLimit(owner, budget.amount, boards, budget.is_monthly, budget.author)


class BudgetGuard:
    """The limits of one run, and the attempts that it sent.

    Args:
        limits: The limits; all of them apply.
        convert: Converts sums to the currency of a limit; without rates by default.
        names_of: Returns every name of the board that an attempt is booked for.
        clock: Returns the current time in UTC.
    """

    def __init__(
        self,
        limits: Iterable[BudgetLimit] = (),
        *,
        convert: ConvertMoney = _NO_RATES.convert,
        names_of: Callable[[Attempt], Collection[str]] = lambda attempt: (attempt.board,),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.limits = tuple(limits)
        self._convert = convert
        self._names_of = names_of
        self._clock = clock
        self._ledgers: dict[RecordStore, Ledger] = {}
        self._sent: dict[RecordStore, dict[str, set[int]]] = {}

    def check_total(self, requested: Mapping[RecordStore, MaxPrices]) -> None:
        """Check that the requests of a whole run exceed no limit.

        Args:
            requested: The maximum prices, by record store and shot.

        Raises:
            BudgetExceeded: A limit may be exceeded, or a price is unknown.
            UsageError: A limit and a price have two currencies without a rate between them.
        """
        all_prices = {
            shot: price for prices in requested.values() for shot, price in prices.items()
        }
        for limit in self.limits:
            if limit.boards is None:
                self._check_limit(limit, [], all_prices, "this run")
                continue
            for records, prices in requested.items():
                booked = self._booked_prices(limit, records, self._month)
                self._check_limit(limit, booked, prices, "this run")

    def check_attempt(self, receipt: Receipt, records: RecordStore) -> None:
        """Check that the last attempt of a receipt exceeds no limit.

        Raises:
            BudgetExceeded: A limit may be exceeded, or a price is unknown.
            UsageError: A limit and a price have two currencies without a rate between them.
        """
        attempt = receipt.attempts[-1]
        for limit in self.limits:
            # The month of the intent, which may have been written just before midnight.
            booked = self._booked_prices(limit, records, attempt.intended_at[:7])
            self._check_limit(limit, booked, {attempt.shot: attempt.max_price}, attempt.shot)

    def record_attempt(self, receipt: Receipt, records: RecordStore) -> None:
        """Count the last attempt of a receipt as sent by this run."""
        indexes = self._sent.setdefault(records, {}).setdefault(receipt.key, set())
        indexes.add(len(receipt.attempts) - 1)

    def booked_total(self, limit: BudgetLimit, records: RecordStore) -> Total:
        """Return the sum that counts against a limit now.

        Raises:
            StoreError: A receipt is damaged.
        """
        return sum_prices(self._booked_prices(limit, records, self._month))

    def remaining(self, limit: BudgetLimit, *spent: Total) -> Decimal | None:
        """Return what is left of a limit, in its currency; negative if it is exceeded.

        Args:
            limit: The limit.
            *spent: Sums that count against it.

        Returns:
            None if a sum contains an unknown price, or a currency without a rate.
        """
        if any(total.has_unknown for total in spent):
            return None
        try:
            amounts = [self._in_currency(limit, total) for total in spent]
        except UsageError:
            return None
        return limit.amount.amount - sum(amounts)

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
            if limit.applies_to(self._names_of(entry.attempt))
            and (not limit.is_monthly or entry.month == month)
        ]

    def _own_entries(self) -> Iterable[LedgerEntry]:
        for records, keys in self._sent.items():
            for key, indexes in keys.items():
                for entry in self._ledger(records).entries_of(key):
                    if entry.attempt_index in indexes:
                        yield entry

    def _ledger(self, records: RecordStore) -> Ledger:
        return self._ledgers.setdefault(records, Ledger(records))

    def _check_limit(
        self,
        limit: BudgetLimit,
        booked_prices: list[Money | None],
        requested: MaxPrices,
        subject: str,
    ) -> None:
        requested_total = sum_prices(requested.values())
        if requested_total.is_free:
            return
        if requested_total.has_unknown:
            shots = _list_shots([shot for shot, price in requested.items() if price is None])
            msg = f"the price of {shots} is not known, and {limit.owner} has a budget: "
            raise BudgetExceeded(msg + "set the price in shotchain.toml, or remove the budget")
        booked = sum_prices(booked_prices)
        if booked.has_unknown:
            msg = f"{limit.owner} has a budget, and its booked shots include an unknown price, so "
            raise BudgetExceeded(msg + "the remaining budget is not known: remove the budget")
        expected = self._in_currency(limit, booked) + self._in_currency(limit, requested_total)
        if expected > limit.amount.amount:
            beside = "" if booked.is_free else f" beside {format_exact(booked)} that is booked"
            amount = format_exact(sum_prices([limit.amount])) if limit.amount.amount else "0"
            msg = (
                f"{subject} may cost {format_exact(requested_total)}{beside}, more than the budget "
                f"of {limit.owner}: {amount}; raise the budget, or render less"
            )
            raise BudgetExceeded(msg)

    def _in_currency(self, limit: BudgetLimit, total: Total) -> Decimal:
        """Convert a sum to the currency of a limit. Zero has every currency."""
        if not limit.amount.amount:
            return sum(total.by_currency.values(), Decimal(0))
        amount = ZERO.amount
        for currency, part in total.by_currency.items():
            price = Money(amount=part, currency=currency)
            converted = self._convert(price, limit.amount.currency, limit.author)
            if converted is None:
                owner = "your own " if limit.author is Author.USER else ""
                msg = (
                    f"the budget of {limit.owner} is in {limit.amount.currency} and "
                    f"{format_exact(total)} is not: use a budget in {currency}, or set a rate in "
                    f"{owner}shotchain.toml"
                )
                raise UsageError(msg)
            amount += converted.amount
        return amount


def _list_shots(shots: list[str]) -> str:
    listed = ", ".join(shots[:MAX_CANDIDATES])
    more = len(shots) - MAX_CANDIDATES
    return f"{listed} and {more} more (see `shotchain plan`)" if more > 0 else listed


Reserve = Callable[[Receipt, RecordStore], AbstractAsyncContextManager[None]]
"""Called with the receipt of a new attempt; the intent is written inside its context."""


def make_reserve(guard: BudgetGuard, lock_path: Path) -> Reserve:
    """Return the context manager that reserves the maximum price of an attempt.

    Entering it waits for the ledger lock and raises BudgetExceeded if a limit may be exceeded.
    Without limits it reads nothing and does not wait.
    """

    @asynccontextmanager
    async def reserve(receipt: Receipt, records: RecordStore) -> AsyncIterator[None]:
        if not guard.limits:
            yield
            return
        # A process that dies here has either written its intent or sends nothing.
        with open_lock_file(lock_path) as file:
            await wait_for_lock_async(file)
            guard.check_attempt(receipt, records)
            guard.record_attempt(receipt, records)
            yield

    return reserve


@asynccontextmanager
async def reserve_unlimited(
    receipt: Receipt,  # noqa: ARG001 - the signature of Reserve
    records: RecordStore,  # noqa: ARG001 - the signature of Reserve
) -> AsyncIterator[None]:
    """Reserve nothing, for a run without limits."""
    yield
