"""One step of checking the walls and writing the intent, whoever else spends from the same store.

The lock is the store's, and is held for no longer than that: a request is never sent under it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from tasks.money.walls import Account
from tasks.receipts import Receipt
from tasks.store import Shelf, opened_lock, try_lock

LOCK_POLL_SECONDS = 0.02

Booking = Callable[[Receipt, Shelf], AbstractAsyncContextManager[None]]
"""Entered with the receipt that begins an attempt; inside it the intent is to be written."""


def booking(account: Account, lock: Path) -> Booking:
    """The booking of a run: raises Unpayable where an attempt could pass one of its walls.

    Where there is no wall nothing is read and nobody waits.
    """

    @asynccontextmanager
    async def book(receipt: Receipt, shelf: Shelf) -> AsyncIterator[None]:
        if not account.walls:
            yield
            return
        # Whoever dies lets go of it, and has written its intent or sends nothing.
        with opened_lock(lock) as file:
            while not try_lock(file):
                await asyncio.sleep(LOCK_POLL_SECONDS)
            account.check(receipt, shelf)
            account.note(receipt, shelf)
            yield

    return book


@asynccontextmanager
async def book_freely(receipt: Receipt, shelf: Shelf) -> AsyncIterator[None]:
    """The booking of a run without walls."""
    yield
