"""Receipts: the states of attempts, and records of both versions."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from storyboards.models import Money
from tasks.errors import StoreError
from tasks.store.receipts import (
    ENDED_STATES,
    RECEIPT_VERSION,
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
CLIP = StoredFile("clip.mp4", "ab", 3)

RECORD_OF_VERSION_1: dict[str, Any] = {
    "version": 1,
    "key": "k",
    "attempts": [
        {
            "state": "unclear",
            "board": "lighthouse",
            "shot": "dawn",
            "take": 2,
            "provider": "modelark",
            "model": "seedance-1-0-pro-250528",
            "base_url": "https://ark.example/api/v3",
            "order": "0rder",
            "intended_at": "2026-07-01T10:00:00.000+00:00",
            "price_most": {"amount": "0.123456789", "currency": "USD"},
            "price_dated": "2026-06-01",
            "price_source": "https://prices.example",
            "started_from": "fr4me",
            "continues": "k0",
            "seed": 7,
            "seal": "5eal",
            "doubted_at": "2026-07-01T10:01:00.000+00:00",
            "error": "no response",
        },
        {
            "state": "kept",
            "board": "lighthouse",
            "shot": "dawn",
            "take": 2,
            "provider": "modelark",
            "model": "seedance-1-0-pro-250528",
            "base_url": "https://ark.example/api/v3",
            "order": "0rder",
            "intended_at": "2026-07-01T11:00:00.000+00:00",
            "price_most": {"amount": "0.25", "currency": "CNY"},
            "job": "cgt-1",
            "proof": "seed",
            "submitted_at": "2026-07-01T11:00:01.000+00:00",
            "done_at": "2026-07-01T11:02:00.000+00:00",
            "tokens": 49_005,
            "price": {"amount": "0.1225125", "currency": "CNY"},
            "clip": {"file": "clip.mp4", "sha256": "c1ip", "bytes": 1234},
            "frames": 121,
            "last_frame": {"file": "last_frame.png", "sha256": "p1cture", "bytes": 567},
            "seam_difference": 1.25,
        },
    ],
}

EXPECTED_OF_VERSION_1 = (
    Attempt(
        state=AttemptState.UNCLEAR,
        board="lighthouse",
        shot="dawn",
        take=2,
        provider="modelark",
        model="seedance-1-0-pro-250528",
        base_url="https://ark.example/api/v3",
        request_sha256="0rder",
        intended_at="2026-07-01T10:00:00.000+00:00",
        max_price=Money(amount=Decimal("0.123456789"), currency="USD"),
        price_list_date="2026-06-01",
        price_list_source="https://prices.example",
        first_frame_sha256="fr4me",
        continues_key="k0",
        seed=7,
        base_url_hmac="5eal",
        request_ended_at="2026-07-01T10:01:00.000+00:00",
        error="no response",
    ),
    Attempt(
        state=AttemptState.KEPT,
        board="lighthouse",
        shot="dawn",
        take=2,
        provider="modelark",
        model="seedance-1-0-pro-250528",
        base_url="https://ark.example/api/v3",
        request_sha256="0rder",
        intended_at="2026-07-01T11:00:00.000+00:00",
        max_price=Money(amount=Decimal("0.25"), currency="CNY"),
        job="cgt-1",
        proof="seed",
        submitted_at="2026-07-01T11:00:01.000+00:00",
        done_at="2026-07-01T11:02:00.000+00:00",
        tokens=49_005,
        price=Money(amount=Decimal("0.1225125"), currency="CNY"),
        clip=StoredFile("clip.mp4", "c1ip", 1234),
        frames=121,
        last_frame=StoredFile("last_frame.png", "p1cture", 567),
        seam_difference=1.25,
    ),
)


def test_receipt_version_1_keeps_every_value() -> None:
    """A receipt with the field names of version 1 is read with all its values, money included."""
    assert read_receipt("k", RECORD_OF_VERSION_1).attempts == EXPECTED_OF_VERSION_1


def test_receipt_version_1_is_written_as_version_2() -> None:
    """Once written, a receipt of version 1 has the new field names only, and the same values."""
    record = json.loads(json.dumps(read_receipt("k", RECORD_OF_VERSION_1).to_record()))
    attempt = record["attempts"][0]

    assert record["version"] == RECEIPT_VERSION == 2
    assert attempt["max_price"] == {"amount": "0.123456789", "currency": "USD"}
    assert attempt["request_ended_at"] == "2026-07-01T10:01:00.000+00:00"
    assert not {"order", "price_most", "price_dated", "price_source", "started_from"} & set(attempt)
    assert not {"continues", "seal", "doubted_at"} & set(attempt)
    assert record["attempts"][1]["clip"] == {
        "name": "clip.mp4",
        "sha256": "c1ip",
        "size_bytes": 1234,
    }
    assert read_receipt("k", record).attempts == EXPECTED_OF_VERSION_1


def test_receipt_is_read_back_unchanged() -> None:
    """Every value comes back from JSON, money to the last digit."""
    receipt = (
        Receipt("k")
        .begin_attempt(ATTEMPT)
        .update(AttemptState.SUBMITTED, job="cgt-1", submitted_at=utc_now())
        .update(AttemptState.KEPT, clip=CLIP, tokens=5, frames=49,
                price=Money(amount=Decimal("0.123456789"), currency="USD"))
    )  # fmt: skip

    assert read_receipt("k", json.loads(json.dumps(receipt.to_record()))) == receipt


@pytest.mark.parametrize("state", [state for state in AttemptState if state not in ENDED_STATES])
def test_begin_attempt_before_the_last_ended_fails(state: AttemptState) -> None:
    """While an attempt may be charged, no other attempt begins."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),))

    with pytest.raises(AssertionError, match=state.value):
        receipt.begin_attempt(ATTEMPT)


@pytest.mark.parametrize("state", sorted(ENDED_STATES))
def test_begin_attempt_keeps_earlier_attempts(state: AttemptState) -> None:
    """Earlier attempts stay on record."""
    receipt = Receipt("k", (replace(ATTEMPT, state=state),)).begin_attempt(ATTEMPT)

    assert [attempt.state for attempt in receipt.attempts] == [state, AttemptState.INTENDED]


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
def test_booked_price_is_max_price_unless_free(state: AttemptState, amount: str) -> None:
    """Only an attempt that surely cost nothing is booked at nothing."""
    booked_price = replace(ATTEMPT, state=state).booked_price

    assert booked_price
    assert booked_price.amount == Decimal(amount)


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
def test_read_receipt_damaged_record_is_an_error(record: dict[str, Any]) -> None:
    """If a damaged receipt counted as empty, its shot would be paid for twice."""
    with pytest.raises(StoreError):
        read_receipt("k", record)


@pytest.mark.parametrize("name", ["../clip.mp4", "/etc/passwd", "a\\b", "..", ""])
def test_read_receipt_file_outside_its_folder_is_an_error(name: str) -> None:
    """A receipt of a stranger's store refers to no file outside of its folder."""
    record = Receipt("k", (replace(ATTEMPT, clip=CLIP),)).to_record()
    record["attempts"][0]["clip"]["name"] = name

    with pytest.raises(StoreError, match="outside of its folder"):
        read_receipt("k", record)


@pytest.mark.parametrize(
    ("later_states", "number"),
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
def test_current_outdated_attempt_counts_until_replaced(
    later_states: list[AttemptState], number: int
) -> None:
    """An outdated clip counts again if all later attempts ended without a clip."""
    outdated = replace(ATTEMPT, state=AttemptState.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, *(replace(ATTEMPT, state=state) for state in later_states)))

    assert receipt.current
    assert receipt.current_number == number
    assert receipt.current.state is (AttemptState.KEPT if number == 1 else later_states[-1])
    assert (receipt.current.clip == CLIP) is (number == 1)


def test_update_changes_the_current_attempt() -> None:
    """Values belong to the attempt that counts, not to a failed attempt after it."""
    outdated = replace(ATTEMPT, state=AttemptState.OUTDATED, clip=CLIP)
    receipt = Receipt("k", (outdated, replace(ATTEMPT, state=AttemptState.FAILED)))
    updated = receipt.update(AttemptState.KEPT, frames=49)

    assert [attempt.state for attempt in updated.attempts] == [
        AttemptState.KEPT,
        AttemptState.FAILED,
    ]
    assert updated.current
    assert updated.current.frames == 49
    with pytest.raises(AssertionError, match="kept"):
        updated.begin_attempt(ATTEMPT)
