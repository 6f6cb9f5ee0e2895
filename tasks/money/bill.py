"""Sums of money: what a plan will cost, what a run has cost, what a budget still allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from storyboards.models import Money

NOTHING = Money(amount=Decimal(0))


class Bill(NamedTuple):
    """A sum by currency. Zero needs no currency; an unknown price is never zero."""

    by_currency: Mapping[str, Decimal]
    unknown: bool = False
    """Whether a price in it is not known."""

    @property
    def free(self) -> bool:
        """Whether nothing at all is to pay."""
        return not self.by_currency and not self.unknown

    @property
    def single(self) -> Money | None:
        """The sum where it is in one currency and known, else None."""
        if self.unknown or len(self.by_currency) > 1:
            return None
        for currency, amount in self.by_currency.items():
            return Money(amount=amount, currency=currency)
        return NOTHING

    def to_json(self, currency: str = "") -> dict[str, Any]:
        """`amount` and `currency`, the amount null where unknown; several in `by_currency`.

        A sum of nothing is told in the given currency.
        """
        single = self.single
        told: dict[str, Any] = {
            "amount": amount_of(single) if single else None,
            "currency": (single.currency or currency or None) if single else None,
        }
        if len(self.by_currency) > 1:
            told["by_currency"] = {name: float(sum_) for name, sum_ in self.by_currency.items()}
        return told

    def __str__(self) -> str:
        told = [show(Money(amount=sum_, currency=name)) for name, sum_ in self.by_currency.items()]
        if self.unknown:
            told.append("an unknown price")
        return " and ".join(told) if told else "nothing"


def add(prices: Iterable[Money | None]) -> Bill:
    """The sum of prices, None for one that is unknown."""
    sums: dict[str, Decimal] = {}
    unknown = False
    for price in prices:
        if price is None:
            unknown = True
        elif price.amount:
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.amount
    return Bill(sums, unknown)


def exact(bill: Bill) -> str:
    """A sum to the millionth, where rounding would hide what it is about."""
    if bill.unknown or bill.free:
        return str(bill)
    sums = bill.by_currency.items()
    return " and ".join(f"{exact_amount(amount)} {name}".strip() for name, amount in sums)


def exact_amount(amount: Decimal) -> str:
    """An amount to the millionth, with two decimals at least: `0.05`, `0.049613`."""
    whole, _, rest = f"{amount:.6f}".partition(".")
    return f"{whole}.{rest[:2]}{rest[2:].rstrip('0')}"


def amount_of(price: Money) -> float:
    """The amount as JSON has it, to a millionth."""
    return float(round(price.amount, 6))


def price_json(price: Money | None) -> dict[str, Any]:
    """A price as JSON: the amount null where it is unknown."""
    if price is None:
        return {"amount": None, "currency": None}
    return {"amount": amount_of(price), "currency": price.currency or None}


def show(price: Money | None) -> str:
    """A price for a person: `0.26 USD`, `0.0042 USD`, `free` or `unknown`."""
    if price is None:
        return "unknown"
    if not price.amount:
        return "free"
    digits = 2 if price.amount >= Decimal("0.1") else 4
    return f"{price.amount:.{digits}f} {price.currency}".strip()


def say(price: Money | None) -> str:
    """A price within a sentence: `0.26 USD`, `nothing` or `an unknown price`."""
    if price is None:
        return "an unknown price"
    return show(price) if price.amount else "nothing"
