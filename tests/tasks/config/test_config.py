"""The values of a configuration: budgets that apply to boards, and conversion of currencies."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storyboards.models import Money
from tasks.config.config import Author, BudgetConfig, Config, ExchangeRate
from tests.support.configuration import money

amounts = st.decimals("0.000001", "999999999999", places=6)
rates = st.decimals("0.000001", "1000000", places=6)


@pytest.mark.parametrize(
    ("board", "names"),
    [("spot-7", ["acme", "all"]), ("logo", ["all"]), ("Logo", ["acme", "all"])],
)
def test_budgets_for_board_match_name_or_pattern(board: str, names: list[str]) -> None:
    """Case counts, and a budget without boards applies to every board."""
    config = Config(
        budgets=(
            BudgetConfig("acme", money("5 USD"), is_monthly=True, boards=("spot-*", "Logo")),
            BudgetConfig("all", money("9 EUR"), is_monthly=False),
        )
    )

    assert [budget.name for budget in config.budgets_for(board)] == names


@given(amount=amounts, rate=rates)
def test_convert_there_and_back_returns_the_amount(amount: Decimal, rate: Decimal) -> None:
    """To a millionth, however large either number is."""
    exchange = ExchangeRate("USD", "CNY", rate, date(2026, 11, 1))
    converted = exchange.convert(Money(amount=amount, currency="USD"))
    returned = exchange.convert(converted)

    assert (converted.currency, returned.currency) == ("CNY", "USD")
    assert abs(returned.amount - amount) <= amount / 1_000_000


def test_convert_without_rate_returns_none() -> None:
    """Only zero and an amount in the same currency need no rate."""
    assert Config().convert(Money(amount=Decimal(0)), "USD", Author.USER) == money("0 USD")
    assert Config().convert(money("3 USD"), "USD", Author.USER) == money("3 USD")
    assert Config().convert(money("3 USD"), "CNY", Author.BOARD) is None


def test_convert_uses_one_rate_only() -> None:
    """A rate over a third currency would be a guess."""
    day = date(2026, 11, 1)
    config = Config(
        rates=(
            ExchangeRate("USD", "CNY", Decimal(7), day),
            ExchangeRate("EUR", "USD", Decimal(2), day),
        )
    )

    assert config.convert(money("14 CNY"), "USD", Author.USER) == money("2 USD")
    assert config.convert(money("3 EUR"), "CNY", Author.USER) is None
