"""A run records its takes before it sends anything, and its renders afterwards."""

from __future__ import annotations

from pathlib import Path

from storyboards.models import Shot
from tasks.store.board_records import read_board_record
from tasks.store.history import record_rendered_shots, record_requested_takes
from tests.support.paid_path import make_existing_clip, make_plan, make_shot

RENDERED = make_shot(shot=Shot(id="one", prompt="A ship.", seed=7), key="1", continues_key="k0")
FAILED = make_shot(shot=Shot(id="two", prompt="A storm."), key="2")
EXISTING = make_existing_clip(Shot(id="logo", clip="logo.mp4"), 2, "3", Path("logo.mp4"))
PLAN = make_plan(RENDERED, FAILED, EXISTING)


def test_record_requested_takes_of_shots_to_render(tmp_path: Path) -> None:
    """Each take has the board's prompt and seed; an existing clip has no take."""
    record_requested_takes(tmp_path, PLAN, PLAN.shots, folder_of=lambda _: "previz")
    record = read_board_record(tmp_path, "board")

    (take,) = record.takes["one"]
    assert set(record.takes) == {"one", "two"}
    assert (take.number, take.key, take.folder) == (1, "1", "previz")
    assert (take.seed, take.prompt, take.continues_key) == (7, "A ship.", "k0")


def test_record_rendered_shots_only(tmp_path: Path) -> None:
    """A failed shot has no current key."""
    record_rendered_shots(tmp_path, PLAN, [RENDERED, EXISTING])

    assert read_board_record(tmp_path, "board").shot_keys == {"one": "1", "logo": "3"}


def test_record_rendered_shots_without_store_writes_nothing(tmp_path: Path) -> None:
    """A run that created no store leaves nothing behind."""
    record_rendered_shots(tmp_path / "store", PLAN, [RENDERED])

    assert list(tmp_path.iterdir()) == []
