"""Stores from before prompts had the numbers of the cast's images: what was paid for stays kept."""

from __future__ import annotations

import json

import pytest

from tasks.planning import planner

BOARD = """\
provider: ark
model: seedance-2.0
look: {resolution: 480p, seconds: 4, ratio: '16:9'}
cast:
  keeper: {is: an old keeper, images: [k.png]}
shots:
  - {id: a, prompt: "{keeper} waits."}
  - {id: b, prompt: "{keeper} goes."}
  - {id: c, prompt: "Waves.", first_frame: {shot: a}}
"""


@pytest.fixture
def earlier_code(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Plan as before: no prompt names an image of the cast."""
    monkeypatch.setattr(planner, "label_cast", lambda *_: {})
    return monkeypatch


@pytest.mark.long
def test_store_without_numbers_stays_kept_and_free(
    studio, make_picture, earlier_code, outcomes
) -> None:
    """The shot, what continues it, and the film; another take has the numbers in its prompt."""
    make_picture("k.png").rename(studio.folder / "k.png")
    first = studio.run(BOARD)
    assert set(outcomes(first).values()) == {"rendered"}
    keys = [shot.key for shot in first.run.plan]
    receipts = {path: path.read_bytes() for path in studio.folder.rglob("receipt.json")}

    earlier_code.undo()
    again = studio.run(BOARD)

    assert set(outcomes(again).values()) == {"kept"}
    assert [shot.key for shot in again.run.plan] == keys
    assert (studio.creates, again.run.max_cost.is_free) == (3, True)
    assert {path: path.read_bytes() for path in receipts} == receipts
    retaken = studio.prepare(BOARD.replace('waits."', 'waits.", take: 2'))
    assert retaken.plan.shot("a").request.prompt == "an old keeper (Image 1) waits."


def test_record_in_any_state_keeps_the_earlier_key(studio, make_picture, earlier_code) -> None:
    """A job may be at the vendor under that key, so no second one is sent under another."""
    make_picture("k.png").rename(studio.folder / "k.png")
    key = studio.prepare(BOARD).plan.shot("a").key
    earlier_code.undo()
    assert studio.prepare(BOARD).plan.shot("a").key != key

    folder = studio.prepare(BOARD).records_of(studio.prepare(BOARD).plan.shot("a")).folder_of(key)
    folder.mkdir(parents=True)
    (folder / "receipt.json").write_text(json.dumps({"version": 2, "attempts": []}))

    assert studio.prepare(BOARD).plan.shot("a").key == key
