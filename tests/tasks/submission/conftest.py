"""A vendor in memory, and a store, for tests of the paid path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.store.layout import RecordStore, Store
from tasks.submission.context import SubmissionContext
from tests.support.paid_path import FakeVendor, make_context


@pytest.fixture
def vendor() -> FakeVendor:
    """A vendor without jobs."""
    return FakeVendor()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


@pytest.fixture
def records(store: Store) -> RecordStore:
    """The records of vendors."""
    return store.records(loopback=False)


@pytest.fixture
def context(store: Store, vendor: FakeVendor) -> SubmissionContext:
    """The context of a run whose provider lists and cancels jobs."""
    return make_context(store, vendor.client())
