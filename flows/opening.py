"""The first submits of a run, sent while Prefect is still starting.

Safe, because they go the one way to a create: the receipt is written before, the job's id after,
and the flow that comes later finds both. What goes wrong here, a bug as well, is left to it: it
has the retries, and no thread of ours may print what an error says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from flows.noting import note_asked
from flows.production import Production
from flows.shooting import desk
from tasks.plan import PlannedShot
from tasks.sending.desk import Tell
from tasks.sending.submission import submit


def openers(production: Production) -> tuple[PlannedShot, ...]:
    """The shots that can be sent at once: those that start a chain and were never sent."""
    ready = [
        one
        for one in sorted(production.waiting, key=lambda one: one.index)
        if one.continues is None
        and one.pinned is None
        and production.survey[one.id].state == "to render"
    ]
    most = production.wish.jobs or len(ready)
    found: list[PlannedShot] = []
    for shot in ready[:most]:
        beside = sum(one.provider == shot.provider for one in found)
        if shot.provider and beside < shot.provider.jobs_at_once:
            found.append(shot)
    return tuple(found)


@contextmanager
def head_start(production: Production, tell: Tell) -> Iterator[None]:
    """Submit what can be submitted, beside this block; ends when all is sent."""
    first = openers(production)
    if not first:
        yield
        return
    note_asked(production)
    sender = threading.Thread(target=lambda: asyncio.run(_submit(production, first, tell)))
    sender.start()
    try:
        yield
    finally:
        sender.join()


async def _submit(production: Production, shots: tuple[PlannedShot, ...], tell: Tell) -> None:
    async with desk(production, tell) as desk_:
        for shot in shots:
            with suppress(Exception):
                await submit(shot, None, desk_, patient=False)
