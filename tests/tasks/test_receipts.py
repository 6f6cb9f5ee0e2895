"""Receipts: the state machine, and the record that carries it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from storyboards.models import Money
from tasks.errors import StoreError
from tasks.receipts import OVER, Attempt, Kept, Receipt, State, now, read_receipt

ATTEMPT = Attempt(
    state=State.INTENDED,
    board="b",
    shot="s",
    take=1,
    provider="ark",
    model="m",
    base_url="https://a.example",
    order="o",
    intended_at=now(),
    price_most=Money(amount=Decimal("0.25"), currency="USD"),
)


def test_a_receipt_survives_its_record() -> None:
    """Every fact comes back from JSON as it was, money to the last digit."""
    receipt = (
        Receipt("k")
        .intend(ATTEMPT)
        .amend(State.SUBMITTED, job="cgt-1", submitted_at=now())
        .amend(State.KEPT, clip=Kept("clip.mp4", "ab", 3), tokens=5, frames=49,
               price=Money(amount=Decimal("0.123456789"), currency="USD"))
    )  # fmt: skip

    assert read_receipt("k", receipt.to_record()) == receipt


@pytest.mark.parametrize("state", [state for state in State if state not in OVER])
def test_no_second_attempt_begins_while_one_may_be_paid(state: State) -> None:
    """Only what is closed, failed, lost or abandoned makes room for another create."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),))

    with pytest.raises(AssertionError, match=state.value):
        receipt.intend(ATTEMPT)


@pytest.mark.parametrize("state", sorted(OVER, key=lambda state: state.value))
def test_another_attempt_keeps_the_ones_before(state: State) -> None:
    """What was asked before stays on record."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),)).intend(ATTEMPT)

    assert [one.state for one in receipt.attempts] == [state, State.INTENDED]


@pytest.mark.parametrize(
    ("state", "amount"),
    [
        (State.CLOSED, "0"),
        (State.FAILED, "0"),
        (State.CANCELLED, "0"),
        (State.INTENDED, "0.25"),
        (State.UNCLEAR, "0.25"),
        (State.SUBMITTED, "0.25"),
        (State.LOST, "0.25"),
        (State.CLEANED, "0.25"),
        (State.ABANDONED, "0.25"),
    ],
)
def test_what_may_be_charged_counts_at_its_most(state: State, amount: str) -> None:
    """Only what surely cost nothing counts as nothing."""
    assert replace(ATTEMPT, state=state).booked.amount == Decimal(amount)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"version": 1},
        {"version": 2, "attempts": []},
        {"version": 1, "attempts": [{}]},
        {"version": 1, "attempts": [{"state": "napping"}]},
        {"version": 1, "attempts": 5},
    ],
)
def test_a_receipt_that_can_t_be_understood_is_an_error(record: dict) -> None:
    """Never an empty receipt: that would be a second bill."""
    with pytest.raises(StoreError):
        read_receipt("k", record)


CLIP = Kept("clip.mp4", "ab", 3)


@pytest.mark.parametrize(
    ("behind", "counts"),
    [
        ([State.CLOSED], 1),
        ([State.FAILED, State.CLOSED], 1),
        ([State.LOST], 1),
        ([State.INTENDED], 2),
        ([State.UNCLEAR], 2),
        ([State.SUBMITTED], 2),
        ([State.KEPT], 2),
        ([State.ABANDONED], 2),
        ([State.CLOSED, State.SUBMITTED], 3),
    ],
)
def test_an_outdated_attempt_counts_again_where_all_behind_it_came_to_nothing(
    behind: list[State], counts: int
) -> None:
    """What is paid and on disk is never worth less for a try to replace it."""
    outdated = replace(ATTEMPT, state=State.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, *(replace(ATTEMPT, state=one) for one in behind)))

    assert receipt.counting_number == counts
    assert receipt.latest.state is (State.KEPT if counts == 1 else behind[-1])
    assert (receipt.latest.clip == CLIP) is (counts == 1)


def test_facts_go_to_the_attempt_that_counts() -> None:
    """Not to the failed one that stands behind it."""
    outdated = replace(ATTEMPT, state=State.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, replace(ATTEMPT, state=State.FAILED)))
    amended = receipt.amend(State.KEPT, frames=49)

    assert [one.state for one in amended.attempts] == [State.KEPT, State.FAILED]
    assert amended.latest.frames == 49
    with pytest.raises(AssertionError, match="kept"):
        amended.intend(ATTEMPT)
