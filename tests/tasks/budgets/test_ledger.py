"""The ledger is computed from the receipts and reads each of them once per change."""

from __future__ import annotations

import pytest

from tasks.budgets.ledger import Ledger
from tasks.store.layout import RecordStore
from tasks.store.receipts import AttemptState, read_receipt
from tests.support.spending import usd


def test_ledger_reads_replaced_receipts_only(
    records: RecordStore, book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand receipts are not read again for each of a thousand shots."""
    for number in range(30):
        book(f"k{number}", AttemptState.SUBMITTED)
    ledger = Ledger(records)
    read_keys: list[str] = []

    def count(key: str, record):
        read_keys.append(key)
        return read_receipt(key, record)

    monkeypatch.setattr("tasks.budgets.ledger.read_receipt", count)
    ledger.entries()
    ledger.entries()
    book("k7", AttemptState.KEPT, price=usd(1))
    book("new", AttemptState.KEPT)
    entries = {entry.key: entry for entry in ledger.entries()}

    assert len(read_keys) == 32
    assert sorted(read_keys[-2:]) == ["k7", "new"]
    assert entries["k7"].booked_price == usd(1)


def test_ledger_entry_states(records: RecordStore, book) -> None:
    """An entry is unclear, in flight, charged or free by the state of its attempt."""
    for state in (AttemptState.UNCLEAR, AttemptState.SUBMITTED, AttemptState.CLOSED):
        book(state.value, state, intended_at="2026-07-01T00:00:00+00:00")
    entries = {entry.key: entry for entry in Ledger(records).entries()}

    assert [key for key, entry in entries.items() if entry.is_unclear] == ["unclear"]
    assert [key for key, entry in entries.items() if entry.is_in_flight] == ["submitted"]
    assert [key for key, entry in entries.items() if not entry.is_charged] == ["closed"]
    assert {entry.month for entry in entries.values()} == {"2026-07"}
