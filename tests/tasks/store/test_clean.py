"""`clean` removes no clip that a board or a remaining shot may need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import StoreError
from tasks.store import clean
from tasks.store.clean import (
    RemovableClip,
    StoredReceipt,
    find_half_cleaned,
    find_needed_jobs,
    find_removable,
    remove_clip,
)
from tasks.store.layout import RecordStore, Store
from tasks.store.locks import try_lock
from tasks.store.receipts import ENDED_STATES, Attempt, AttemptState, Receipt, read_receipt

MONTH = 30 * 86_400

Keep = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of the fixture `keep`."""
    return Store(tmp_path / "store")


def shots_of(removable: Iterable[RemovableClip]) -> set[str]:
    """The ids of the shots whose clips are removable."""
    return {clip.attempt.shot for clip in removable}


def current_attempt(store: Store, key: str) -> Attempt:
    """The attempt that counts of a vendor's key."""
    records = store.records(loopback=False)
    attempt = read_receipt(key, records.read(key)).current
    assert attempt
    return attempt


def key_of(shot: str) -> str:
    """The key that the fixture `keep` uses for a shot."""
    return sha256(shot.encode()).hexdigest()


def test_find_removable_needs_age_and_no_reference(store: Store, keep: Keep) -> None:
    """A clip is removable only if it is old and no board refers to it."""
    keep("young", days=29)
    referenced = keep("referenced", days=99)
    keep("old", days=31)
    keep("previz", days=31, loopback=True)

    assert shots_of(find_removable(store, {referenced}, min_age_seconds=MONTH)) == {"old", "previz"}


def test_find_removable_keeps_chain_of_referenced_shot(store: Store, keep: Keep) -> None:
    """Every shot of the chain stays up to the first one, also through a lost shot."""
    first = keep("first", days=99)
    second = keep("second", days=99, continues_key=first, state=AttemptState.LOST)
    keep("third", days=99, continues_key=second)
    keep("branch", days=99, continues_key=first)

    assert shots_of(find_removable(store, {key_of("third")}, min_age_seconds=MONTH)) == {"branch"}


def test_find_removable_keeps_chain_of_young_shot(store: Store, keep: Keep) -> None:
    """A clip that a kept shot continues stays, with or without a board."""
    first = keep("first", days=99)
    keep("second", days=1, continues_key=first)
    other = keep("other", days=99)
    keep("after", days=99, continues_key=other)

    assert shots_of(find_removable(store, (), min_age_seconds=MONTH)) == {"other", "after"}


def test_find_removable_matches_frames_without_keys(store: Store, keep: Keep) -> None:
    """Early receipts have no key of the continued shot; the first frame identifies it."""
    keep("first", days=99)
    keep("second", days=1, first_frame_sha256=sha256(b"frame of first").hexdigest())

    assert find_removable(store, (), min_age_seconds=MONTH) == ()


@pytest.mark.parametrize(
    "state",
    [
        AttemptState.INTENDED,
        AttemptState.UNCLEAR,
        AttemptState.SUBMITTED,
        AttemptState.DONE,
        AttemptState.LOST,
    ],
)
def test_find_removable_keeps_first_frame_of_open_attempt(
    store: Store, keep: Keep, state: AttemptState
) -> None:
    """A job in progress, or a possible job, still needs its first frame; a lost job does not."""
    first = keep("first", days=99)
    keep("second", days=99, continues_key=first, state=state)
    removable = shots_of(find_removable(store, (), min_age_seconds=MONTH))

    assert removable == ({"first"} if state is AttemptState.LOST else set())


@given(data=st.data())
def test_needed_keys_no_remaining_shot_loses_ancestors(data: st.DataObject) -> None:
    """For any chains, ages and boards: no shot that stays continues a removed shot."""
    count = data.draw(st.integers(1, 8))
    keys = [str(number) for number in range(count)]
    continued = {
        key: data.draw(st.sampled_from([None, *keys[:number]])) for number, key in enumerate(keys)
    }
    states = {key: data.draw(st.sampled_from(AttemptState)) for key in keys}
    young = {key for key in keys if data.draw(st.booleans())}
    referenced = {key for key in keys if data.draw(st.booleans())}
    old = {
        (Path("s"), key) for key in keys if states[key] is AttemptState.KEPT and key not in young
    }
    receipts = [stored_receipt(key, states[key], continued[key]) for key in keys]
    needed = clean._find_needed_keys(receipts, old, referenced)
    removed = {key for _, key in old if key not in needed}

    assert not removed & referenced
    for key in keys:
        stays = key not in removed and (key in referenced or states[key] not in ENDED_STATES)
        assert not (stays and ancestors(key, continued) & removed)


def stored_receipt(key: str, state: AttemptState, continues_key: str | None) -> StoredReceipt:
    """A receipt of one attempt."""
    attempt = Attempt(
        state=state,
        board="b",
        shot=key,
        take=1,
        provider="ark",
        model="m",
        base_url="u",
        request_sha256="o",
        intended_at="2026-01-01T00:00:00+00:00",
        continues_key=continues_key,
    )
    return StoredReceipt(RecordStore(Path("s")), key, Receipt(key, (attempt,)))


def ancestors(key: str, continued: dict[str, str | None]) -> set[str]:
    """The keys that a key continues, directly or indirectly."""
    keys = set()
    previous = continued[key]
    while previous is not None:
        keys.add(previous)
        previous = continued[previous]
    return keys


def test_find_removable_damaged_receipt_is_an_error(store: Store, keep: Keep) -> None:
    """It is unknown what the shot of a damaged receipt continues, so nothing is removable."""
    keep("old", days=99)
    key = keep("damaged")
    (store.records(loopback=False).folder_of(key) / "receipt.json").write_bytes(b"{")

    with pytest.raises(StoreError):
        find_removable(store, (), min_age_seconds=MONTH)


def test_remove_clip_keeps_receipt_and_price(store: Store, keep: Keep) -> None:
    """A removed clip stays booked; only its files are gone."""
    key = keep("old", days=99, clip=b"0123456789")
    folder = store.records(loopback=False).folder_of(key)
    (folder / "clip.mp4.damaged").write_bytes(b"01234")
    (folder / "log.jsonl").write_bytes(b"{}")
    freed_bytes = remove_clip(*find_removable(store, (), min_age_seconds=MONTH))
    attempt = current_attempt(store, key)

    assert freed_bytes == 10 + len(b"frame of old") + 5
    assert {path.name for path in folder.iterdir()} == {"receipt.json", "log.jsonl", "lock"}
    assert attempt.state is AttemptState.CLEANED
    assert attempt.cleaned_at
    assert attempt.booked_price
    assert str(attempt.booked_price.amount) == "0.25"


def test_remove_clip_locked_key_is_skipped(store: Store, keep: Keep) -> None:
    """A run that holds the key needs its clip, whatever its age."""
    key = keep("old", days=99)
    (removable,) = find_removable(store, (), min_age_seconds=MONTH)
    with store.records(loopback=False).lock_file(key) as file:
        assert try_lock(file)
        assert remove_clip(removable) is None

    assert current_attempt(store, key).state is AttemptState.KEPT


def test_remove_clip_changed_receipt_is_skipped(store: Store, keep: Keep) -> None:
    """A clip that was rendered again after the listing stays."""
    keep("old", days=99)
    (removable,) = find_removable(store, (), min_age_seconds=MONTH)
    key = keep("old", days=0)

    assert remove_clip(removable) is None
    assert current_attempt(store, key).state is AttemptState.KEPT


def test_find_half_cleaned_after_a_killed_clean(store: Store, keep: Keep) -> None:
    """The receipt is updated first, so the rest of a removal is not taken for a lost clip."""
    key = keep("old", state=AttemptState.CLEANED, cleaned_at="2026-01-01T00:00:00+00:00")
    keep("kept")
    folder = store.records(loopback=False).folder_of(key)

    assert set(find_half_cleaned(store)) == {folder / "clip.mp4", folder / "last_frame.png"}


def test_find_needed_jobs_awaited_and_claimed(store: Store, keep: Keep) -> None:
    """Jobs without a stored clip are awaited; with an unclear attempt the claimed jobs count."""
    keep("sent", state=AttemptState.SUBMITTED, loopback=True)
    missing = keep("missing", loopback=True)
    keep("kept", loopback=True)
    (store.records(loopback=True).folder_of(missing) / "clip.mp4").unlink()
    without_unclear = find_needed_jobs(store)
    keep("unclear", state=AttemptState.UNCLEAR, job=None, loopback=True)

    awaited = frozenset({"job-sent", "job-missing"})
    assert without_unclear == (awaited, None)
    assert find_needed_jobs(store) == (awaited, awaited | {"job-kept"})
