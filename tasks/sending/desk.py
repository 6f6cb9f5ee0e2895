"""What every step of a shot needs: where to write, whom to ask, whom to tell; and its receipt.

The lock of a key is taken here, so that one process, and one place in it, works on a key at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tasks.errors import StoreError
from tasks.money.booking import Booking, book_freely
from tasks.plan import PlannedShot
from tasks.providers import Provider
from tasks.providers.client import Client
from tasks.providers.contract import Order
from tasks.receipts import Attempt, read_receipt
from tasks.store import LOCK, LOCK_POLL_SECONDS, Shelf, try_lock

Tell = Callable[[str, str, float | None], None]
"""Told a shot's id, what it does now, and how far it is from 0 to 1 where that is known."""


@dataclass(frozen=True)
class Desk:
    """What every step needs: where to write, whom to ask, whom to tell."""

    board: str
    """Under whose name a render is booked."""
    shelf_of: Callable[[PlannedShot], Shelf]
    client_of: Callable[[Provider, Attempt | None], Client]
    """The client of a provider, where an attempt was sent; where settings say, if None is given."""
    tell: Tell = lambda shot, doing, progress: None
    resubmit: Mapping[str, str] = field(default_factory=dict)
    """Keys whose author wants another create, and when the doubtful one was intended."""
    booking: Booking = book_freely
    """Entered to write an intent; raises Unpayable where that could pass a budget."""


@asynccontextmanager
async def locked(shelf: Shelf, key: str, name: str = LOCK) -> AsyncIterator[None]:
    """Hold a key: one process, one place in it, without stopping the others."""
    with shelf.lock_file(key, name) as file:
        while not try_lock(file):
            await asyncio.sleep(LOCK_POLL_SECONDS)
        yield


def find_attempt(shot: PlannedShot, desk: Desk) -> Attempt | None:
    """The attempt of a shot that counts, where the store has one."""
    return read_receipt(shot.key, desk.shelf_of(shot).read(shot.key)).latest


def need_attempt(shot: PlannedShot, desk: Desk) -> Attempt:
    """The attempt of a shot that counts. Raises StoreError where its receipt is gone."""
    attempt = find_attempt(shot, desk)
    if attempt is None:
        raise missing(shot)
    return attempt


def missing(shot: PlannedShot) -> StoreError:
    """Not a lost job: the vendor may have it, and another create would be a second bill."""
    msg = f"the receipt of {shot.id} is gone from the store; put it back, or look at the vendor's"
    return StoreError(f"{msg} list of jobs before rendering again")


def row_of(shot: PlannedShot) -> Provider:
    """Who renders a shot that is no file."""
    if shot.provider is None:
        msg = f"{shot.id} is a file and is not rendered"
        raise AssertionError(msg)
    return shot.provider


def order_of(shot: PlannedShot) -> Order:
    """What is asked for a shot that is no file."""
    if shot.order is None:
        msg = f"{shot.id} is a file and is not rendered"
        raise AssertionError(msg)
    return shot.order
