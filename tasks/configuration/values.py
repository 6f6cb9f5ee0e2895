"""What `shotchain.toml` adds: gateways, own prices, limits, budgets and rates, as frozen values.

The user's own file and the one beside a board are found here. They are read by
`file`, checked by `words` and put together by `reading`, and all three are imported only where
there is a file, so that a board without one is as quick as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from storyboards.models import Money
from tasks import providers
from tasks.errors import NotConfigured

if TYPE_CHECKING:
    from tasks.providers import Provider
    from tasks.settings import Settings

FILE_NAME = "shotchain.toml"


@dataclass(frozen=True)
class BudgetWall:
    """The most that some boards may cost together, in a month or ever.

    An entry of `[budgets]` that names both is two walls. All walls hold at the same time; the same
    name in the user's file and beside the board is two walls as well.
    """

    name: str
    """The client or project, as it is written."""
    amount: Money
    """Zero may stand without a currency."""
    month: bool
    """Whether it holds for one calendar month; else for everything that was ever booked."""
    boards: tuple[str, ...] | None = None
    """Names of boards, or patterns with `*`, `?` and `[…]`; None is every board of the store."""
    file: str = ""
    """Where it is written, for messages."""

    def covers(self, board: str) -> bool:
        """Whether what this board costs counts here."""
        return self.boards is None or any(fnmatchcase(board, one) for one in self.boards)


@dataclass(frozen=True)
class ExchangeRate:
    """What one unit of a currency was worth in another on one day."""

    base: str
    quote: str
    rate: Decimal
    """One unit of `base` is so many of `quote`; more than zero."""
    dated: date
    file: str = ""
    """Where it is written, for messages."""

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate} {self.quote} of {self.dated}"

    def convert(self, money: Money) -> Money:
        """The same sum in the other one of the two currencies, not rounded."""
        if money.currency == self.base:
            return _money(money.amount * self.rate, self.quote)
        return _money(money.amount / self.rate, self.base)


@dataclass(frozen=True)
class Configuration:
    """Everything that is configured for a board. Without any file: the built-in rows, no walls."""

    providers: Mapping[str, Provider] = field(default_factory=lambda: providers.PROVIDERS)
    """Every provider by its name, gateways last; own prices and limits are in the rows already."""
    budgets: tuple[BudgetWall, ...] = ()
    rates: tuple[ExchangeRate, ...] = ()
    """At most one for two currencies, whichever way round."""

    def walls(self, board: str) -> tuple[BudgetWall, ...]:
        """The walls that stand around a board of that name."""
        return tuple(wall for wall in self.budgets if wall.covers(board))

    def rate(self, one: str, other: str) -> ExchangeRate | None:
        """The rate between two different currencies, whichever way it is written, or None."""
        for rate in self.rates:
            if {rate.base, rate.quote} == {one, other}:
                return rate
        return None

    def convert(self, money: Money, currency: str) -> Money | None:
        """The sum in another currency, not rounded; None where no rate says how they compare.

        Nothing is nothing in every currency. One rate is used, never one over a third currency.
        """
        if money.currency == currency or not money.amount:
            return _money(money.amount, currency)
        rate = self.rate(money.currency, currency)
        return rate.convert(money) if rate else None


def read_configuration(
    settings: Settings, folder: Path | None = None, *, shown_as: str = "", trust: bool = False
) -> Configuration:
    """The configuration for a board in `folder`, which the user named `shown_as`.

    `trust` lets the file beside the board name providers and prices. Without a folder only the
    user's own file counts. Raises InvalidConfiguration with every problem of both files, and
    NotConfigured where the user's own can't be read.
    """
    own = settings.configuration
    if own is not None and not settings.configuration_named and not _lies_there(own):
        own = None
    beside = folder / FILE_NAME if folder else None
    if beside is not None and not _lies_there(beside):
        beside = None
    if own is None and beside is None:
        return Configuration()
    from tasks.configuration.reading import configure

    shown = str(Path(shown_as).parent / FILE_NAME) if shown_as else str(beside)
    return configure(own, beside, shown_as=shown, home=settings.configuration, trust=trust)


def _lies_there(path: Path) -> bool:
    """Whether there is a file, or a link that may lead nowhere."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        # Walls that can't be seen may be there, and running past them could cost money.
        msg = f"{path} can't be looked for: {error.strerror}; set SHOTCHAIN_CONFIG to a file"
        raise NotConfigured(msg) from None
    return True


def _money(amount: Decimal, currency: str) -> Money:
    # A converted sum may be larger than any that somebody writes, and is no less true.
    return Money.model_construct(amount=amount, currency=currency)
