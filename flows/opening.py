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

from flows.noting import record_requested_takes
from flows.run import Run
from flows.shooting import desk
from tasks.plan import ShotToRender
from tasks.store.status import ShotState
from tasks.submission.context import OnProgress
from tasks.submission.submit import submit


def openers(production: Run) -> tuple[ShotToRender, ...]:
    """The shots that can be sent at once: those that start a chain and were never sent."""
    ready = [
        one
        for one in sorted(production.pending, key=lambda one: one.index)
        if one.continues is None
        and one.pinned_take is None
        and production.status[one.id].state is ShotState.TO_RENDER
    ]
    most = production.options.jobs or len(ready)
    found: list[ShotToRender] = []
    for shot in ready[:most]:
        beside = sum(one.provider == shot.provider for one in found)
        if beside < shot.provider.max_concurrent_jobs:
            found.append(shot)
    return tuple(found)


@contextmanager
def head_start(production: Run, tell: OnProgress) -> Iterator[None]:
    """Submit what can be submitted, beside this block; ends when all is sent."""
    first = openers(production)
    if not first:
        yield
        return
    record_requested_takes(production)
    sender = threading.Thread(target=lambda: asyncio.run(_submit(production, first, tell)))
    sender.start()
    try:
        yield
    finally:
        sender.join()


async def _submit(production: Run, shots: tuple[ShotToRender, ...], tell: OnProgress) -> None:
    async with desk(production, tell) as desk_:
        for shot in shots:
            with suppress(Exception):
                await submit(shot, None, desk_, reconcile_unclear=False)
