"""Add up prices by currency and format them. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from storyboards.models import Money

ZERO = Money(amount=Decimal(0))


class Total(NamedTuple):
    """A sum by currency. Zero needs no currency; an unknown price is never zero."""

    by_currency: Mapping[str, Decimal]
    has_unknown: bool = False
    """Whether a price in it is not known."""

    @property
    def is_free(self) -> bool:
        """Whether nothing at all is to pay."""
        return not self.by_currency and not self.has_unknown

    @property
    def as_money(self) -> Money | None:
        """The sum where it is in one currency and known, else None."""
        if self.has_unknown or len(self.by_currency) > 1:
            return None
        for currency, amount in self.by_currency.items():
            return Money(amount=amount, currency=currency)
        return ZERO

    def to_json(self, currency: str = "") -> dict[str, Any]:
        """`amount` and `currency`, the amount null where unknown; several in `by_currency`.

        A sum of nothing is told in the given currency.
        """
        single = self.as_money
        told: dict[str, Any] = {
            "amount": json_amount(single) if single else None,
            "currency": (single.currency or currency or None) if single else None,
        }
        if len(self.by_currency) > 1:
            told["by_currency"] = {name: float(sum_) for name, sum_ in self.by_currency.items()}
        return told

    def __str__(self) -> str:
        told = [
            format_price(Money(amount=sum_, currency=name))
            for name, sum_ in self.by_currency.items()
        ]
        if self.has_unknown:
            told.append("an unknown price")
        return " and ".join(told) if told else "nothing"


def sum_prices(prices: Iterable[Money | None]) -> Total:
    """The sum of prices, None for one that is unknown."""
    sums: dict[str, Decimal] = {}
    unknown = False
    for price in prices:
        if price is None:
            unknown = True
        elif price.amount:
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.amount
    return Total(sums, unknown)


def format_exact(total: Total) -> str:
    """A sum to the millionth, where rounding would hide what it is about."""
    if total.has_unknown or total.is_free:
        return str(total)
    sums = total.by_currency.items()
    return " and ".join(f"{format_exact_amount(amount)} {name}".strip() for name, amount in sums)


def format_exact_amount(amount: Decimal) -> str:
    """An amount to the millionth, with two decimals at least: `0.05`, `0.049613`."""
    whole, _, rest = f"{amount:.6f}".partition(".")
    return f"{whole}.{rest[:2]}{rest[2:].rstrip('0')}"


def json_amount(price: Money) -> float:
    """The amount as JSON has it, to a millionth."""
    return float(round(price.amount, 6))


def price_to_json(price: Money | None) -> dict[str, Any]:
    """A price as JSON: the amount null where it is unknown."""
    if price is None:
        return {"amount": None, "currency": None}
    return {"amount": json_amount(price), "currency": price.currency or None}


def format_price(price: Money | None) -> str:
    """A price for a person: `0.26 USD`, `0.0042 USD`, `free` or `unknown`."""
    if price is None:
        return "unknown"
    if not price.amount:
        return "free"
    digits = 2 if price.amount >= Decimal("0.1") else 4
    return f"{price.amount:.{digits}f} {price.currency}".strip()


def describe_price(price: Money | None) -> str:
    """A price within a sentence: `0.26 USD`, `nothing` or `an unknown price`."""
    if price is None:
        return "an unknown price"
    return format_price(price) if price.amount else "nothing"
