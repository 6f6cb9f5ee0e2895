"""The layout of a store: loopback and vendor records apart, usage locks, creation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import StoreError
from tasks.store.layout import Store


def test_store_loopback_and_vendor_records_are_apart(tmp_path: Path) -> None:
    """A run against vendors never finds a record of a provider on loopback."""
    store = Store(tmp_path)
    store.records(loopback=True).write("k", {"version": 1})

    assert store.records(loopback=False).read("k") is None
    assert store.records(loopback=True).read("k") == {"version": 1}


def test_store_exclusive_lock_fails_during_a_run(tmp_path: Path) -> None:
    """`clean` removes nothing while any run uses the store, and several runs may use it."""
    store = Store(tmp_path)
    with store.shared_lock(), store.shared_lock(), store.exclusive_lock() as is_alone:
        assert not is_alone
    with store.exclusive_lock() as is_alone:
        assert is_alone


def test_fingerprint_changes_with_every_write(tmp_path: Path) -> None:
    """The ledger reads a record again only if its fingerprint has changed."""
    records = Store(tmp_path).records(loopback=False)
    fingerprints = [records.fingerprint("k")]
    for _ in range(2):
        records.write("k", {"version": 1})
        fingerprints.append(records.fingerprint("k"))

    assert fingerprints[0] is None
    assert len(set(fingerprints)) == 3


def test_store_initialize_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    """A file in place of the folder leads to one clear sentence."""
    (tmp_path / "s").write_text("")

    with pytest.raises(StoreError, match="--store"):
        Store(tmp_path / "s").initialize()


def test_store_initialize_writes_readme_and_gitignore(tmp_path: Path) -> None:
    """A README for people, an ignore file for git, and nothing else."""
    Store(tmp_path / "s").initialize()

    assert "shotchain" in (tmp_path / "s" / "README").read_text()
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == [".gitignore", "README"]
