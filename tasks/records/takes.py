"""The takes of a shot that the store has: what was asked, what became of it, and its last frame.

Found under board, shot and take: in the board's record, else in the receipts, which name all
three. What the board says today plays no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tasks.errors import MediaError
from tasks.receipts import CAME_TO_NOTHING, Attempt, State, read_receipt
from tasks.records.boards import BoardRecord, ShelfName, Take
from tasks.records.survey import is_there
from tasks.store import Store, digest_bytes


class Render(NamedTuple):
    """A take of a shot that was sent, and what came of it."""

    shot: str
    take: Take
    attempt: Attempt
    home: Path
    noted: bool = True
    """Whether its prompt and the board's seed are known, not the receipt alone."""

    @property
    def clip(self) -> Path | None:
        """Its clip, where that is on disk."""
        kept = self.attempt.clip
        return self.home / kept.file if kept and is_there(self.home, kept) else None

    @property
    def last_frame(self) -> Path | None:
        """The picture it ends on, where that is on disk."""
        kept = self.attempt.last_frame
        return self.home / kept.file if kept and is_there(self.home, kept) else None

    @property
    def continuable(self) -> bool:
        """Whether its last frame can be had without asking anybody."""
        return bool(self.last_frame or self.clip)


def shelf_name(*, loopback: bool) -> ShelfName:
    """What a record calls the shelf of vendors on this machine, or of the others."""
    return "previz" if loopback else "shots"


@dataclass(frozen=True)
class Memory:
    """The takes that a store has of one board. Raises StoreError where a record is damaged."""

    store: Store
    record: BoardRecord

    def recall(self, shot: str, number: int, shelf: ShelfName | None) -> Render | None:
        """The newest render of a take; None where the store has none.

        On one shelf, or on either where that is None.
        """
        noted = (one for one in self._noted(shot, shelf) if one.take.number == number)
        found = next(noted, None)
        if found:
            return found
        # The record may have been lost, or written by an older shotchain.
        booked = (one for one in self._booked_on(shot, shelf) if one.take.number == number)
        return max(booked, key=lambda one: one.attempt.intended_at, default=None)

    def find_renders(self, shot: str, shelf: ShelfName | None) -> tuple[Render, ...]:
        """Every take of a shot that was rendered, or is being, by number."""
        booked = sorted(self._booked_on(shot, shelf), key=lambda one: one.attempt.intended_at)
        found = {one.take.number: one for one in booked}
        noted = reversed(list(self._noted(shot, shelf)))
        found |= {one.take.number: one for one in noted}
        return tuple(found[number] for number in sorted(found))

    def _noted(self, shot: str, shelf: ShelfName | None) -> Iterator[Render]:
        """The renders that the board's record names, the newest first."""
        for take in reversed(self.record.takes.get(shot, ())):
            if shelf in (None, take.shelf):
                attempt = _sent(self.store, take.shelf, take.key)
                if attempt:
                    yield Render(shot, take, attempt, _home(self.store, take.shelf, take.key))

    def _booked_on(self, shot: str, shelf: ShelfName | None) -> Iterator[Render]:
        return (one for one in self._booked.get(shot, ()) if shelf in (None, one.take.shelf))

    @cached_property
    def _booked(self) -> dict[str, list[Render]]:
        """By shot the renders that were booked under the board's name: every receipt is read."""
        found: dict[str, list[Render]] = {}
        names: tuple[ShelfName, ...] = ("previz", "shots")
        for name in names:
            keys = self.store.shelf(loopback=name == "previz").keys()
            for key in keys:
                attempt = _sent(self.store, name, key)
                if attempt and attempt.board == self.record.name:
                    take = Take(attempt.take, key, name, noted_at=attempt.intended_at)
                    home = _home(self.store, name, key)
                    render = Render(attempt.shot, take, attempt, home, noted=False)
                    found.setdefault(attempt.shot, []).append(render)
        return found


def _home(store: Store, shelf: ShelfName, key: str) -> Path:
    return store.shelf(loopback=shelf == "previz").home(key)


def _sent(store: Store, shelf: ShelfName, key: str) -> Attempt | None:
    """The attempt of a key that counts, where something may have come of it."""
    found = store.shelf(loopback=shelf == "previz")
    attempt = read_receipt(key, found.read(key)).latest
    if attempt is None or attempt.state in CAME_TO_NOTHING - {State.LOST}:
        return None
    return attempt


def read_last_frame(render: Render) -> bytes:
    """The picture that a take ends on, from its file or from its clip.

    Raises MediaError where neither is there as it was recorded.
    """
    kept = render.attempt.last_frame
    if kept and render.last_frame:
        data = render.last_frame.read_bytes()
        if digest_bytes(data) == kept.sha256:
            return data
    if render.clip is None:
        msg = f"the clip of take {render.take.number} of {render.shot} is gone from the store; "
        raise MediaError(msg + "put it back, or start on another take")
    from tasks.media.frames import last_frame

    return last_frame(render.clip)
