"""Stale seams: kept shots that start from a frame that the shot before no longer ends on."""

from __future__ import annotations

import pytest

from flows.report import RunReport
from flows.run import check_ready
from tasks.errors import StaleSeam
from tasks.store.receipts import AttemptState
from tasks.store.verify import verify_store
from tests.support.reports import attempt_of, attempts_of, folder_of

THREE = ("a", "b", "c")


def lose_clip(studio, report: RunReport, shot: str) -> None:
    """Remove a clip from the store and its job from the vendor."""
    (folder_of(report, shot) / "clip.mp4").unlink()
    (studio.root / "jobs" / f"{attempt_of(report, shot).job}.json").unlink()


@pytest.fixture
def text(chain) -> str:
    """A chain of two shots at a vendor with prices."""
    return chain("a", "b", provider="ark")


@pytest.fixture
def stale_report(studio, text) -> RunReport:
    """Report of a run that rendered `a` again and kept `b`, whose first frame is gone now."""
    lose_clip(studio, studio.run(text), "a")
    studio.run(text)
    studio.faults.inject("jpeg_frame")
    return studio.run(text, resubmit=("a",))


def test_plan_of_lost_clip_announces_stale_seam(studio, text) -> None:
    """The shot that continues a lost clip may become stale in the next run."""
    lose_clip(studio, studio.run(text), "a")
    status = studio.prepare(text).status

    assert status["b"].may_go_stale
    assert "may go stale" in status["b"].reason
    assert not status["a"].may_go_stale


def test_stale_shot_is_kept_with_warning(studio, text, stale_report, outcomes) -> None:
    """By default nothing more is paid; report, warning and the next plan name the shot."""
    status = studio.prepare(text).status

    assert outcomes(stale_report) == {"a": "rendered", "b": "kept"}
    assert studio.creates == 3
    assert [shot.id for shot in stale_report.stale] == ["b"]
    assert "--stale cascade renders b again" in stale_report.warnings[0]
    assert status["b"].seam == "stale"
    assert status.max_total().is_free


@pytest.mark.usefixtures("stale_report")
def test_stale_refuse_ends_run_before_spending(studio, text) -> None:
    """With `--stale refuse` a stale seam is an error with exit code 1."""
    creates = studio.creates

    with pytest.raises(StaleSeam, match=r"b .*--stale keep") as raised:
        check_ready(studio.prepare(text, stale="refuse"))
    assert raised.value.exit_code == 1
    assert studio.creates == creates


@pytest.mark.usefixtures("stale_report")
def test_cascade_pays_stale_shot_once(studio, text, outcomes) -> None:
    """The plan has its price, one run renders it, and the next cascade keeps it."""
    run = studio.prepare(text, stale="cascade")
    report = studio.run(text, stale="cascade")
    following = studio.run(text, stale="cascade")

    assert run.status["b"].state == "to render"
    assert run.max_cost.as_money == run.plan.shot("b").max_price
    assert outcomes(report) == {"a": "kept", "b": "rendered"}
    assert report.stale == ()
    assert outcomes(following) == {"a": "kept", "b": "kept"}
    assert studio.creates == 4


def test_cascade_archives_old_clip(studio, text, stale_report) -> None:
    """The paid clip and its frame stay in the store under names that the receipt has."""
    clip = (folder_of(stale_report, "b") / "clip.mp4").read_bytes()
    report = studio.run(text, stale="cascade")
    old, new = attempts_of(report, "b")
    folder = folder_of(report, "b")

    assert (old.state, new.state) == (AttemptState.OUTDATED, AttemptState.KEPT)
    assert (folder / old.clip.name).read_bytes() == clip
    assert (folder / old.last_frame.name).exists()
    assert old.booked_price.amount > 0
    assert (verify_store(report.run.store).problems, studio.creates) == ([], 4)


def test_verify_checks_archived_clip(studio, text, stale_report) -> None:
    """An archived clip is a known file, and its damage is found."""
    report = studio.run(text, stale="cascade")
    old, _ = attempts_of(report, "b")
    path = folder_of(stale_report, "b") / old.clip.name
    unknown_files = verify_store(report.run.store).unknown_files
    path.write_bytes(path.read_bytes()[:-1])
    (problem,) = verify_store(report.run.store).problems

    assert unknown_files == []
    assert (problem.path, problem.attempt) == (path, old)


def test_cascade_follows_chain_within_run(studio, chain, outcomes) -> None:
    """A shot that becomes stale in the run is rendered in the run; others are kept."""
    text = chain(*THREE, provider="ark")
    lose_clip(studio, studio.run(text), "a")
    studio.run(text)
    options = {"stale": "cascade", "resubmit": ("a",)}
    run = studio.prepare(text, **options)
    studio.faults.inject("jpeg_frame")
    report = studio.run(text, **options)

    prices = [run.plan.shot(shot).max_price.amount for shot in THREE]
    assert run.max_cost.as_money.amount == sum(prices)
    assert outcomes(report)["a"] == outcomes(report)["b"] == "rendered"
    assert report.stale == ()
    assert report.film.frame_count == 3 * 49 - 2
    rendered = sum(outcome == "rendered" for outcome in outcomes(report).values())
    assert studio.creates == 3 + rendered


def test_failed_cascade_keeps_old_clip(studio, chain, outcomes) -> None:
    """If the vendor takes no job, the old clip counts again and is not paid anew."""
    text = chain("a", "b")
    path = folder_of(studio.run(text), "b") / "receipt.json"
    path.write_text(path.read_text().replace('"first_frame_sha256": "', '"first_frame_sha256": "0'))
    studio.faults.inject("throttled", operation="create")
    failed = studio.run(text, stale="cascade")
    kept = studio.run(text)

    assert outcomes(failed) == {"a": "kept", "b": "failed"}
    assert outcomes(kept) == {"a": "kept", "b": "kept"}
    assert kept.film.frame_count == 97
    assert [shot.id for shot in kept.stale] == ["b"]
    assert studio.creates == 2
