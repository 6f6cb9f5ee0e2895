"""Add up prices by currency and format them. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from storyboards.models import Money

_MIN_ROUNDED = Decimal("0.1")
"""Smaller amounts have four decimals."""

ZERO = Money(amount=Decimal(0))


class Total(NamedTuple):
    """A sum by currency. Zero needs no currency; an unknown price is not zero."""

    by_currency: Mapping[str, Decimal]
    has_unknown: bool = False
    """True if the sum contains an unknown price."""

    @property
    def is_free(self) -> bool:
        """True if there is nothing to pay."""
        return not self.by_currency and not self.has_unknown

    @property
    def as_money(self) -> Money | None:
        """The sum; None if it is unknown or in several currencies."""
        if self.has_unknown or len(self.by_currency) > 1:
            return None
        for currency, amount in self.by_currency.items():
            return Money(amount=amount, currency=currency)
        return ZERO

    def to_json(self, currency: str = "") -> dict[str, Any]:
        """Return `amount` and `currency`, and `by_currency` if there are several.

        Args:
            currency: The currency of a sum of zero.

        Returns:
            `amount` and `currency` are null if the sum is unknown or in several currencies.
        """
        money = self.as_money
        document: dict[str, Any] = {
            "amount": json_amount(money) if money else None,
            "currency": (money.currency or currency or None) if money else None,
        }
        if len(self.by_currency) > 1:
            document["by_currency"] = {
                name: float(amount) for name, amount in self.by_currency.items()
            }
        return document

    def __str__(self) -> str:
        parts = [
            format_price(Money(amount=amount, currency=name))
            for name, amount in self.by_currency.items()
        ]
        if self.has_unknown:
            parts.append("an unknown price")
        return " and ".join(parts) if parts else "nothing"


def sum_prices(prices: Iterable[Money | None]) -> Total:
    """Add up prices; None stands for an unknown price."""
    sums: dict[str, Decimal] = {}
    has_unknown = False
    for price in prices:
        if price is None:
            has_unknown = True
        elif price.amount:
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.amount
    return Total(sums, has_unknown)


def format_exact(total: Total) -> str:
    """Format a sum to the millionth, for messages in which rounding would hide the difference."""
    if total.has_unknown or total.is_free:
        return str(total)
    sums = total.by_currency.items()
    return " and ".join(f"{format_exact_amount(amount)} {name}".strip() for name, amount in sums)


def format_exact_amount(amount: Decimal) -> str:
    """Format an amount to the millionth, with at least two decimals: `0.05`, `0.049613`."""
    whole, _, decimals = f"{amount:.6f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def json_amount(price: Money) -> float:
    """Return the amount for JSON, rounded to a millionth."""
    return float(round(price.amount, 6))


def price_to_json(price: Money | None) -> dict[str, Any]:
    """Return `amount` and `currency` of a price, both null if it is unknown."""
    if price is None:
        return {"amount": None, "currency": None}
    return {"amount": json_amount(price), "currency": price.currency or None}


def format_price(price: Money | None) -> str:
    """Format a price for a table: `0.26 USD`, `0.0042 USD`, `free` or `unknown`."""
    if price is None:
        return "unknown"
    if not price.amount:
        return "free"
    digits = 2 if price.amount >= _MIN_ROUNDED else 4
    return f"{price.amount:.{digits}f} {price.currency}".strip()


def format_max_price(total: Total) -> str:
    """Format a sum that is the most to be paid: rounded up, `0.40 USD` for 0.391 USD."""
    rounded = {currency: _round_up(amount) for currency, amount in total.by_currency.items()}
    return str(total._replace(by_currency=rounded))


def _round_up(amount: Decimal) -> Decimal:
    step = Decimal("0.01") if amount >= _MIN_ROUNDED else Decimal("0.0001")
    return amount.quantize(step, ROUND_CEILING)


def describe_price(price: Money | None) -> str:
    """Format a price for a sentence: `0.26 USD`, `nothing` or `an unknown price`."""
    if price is None:
        return "an unknown price"
    return format_price(price) if price.amount else "nothing"
