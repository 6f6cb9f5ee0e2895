"""Find kept shots that no longer start on the last frame of the shot before them, and apply the policy.

`keep` leaves them, `cascade` renders them again, `refuse` stops the run before anything is spent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from tasks.budgets.money import ZERO, format_price
from tasks.errors import StaleSeam
from tasks.plan import PlannedShot, ShotToRender
from tasks.store.receipts import Attempt, AttemptState, Receipt, StoredFile
from tasks.store.status import BoardStatus, SeamState, ShotState, ShotStatus


class StalePolicy(StrEnum):
    """What a run does about kept shots whose first frame is stale."""

    KEEP = "keep"
    CASCADE = "cascade"
    REFUSE = "refuse"


def apply_stale_policy(status: BoardStatus, policy: StalePolicy) -> BoardStatus:
    """The survey with the seam of every kept shot, and what `stale` makes of it."""
    judged: dict[str, ShotStatus] = {}
    for shot in status.plan.dependency_order():
        standing = status[shot.id]
        if shot.shot.lock and standing.may_render_again:
            standing = _hold_locked(standing)
        if standing.state is ShotState.KEPT and isinstance(shot, ShotToRender):
            standing = _check_seam(shot, standing, judged, policy)
        judged[shot.id] = standing
    return replace(status, shots=judged)


def _hold_locked(status: ShotStatus) -> ShotStatus:
    """A locked shot that is paid and not here: it is asked for, and that is all."""
    reason = f"job {status.attempt.job if status.attempt else '-'} is asked for its clip; "
    reason += "locked, so it is not rendered again"
    return status._replace(
        state=ShotState.IN_FLIGHT, reason=reason, max_price=ZERO, may_render_again=False
    )


def _check_seam(
    shot: ShotToRender, status: ShotStatus, earlier: Mapping[str, ShotStatus], policy: StalePolicy
) -> ShotStatus:
    attempt = status.attempt
    if attempt is None or attempt.first_frame_sha256 is None:
        return status
    before = earlier.get(shot.continues or "")
    if before and _may_change_last_frame(before):
        sure = before.state is ShotState.TO_RENDER
        said = "is rendered again" if sure else "may end on another frame"
        why = f"{shot.continues}, which it continues, {said}"
        if policy is StalePolicy.CASCADE:
            return _cascade(shot, status, why)
        words = "goes stale" if sure else "may go stale"
        return status._replace(reason=f"{status.reason}; {words}: {why}", may_go_stale=True)
    ends_on = current_first_frame_sha256(shot, before.attempt if before else None)
    if ends_on is None:
        return status
    if ends_on == attempt.first_frame_sha256:
        return status._replace(seam=SeamState.FRESH)
    why = f"it starts on a frame that {describe_first_frame(shot)} no longer ends on"
    if policy is StalePolicy.CASCADE:
        return _cascade(shot, status, why)._replace(seam=SeamState.STALE)
    return status._replace(reason=f"{status.reason}; {why}", seam=SeamState.STALE)


def _may_change_last_frame(previous: ShotStatus) -> bool:
    """Whether this run may leave a shot with another last frame than its kept neighbour knows."""
    if previous.state in (ShotState.TO_RENDER, ShotState.UNCLEAR) or previous.may_render_again:
        return True
    is_in_flight = previous.state is ShotState.IN_FLIGHT
    return is_in_flight and not (previous.attempt and previous.attempt.last_frame)


def _cascade(shot: ShotToRender, status: ShotStatus, cause: str) -> ShotStatus:
    reason = f"{cause}; it is rendered again for {format_price(shot.max_price)} where it starts on another frame"
    return status._replace(
        state=ShotState.TO_RENDER, reason=reason, max_price=shot.max_price, is_cascaded=True
    )


def current_first_frame_sha256(shot: ShotToRender, previous: Attempt | None) -> str | None:
    """The digest of the frame that a shot would start on now; None where it is not known."""
    if shot.pinned_take:
        previous = shot.pinned_take.attempt
    return previous.last_frame.sha256 if previous and previous.last_frame else None


def describe_first_frame(shot: ShotToRender) -> str:
    """The shot that another starts on, as one says it."""
    if shot.pinned_take:
        return f"take {shot.pinned_take.take.number} of {shot.pinned_take.shot}"
    return shot.continues or "the shot before"


def is_stale(shot: ShotToRender, attempt: Attempt | None, previous: Attempt | None) -> bool:
    """Whether an attempt started on another frame than the one that is there now."""
    ends_on = current_first_frame_sha256(shot, previous)
    started = attempt.first_frame_sha256 if attempt else None
    return bool(ends_on and started and ends_on != started)


def reject_stale(status: BoardStatus, shots: Collection[PlannedShot]) -> None:
    """Raise StaleSeam where one of the shots is stale, or may be after this run."""
    told = [
        f"{one.id} ({status[one.id].reason})"
        for one in shots
        if status[one.id].seam is SeamState.STALE or status[one.id].may_go_stale
    ]
    if told:
        msg = f"nothing is sent, for seams are stale or would be: {'; '.join(told)}; give "
        raise StaleSeam(msg + "--stale keep to leave them, or --stale cascade to render them again")


def archive_attempt(folder: Path, receipt: Receipt) -> Receipt:
    """The receipt of a kept shot, ready for another attempt: its files under names of their own.

    They get a second name first and lose nothing, so that a kill at any moment costs no clip.
    """
    kept, number = receipt.current, receipt.current_number
    assert kept is not None  # noqa: S101 - only what is kept is ever set aside
    return receipt.update(
        AttemptState.OUTDATED,
        clip=_archive_file(folder, kept.clip, number),
        last_frame=_archive_file(folder, kept.last_frame, number),
    )


def _archive_file(folder: Path, stored_file: StoredFile | None, number: int) -> StoredFile | None:
    if stored_file is None:
        return None
    path = folder / stored_file.name
    name = f"{path.stem.partition('-')[0]}-{number}{path.suffix}"
    if name == stored_file.name:
        return stored_file
    with suppress(FileNotFoundError):
        folder.joinpath(name).unlink(missing_ok=True)
        try:
            os.link(path, folder / name)
        except FileNotFoundError:
            raise
        except OSError:
            # Not every file system has links.
            shutil.copyfile(path, folder / name)
    return replace(stored_file, name=name)
