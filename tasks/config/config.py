"""The configuration as frozen values: providers, budgets and exchange rates.

Reads no files; `loader` finds them and `merge` builds these values from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import NamedTuple

from storyboards.models import Money
from tasks.providers import PROVIDERS, Provider


class Author(StrEnum):
    """The author of a limit or a rate."""

    USER = "user"
    """The user: on the command line, or in the user's own configuration."""
    BOARD = "board"
    """The author of the board, who may be a stranger: in the board, or in a file beside it."""


class BudgetConfig(NamedTuple):
    """A hard limit for the cost of some boards together, per month or in total.

    An entry of `[budgets]` with both is two limits. All limits apply at the same time; entries of
    the same name in the user's file and in the file beside a board are separate limits.
    """

    name: str
    """The client or project, as written."""
    amount: Money
    """Zero needs no currency."""
    is_monthly: bool
    """True for a limit per calendar month, False for a limit for everything ever booked."""
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns with `*`, `?` and `[…]`; None for every board of the store."""
    author: Author = Author.USER
    file: str = ""
    """The file that sets it, for messages."""

    def applies_to(self, *names: str) -> bool:
        """Return whether the cost of a board that has or had these names counts."""
        return self.boards is None or any(
            fnmatchcase(name, pattern) for name in names for pattern in self.boards
        )


class ExchangeRate(NamedTuple):
    """The value of one unit of a currency in another currency on one day."""

    base: str
    quote: str
    rate: Decimal
    """Units of `quote` for one unit of `base`; more than zero."""
    as_of: date
    author: Author = Author.USER
    file: str = ""
    """The file that sets it, for messages."""

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.quote} of {self.as_of}"

    def convert(self, money: Money) -> Money:
        """Return the amount in the other one of the two currencies, not rounded."""
        if money.currency == self.base:
            return _money(money.amount * self.rate, self.quote)
        return _money(money.amount / self.rate, self.base)


@dataclass(frozen=True)
class Config:
    """The configuration of a board. Without any file: the built-in providers and no limits."""

    providers: Mapping[str, Provider] = field(default_factory=lambda: PROVIDERS)
    """Every provider by name, gateways last, with the configured prices and limits."""
    budgets: tuple[BudgetConfig, ...] = ()
    rates: tuple[ExchangeRate, ...] = ()
    """The user's own first; at most one per author and pair of currencies, in either direction."""

    def budgets_for(self, *names: str) -> tuple[BudgetConfig, ...]:
        """Return the limits that apply to a board that has or had these names."""
        return tuple(budget for budget in self.budgets if budget.applies_to(*names))

    def find_recorded(self, name: str) -> Provider | None:
        """Return the provider of a name in receipts, or None if it is no longer configured."""
        providers = self.providers.values()
        return next((provider for provider in providers if provider.record_name == name), None)

    def find_rate(self, base: str, quote: str, author: Author) -> ExchangeRate | None:
        """Return the rate between two different currencies, in either direction, or None.

        Args:
            base: One currency.
            quote: The other currency.
            author: The author of the limit that is compared. A rate of the author of a board never
                counts for a limit of the user.
        """
        for rate in self.rates:
            if {rate.base, rate.quote} == {base, quote} and rate.author in (Author.USER, author):
                return rate
        return None

    def convert(self, money: Money, currency: str, author: Author) -> Money | None:
        """Return an amount in another currency, not rounded, or None if there is no rate.

        Zero is zero in every currency. Two rates are never combined over a third currency.

        Args:
            money: The amount.
            currency: The currency of a limit.
            author: The author of that limit, see `find_rate`.
        """
        if money.currency == currency or not money.amount:
            return _money(money.amount, currency)
        rate = self.find_rate(money.currency, currency, author)
        return rate.convert(money) if rate else None


def _money(amount: Decimal, currency: str) -> Money:
    # Without validation: a converted amount may exceed the maximum for amounts in files.
    return Money.model_construct(amount=amount, currency=currency)
