"""The takes of a shot that exist in the store, found by board, shot and take number.

The current content of the storyboard is not used here. The plan holds these values, so this module must not import it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tasks.errors import MediaError
from tasks.store.atomic_files import digest_bytes
from tasks.store.board_records import BoardRecord, RecordsFolder, Take
from tasks.store.layout import Store, is_stored
from tasks.store.receipts import NO_RESULT_STATES, Attempt, AttemptState, read_receipt


class RecordedTake(NamedTuple):
    """A take of a shot that was sent, and what came of it."""

    shot: str
    take: Take
    attempt: Attempt
    folder: Path
    has_board_record: bool = True
    """Whether its prompt and the board's seed are known, not the receipt alone."""

    @property
    def clip_path(self) -> Path | None:
        """Its clip, where that is on disk."""
        kept = self.attempt.clip
        return self.folder / kept.name if kept and is_stored(self.folder, kept) else None

    @property
    def last_frame_path(self) -> Path | None:
        """The picture it ends on, where that is on disk."""
        kept = self.attempt.last_frame
        return self.folder / kept.name if kept and is_stored(self.folder, kept) else None

    @property
    def has_last_frame(self) -> bool:
        """Whether its last frame can be had without asking anybody."""
        return bool(self.last_frame_path or self.clip_path)


def records_folder(*, loopback: bool) -> RecordsFolder:
    """What a record calls the shelf of vendors on this machine, or of the others."""
    return "previz" if loopback else "shots"


@dataclass(frozen=True)
class TakeHistory:
    """The takes that a store has of one board. Raises StoreError where a record is damaged."""

    store: Store
    record: BoardRecord

    def find_take(
        self, shot: str, number: int, folder: RecordsFolder | None
    ) -> RecordedTake | None:
        """The newest render of a take; None where the store has none.

        On one shelf, or on either where that is None.
        """
        noted = (one for one in self._from_board_record(shot, folder) if one.take.number == number)
        found = next(noted, None)
        if found:
            return found
        # The record may have been lost, or written by an older shotchain.
        booked = (one for one in self._from_receipts(shot, folder) if one.take.number == number)
        return max(booked, key=lambda one: one.attempt.intended_at, default=None)

    def list_takes(self, shot: str, folder: RecordsFolder | None) -> tuple[RecordedTake, ...]:
        """Every take of a shot that was rendered, or is being, by number."""
        booked = sorted(self._from_receipts(shot, folder), key=lambda one: one.attempt.intended_at)
        found = {one.take.number: one for one in booked}
        noted = reversed(list(self._from_board_record(shot, folder)))
        found |= {one.take.number: one for one in noted}
        return tuple(found[number] for number in sorted(found))

    def _from_board_record(self, shot: str, folder: RecordsFolder | None) -> Iterator[RecordedTake]:
        """The renders that the board's record names, the newest first."""
        for take in reversed(self.record.takes.get(shot, ())):
            if folder in (None, take.folder):
                attempt = _find_sent_attempt(self.store, take.folder, take.key)
                if attempt:
                    yield RecordedTake(
                        shot, take, attempt, _folder_of(self.store, take.folder, take.key)
                    )

    def _from_receipts(self, shot: str, folder: RecordsFolder | None) -> Iterator[RecordedTake]:
        return (
            one for one in self._takes_by_shot.get(shot, ()) if folder in (None, one.take.folder)
        )

    @cached_property
    def _takes_by_shot(self) -> dict[str, list[RecordedTake]]:
        """By shot the renders that were booked under the board's name: every receipt is read."""
        found: dict[str, list[RecordedTake]] = {}
        names: tuple[RecordsFolder, ...] = ("previz", "shots")
        for name in names:
            keys = self.store.records(loopback=name == "previz").iter_keys()
            for key in keys:
                attempt = _find_sent_attempt(self.store, name, key)
                if attempt and attempt.board == self.record.name:
                    take = Take(attempt.take, key, name, recorded_at=attempt.intended_at)
                    home = _folder_of(self.store, name, key)
                    render = RecordedTake(attempt.shot, take, attempt, home, has_board_record=False)
                    found.setdefault(attempt.shot, []).append(render)
        return found


def _folder_of(store: Store, folder: RecordsFolder, key: str) -> Path:
    return store.records(loopback=folder == "previz").folder_of(key)


def _find_sent_attempt(store: Store, folder: RecordsFolder, key: str) -> Attempt | None:
    """The attempt of a key that counts, where something may have come of it."""
    found = store.records(loopback=folder == "previz")
    attempt = read_receipt(key, found.read(key)).current
    if attempt is None or attempt.state in NO_RESULT_STATES - {AttemptState.LOST}:
        return None
    return attempt


def read_last_frame(recorded: RecordedTake) -> bytes:
    """The picture that a take ends on, from its file or from its clip.

    Raises MediaError where neither is there as it was recorded.
    """
    kept = recorded.attempt.last_frame
    if kept and recorded.last_frame_path:
        data = recorded.last_frame_path.read_bytes()
        if digest_bytes(data) == kept.sha256:
            return data
    if recorded.clip_path is None:
        msg = f"the clip of take {recorded.take.number} of {recorded.shot} is gone from the store; "
        raise MediaError(msg + "put it back, or start on another take")
    from tasks.media.frames import last_frame

    return last_frame(recorded.clip_path)
