"""A store with booked attempts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storyboards.models import Money
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import AttemptState, Receipt
from tests.support.paid_path import make_attempt

Book = Callable[..., Receipt]
Begin = Callable[..., Receipt]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def records(store: Store) -> RecordStore:
    """The records of vendors."""
    return store.records(loopback=False)


@pytest.fixture
def book(store: Store) -> Book:
    """Record an attempt of board b at 0.25 USD: `book("k", AttemptState.KEPT, price=usd(1))`."""

    def record(key: str, state: AttemptState, *, loopback: bool = False, **values: Any) -> Receipt:
        attempt = replace(make_attempt(state, board="b", shot="s"), **values)
        receipt = Receipt(key).begin_attempt(attempt)
        store.records(loopback=loopback).write(key, receipt.to_record())
        return receipt

    return record


@pytest.fixture
def begin() -> Begin:
    """Return the receipt of an attempt that is about to be sent: `begin(usd(1))`."""

    def make(price: Money | None, key: str = "next", **values: Any) -> Receipt:
        intent = make_attempt(AttemptState.INTENDED, board="b", shot="next", max_price=price)
        return Receipt(key).begin_attempt(replace(intent, **values))

    return make
