"""Find stale seams, apply the user's policy to them, and archive clips that are rendered again.

A seam is stale if a kept shot no longer starts on the last frame of the shot before it, or on the
frame at its out point. The policy
`keep` leaves such shots, `cascade` renders them again and counts their prices before the run, and
`refuse` stops the run before anything is spent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from storyboards.problems import MAX_CANDIDATES
from tasks.budgets.money import ZERO, format_price
from tasks.errors import StaleSeam
from tasks.own_files import file_status, remove_file
from tasks.plan import PlannedShot, ShotToRender
from tasks.store.atomic_files import staged_file
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tasks.store.status import BoardStatus, SeamState, ShotState, ShotStatus


class StalePolicy(StrEnum):
    """The treatment of kept shots after a stale seam."""

    KEEP = "keep"
    CASCADE = "cascade"
    REFUSE = "refuse"


def apply_stale_policy(status: BoardStatus, policy: StalePolicy) -> BoardStatus:
    """Return the status with the seams of all kept shots, after applying the policy."""
    updated: dict[str, ShotStatus] = {}
    for shot in status.plan.dependency_order():
        shot_status = status[shot.id]
        if shot.shot.lock and shot_status.may_render_again:
            shot_status = _keep_locked(shot_status)
        if shot_status.state is ShotState.KEPT and isinstance(shot, ShotToRender):
            shot_status = _check_seam(shot, shot_status, updated, policy)
        updated[shot.id] = shot_status
    return replace(status, shots=updated)


def _keep_locked(status: ShotStatus) -> ShotStatus:
    """Return the status of a locked shot whose clip is missing: download it, or fail."""
    job = status.attempt.job if status.attempt else "-"
    return status._replace(
        state=ShotState.IN_FLIGHT,
        reason=f"its clip is downloaded from job {job}; locked, so it is not rendered again",
        max_price=ZERO,
        may_render_again=False,
    )


def _check_seam(
    shot: ShotToRender, status: ShotStatus, earlier: Mapping[str, ShotStatus], policy: StalePolicy
) -> ShotStatus:
    attempt = status.attempt
    if attempt is None or attempt.first_frame_sha256 is None or not shot.is_needed:
        return status
    previous = earlier.get(shot.continues or "")
    if previous and _may_change_frame(previous, shot.continues_frame):
        return _check_changing_seam(shot, status, previous, policy)
    current_sha256 = current_first_frame_sha256(shot, previous.attempt if previous else None)
    if current_sha256 is None:
        return status
    if current_sha256 == attempt.first_frame_sha256:
        return status._replace(seam=SeamState.FRESH)
    cause = f"it starts on a frame that {describe_end(shot)}"
    if policy == StalePolicy.CASCADE:
        return _cascade(shot, status, cause)._replace(seam=SeamState.STALE)
    return status._replace(reason=f"{status.reason}; {cause}", seam=SeamState.STALE)


def _may_change_frame(status: ShotStatus, number: int | None) -> bool:
    """Return True if this run may give a shot another frame of a number, or another last one."""
    if status.state in (ShotState.TO_RENDER, ShotState.UNCLEAR) or status.may_render_again:
        return True
    has_frame = status.attempt and status.attempt.out_frame(number)
    return status.state is ShotState.IN_FLIGHT and not has_frame


def _check_changing_seam(
    shot: ShotToRender, status: ShotStatus, previous: ShotStatus, policy: StalePolicy
) -> ShotStatus:
    is_certain = previous.state is ShotState.TO_RENDER
    change = "is rendered again" if is_certain else "may end on another frame"
    cause = f"{shot.continues}, which it continues, {change}"
    if policy == StalePolicy.CASCADE:
        return _cascade(shot, status, cause)
    effect = "goes stale" if is_certain else "may go stale"
    return status._replace(reason=f"{status.reason}; {effect}: {cause}", may_go_stale=True)


def _cascade(shot: ShotToRender, status: ShotStatus, cause: str) -> ShotStatus:
    price = format_price(shot.max_price)
    return status._replace(
        state=ShotState.TO_RENDER,
        reason=f"{cause}; it is rendered again for {price} if its first frame has changed",
        max_price=shot.max_price,
        is_cascaded=True,
    )


def current_first_frame_sha256(shot: ShotToRender, previous: Attempt | None) -> str | None:
    """Return the digest of the frame that a shot would start on now; None if unknown.

    Args:
        shot: The shot.
        previous: The attempt of the shot that it continues. A pinned take comes before it.
    """
    if shot.pinned_take:
        previous = shot.pinned_take.attempt
    frame = previous.out_frame(shot.continues_frame) if previous else None
    return frame.sha256 if frame else None


def describe_first_frame(shot: ShotToRender) -> str:
    """Return the name of the shot or take that a shot starts on, for a sentence."""
    if shot.pinned_take:
        return f"take {shot.pinned_take.take.number} of {shot.pinned_take.shot}"
    return shot.continues or "the shot before"


def describe_end(shot: ShotToRender) -> str:
    """Return the end of a sentence about a frame that a shot started on and that is gone."""
    if shot.continues_frame is None:
        return f"{describe_first_frame(shot)} no longer ends on"
    return f"{describe_first_frame(shot)} no longer has as frame {shot.continues_frame}"


def is_stale(shot: ShotToRender, attempt: Attempt | None, previous: Attempt | None) -> bool:
    """Return True if an attempt started on another frame than it would start on now."""
    current_sha256 = current_first_frame_sha256(shot, previous)
    first_frame_sha256 = attempt.first_frame_sha256 if attempt else None
    return bool(current_sha256 and first_frame_sha256 and current_sha256 != first_frame_sha256)


def reject_stale(status: BoardStatus, shots: Collection[PlannedShot]) -> None:
    """Check that no seam of the shots is stale or may go stale.

    Raises:
        StaleSeam: A seam is stale, or may be stale after this run.
    """
    stale = [
        f"{shot.id} ({status[shot.id].reason})"
        for shot in shots
        if status[shot.id].seam is SeamState.STALE or status[shot.id].may_go_stale
    ]
    if stale:
        more = len(stale) - MAX_CANDIDATES
        listed = "; ".join(stale[:MAX_CANDIDATES])
        if more > 0:
            listed += f"; and {more} more (see `shotchain plan`)"
        msg = f"seams are stale or would become stale: {listed}. Nothing was sent; use "
        raise StaleSeam(msg + "--stale keep to leave them, or --stale cascade to render them again")


def archive_attempt(folder: Path, receipt: Receipt) -> Receipt:
    """Give the files of a kept shot other names, so that another attempt may begin.

    The files keep their old names as well, so that a process that dies here loses no clip.

    Args:
        folder: The folder of the key.
        receipt: The receipt, whose current attempt is kept.

    Returns:
        The receipt with the attempt outdated; it is not written yet.
    """
    attempt, number = receipt.current, receipt.current_number
    assert attempt is not None  # noqa: S101 - only a kept attempt is archived
    return receipt.update(
        AttemptState.OUTDATED,
        clip=_archive_file(folder, attempt.clip, number),
        last_frame=_archive_file(folder, attempt.last_frame, number),
    )


def _archive_file(folder: Path, stored_file: StoredFile | None, number: int) -> StoredFile | None:
    if stored_file is None:
        return None
    path = folder / stored_file.name
    name = f"{path.stem.partition('-')[0]}-{number}{path.suffix}"
    if name == stored_file.name:
        return stored_file
    if file_status(path) is None:
        return replace(stored_file, name=name)
    remove_file(folder / name)
    try:
        os.link(path, folder / name, follow_symlinks=False)
    except OSError:
        # Some file systems have no hard links.
        with staged_file(folder / name) as temp_path:
            shutil.copyfile(path, temp_path, follow_symlinks=False)
    return replace(stored_file, name=name)
