"""Stale seams: a kept shot that starts on a frame which is no longer there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.run import check_ready
from tasks.errors import StaleSeam
from tasks.store.receipts import AttemptState, read_receipt
from tasks.store.verify import verify_store

THREE = ("a", "b", "c")


def home_of(studio, report, shot: str) -> Path:
    planned = next(one.shot for one in report.results if one.shot.id == shot)
    return report.run.records_of(planned).folder_of(planned.key)


def lose(studio, report, shot: str) -> None:
    """The clip is gone here, and the vendor has the job no more."""
    attempt = next(one.attempt for one in report.results if one.shot.id == shot)
    (home_of(studio, report, shot) / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{attempt.job}.json").unlink()


def receipt_of(studio, report, shot: str):
    record = json.loads((home_of(studio, report, shot) / "receipt.json").read_text())
    return read_receipt("k", record)


def test_a_lost_clip_leaves_what_continues_it_stale_and_says_so(studio, chain, outcomes) -> None:
    """The plan says it before, the run warns at its end, nothing more is paid; refuse stops it."""
    text = chain("a", "b", provider="ark")
    first = studio.run(text)
    lose(studio, first, "a")
    before = studio.prepare(text).status
    studio.faults.inject("jpeg_frame")
    report = studio.run(text)

    assert "b" in {one for one in ("a", "b") if before[one].may_go_stale}
    assert "may go stale" in before["b"].reason
    assert outcomes(report) == {"a": "rendered", "b": "kept"}
    assert studio.creates == 3
    assert [one.id for one in report.stale] == ["b"]
    assert "--stale cascade renders b again" in report.warnings[0]

    after = studio.prepare(text)
    assert after.status["b"].seam == "stale"
    assert after.max_cost.is_free
    with pytest.raises(StaleSeam, match=r"b .*--stale keep") as refused:
        check_ready(studio.prepare(text, stale="refuse"))
    assert refused.value.exit_code == 1

    # The same board, asked to cascade: priced before, paid once, the old clip kept aside.
    asked = studio.prepare(text, stale="cascade")
    assert asked.status["b"].state == "to render"
    assert asked.max_cost.as_money == asked.plan.shot("b").max_price
    old = (home_of(studio, report, "b") / "clip.mp4").read_bytes()
    again = studio.run(text, stale="cascade")
    assert outcomes(again) == {"a": "kept", "b": "rendered"}
    assert again.stale == ()
    assert studio.creates == 4
    attempts = receipt_of(studio, again, "b").attempts
    assert [one.state for one in attempts] == [AttemptState.OUTDATED, AttemptState.KEPT]
    home = home_of(studio, again, "b")
    assert (home / attempts[0].clip.name).read_bytes() == old
    assert (home / attempts[0].last_frame.name).exists()
    assert attempts[0].booked_price.amount > 0
    whole = verify_store(again.run.store)
    assert (whole.problems, whole.unknown_files) == ([], [])
    (home / attempts[0].clip.name).write_bytes(old[:-1])
    (damage,) = verify_store(again.run.store).problems
    assert (damage.path, damage.attempt) == (home / attempts[0].clip.name, attempts[0])
    assert outcomes(studio.run(text, stale="cascade")) == {"a": "kept", "b": "kept"}
    assert studio.creates == 4


def test_a_cascade_follows_the_chain_within_the_run_as_priced(studio, chain, outcomes) -> None:
    """What goes stale in the run is rendered in the run; what does not, is kept and not paid."""
    text = chain(*THREE, provider="ark")
    first = studio.run(text)
    lose(studio, first, "a")
    asked = studio.prepare(text, stale="cascade")
    studio.faults.inject("jpeg_frame")
    report = studio.run(text, stale="cascade")

    prices = [asked.plan.shot(one).max_price.amount for one in THREE]
    assert asked.max_cost.as_money.amount == sum(prices)
    assert outcomes(report)["a"] == outcomes(report)["b"] == "rendered"
    assert report.stale == ()
    assert report.film.frame_count == 3 * 49 - 2
    rendered = sum(one == "rendered" for one in outcomes(report).values())
    assert studio.creates == 3 + rendered


def test_a_cascade_that_comes_to_nothing_leaves_what_was_kept(studio, chain, outcomes) -> None:
    """The old clip counts again, in the film too, and is not paid anew."""
    text = chain("a", "b")
    first = studio.run(text)
    path = home_of(studio, first, "b") / "receipt.json"
    path.write_text(path.read_text().replace('"first_frame_sha256": "', '"first_frame_sha256": "0'))
    studio.faults.inject("throttled", operation="create")
    failed = studio.run(text, stale="cascade")
    kept = studio.run(text)

    assert outcomes(failed) == {"a": "kept", "b": "failed"}
    assert outcomes(kept) == {"a": "kept", "b": "kept"}
    assert kept.film.frame_count == 97
    assert [one.id for one in kept.stale] == ["b"]
    assert studio.creates == 2
