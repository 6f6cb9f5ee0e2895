"""Whether kept shots still start on the frame before them, and what is done where they do not.

A lost clip that is rendered again ends on another picture: what continues it is kept but stale.
`keep` leaves it so, `cascade` renders it again and counts its price before the run, `refuse`
stops the run before anything is spent.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tasks.errors import StaleSeam
from tasks.money.bill import NOTHING, show
from tasks.plan import PlannedShot
from tasks.receipts import Attempt, Kept, Receipt, State
from tasks.records.survey import Standing, Survey

Stale = Literal["keep", "cascade", "refuse"]


def judge(survey: Survey, stale: Stale) -> Survey:
    """The survey with the seam of every kept shot, and what `stale` makes of it."""
    judged: dict[str, Standing] = {}
    for shot in survey.plan.in_order():
        standing = survey[shot.id]
        if shot.shot.lock and standing.renders_again:
            standing = _held(standing)
        if standing.state == "kept":
            standing = _judge(shot, standing, judged, stale)
        judged[shot.id] = standing
    return replace(survey, standings=judged)


def _held(standing: Standing) -> Standing:
    """A locked shot that is paid and not here: it is asked for, and that is all."""
    reason = f"job {standing.attempt.job if standing.attempt else '-'} is asked for its clip; "
    reason += "locked, so it is not rendered again"
    return standing._replace(state="in flight", reason=reason, may_pay=NOTHING, renders_again=False)


def _judge(
    shot: PlannedShot, standing: Standing, judged: Mapping[str, Standing], stale: Stale
) -> Standing:
    attempt = standing.attempt
    if attempt is None or attempt.started_from is None:
        return standing
    before = judged.get(shot.continues or "")
    if before and _may_end_elsewhere(before):
        sure = before.state == "to render"
        said = "is rendered again" if sure else "may end on another frame"
        why = f"{shot.continues}, which it continues, {said}"
        if stale == "cascade":
            return _again(shot, standing, why)
        words = "goes stale" if sure else "may go stale"
        return standing._replace(reason=f"{standing.reason}; {words}: {why}", goes_stale=True)
    ends_on = frame_before(shot, before.attempt if before else None)
    if ends_on is None:
        return standing
    if ends_on == attempt.started_from:
        return standing._replace(seam="fresh")
    why = f"it starts on a frame that {started_on(shot)} no longer ends on"
    if stale == "cascade":
        return _again(shot, standing, why)._replace(seam="stale")
    return standing._replace(reason=f"{standing.reason}; {why}", seam="stale")


def _may_end_elsewhere(before: Standing) -> bool:
    """Whether this run may leave a shot with another last frame than its kept neighbour knows."""
    if before.state in ("to render", "unclear") or before.renders_again:
        return True
    return before.state == "in flight" and not (before.attempt and before.attempt.last_frame)


def _again(shot: PlannedShot, standing: Standing, why: str) -> Standing:
    reason = f"{why}; it is rendered again for {show(shot.price)} where it starts on another frame"
    return standing._replace(state="to render", reason=reason, may_pay=shot.price, cascades=True)


def frame_before(shot: PlannedShot, before: Attempt | None) -> str | None:
    """The digest of the frame that a shot would start on now; None where it is not known."""
    if shot.pinned:
        before = shot.pinned.attempt
    return before.last_frame.sha256 if before and before.last_frame else None


def started_on(shot: PlannedShot) -> str:
    """The shot that another starts on, as one says it."""
    if shot.pinned:
        return f"take {shot.pinned.take.number} of {shot.pinned.shot}"
    return shot.continues or "the shot before"


def is_stale(shot: PlannedShot, attempt: Attempt | None, before: Attempt | None) -> bool:
    """Whether an attempt started on another frame than the one that is there now."""
    ends_on = frame_before(shot, before)
    started = attempt.started_from if attempt else None
    return bool(ends_on and started and ends_on != started)


def refuse_stale(survey: Survey, shots: Collection[PlannedShot]) -> None:
    """Raise StaleSeam where one of the shots is stale, or may be after this run."""
    told = [
        f"{one.id} ({survey[one.id].reason})"
        for one in shots
        if survey[one.id].seam == "stale" or survey[one.id].goes_stale
    ]
    if told:
        msg = f"nothing is sent, for seams are stale or would be: {'; '.join(told)}; give "
        raise StaleSeam(msg + "--stale keep to leave them, or --stale cascade to render them again")


def set_aside(home: Path, receipt: Receipt) -> Receipt:
    """The receipt of a kept shot, ready for another attempt: its files under names of their own.

    They get a second name first and lose nothing, so that a kill at any moment costs no clip.
    """
    kept, number = receipt.latest, receipt.counting_number
    assert kept is not None  # noqa: S101 - only what is kept is ever set aside
    return receipt.amend(
        State.OUTDATED,
        clip=_second_name(home, kept.clip, number),
        last_frame=_second_name(home, kept.last_frame, number),
    )


def _second_name(home: Path, kept: Kept | None, number: int) -> Kept | None:
    if kept is None:
        return None
    path = home / kept.file
    name = f"{path.stem.partition('-')[0]}-{number}{path.suffix}"
    if name == kept.file:
        return kept
    with suppress(FileNotFoundError):
        home.joinpath(name).unlink(missing_ok=True)
        try:
            os.link(path, home / name)
        except FileNotFoundError:
            raise
        except OSError:
            # Not every file system has links.
            shutil.copyfile(path, home / name)
    return replace(kept, file=name)
