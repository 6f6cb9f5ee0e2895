"""`cancel`: every job of a board that is still queued is taken back; what could not be is told."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from flows.run import Run, serve_simulator
from flows.shooting import desk
from tasks.errors import NotConfigured
from tasks.store.clean import iter_receipts
from tasks.store.layout import RecordStore
from tasks.store.receipts import Attempt
from tasks.submission.cancel import NO_JOB, CancelOutcome, CancelResult, known_outcome
from tasks.submission.cancel import cancel as cancel_job


class _Target(NamedTuple):
    """A key of the board, and what the store knows of it."""

    shot: str
    key: str
    shelf: RecordStore
    attempt: Attempt | None
    present: bool = True
    """Whether the board asks for it still; an edit since leaves the old one in the queue."""


def cancel_jobs(production: Run) -> tuple[dict[str, Any], str, int]:
    """Take back what is queued; returns the document, the text and the exit code."""
    targets = _targets(production)
    waiting = [one for one in targets if known_outcome(one.attempt) is None]
    asked: dict[tuple[str, str], CancelResult] = {}
    if waiting:
        with serve_simulator(production) as opened:
            asked = asyncio.run(_cancel(opened, waiting))
    found = [
        (one, asked.get(_place(one)) or known_outcome(one.attempt) or NO_JOB) for one in targets
    ]
    return _document(production, found), _text(production, found), _code(found)


def _place(target: _Target) -> tuple[str, str]:
    return str(target.shelf.folder), target.key


def _targets(production: Run) -> list[_Target]:
    """The shots of the board, and what an earlier version of it has at a vendor."""
    targets = []
    for shot in production.plan.shots_to_render:
        attempt = production.status[shot.id].attempt
        targets.append(_Target(shot.id, shot.key, production.records_of(shot), attempt))
    known = {_place(one) for one in targets}
    for one in iter_receipts(production.store):
        latest = one.current
        if (
            latest is None
            or latest.board != production.board.name
            or known_outcome(latest) == NO_JOB
        ):
            continue
        target = _Target(latest.shot, one.key, one.records, latest, present=False)
        if _place(target) not in known:
            targets.append(target)
    return targets


async def _cancel(production: Run, targets: list[_Target]) -> dict[tuple[str, str], CancelResult]:
    async with desk(production, lambda *_: None) as desk_:

        async def ask(target: _Target) -> CancelResult:
            assert target.attempt  # noqa: S101 - only what was sent waits
            row = production.config.providers.get(target.attempt.provider)
            if row is None:
                msg = f"{target.attempt.provider} is not a provider any more"
                return CancelResult(CancelOutcome.NOT_SENT, msg)
            try:
                client = desk_.client_of(row, target.attempt)
            except NotConfigured as error:
                return CancelResult(
                    CancelOutcome.NOT_SENT, f"it could not be asked for: {error}", error
                )
            return await cancel_job(target.key, target.shelf, client)

        # A key that two shots share is asked for once.
        distinct = {_place(one): one for one in targets}
        answers = await asyncio.gather(*(ask(one) for one in distinct.values()))
        return dict(zip(distinct, answers, strict=True))


def _code(found: list[tuple[_Target, CancelResult]]) -> int:
    codes = [one.error.exit_code for _, one in found if one.error]
    if any(code == NotConfigured.exit_code for code in codes):
        return NotConfigured.exit_code
    return (
        1
        if any(one.outcome in (CancelOutcome.NOT_SENT, CancelOutcome.UNCLEAR) for _, one in found)
        else 0
    )


def _text(production: Run, found: list[tuple[_Target, CancelResult]]) -> str:
    told = [(one, said) for one, said in found if said.outcome is not CancelOutcome.NO_JOB]
    if not told:
        return f"nothing of {production.board.name} is at a vendor; there is nothing to cancel"
    lines = [f"{_name(one)}: {said.message}" for one, said in told]
    count = sum(said.outcome is CancelOutcome.CANCELLED for _, said in told)
    lines.append(f"{count} of {len(told)} cancelled")
    return "\n".join(lines)


def _name(target: _Target) -> str:
    return target.shot if target.present else f"{target.shot} (before an edit)"


def _document(production: Run, found: list[tuple[_Target, CancelResult]]) -> dict[str, Any]:
    return {
        "board": production.board.name,
        "shots": [
            {
                "id": one.shot,
                "key": one.key,
                "present": one.present,
                "provider": one.attempt.provider if one.attempt else None,
                "job": one.attempt.job if one.attempt else None,
                "outcome": said.outcome,
                "message": said.message,
            }
            for one, said in found
        ],
    }
