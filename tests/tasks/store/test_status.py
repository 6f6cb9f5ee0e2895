"""The status of shots before a run, from the receipts, the files and the board's record."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storyboards.models import Money, Shot
from tasks.plan import PlannedShot, ShotToRender
from tasks.providers import PROVIDERS
from tasks.store.board_records import BoardRecord, RecordsFolder, Take
from tasks.store.layout import RecordStore, Store
from tasks.store.receipts import AttemptState, StoredFile, format_timestamp, parse_timestamp
from tasks.store.status import BoardStatus, ShotState, ShotStatus, read_board_status
from tests.support.paid_path import (
    KEY,
    PRICE,
    make_attempt,
    make_existing_clip,
    make_plan,
    make_shot,
    write_attempts,
)

FREE = Money(amount=Decimal(0))
CLIP = StoredFile("clip.mp4", "-", 4)
DAY = 24 * 3600


@pytest.fixture
def records(tmp_path: Path) -> RecordStore:
    """The records of vendors in an empty store."""
    return Store(tmp_path).records(loopback=False)


def board_status(records: RecordStore, *shots: PlannedShot, **options: Any) -> BoardStatus:
    """Compare a plan of these shots with the records."""
    record = options.pop("record", BoardRecord("board"))
    return read_board_status(make_plan(*shots), lambda _: records, record, **options)


def shot_status(records: RecordStore, shot: ShotToRender, **options: Any) -> ShotStatus:
    """Return the status of one shot."""
    return board_status(records, shot, **options)[shot.id]


def days_ago(days: float) -> str:
    """Return a time in the format of receipts."""
    now = parse_timestamp(make_attempt(AttemptState.KEPT).intended_at)
    return format_timestamp(now - days * DAY)


@pytest.mark.parametrize(
    ("state", "expected", "price"),
    [
        (AttemptState.CLOSED, ShotState.TO_RENDER, PRICE),
        (AttemptState.FAILED, ShotState.TO_RENDER, PRICE),
        (AttemptState.CANCELLED, ShotState.TO_RENDER, PRICE),
        (AttemptState.ABANDONED, ShotState.TO_RENDER, PRICE),
        (AttemptState.LOST, ShotState.TO_RENDER, PRICE),
        (AttemptState.CLEANED, ShotState.TO_RENDER, PRICE),
        (AttemptState.INTENDED, ShotState.UNCLEAR, FREE),
        (AttemptState.UNCLEAR, ShotState.UNCLEAR, FREE),
        (AttemptState.SUBMITTED, ShotState.IN_FLIGHT, FREE),
        (AttemptState.DONE, ShotState.IN_FLIGHT, FREE),
        (AttemptState.KEPT, ShotState.KEPT, FREE),
        (AttemptState.OUTDATED, ShotState.KEPT, FREE),
    ],
)
def test_status_by_state_of_the_attempt(
    records: RecordStore, state: AttemptState, expected: ShotState, price: Money
) -> None:
    """Every state of an attempt leads to one state of the shot, with the price of a run."""
    write_attempts(records, make_attempt(state, job="cgt-1", clip=CLIP))
    (records.folder_of(KEY) / "clip.mp4").write_bytes(b"clip")
    status = shot_status(records, make_shot())

    assert (status.state, status.max_price) == (expected, price)


def test_status_unclear_without_list_is_free_unless_resubmitted(records: RecordStore) -> None:
    """Without a list no request is sent, unless the author asks for another."""
    write_attempts(records, make_attempt(AttemptState.UNCLEAR))
    shot = make_shot(provider=PROVIDERS["powertokens"])

    assert shot_status(records, shot).max_price == FREE
    assert shot_status(records, shot, resubmit=["one"]).max_price == PRICE


@pytest.mark.parametrize(
    ("days", "state", "reason"),
    [
        (0.5, ShotState.IN_FLIGHT, "if the vendor no longer has it, it is rendered again for 0.25"),
        (2, ShotState.TO_RENDER, "older than the day a vendor keeps it; it is rendered again"),
    ],
)
def test_status_missing_clip_by_age(
    records: RecordStore, days: float, state: ShotState, reason: str
) -> None:
    """Within a day the clip is downloaded again; later it is expected to be paid for again."""
    attempt = make_attempt(AttemptState.KEPT, job="cgt-1", clip=CLIP, intended_at=days_ago(days))
    write_attempts(records, attempt)
    status = shot_status(records, make_shot())

    assert status.state is state
    assert reason in status.reason
    assert (status.may_render_again, status.max_price) == (True, PRICE)


def test_status_clip_cut_short_is_missing(records: RecordStore) -> None:
    """A clip with another size than recorded is not kept."""
    write_attempts(records, make_attempt(AttemptState.KEPT, job="cgt-1", clip=CLIP))
    (records.folder_of(KEY) / "clip.mp4").write_bytes(b"cl")

    assert shot_status(records, make_shot()).state is ShotState.IN_FLIGHT


def test_status_job_older_than_seven_days_may_be_paid_again(records: RecordStore) -> None:
    """Vendors keep jobs for seven days; the job is queried before it is paid for again."""
    attempt = make_attempt(AttemptState.SUBMITTED, job="cgt-1", intended_at=days_ago(8))
    write_attempts(records, attempt)
    status = shot_status(records, make_shot())

    assert status.state is ShotState.TO_RENDER
    assert status.may_render_again
    assert status.reason.startswith("job cgt-1 is older than the 7 days a vendor keeps it")


def other_shot(shot_id: str, key: str, **values: Any) -> ShotToRender:
    """A shot with another id and key."""
    return make_shot(shot=Shot(id=shot_id, prompt="A picture."), key=key, **values)


@pytest.mark.parametrize(
    ("folder", "provider", "reason"),
    [
        ("shots", "kkiai", "rendered by kkiai, not yet by modelark"),
        ("shots", "modelark", "changed since it was rendered"),
        ("previz", "modelark", "rehearsed on this machine, not yet rendered by modelark"),
        ("shots", None, "changed since it was rendered"),
    ],
    ids=["other-provider", "same-provider", "rehearsal", "damaged"],
)
def test_status_names_the_provider_that_rendered_before(
    records: RecordStore, folder: RecordsFolder, provider: str | None, reason: str
) -> None:
    """A board that is planned for another provider was not changed."""
    key = "e" * 64
    earlier = RecordStore(records.folder.with_name(folder))
    write_attempts(
        earlier, make_attempt(AttemptState.KEPT, provider=provider or "modelark"), key=key
    )
    if provider is None:
        (earlier.folder_of(key) / "receipt.json").write_bytes(b"{")
    take = Take(1, key, folder)
    record = BoardRecord("board", shot_keys={"one": key}, takes={"one": (take,)})

    assert board_status(records, make_shot(), record=record)["one"].reason == reason


def test_status_reasons_to_render(records: RecordStore) -> None:
    """The reason distinguishes new, edited and continuing shots."""
    old_take = Take(1, "old", "shots")
    record = BoardRecord(
        "board", shot_keys={"one": "k", "two": "k", "four": "k"}, takes={"four": (old_take,)}
    )
    status = board_status(
        records,
        make_shot(),
        other_shot("two", "2" * 64, continues="one"),
        other_shot("three", "3" * 64),
        make_shot(shot=Shot(id="four", prompt="A picture.", take=2), key="4" * 64),
        record=record,
    )

    assert status["one"].reason == "changed since it was rendered"
    assert status["two"].reason == "continues one, which is rendered again"
    assert status["three"].reason == "not rendered yet"
    assert status["four"].reason == "take 2 is not rendered yet"
    write_attempts(records, make_attempt(AttemptState.FAILED, error="no"))
    assert shot_status(records, make_shot()).reason == "the last attempt failed: no"


def test_status_existing_clip_is_kept_and_free(records: RecordStore) -> None:
    """A shot that is a file already needs no receipt."""
    status = board_status(records, make_existing_clip(make_shot().shot, 0, KEY, Path("a.mp4")))

    assert (status["one"].state, status["one"].max_price) == (ShotState.KEPT, FREE)


def test_max_total_counts_a_shared_key_once(records: RecordStore) -> None:
    """Two shots with one key are one paid render."""
    status = board_status(
        records, make_shot(), other_shot("two", KEY), other_shot("three", "3" * 64)
    )

    assert status.max_total().as_money.amount == 2 * PRICE.amount
    assert status.max_total(("one", "two")).as_money == PRICE
    assert status.shots_in_state(ShotState.TO_RENDER) == ("one", "two", "three")
