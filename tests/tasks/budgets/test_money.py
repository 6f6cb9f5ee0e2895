"""Sums by currency, and their formats."""

from __future__ import annotations

from decimal import Decimal

import pytest

from storyboards.models import Money
from tasks.budgets.money import Total, describe_price, format_exact, format_price, sum_prices
from tests.support.spending import usd

CNY = Money(amount=Decimal(7), currency="CNY")
FREE = Money(amount=Decimal(0))


def test_sum_prices_adds_by_currency() -> None:
    """Zero has no currency, and an unknown price is marked."""
    assert sum_prices([usd(1), FREE, CNY, usd("0.5")]) == Total(
        {"USD": Decimal("1.5"), "CNY": Decimal(7)}
    )
    assert sum_prices([usd(1), None]).has_unknown
    assert sum_prices([FREE]).is_free


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        ([usd("0.1234567")], {"amount": 0.123457, "currency": "USD"}),
        ([], {"amount": 0.0, "currency": "EUR"}),
        ([usd(1), None], {"amount": None, "currency": None}),
        (
            [usd(1), CNY],
            {"amount": None, "currency": None, "by_currency": {"USD": 1.0, "CNY": 7.0}},
        ),
    ],
)
def test_total_to_json(prices: list[Money | None], expected: dict[str, object]) -> None:
    """The amount is null if it is unknown or in several currencies; a zero sum has the default."""
    assert sum_prices(prices).to_json("EUR") == expected


@pytest.mark.parametrize(
    ("price", "formatted", "described"),
    [
        (usd("0.256"), "0.26 USD", "0.26 USD"),
        (usd("0.0042"), "0.0042 USD", "0.0042 USD"),
        (FREE, "free", "nothing"),
        (None, "unknown", "an unknown price"),
    ],
)
def test_format_price(price: Money | None, formatted: str, described: str) -> None:
    """Small prices have four decimals; free and unknown prices are words."""
    assert (format_price(price), describe_price(price)) == (formatted, described)


def test_format_exact_hides_no_difference() -> None:
    """Messages about limits show the millionth."""
    assert format_exact(sum_prices([usd("0.049613"), CNY])) == "0.049613 USD and 7.00 CNY"
    assert format_exact(sum_prices([])) == "nothing"
