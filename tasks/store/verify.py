"""Verify that the files in the store match their records. Read-only, except for `quarantine`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.budgets.money import format_price
from tasks.errors import StoreError
from tasks.own_files import ANY_NAME, file_status, list_files, open_folder
from tasks.store.atomic_files import digest_file, read_record
from tasks.store.board_records import BOARDS_FOLDER, BoardRecord, iter_board_records
from tasks.store.edit_cache import iter_cache
from tasks.store.films import EXPORTS_NAME, FILM_SUFFIXES, film_file
from tasks.store.layout import (
    CLIP_FILE_PATTERN,
    KEY_LOCK_NAME,
    LOG_NAME,
    RECEIPT_NAME,
    RecordStore,
    Store,
)
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
"""Ends the name of a file in quarantine."""

_QUARANTINED = "in quarantine because it was damaged"
_RESTORE = "restore it from a backup"

_KEY_PATTERN = re.compile(r"[0-9a-f]{64}")
_FILM_PATTERN = re.compile(r"[^.].*\.(mp4|mov)(\.damaged(-\d+)?)?", re.DOTALL)
_RECORD_PATTERN = re.compile(r"[^.].*\.json", re.DOTALL)


@dataclass(frozen=True)
class StoreProblem:
    """A file or folder that does not match its record."""

    path: Path
    message: str
    remedy: str
    key: str = ""
    attempt: Attempt | None = None
    is_movable: bool = False
    """True if the next run restores the file once it is in quarantine."""

    @property
    def owner(self) -> str:
        """The board and shot as `board/shot`; empty without a receipt."""
        return f"{self.attempt.board}/{self.attempt.shot}" if self.attempt else ""


@dataclass(frozen=True)
class UnknownFile:
    """A file without a record. It only takes up disk space."""

    path: Path
    reason: str
    size_bytes: int


@dataclass
class VerifyResult:
    """The number of files that were read, and the problems."""

    file_count: int = 0
    byte_count: int = 0
    problems: list[StoreProblem] = field(default_factory=list)
    unknown_files: list[UnknownFile] = field(default_factory=list)

    def add_unknown(self, path: Path, reason: str) -> None:
        """Add an unknown file or folder."""
        self.unknown_files.append(UnknownFile(path, reason, size_of(path)))


def verify_store(store: Store) -> VerifyResult:
    """Read every record, kept clip, last frame, film and encoded part of a film of a store.

    Raises:
        StoreError: A folder can't be read. Damaged records are reported as problems.
    """
    result = VerifyResult()
    for loopback in (False, True):
        records = store.records(loopback=loopback)
        for key in records.iter_keys():
            _verify_key(records, key, result)
    _verify_films(store, result)
    _verify_edits(store, result)
    _verify_board_records(store, result)
    for path in find_abandoned_files(store):
        result.add_unknown(path, "a temporary file of a killed run")
    return result


def quarantine(problem: StoreProblem) -> Path:
    """Rename a damaged file, so that no run uses it, and return its new path.

    Raises:
        StoreError: The file can't be renamed.
    """
    new_name = problem.path.name + DAMAGED_SUFFIX
    number = 2
    try:
        with open_folder(problem.path.parent) as folder:
            while folder.status(new_name) is not None:
                new_name = f"{problem.path.name}{DAMAGED_SUFFIX}-{number}"
                number += 1
            folder.rename(problem.path.name, new_name)
        return problem.path.with_name(new_name)
    except OSError as error:
        msg = f"{problem.path} can't be renamed: {error.strerror}; "
        raise StoreError(msg + "check the permissions of the store") from error


def _verify_key(records: RecordStore, key: str, result: VerifyResult) -> None:
    folder = records.folder_of(key)
    if not _KEY_PATTERN.fullmatch(key):
        result.add_unknown(folder, "its name is not a key")
        return
    try:
        receipt = read_receipt(key, records.read(key))
    except StoreError as error:
        result.problems.append(StoreProblem(folder / RECEIPT_NAME, str(error), _RESTORE, key))
        return
    current = receipt.current
    if current is None:
        result.problems += _find_unreceipted_files(folder, key)
        return
    is_cleaned = current.state is AttemptState.CLEANED
    replaced = [] if is_cleaned else list(_replaced_attempts(receipt))
    problems = list(_verify_attempt(folder, key, current, result))
    for attempt in replaced:
        problems += _verify_replaced(folder, key, attempt, result)
    # A run may have downloaded a file while it was being read.
    if problems and read_receipt(key, records.read(key)) != receipt:
        _verify_key(records, key, result)
        return
    result.problems += problems
    stored_files = [
        file
        for attempt in replaced
        for file in (
            attempt.clip,
            attempt.last_frame,
            *(frame.file for frame in attempt.out_frames),
        )
    ]
    known_names = {file.name for file in stored_files if file}
    _find_unknown_files(folder, current, known_names, result)


def _replaced_attempts(receipt: Receipt) -> Iterator[Attempt]:
    """Yield the attempts that a later render replaced; their clips are paid for and stay."""
    for number, attempt in enumerate(receipt.attempts, 1):
        if attempt.state is AttemptState.OUTDATED and number != receipt.current_number:
            yield attempt


def _verify_replaced(
    folder: Path, key: str, attempt: Attempt, result: VerifyResult
) -> Iterator[StoreProblem]:
    if attempt.clip is None:
        return
    path = folder / attempt.clip.name
    if mismatch := _find_mismatch(path, attempt.clip, result):
        remedy = f"{_RESTORE}; no shot needs it now"
        message = f"the replaced clip {mismatch}"
        yield StoreProblem(path, message, remedy, key, attempt, is_movable=path.exists())


def _find_unreceipted_files(folder: Path, key: str) -> Iterator[StoreProblem]:
    for name in list_files(folder, CLIP_FILE_PATTERN):
        message = "its receipt is missing, so it would be paid for again"
        remedy = f"restore {RECEIPT_NAME} from a backup"
        yield StoreProblem(folder / name, message, remedy, key)


def _verify_attempt(
    folder: Path, key: str, attempt: Attempt, result: VerifyResult
) -> Iterator[StoreProblem]:
    if attempt.state in ENDED_STATES:
        return
    if attempt.state is AttemptState.KEPT and attempt.clip:
        path = folder / attempt.clip.name
        if mismatch := _find_mismatch(path, attempt.clip, result):
            exists = path.exists()
            remedy = _describe_recovery(attempt)
            if exists:
                remedy = f"`verify --repair`; then {remedy}"
            message = f"the clip {mismatch}"
            yield StoreProblem(path, message, remedy, key, attempt, is_movable=exists)
    frames = [("last frame", attempt.last_frame)] if attempt.last_frame else []
    frames += [(f"frame {frame.number}", frame.file) for frame in attempt.out_frames]
    for name, stored_file in frames:
        path = folder / stored_file.name
        if mismatch := _find_mismatch(path, stored_file, result):
            remedy = "the next shot that starts on it takes it from the clip, free of charge"
            yield StoreProblem(path, f"the {name} {mismatch}", remedy, key, attempt)


def _find_mismatch(path: Path, stored_file: StoredFile, result: VerifyResult) -> str:
    """Return the difference between a file and its record; empty without a difference."""
    try:
        status = file_status(path)
        if status is None:
            return "is missing"
        size_bytes = status.st_size
        result.file_count += 1
        result.byte_count += size_bytes
        if size_bytes != stored_file.size_bytes:
            return f"has {size_bytes} of its {stored_file.size_bytes} bytes"
        if digest_file(path) != stored_file.sha256:
            return "does not match its recorded digest"
    except OSError as error:
        return f"can't be read ({error.strerror})"
    return ""


def _describe_recovery(attempt: Attempt) -> str:
    price = format_price(attempt.price if attempt.price is not None else attempt.max_price)
    if attempt.age_seconds > FILE_RETENTION_SECONDS:
        return (
            f"the next run renders it again for {price}, because the vendor kept its file for a day"
        )
    return (
        f"the next run downloads it again from job {attempt.job}, and if the vendor no longer has "
        f"it, renders it again for {price}"
    )


def _find_unknown_files(
    folder: Path, current: Attempt, known_names: Collection[str], result: VerifyResult
) -> None:
    for path in sorted(folder.iterdir()):
        is_lock = path.name == KEY_LOCK_NAME or path.suffix == ".lock"
        is_known = path.name in (RECEIPT_NAME, LOG_NAME, *known_names)
        if is_lock or is_known or is_temp_name(path.name):
            continue
        if DAMAGED_SUFFIX in path.name:
            result.add_unknown(path, _QUARANTINED)
        elif not CLIP_FILE_PATTERN.fullmatch(path.name):
            result.add_unknown(path, "no record refers to it")
        elif current.state in ENDED_STATES:
            result.add_unknown(path, f"its attempt is {current.state.value}")


def _verify_films(store: Store, result: VerifyResult) -> None:
    folder = store.films_folder
    for name in list_files(folder, _FILM_PATTERN):
        path = folder / name
        if path.suffix not in FILM_SUFFIXES:
            result.add_unknown(path, _QUARANTINED)
        elif file_status(path.with_suffix(".json")) is None:
            result.add_unknown(path, "a film without a record")
    for name in list_files(folder, _RECORD_PATTERN):
        if name != EXPORTS_NAME:
            _verify_film(store, folder / name, result)


def _verify_film(store: Store, record_path: Path, result: VerifyResult) -> None:
    remedy = "the next run joins it again, free of charge"
    try:
        record = read_record(record_path) or {}
    except StoreError as error:
        result.problems.append(StoreProblem(record_path, str(error), f"remove it; {remedy}"))
        return
    if "sha256" not in record:
        return
    film = film_file(store, record_path.stem, record)
    stored_film = StoredFile(film.name, record["sha256"], record["bytes"])
    if mismatch := _find_mismatch(film, stored_film, result):
        exists = film.exists()
        if exists:
            remedy = f"`verify --repair`; then {remedy}"
        message = f"the film {mismatch}"
        result.problems.append(StoreProblem(film, message, remedy, is_movable=exists))


def _verify_edits(store: Store, result: VerifyResult) -> None:
    files = list(iter_cache(store))
    for file in files:
        stored_file = StoredFile(file.path.name, file.sha256, file.size_bytes)
        if mismatch := _find_mismatch(file.path, stored_file, result):
            message = f"the encoded part of a film {mismatch}"
            remedy = "the next run that needs it makes it again, free of charge"
            result.problems.append(StoreProblem(file.path, message, remedy, is_movable=True))
    known_names = {file.path.name for file in files}
    for name in set(list_files(store.edits_folder, ANY_NAME)) - known_names:
        if not is_temp_name(name):
            reason = _QUARANTINED if DAMAGED_SUFFIX in name else "it is not an encoded part"
            result.add_unknown(store.edits_folder / name, reason)


def _verify_board_records(store: Store, result: VerifyResult) -> None:
    folder = store.root / BOARDS_FOLDER
    for name in list_files(folder, _RECORD_PATTERN):
        path = folder / name
        try:
            boards = list(iter_board_records(store.root, path.stem))
        except StoreError as error:
            result.problems.append(StoreProblem(path, str(error), _RESTORE))
            continue
        for board in boards:
            result.problems += _find_missing_receipts(store, board)


def _find_missing_receipts(store: Store, board: BoardRecord) -> Iterator[StoreProblem]:
    all_records = (store.records(loopback=False), store.records(loopback=True))
    for shot, key in board.shot_keys.items():
        if all(take.key != key for take in board.takes.get(shot, ())):
            continue  # The shot is a file of the board, which has neither takes nor a receipt.
        folders = [records.folder_of(key) for records in all_records]
        if not any((folder / RECEIPT_NAME).exists() for folder in folders):
            message = f"{board.name}/{shot} was rendered, and its receipt is missing"
            remedy = f"{_RESTORE}, or it is rendered and paid for again"
            yield StoreProblem(folders[0], message, remedy, key)
