"""Verify that the files in the store match their records. Read-only, except for `quarantine`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.budgets.money import format_price
from tasks.errors import StoreError
from tasks.store import board_records
from tasks.store.atomic_files import digest_file, read_record
from tasks.store.layout import KEY_LOCK_NAME, RECEIPT_NAME, RecordStore, Store
from tasks.store.receipts import (
    ENDED_STATES,
    FILE_RETENTION_SECONDS,
    Attempt,
    AttemptState,
    Receipt,
    StoredFile,
    read_receipt,
)
from tasks.store.temp_files import find_abandoned_files, is_temp_name, size_of

DAMAGED_SUFFIX = ".damaged"
"""What the name of a file ends on that was put aside."""

_KEY_PATTERN = re.compile(r"[0-9a-f]{64}")
_CLIP_FILE_PATTERN = re.compile(r"clip(-\d+)?\.mp4|last_frame(-\d+)?\.(png|jpg|webp)")


@dataclass(frozen=True)
class StoreProblem:
    """Something that is not as its record says."""

    path: Path
    message: str
    remedy: str
    key: str = ""
    attempt: Attempt | None = None
    is_movable: bool = False
    """Whether putting it aside lets the next run bring it back."""

    @property
    def owner(self) -> str:
        """The board and the shot, where a receipt tells them."""
        return f"{self.attempt.board}/{self.attempt.shot}" if self.attempt else ""


@dataclass(frozen=True)
class UnknownFile:
    """A file that no record knows. It harms nothing but the disk."""

    path: Path
    reason: str
    size_bytes: int


@dataclass
class VerifyResult:
    """What was looked at and what was found."""

    file_count: int = 0
    byte_count: int = 0
    problems: list[StoreProblem] = field(default_factory=list)
    unknown_files: list[UnknownFile] = field(default_factory=list)


def verify_store(store: Store) -> VerifyResult:
    """Read every kept clip, last frame and film of a store, and every record."""
    found = VerifyResult()
    for loopback in (False, True):
        shelf = store.records(loopback=loopback)
        keys = shelf.keys()
        for key in keys:
            _verify_key(shelf, key, found)
    _verify_films(store, found)
    _verify_board_records(store, found)
    for path in find_abandoned_files(store):
        found.unknown_files.append(
            UnknownFile(path, "half written by a run that was killed", size_of(path))
        )
    return found


def quarantine(problem: StoreProblem) -> Path:
    """Rename a damaged file, so that nothing takes it for whole. Returns where it is now.

    Raises StoreError where the disk refuses.
    """
    aside = problem.path.with_name(problem.path.name + DAMAGED_SUFFIX)
    number = 2
    while aside.exists():
        aside = problem.path.with_name(f"{problem.path.name}{DAMAGED_SUFFIX}-{number}")
        number += 1
    try:
        return problem.path.rename(aside)
    except OSError as error:
        msg = f"{problem.path} can't be put aside: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error


def _verify_key(records: RecordStore, key: str, result: VerifyResult) -> None:
    home = records.folder_of(key)
    if not _KEY_PATTERN.fullmatch(key):
        result.unknown_files.append(UnknownFile(home, "its name is no key", size_of(home)))
        return
    try:
        receipt = read_receipt(key, records.read(key))
    except StoreError as error:
        result.problems.append(
            StoreProblem(home / RECEIPT_NAME, str(error), "put it back from a backup", key)
        )
        return
    latest = receipt.current
    if latest is None:
        result.problems += _find_unreceipted_files(home, key)
        return
    replaced = [] if latest.state is AttemptState.CLEANED else list(_replaced_attempts(receipt))
    wrong = list(_verify_attempt(home, key, latest, result))
    wrong += [damage for one in replaced for damage in _verify_replaced(home, key, one, result)]
    # A run may have brought a file home again while it was read.
    if wrong and read_receipt(key, records.read(key)) != receipt:
        _verify_key(records, key, result)
        return
    result.problems += wrong
    kept = {one.clip.name for one in replaced if one.clip}
    kept |= {one.last_frame.name for one in replaced if one.last_frame}
    result.unknown_files += _find_unknown_files(home, latest, kept)


def _replaced_attempts(receipt: Receipt) -> Iterator[Attempt]:
    """The attempts whose clips were rendered again and are still there, for they are paid."""
    for number, one in enumerate(receipt.attempts, 1):
        if one.state is AttemptState.OUTDATED and number != receipt.current_number:
            yield one


def _verify_replaced(
    folder: Path, key: str, attempt: Attempt, result: VerifyResult
) -> Iterator[StoreProblem]:
    if attempt.clip and (what := _compare(folder / attempt.clip.name, attempt.clip, result)):
        path, remedy = folder / attempt.clip.name, "put it back from a backup; no shot needs it now"
        gone = not path.exists()
        yield StoreProblem(
            path, f"the replaced clip {what}", remedy, key, attempt, is_movable=not gone
        )


def _find_unreceipted_files(folder: Path, key: str) -> Iterator[StoreProblem]:
    for path in sorted(folder.iterdir()):
        if _CLIP_FILE_PATTERN.fullmatch(path.name):
            what = "its receipt is gone, so it would be paid for again"
            yield StoreProblem(path, what, f"put {RECEIPT_NAME} back from a backup", key)


def _verify_attempt(
    folder: Path, key: str, attempt: Attempt, result: VerifyResult
) -> Iterator[StoreProblem]:
    if attempt.state in ENDED_STATES:
        return
    if attempt.state is AttemptState.KEPT and attempt.clip:
        what = _compare(folder / attempt.clip.name, attempt.clip, result)
        if what:
            gone = not (folder / attempt.clip.name).exists()
            remedy = (
                _describe_recovery(attempt)
                if gone
                else f"`verify --repair`; then {_describe_recovery(attempt)}"
            )
            path = folder / attempt.clip.name
            yield StoreProblem(path, f"the clip {what}", remedy, key, attempt, is_movable=not gone)
    if attempt.last_frame:
        what = _compare(folder / attempt.last_frame.name, attempt.last_frame, result)
        if what:
            remedy = "the next shot that starts on it has it taken from the clip, for nothing"
            path = folder / attempt.last_frame.name
            yield StoreProblem(path, f"the last frame {what}", remedy, key, attempt)


def _compare(path: Path, stored_file: StoredFile, result: VerifyResult) -> str:
    """What is wrong with a file, or nothing."""
    try:
        size = path.stat().st_size
        result.file_count, result.byte_count = result.file_count + 1, result.byte_count + size
        if size != stored_file.size_bytes:
            return f"has {size} of its {stored_file.size_bytes} bytes"
        return (
            "" if digest_file(path) == stored_file.sha256 else "is not what was kept (its digest)"
        )
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"can't be read ({error.strerror})"


def _describe_recovery(attempt: Attempt) -> str:
    price = format_price(attempt.price if attempt.price is not None else attempt.max_price)
    again = f"renders it again for {price}"
    if attempt.age_seconds > FILE_RETENTION_SECONDS:
        return f"the next run {again}, for the vendor kept it for a day"
    return (
        f"the next run asks job {attempt.job} for it, and only if the vendor has it no more {again}"
    )


def _find_unknown_files(
    folder: Path, latest: Attempt, known_names: Collection[str]
) -> Iterator[UnknownFile]:
    for path in sorted(folder.iterdir()):
        if (
            is_temp_name(path.name)
            or path.name in (RECEIPT_NAME, KEY_LOCK_NAME)
            or path.suffix == ".lock"
        ):
            continue
        if path.name in known_names:
            continue
        if DAMAGED_SUFFIX in path.name:
            why = "put aside because it was damaged"
        elif not _CLIP_FILE_PATTERN.fullmatch(path.name):
            why = "nothing refers to it"
        elif latest.state in ENDED_STATES:
            why = f"its attempt is {latest.state.value}"
        else:
            continue
        yield UnknownFile(path, why, size_of(path))


def _verify_films(store: Store, result: VerifyResult) -> None:
    for path in sorted(store.films_folder.glob("*.mp4*")):
        if path.suffix != ".mp4":
            result.unknown_files.append(
                UnknownFile(path, "put aside because it was damaged", size_of(path))
            )
        elif not path.with_suffix(".json").exists():
            result.unknown_files.append(
                UnknownFile(path, "no record says whose film it is", size_of(path))
            )
    for path in sorted(store.films_folder.glob("*.json")):
        if path.name != "placed.json":
            _verify_film(path, result)


def _verify_film(record: Path, result: VerifyResult) -> None:
    film = record.with_suffix(".mp4")
    remedy = "the next run joins it again, for nothing"
    try:
        facts = read_record(record) or {}
    except StoreError as error:
        result.problems.append(StoreProblem(record, str(error), f"remove it; {remedy}"))
        return
    if "sha256" in facts:
        what = _compare(film, StoredFile(film.name, facts["sha256"], facts["bytes"]), result)
        if what:
            gone = not film.exists()
            remedy = remedy if gone else f"`verify --repair`; then {remedy}"
            result.problems.append(
                StoreProblem(film, f"the film {what}", remedy, is_movable=not gone)
            )


def _verify_board_records(store: Store, result: VerifyResult) -> None:
    shelves = (store.records(loopback=False), store.records(loopback=True))
    for path in sorted((store.root / board_records.BOARDS_FOLDER).glob("*.json")):
        try:
            seen = [
                one for one in board_records.iter_board_records(store.root) if one.name == path.stem
            ]
        except StoreError as error:
            result.problems.append(StoreProblem(path, str(error), "put it back from a backup"))
            return
        for board in seen:
            for shot, key in board.shot_keys.items():
                if not any(
                    shelf.folder_of(key).joinpath(RECEIPT_NAME).exists() for shelf in shelves
                ):
                    what = f"{board.name}/{shot} was rendered, and its receipt is gone"
                    remedy = "put it back from a backup, or it is rendered and paid again"
                    home = shelves[0].folder_of(key)
                    result.problems.append(StoreProblem(home, what, remedy, key))
