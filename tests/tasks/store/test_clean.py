"""What may be cleaned away: never what a board or a shot that stays may need."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import StoreError
from tasks.store import clean
from tasks.store.clean import find_half_cleaned, find_needed_jobs, find_removable, remove_clip
from tasks.store.layout import Store
from tasks.store.locks import try_lock
from tasks.store.receipts import AttemptState, read_receipt

MONTH = 30 * 86_400


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def names(doomed) -> set[str]:
    return {one.attempt.shot for one in doomed}


def latest(store: Store, key: str):
    shelf = store.records(loopback=False)
    return read_receipt(key, shelf.read(key)).current


def test_only_what_is_older_and_not_referred_to_may_go(store: Store, keep) -> None:
    """Age alone is not enough, nor is being forgotten."""
    keep("young", days=29)
    needed = keep("needed", days=99)
    keep("old", days=31)
    keep("previz", days=31, loopback=True)

    assert names(find_removable(store, {needed}, min_age_seconds=MONTH)) == {"old", "previz"}


def test_all_that_a_needed_shot_continues_stays(store: Store, keep) -> None:
    """To the first shot of the chain, also through one that is lost."""
    first = keep("first", days=99)
    second = keep("second", days=99, continues_key=first, state=AttemptState.LOST)
    keep("third", days=99, continues_key=second)
    keep("aside", days=99, continues_key=first)

    assert names(find_removable(store, {key_of("third")}, min_age_seconds=MONTH)) == {"aside"}


def test_all_that_a_young_shot_continues_stays(store: Store, keep) -> None:
    """Nothing that a kept shot continues is ever cleaned away, board or no board."""
    first = keep("first", days=99)
    keep("second", days=1, continues_key=first)
    other = keep("other", days=99)
    keep("behind", days=99, continues_key=other)

    assert names(find_removable(store, (), min_age_seconds=MONTH)) == {"other", "behind"}


def test_the_frame_tells_what_is_continued_where_no_key_does(store: Store, keep) -> None:
    """Receipts of an older shotchain name no key."""
    keep("first", days=99)
    frame = sha256(b"frame of first").hexdigest()
    keep("second", days=1, first_frame_sha256=frame)

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
def test_what_is_not_kept_is_not_cleaned_and_keeps_what_it_continues(
    store: Store, keep, state: AttemptState
) -> None:
    """A job on its way, or one that may be, still needs its first frame; a lost one does not."""
    first = keep("first", days=99)
    keep("second", days=99, continues_key=first, state=state)
    found = names(find_removable(store, (), min_age_seconds=MONTH))

    assert found == ({"first"} if state is AttemptState.LOST else set())


@given(data=st.data())
def test_no_shot_that_stays_loses_what_it_continues(data: st.DataObject) -> None:
    """For any chains, ages and boards: whatever goes, nothing behind it stays."""
    count = data.draw(st.integers(1, 8))
    keys = [str(number) for number in range(count)]
    before = {
        key: data.draw(st.sampled_from([None, *keys[:number]])) for number, key in enumerate(keys)
    }
    states = {key: data.draw(st.sampled_from(AttemptState)) for key in keys}
    young = {key for key in keys if data.draw(st.booleans())}
    referred = {key for key in keys if data.draw(st.booleans())}
    old = {
        (Path("s"), key) for key in keys if states[key] is AttemptState.KEPT and key not in young
    }
    entries = [entry(key, states[key], before[key]) for key in keys]
    needed = clean._find_needed_keys(entries, old, referred)
    gone = {key for _, key in old if key not in needed}

    assert not gone & referred
    for key in keys:
        stays = key not in gone and (key in referred or states[key] not in clean.ENDED_STATES)
        assert not (stays and ancestors(key, before) & gone)


def entry(key: str, state: AttemptState, continues: str | None) -> clean.StoredReceipt:
    from tasks.store.layout import RecordStore
    from tasks.store.receipts import Attempt, Receipt

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
        continues_key=continues,
    )
    return clean.StoredReceipt(RecordStore(Path("s")), key, Receipt(key, (attempt,)))


def ancestors(key: str, before: dict[str, str | None]) -> set[str]:
    found = set()
    at = before[key]
    while at is not None:
        found.add(at)
        at = before[at]
    return found


def test_a_damaged_receipt_keeps_everything(store: Store, keep) -> None:
    """Nobody knows what that shot continues."""
    keep("old", days=99)
    key = keep("damaged")
    (store.records(loopback=False).folder_of(key) / "receipt.json").write_bytes(b"{")

    with pytest.raises(StoreError):
        find_removable(store, (), min_age_seconds=MONTH)


def test_a_cleaned_clip_leaves_its_receipt_and_its_price(store: Store, keep) -> None:
    """What was paid counts for ever; only bytes go."""
    key = keep("old", days=99, clip=b"0123456789")
    home = store.records(loopback=False).folder_of(key)
    (home / "clip.mp4.damaged").write_bytes(b"01234")
    freed = remove_clip(*find_removable(store, (), min_age_seconds=MONTH))

    assert freed == 10 + len(b"frame of old") + 5
    assert {path.name for path in home.iterdir()} == {"receipt.json", "lock"}
    assert latest(store, key).state is AttemptState.CLEANED
    assert latest(store, key).cleaned_at
    assert str(latest(store, key).booked_price.amount) == "0.25"


def test_a_key_that_somebody_holds_is_left_alone(store: Store, keep) -> None:
    """A run that works on it needs it, whatever its age."""
    key = keep("old", days=99)
    (doomed,) = find_removable(store, (), min_age_seconds=MONTH)
    with store.records(loopback=False).lock_file(key) as file:
        assert try_lock(file)
        assert remove_clip(doomed) is None

    assert latest(store, key).state is AttemptState.KEPT


def test_a_key_that_has_changed_meanwhile_is_left_alone(store: Store, keep) -> None:
    """It was listed as it was then."""
    keep("old", days=99)
    (doomed,) = find_removable(store, (), min_age_seconds=MONTH)
    key = keep("old", days=0)

    assert remove_clip(doomed) is None
    assert latest(store, key).state is AttemptState.KEPT


def test_what_a_killed_clean_left_is_found(store: Store, keep) -> None:
    """The receipt says it first, so that half a removal is never taken for a lost clip."""
    key = keep("old", state=AttemptState.CLEANED, cleaned_at="2026-01-01T00:00:00+00:00")
    keep("kept")
    home = store.records(loopback=False).folder_of(key)

    assert set(find_half_cleaned(store)) == {home / "clip.mp4", home / "last_frame.png"}


def test_jobs_that_are_waited_for_are_told_apart(store: Store, keep) -> None:
    """On their way, or to be asked for again; and any unclaimed one where a create is in doubt."""
    keep("sent", state=AttemptState.SUBMITTED, loopback=True)
    gone = keep("gone", loopback=True)
    keep("kept", loopback=True)
    (store.records(loopback=True).folder_of(gone) / "clip.mp4").unlink()
    without_doubt = find_needed_jobs(store)
    keep("doubtful", state=AttemptState.UNCLEAR, job=None, loopback=True)

    assert without_doubt == ({"job-sent", "job-gone"}, None)
    assert find_needed_jobs(store) == (
        {"job-sent", "job-gone"},
        {"job-sent", "job-gone", "job-kept"},
    )


def key_of(shot: str) -> str:
    return sha256(shot.encode()).hexdigest()
