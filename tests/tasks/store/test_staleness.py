"""Stale seams: kept shots that start on an old frame, the three policies, archived clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storyboards.models import Shot
from tasks.errors import StaleSeam
from tasks.plan import ShotToRender
from tasks.store.board_records import Take
from tasks.store.receipts import Attempt, AttemptState, OutFrame, Receipt, StoredFile
from tasks.store.staleness import (
    StalePolicy,
    apply_stale_policy,
    archive_attempt,
    is_stale,
    reject_stale,
)
from tasks.store.status import BoardStatus, SeamState, ShotState, ShotStatus
from tasks.store.takes import RecordedTake
from tests.support.paid_path import PRICE, make_attempt, make_plan, make_shot

SHA256 = "5ha"
FIRST = make_shot(shot=Shot(id="first", prompt="p"), key="1" * 64)
SECOND = make_shot(shot=Shot(id="second", prompt="p"), key="2" * 64, continues="first")


def ending_on(sha256: str) -> Attempt:
    """A kept attempt whose last frame has that digest."""
    frame = StoredFile("last_frame.png", sha256, 4)
    return make_attempt(AttemptState.KEPT, job="cgt-1", last_frame=frame)


def starting_on(sha256: str | None) -> Attempt:
    """A kept attempt whose first frame has that digest."""
    return make_attempt(AttemptState.KEPT, job="cgt-2", first_frame_sha256=sha256)


def kept(attempt: Attempt) -> ShotStatus:
    """The status of a kept shot."""
    return ShotStatus(ShotState.KEPT, "rendered", attempt=attempt)


def apply(
    first: ShotStatus,
    second: ShotStatus,
    policy: StalePolicy = StalePolicy.KEEP,
    shot: ShotToRender = SECOND,
) -> ShotStatus:
    """Apply a policy to two shots and return the status of the second."""
    status = BoardStatus(make_plan(FIRST, shot), {"first": first, "second": second})
    return apply_stale_policy(status, policy)["second"]


@pytest.mark.parametrize(("sha256", "seam"), [(SHA256, SeamState.FRESH), ("0ld", SeamState.STALE)])
def test_apply_stale_policy_compares_frames(sha256: str, seam: SeamState) -> None:
    """A seam is fresh if the shot starts on the present last frame of the shot before it."""
    status = apply(kept(ending_on(SHA256)), kept(starting_on(sha256)))

    assert (status.state, status.seam) == (ShotState.KEPT, seam)
    assert ("no longer ends on" in status.reason) is (seam is SeamState.STALE)


AT_OUT_POINT = replace(SECOND, continues_frame=30)


@pytest.mark.parametrize(
    ("frames", "sha256", "seam"),
    [
        (49, SHA256, SeamState.FRESH),
        (49, "0ld", SeamState.STALE),
        (49, "last", SeamState.STALE),
        # A clip that is shorter than planned ends before the out point.
        (30, "last", SeamState.FRESH),
    ],
)
def test_apply_stale_policy_compares_out_points(frames: int, sha256: str, seam: SeamState) -> None:
    """A shot at an out point is compared with the frame at it, not with the last frame."""
    frame = OutFrame(30, StoredFile("frame-30-5ha.png", SHA256, 4))
    first = replace(ending_on("last"), frames=frames, out_frames=(frame,))
    status = apply(kept(first), kept(starting_on(sha256)), shot=AT_OUT_POINT)

    assert status.seam is seam
    assert ("frame that first no longer has as frame 30" in status.reason) is (
        seam is SeamState.STALE
    )


def test_apply_stale_policy_without_recorded_frame() -> None:
    """A frame that was never decoded is compared with nothing; a lost clip may change it."""
    first = replace(ending_on("last"), frames=49)
    status = apply(kept(first), kept(starting_on("any")), shot=AT_OUT_POINT)
    assert status.seam is None
    for state in (ShotState.TO_RENDER, ShotState.IN_FLIGHT):
        missing = ShotStatus(state, "lost", attempt=first)
        assert apply(missing, kept(starting_on("any")), shot=AT_OUT_POINT).may_go_stale


def test_apply_stale_policy_start_of_chain_has_no_seam() -> None:
    """Without a first frame there is nothing to compare."""
    assert apply(kept(ending_on(SHA256)), kept(starting_on(None))).seam is None


def test_apply_stale_policy_cascade_renders_stale_shots() -> None:
    """`cascade` counts the price of a stale shot before the run."""
    status = apply(kept(ending_on(SHA256)), kept(starting_on("0ld")), StalePolicy.CASCADE)

    assert (status.state, status.max_price) == (ShotState.TO_RENDER, PRICE)
    assert (status.is_cascaded, status.seam) == (True, SeamState.STALE)


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (ShotStatus(ShotState.TO_RENDER, "-"), "goes stale: first, which it continues, is"),
        (ShotStatus(ShotState.UNCLEAR, "-"), "may go stale"),
        (ShotStatus(ShotState.IN_FLIGHT, "-"), "may go stale"),
        (kept(ending_on(SHA256))._replace(may_render_again=True), "may go stale"),
    ],
)
def test_apply_stale_policy_changing_shot_before(first: ShotStatus, reason: str) -> None:
    """If the run may change the last frame before, the plan announces it."""
    status = apply(first, kept(starting_on(SHA256)))
    cascaded = apply(first, kept(starting_on(SHA256)), StalePolicy.CASCADE)

    assert (status.state, status.may_go_stale) == (ShotState.KEPT, True)
    assert reason in status.reason
    assert (cascaded.state, cascaded.is_cascaded) == (ShotState.TO_RENDER, True)


def test_apply_stale_policy_stored_frame_in_flight_is_final() -> None:
    """A job whose last frame is stored already can't change it any more."""
    first = ShotStatus(ShotState.IN_FLIGHT, "-", attempt=ending_on(SHA256))

    assert apply(first, kept(starting_on(SHA256))).seam is SeamState.FRESH


def test_apply_stale_policy_locked_shot_is_not_rendered_again() -> None:
    """A locked shot with a missing clip is downloaded, and never paid for again."""
    locked = make_shot(shot=Shot(id="second", prompt="p", lock=True), key="2" * 64)
    missing = ShotStatus(
        ShotState.TO_RENDER,
        "-",
        attempt=starting_on(None),
        max_price=PRICE,
        may_render_again=True,
    )
    status = apply(kept(ending_on(SHA256)), missing, shot=locked)

    assert (status.state, status.may_render_again) == (ShotState.IN_FLIGHT, False)
    assert not status.max_price.amount


def test_is_stale_pinned_take_decides() -> None:
    """A pinned take comes before the present take of the shot."""
    pinned = RecordedTake("first", Take(1, "k", "shots"), ending_on("p1nned"), Path("k"))
    shot = make_shot(pinned_take=pinned)

    assert is_stale(shot, starting_on(SHA256), ending_on(SHA256))
    assert not is_stale(shot, starting_on("p1nned"), ending_on(SHA256))
    assert not is_stale(shot, None, ending_on(SHA256))


def board(*reasons: str, **values: Any) -> BoardStatus:
    """The status of kept shots with these reasons."""
    shots = [
        make_shot(shot=Shot(id=f"s{number}", prompt="p"), key=str(number))
        for number in range(len(reasons))
    ]
    statuses = {
        shot.id: ShotStatus(ShotState.KEPT, reason, **values)
        for shot, reason in zip(shots, reasons, strict=True)
    }
    return BoardStatus(make_plan(*shots), statuses)


@pytest.mark.parametrize("values", [{"seam": SeamState.STALE}, {"may_go_stale": True}])
def test_reject_stale_lists_three_shots_at_most(values: dict[str, Any]) -> None:
    """`refuse` stops the run with the stale shots and both other policies."""
    status = board("a", "b", "c", "d", **values)
    with pytest.raises(StaleSeam) as caught:
        reject_stale(status, status.plan.shots)

    assert "s0 (a); s1 (b); s2 (c); and 1 more" in str(caught.value)
    assert "--stale keep" in str(caught.value)
    assert "--stale cascade" in str(caught.value)


def test_reject_stale_fresh_seams_pass() -> None:
    """Without a stale seam nothing is raised."""
    status = board("a", seam=SeamState.FRESH)
    reject_stale(status, status.plan.shots)


def test_archive_attempt_keeps_files_under_both_names(tmp_path: Path) -> None:
    """A process that dies before the receipt is written loses no clip."""
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    clip, frame = StoredFile("clip.mp4", "-", 4), StoredFile("last_frame.png", "-", 4)
    attempt = make_attempt(AttemptState.KEPT, clip=clip, last_frame=frame)
    failed = make_attempt(AttemptState.FAILED)
    receipt = archive_attempt(tmp_path, Receipt("k", (failed, attempt)))

    archived = receipt.attempts[1]
    assert archived.state is AttemptState.OUTDATED
    assert (archived.clip.name, archived.last_frame.name) == ("clip-2.mp4", "last_frame-2.png")
    assert (tmp_path / "clip.mp4").read_bytes() == (tmp_path / "clip-2.mp4").read_bytes()
    assert not (tmp_path / "last_frame-2.png").exists()
    assert archive_attempt(tmp_path, receipt).attempts[1] == archived
