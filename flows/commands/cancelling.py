"""`cancel`: every job of a board that is still queued is taken back; what could not be is told."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from flows.production import Production, served
from flows.shooting import desk
from tasks.errors import NotConfigured
from tasks.housekeeping.cancellation import NOTHING, Cancelled, standing
from tasks.housekeeping.cancellation import cancel as cancel_job
from tasks.housekeeping.cleaning import entries
from tasks.receipts import Attempt
from tasks.store import Shelf


class _Target(NamedTuple):
    """A key of the board, and what the store knows of it."""

    shot: str
    key: str
    shelf: Shelf
    attempt: Attempt | None
    present: bool = True
    """Whether the board asks for it still; an edit since leaves the old one in the queue."""


def cancel(production: Production) -> tuple[dict[str, Any], str, int]:
    """Take back what is queued; returns the document, the text and the exit code."""
    targets = _targets(production)
    waiting = [one for one in targets if standing(one.attempt) is None]
    asked: dict[tuple[str, str], Cancelled] = {}
    if waiting:
        with served(production) as opened:
            asked = asyncio.run(_cancel(opened, waiting))
    found = [(one, asked.get(_place(one)) or standing(one.attempt) or NOTHING) for one in targets]
    return _document(production, found), _text(production, found), _code(found)


def _place(target: _Target) -> tuple[str, str]:
    return str(target.shelf.folder), target.key


def _targets(production: Production) -> list[_Target]:
    """The shots of the board, and what an earlier version of it has at a vendor."""
    targets = []
    for shot in production.plan:
        if shot.clip is None:
            attempt = production.survey[shot.id].attempt
            targets.append(_Target(shot.id, shot.key, production.shelf(shot), attempt))
    known = {_place(one) for one in targets}
    for one in entries(production.store):
        latest = one.latest
        if latest is None or latest.board != production.board.name or standing(latest) == NOTHING:
            continue
        target = _Target(latest.shot, one.key, one.shelf, latest, present=False)
        if _place(target) not in known:
            targets.append(target)
    return targets


async def _cancel(
    production: Production, targets: list[_Target]
) -> dict[tuple[str, str], Cancelled]:
    async with desk(production, lambda *_: None) as desk_:

        async def ask(target: _Target) -> Cancelled:
            assert target.attempt  # noqa: S101 - only what was sent waits
            row = production.configuration.providers.get(target.attempt.provider)
            if row is None:
                msg = f"{target.attempt.provider} is not a provider any more"
                return Cancelled("unasked", msg)
            try:
                client = desk_.client_of(row, target.attempt)
            except NotConfigured as error:
                return Cancelled("unasked", f"it could not be asked for: {error}", error)
            return await cancel_job(target.key, target.shelf, client)

        # A key that two shots share is asked for once.
        distinct = {_place(one): one for one in targets}
        answers = await asyncio.gather(*(ask(one) for one in distinct.values()))
        return dict(zip(distinct, answers, strict=True))


def _code(found: list[tuple[_Target, Cancelled]]) -> int:
    codes = [one.error.exit_code for _, one in found if one.error]
    if any(code == NotConfigured.exit_code for code in codes):
        return NotConfigured.exit_code
    return 1 if any(one.outcome in ("unasked", "unclear") for _, one in found) else 0


def _text(production: Production, found: list[tuple[_Target, Cancelled]]) -> str:
    told = [(one, said) for one, said in found if said.outcome != "none"]
    if not told:
        return f"nothing of {production.board.name} is at a vendor; there is nothing to cancel"
    lines = [f"{_name(one)}: {said.message}" for one, said in told]
    count = sum(said.outcome == "cancelled" for _, said in told)
    lines.append(f"{count} of {len(told)} cancelled")
    return "\n".join(lines)


def _name(target: _Target) -> str:
    return target.shot if target.present else f"{target.shot} (before an edit)"


def _document(production: Production, found: list[tuple[_Target, Cancelled]]) -> dict[str, Any]:
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
