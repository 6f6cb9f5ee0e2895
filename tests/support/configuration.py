"""Configuration texts that several test modules use."""

from __future__ import annotations

from decimal import Decimal

from storyboards.models import Money

GATEWAY = """\
[providers.my-gateway]
dialect = "sora"
base_url = "https://api.example.com/v1"
key = "SHOTCHAIN_MY_KEY"
models = { "seedance-2.0" = "their-2" }
"""


def money(text: str) -> Money:
    """Return the amount in a text such as `4.00 USD`."""
    amount, _, currency = text.partition(" ")
    return Money(amount=Decimal(amount), currency=currency)
