"""The takes of a shot that exist in the store, found by board, shot and take number.

The present content of the storyboard does not matter here. The plan holds these values, so this
module must not import it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tasks.errors import MediaError
from tasks.store.board_records import BoardRecord, RecordsFolder, Take
from tasks.store.layout import RecordStore, Store, is_stored
from tasks.store.out_frames import fetch_out_frame, read_stored_frame
from tasks.store.receipts import NO_RESULT_STATES, Attempt, AttemptState, read_receipt

_FOLDERS: tuple[RecordsFolder, ...] = ("previz", "shots")


class RecordedTake(NamedTuple):
    """A take of a shot that was sent, with its attempt."""

    shot: str
    take: Take
    attempt: Attempt
    folder: Path
    """The folder of its key."""
    has_board_record: bool = True
    """True if its prompt and the board's seed are known; False if only its receipt exists."""

    @property
    def is_rehearsal(self) -> bool:
        """True if it was rendered by a provider on loopback, at no charge."""
        return self.take.folder == "previz"

    @property
    def clip_path(self) -> Path | None:
        """Its clip, if it is on disk."""
        clip = self.attempt.clip
        return self.folder / clip.name if clip and is_stored(self.folder, clip) else None

    @property
    def last_frame_path(self) -> Path | None:
        """Its last frame, if it is on disk."""
        frame = self.attempt.last_frame
        return self.folder / frame.name if frame and is_stored(self.folder, frame) else None

    @property
    def records(self) -> RecordStore:
        """The records with its key."""
        return RecordStore(self.folder.parent)

    def has_frame(self, number: int | None) -> bool:
        """Return True if a frame of it is available offline; None is its last frame."""
        return bool(self.clip_path) or is_stored(self.folder, self.attempt.out_frame(number))


def records_folder(*, loopback: bool) -> RecordsFolder:
    """Return the folder name of the records of providers on loopback, or of vendors."""
    return "previz" if loopback else "shots"


def folder_records(store: Store, folder: RecordsFolder) -> RecordStore:
    """Return the records in a folder of the store."""
    return store.records(loopback=folder == "previz")


@dataclass(frozen=True)
class TakeHistory:
    """The takes of one board in a store."""

    store: Store
    record: BoardRecord

    def find_take(
        self, shot: str, number: int, folder: RecordsFolder | None
    ) -> RecordedTake | None:
        """Return the newest render of a take, or None if the store has none.

        Args:
            shot: The id of the shot.
            number: The number of the take.
            folder: The folder to search; both if None.

        Raises:
            StoreError: A receipt is damaged.
        """
        for recorded in self._from_board_record(shot, folder):
            if recorded.take.number == number:
                return recorded
        # The board's record may be lost, or older than its `takes`.
        renders = (
            recorded
            for recorded in self._from_receipts(shot, folder)
            if recorded.take.number == number
        )
        return max(renders, key=_intended_at, default=None)

    def list_variants(self, shot: str) -> tuple[str, ...]:
        """Return the ids under which a shot was rendered for versions of the board.

        Raises:
            StoreError: A receipt is damaged.
        """
        ids = dict.fromkeys([*self.record.takes, *self._renders_by_shot])
        return tuple(each for each in ids if each.startswith(f"{shot}@"))

    def list_takes(self, shot: str, folder: RecordsFolder | None) -> tuple[RecordedTake, ...]:
        """Return every take of a shot that was sent, by number.

        Args:
            shot: The id of the shot.
            folder: The folder to search; both if None.

        Raises:
            StoreError: A receipt is damaged.
        """
        by_age = [
            *sorted(self._from_receipts(shot, folder), key=_intended_at),
            *reversed(list(self._from_board_record(shot, folder))),
        ]
        takes = {recorded.take.number: recorded for recorded in by_age}
        return tuple(takes[number] for number in sorted(takes))

    def _from_board_record(self, shot: str, folder: RecordsFolder | None) -> Iterator[RecordedTake]:
        """Yield the renders in the board's record, the newest first."""
        for take in reversed(self.record.takes.get(shot, ())):
            if folder in (None, take.folder):
                records = folder_records(self.store, take.folder)
                attempt = _find_sent_attempt(records, take.key)
                if attempt:
                    yield RecordedTake(shot, take, attempt, records.folder_of(take.key))

    def _from_receipts(self, shot: str, folder: RecordsFolder | None) -> Iterator[RecordedTake]:
        return (
            recorded
            for recorded in self._renders_by_shot.get(shot, ())
            if folder in (None, recorded.take.folder)
        )

    @cached_property
    def _renders_by_shot(self) -> dict[str, list[RecordedTake]]:
        """All renders that were booked under the board's name; reads every receipt."""
        renders: dict[str, list[RecordedTake]] = {}
        for folder in _FOLDERS:
            records = folder_records(self.store, folder)
            for key in records.iter_keys():
                attempt = _find_sent_attempt(records, key)
                if attempt and self.record.owns(attempt):
                    take = Take(attempt.take, key, folder, recorded_at=attempt.intended_at)
                    recorded = RecordedTake(
                        attempt.shot, take, attempt, records.folder_of(key), has_board_record=False
                    )
                    renders.setdefault(attempt.shot, []).append(recorded)
        return renders


def _intended_at(recorded: RecordedTake) -> str:
    return recorded.attempt.intended_at


def _find_sent_attempt(records: RecordStore, key: str) -> Attempt | None:
    """Return the attempt of a key that counts, unless it ended without a job or with a failure."""
    attempt = read_receipt(key, records.read(key)).current
    if attempt is None or attempt.state in NO_RESULT_STATES - {AttemptState.LOST}:
        return None
    return attempt


def read_start_frame(recorded: RecordedTake, number: int | None) -> bytes:
    """Return a frame of a take that a shot starts on, from its file or decoded from its clip.

    Args:
        recorded: The take.
        number: The number of the frame; None is the last one.

    Raises:
        MediaError: The store has neither of them with its recorded content.
        StoreError: The receipt of the take is damaged, or a file can't be written.
    """
    frame = recorded.attempt.out_frame(number)
    data = read_stored_frame(recorded.folder, frame)
    if data is not None:
        return data
    if recorded.clip_path is None:
        msg = f"the clip of take {recorded.take.number} of {recorded.shot} is missing; "
        raise MediaError(msg + "restore it from a backup, or start on another take")
    if number is not None:
        data, _ = fetch_out_frame(recorded.records, recorded.take.key, recorded.attempt, number)
        return data
    # av takes long to import, and plans only look at paths.
    from tasks.media.frames import last_frame

    return last_frame(recorded.clip_path)
