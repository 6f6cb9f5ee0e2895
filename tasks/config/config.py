"""The configuration as frozen values: providers, budgets and exchange rates. Reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from storyboards.models import Money
from tasks import providers

if TYPE_CHECKING:
    from tasks.providers import Provider


@dataclass(frozen=True)
class BudgetConfig:
    """The most that some boards may cost together, in a month or ever.

    An entry of `[budgets]` that names both is two walls. All walls hold at the same time; the same
    name in the user's file and beside the board is two walls as well.
    """

    name: str
    """The client or project, as it is written."""
    amount: Money
    """Zero may stand without a currency."""
    is_monthly: bool
    """Whether it holds for one calendar month; else for everything that was ever booked."""
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns with `*`, `?` and `[…]`; None is every board of the store."""
    file: str = ""
    """Where it is written, for messages."""

    def applies_to(self, board: str) -> bool:
        """Whether what this board costs counts here."""
        return self.boards is None or any(fnmatchcase(board, one) for one in self.boards)


@dataclass(frozen=True)
class ExchangeRate:
    """What one unit of a currency was worth in another on one day."""

    base: str
    quote: str
    rate: Decimal
    """One unit of `base` is so many of `quote`; more than zero."""
    as_of: date
    file: str = ""
    """Where it is written, for messages."""

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.quote} of {self.as_of}"

    def convert(self, money: Money) -> Money:
        """The same sum in the other one of the two currencies, not rounded."""
        if money.currency == self.base:
            return _money(money.amount * self.rate, self.quote)
        return _money(money.amount / self.rate, self.base)


@dataclass(frozen=True)
class Config:
    """Everything that is configured for a board. Without any file: the built-in rows, no walls."""

    providers: Mapping[str, Provider] = field(default_factory=lambda: providers.PROVIDERS)
    """Every provider by its name, gateways last; own prices and limits are in the rows already."""
    budgets: tuple[BudgetConfig, ...] = ()
    rates: tuple[ExchangeRate, ...] = ()
    """At most one for two currencies, whichever way round."""

    def budgets_for(self, board: str) -> tuple[BudgetConfig, ...]:
        """The walls that stand around a board of that name."""
        return tuple(wall for wall in self.budgets if wall.applies_to(board))

    def find_rate(self, base: str, quote: str) -> ExchangeRate | None:
        """The rate between two different currencies, whichever way it is written, or None."""
        for rate in self.rates:
            if {rate.base, rate.quote} == {base, quote}:
                return rate
        return None

    def convert(self, money: Money, currency: str) -> Money | None:
        """The sum in another currency, not rounded; None where no rate says how they compare.

        Nothing is nothing in every currency. One rate is used, never one over a third currency.
        """
        if money.currency == currency or not money.amount:
            return _money(money.amount, currency)
        rate = self.find_rate(money.currency, currency)
        return rate.convert(money) if rate else None


def _money(amount: Decimal, currency: str) -> Money:
    # A converted sum may be larger than any that somebody writes, and is no less true.
    return Money.model_construct(amount=amount, currency=currency)
