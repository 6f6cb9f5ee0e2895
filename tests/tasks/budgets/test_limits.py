"""Booked prices plus the next request exceed no limit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from storyboards.models import Money
from tasks.budgets.limits import BudgetGuard, BudgetLimit, board_limit, make_reserve, run_limit
from tasks.config.config import Author
from tasks.errors import BudgetExceeded, StoreError, UsageError
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import AttemptState
from tests.support.spending import usd


def test_check_attempt_limit_is_reached_but_not_exceeded(records: RecordStore, book, begin) -> None:
    """The limit may be reached exactly; a millionth more is too much."""
    book("a", AttemptState.KEPT, price=usd("0.10"))
    guard = BudgetGuard([board_limit("b", usd("0.30"))])

    guard.check_attempt(begin(usd("0.20")), records)
    with pytest.raises(
        BudgetExceeded, match=r"0\.200001 USD beside 0\.10 USD that is booked"
    ) as caught:
        guard.check_attempt(begin(usd("0.200001")), records)

    assert "more than the budget of the board b: 0.30 USD" in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("state", "price", "booked"),
    [
        (AttemptState.INTENDED, None, "0.25"),
        (AttemptState.UNCLEAR, None, "0.25"),
        (AttemptState.SUBMITTED, None, "0.25"),
        (AttemptState.DONE, usd("0.10"), "0.10"),
        (AttemptState.KEPT, usd("0.10"), "0.10"),
        (AttemptState.KEPT, None, "0.25"),
        (AttemptState.LOST, usd("0.10"), "0.10"),
        (AttemptState.LOST, None, "0.25"),
        (AttemptState.ABANDONED, None, "0.25"),
        (AttemptState.CLOSED, None, "0"),
        (AttemptState.FAILED, None, "0"),
    ],
)
def test_check_attempt_every_state_is_booked(
    records: RecordStore, book, begin, state: AttemptState, price: Money | None, booked: str
) -> None:
    """The maximum counts until the vendor reports usage; uncharged attempts count nothing."""
    book("a", state, price=price)
    guard = BudgetGuard([board_limit("b", usd(1))])
    remaining = Decimal(1) - Decimal(booked)

    guard.check_attempt(begin(usd(remaining)), records)
    with pytest.raises(BudgetExceeded):
        guard.check_attempt(begin(usd(remaining + Decimal("0.000001"))), records)


def test_check_attempt_other_boards_do_not_count(store: Store, book, begin) -> None:
    """A limit counts its own boards, its own month and one record store."""
    book("a", AttemptState.KEPT, board="other", price=usd(5))
    book("b", AttemptState.KEPT, loopback=True, price=usd(5))
    last_month = "2026-06-30T23:59:59+00:00"
    book("c", AttemptState.KEPT, board="spot-1", price=usd(5), intended_at=last_month)
    monthly = BudgetLimit("client", usd(1), ("spot-*", "b"), is_monthly=True)
    guard = BudgetGuard([board_limit("b", usd(1)), monthly])

    guard.check_attempt(begin(usd(1)), store.records(loopback=False))
    with pytest.raises(BudgetExceeded):
        guard.check_attempt(begin(usd(1)), store.records(loopback=True))


def test_check_attempt_month_is_that_of_the_intent(records: RecordStore, book, begin) -> None:
    """An intent written before midnight (UTC) counts in the month before."""
    book("a", AttemptState.KEPT, price=usd(1), intended_at="2026-06-30T20:00:00+00:00")
    limit = BudgetLimit("client", usd(1), ("*",), is_monthly=True)
    guard = BudgetGuard([limit], clock=lambda: datetime(2026, 7, 1, tzinfo=UTC))

    guard.check_total({records: {"next": usd(1)}})
    guard.check_attempt(begin(usd(1), intended_at="2026-07-01T00:00:00+00:00"), records)
    with pytest.raises(BudgetExceeded):
        guard.check_attempt(begin(usd(1), intended_at="2026-06-30T23:59:59.999+00:00"), records)


@pytest.mark.parametrize("limit", [Money(amount=Decimal(0)), usd(0), usd(100)])
def test_check_unknown_price_is_rejected(records: RecordStore, begin, limit: Money) -> None:
    """An unknown price is not zero, however high the limit."""
    guard = BudgetGuard([BudgetLimit("this run", limit)])

    with pytest.raises(BudgetExceeded, match="price of next is not known"):
        guard.check_attempt(begin(None), records)
    with pytest.raises(BudgetExceeded, match="price of x is not known"):
        guard.check_total({records: {"x": None, "y": usd(1)}})


def test_check_total_lists_three_shots_at_most(records: RecordStore) -> None:
    """A long list of shots is cut, with the command that prints all."""
    guard = BudgetGuard([run_limit("1 USD")])

    with pytest.raises(BudgetExceeded, match=r"a, b, c and 2 more \(see `shotchain plan`\)"):
        guard.check_total({records: dict.fromkeys("abcde")})


def test_check_attempt_unknown_booked_price_is_rejected(records: RecordStore, book, begin) -> None:
    """With an unknown price on the books only a free shot can be sent."""
    book("a", AttemptState.KEPT, max_price=None)
    guard = BudgetGuard([board_limit("b", usd(100))])

    guard.check_attempt(begin(usd(0)), records)
    with pytest.raises(BudgetExceeded, match="unknown price"):
        guard.check_attempt(begin(usd(1)), records)


def test_check_attempt_free_shot_ignores_limits(records: RecordStore, book, begin) -> None:
    """A free shot can be sent although the limit is exceeded already."""
    book("a", AttemptState.KEPT, price=usd(5))
    guard = BudgetGuard([board_limit("b", usd(1)), run_limit("0")])

    guard.check_attempt(begin(Money(amount=Decimal(0))), records)


def test_check_attempt_two_currencies_need_a_rate(records: RecordStore, book, begin) -> None:
    """Without a rate the command is wrong; with a rate the limit keeps its currency."""
    book("a", AttemptState.KEPT, price=Money(amount=Decimal(7), currency="CNY"))
    limit = board_limit("b", usd(2))

    with pytest.raises(UsageError, match="is in USD and 7\\.00 CNY"):
        BudgetGuard([limit]).check_attempt(begin(usd(1)), records)

    def convert(price: Money, currency: str, author: Author) -> Money | None:
        assert author is Author.BOARD
        rate = 1 if price.currency == currency else 7
        return Money(amount=price.amount / rate, currency=currency)

    guard = BudgetGuard([limit], convert=convert)
    guard.check_attempt(begin(usd(1)), records)
    with pytest.raises(BudgetExceeded):
        guard.check_attempt(begin(usd("1.01")), records)


def test_check_attempt_zero_limit_has_every_currency(records: RecordStore, begin) -> None:
    """`--budget 0` rejects any charge, whatever its currency."""
    guard = BudgetGuard([run_limit("0")])

    with pytest.raises(BudgetExceeded, match="more than the budget of this run: 0"):
        guard.check_attempt(begin(Money(amount=Decimal(1), currency="CNY")), records)


@pytest.mark.parametrize("text", ["", "five", "3 USD extra"])
def test_run_limit_invalid_amount_is_an_error(text: str) -> None:
    """`--budget` must be an amount of money."""
    with pytest.raises(UsageError, match="is not an amount of money"):
        run_limit(text)


def test_run_limit_counts_attempts_of_this_run(records: RecordStore, book, begin) -> None:
    """Earlier runs do not count; own attempts count at their present price."""
    book("before", AttemptState.KEPT, price=usd(5))
    guard = BudgetGuard([run_limit("1 USD")])
    first = begin(usd("0.60"), key="a")
    guard.check_attempt(first, records)
    guard.record_attempt(first, records)
    records.write("a", first.to_record())

    with pytest.raises(BudgetExceeded):
        guard.check_attempt(begin(usd("0.60"), key="b"), records)
    records.write("a", first.update(AttemptState.KEPT, price=usd("0.40")).to_record())
    guard.check_attempt(begin(usd("0.60"), key="b"), records)
    records.write("a", first.update(AttemptState.CLOSED).to_record())
    guard.check_attempt(begin(usd(1), key="b"), records)


def test_reserve_without_limits_reads_nothing(
    store: Store, records: RecordStore, book, begin
) -> None:
    """A damaged receipt stops only runs that have to add up prices."""
    book("a", AttemptState.KEPT)
    (records.folder_of("a") / "receipt.json").write_text("{")

    async def reserve(guard: BudgetGuard) -> None:
        async with make_reserve(guard, store.ledger_lock_path)(begin(usd(1)), records):
            pass

    asyncio.run(reserve(BudgetGuard()))
    assert not store.ledger_lock_path.exists()
    with pytest.raises(StoreError, match="damaged"):
        asyncio.run(reserve(BudgetGuard([board_limit("b", usd(9))])))
