"""Receipts: the state machine, and the record that carries it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from storyboards.models import Money
from tasks.errors import StoreError
from tasks.store.receipts import (
    ENDED_STATES,
    Attempt,
    AttemptState,
    Receipt,
    StoredFile,
    read_receipt,
    utc_now,
)

ATTEMPT = Attempt(
    state=AttemptState.INTENDED,
    board="b",
    shot="s",
    take=1,
    provider="ark",
    model="m",
    base_url="https://a.example",
    request_sha256="o",
    intended_at=utc_now(),
    max_price=Money(amount=Decimal("0.25"), currency="USD"),
)


def test_a_receipt_survives_its_record() -> None:
    """Every fact comes back from JSON as it was, money to the last digit."""
    receipt = (
        Receipt("k")
        .begin_attempt(ATTEMPT)
        .update(AttemptState.SUBMITTED, job="cgt-1", submitted_at=utc_now())
        .update(AttemptState.KEPT, clip=StoredFile("clip.mp4", "ab", 3), tokens=5, frames=49,
               price=Money(amount=Decimal("0.123456789"), currency="USD"))
    )  # fmt: skip

    assert read_receipt("k", receipt.to_record()) == receipt


@pytest.mark.parametrize("state", [state for state in AttemptState if state not in ENDED_STATES])
def test_no_second_attempt_begins_while_one_may_be_paid(state: AttemptState) -> None:
    """Only what is closed, failed, lost or abandoned makes room for another create."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),))

    with pytest.raises(AssertionError, match=state.value):
        receipt.begin_attempt(ATTEMPT)


@pytest.mark.parametrize("state", sorted(ENDED_STATES, key=lambda state: state.value))
def test_another_attempt_keeps_the_ones_before(state: AttemptState) -> None:
    """What was asked before stays on record."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),)).begin_attempt(ATTEMPT)

    assert [one.state for one in receipt.attempts] == [state, AttemptState.INTENDED]


@pytest.mark.parametrize(
    ("state", "amount"),
    [
        (AttemptState.CLOSED, "0"),
        (AttemptState.FAILED, "0"),
        (AttemptState.CANCELLED, "0"),
        (AttemptState.INTENDED, "0.25"),
        (AttemptState.UNCLEAR, "0.25"),
        (AttemptState.SUBMITTED, "0.25"),
        (AttemptState.LOST, "0.25"),
        (AttemptState.CLEANED, "0.25"),
        (AttemptState.ABANDONED, "0.25"),
    ],
)
def test_what_may_be_charged_counts_at_its_most(state: AttemptState, amount: str) -> None:
    """Only what surely cost nothing counts as nothing."""
    assert replace(ATTEMPT, state=state).booked_price.amount == Decimal(amount)


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"version": 1},
        {"version": 3, "attempts": []},
        {"version": 1, "attempts": [{}]},
        {"version": 1, "attempts": [{"state": "napping"}]},
        {"version": 1, "attempts": 5},
    ],
)
def test_a_receipt_that_can_t_be_understood_is_an_error(record: dict) -> None:
    """Never an empty receipt: that would be a second bill."""
    with pytest.raises(StoreError):
        read_receipt("k", record)


CLIP = StoredFile("clip.mp4", "ab", 3)


@pytest.mark.parametrize(
    ("behind", "counts"),
    [
        ([AttemptState.CLOSED], 1),
        ([AttemptState.FAILED, AttemptState.CLOSED], 1),
        ([AttemptState.LOST], 1),
        ([AttemptState.INTENDED], 2),
        ([AttemptState.UNCLEAR], 2),
        ([AttemptState.SUBMITTED], 2),
        ([AttemptState.KEPT], 2),
        ([AttemptState.ABANDONED], 2),
        ([AttemptState.CLOSED, AttemptState.SUBMITTED], 3),
    ],
)
def test_an_outdated_attempt_counts_again_where_all_behind_it_came_to_nothing(
    behind: list[AttemptState], counts: int
) -> None:
    """What is paid and on disk is never worth less for a try to replace it."""
    outdated = replace(ATTEMPT, state=AttemptState.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, *(replace(ATTEMPT, state=one) for one in behind)))

    assert receipt.current_number == counts
    assert receipt.current.state is (AttemptState.KEPT if counts == 1 else behind[-1])
    assert (receipt.current.clip == CLIP) is (counts == 1)


def test_facts_go_to_the_attempt_that_counts() -> None:
    """Not to the failed one that stands behind it."""
    outdated = replace(ATTEMPT, state=AttemptState.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, replace(ATTEMPT, state=AttemptState.FAILED)))
    amended = receipt.update(AttemptState.KEPT, frames=49)

    assert [one.state for one in amended.attempts] == [AttemptState.KEPT, AttemptState.FAILED]
    assert amended.current.frames == 49
    with pytest.raises(AssertionError, match="kept"):
        amended.begin_attempt(ATTEMPT)
