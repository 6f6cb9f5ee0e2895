"""The record of a board: the current keys of its shots and every take it requested.

A take is recorded before it is paid for. The result of a take is in its receipt, not here. This
module imports nothing of the plan.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from storyboards.board import Board, derive_ascii_name
from tasks.errors import StoreError
from tasks.own_files import check_in_place, file_status, list_files
from tasks.store.atomic_files import read_record, write_record
from tasks.store.locks import open_lock_file, wait_for_lock
from tasks.store.receipts import Attempt, utc_now

BOARD_RECORD_VERSION = 4

_NAMES_IN_VERSION_2 = {
    "shelf": "folder",
    "continues": "continues_key",
    "noted_at": "recorded_at",
}
"""Fields of a take with another name in version 2."""

BOARDS_FOLDER = "boards"
_PATTERN = re.compile(r"[^.].*\.json", re.DOTALL)

RecordsFolder = Literal["previz", "shots"]
"""The folder of a `RecordStore` in the store: `previz` for loopback, `shots` for vendors."""


@dataclass(frozen=True)
class Take:
    """One take of a shot as a board requested it."""

    number: int
    key: str
    folder: RecordsFolder
    seed: int | None = None
    """The seed of the board, from the shot or its look."""
    prompt: str | None = None
    """The prompt as written in the board, cast names not expanded."""
    continues_key: str | None = None
    """The key of the shot that it starts from."""
    recorded_at: str = ""
    """ISO 8601, UTC."""
    continues_frame: int | None = None
    """The frame of that shot's clip that it starts on, at an out point; None is the last."""

    def is_same_request(self, other: Take) -> bool:
        """Return True if both request the same, whenever they were recorded."""
        return replace(self, recorded_at="") == replace(other, recorded_at="")


@dataclass(frozen=True)
class BoardRecord:
    """The last recorded state of one board file, and the takes of all boards of its name."""

    name: str
    file: Path | None = None
    """None for a board that was passed as a value, or in a record of version 1."""
    shot_keys: Mapping[str, str] = field(default_factory=dict)
    """The key of the last render of each shot."""
    takes: Mapping[str, tuple[Take, ...]] = field(default_factory=dict)
    """The takes of each shot, the newest last."""
    pinned_keys: frozenset[str] = frozenset()
    """Keys of other takes that shots of the board start on, or that its film shows."""
    ids: frozenset[str] = frozenset()
    """The ids of the board in the store: its own, and those of records that it continues."""
    former_names: frozenset[str] = frozenset()
    """Names that the board had before."""

    def owns(self, attempt: Attempt) -> bool:
        """Return True if an attempt was booked for this board, under any of its names."""
        if attempt.board == self.name or attempt.board_id in self.ids:
            return True
        return attempt.board_id is None and attempt.board in self.former_names

    def takes_of(self, shot: str, folder: RecordsFolder | None = None) -> tuple[Take, ...]:
        """Return the takes of a shot by number; of each number the one recorded last."""
        newest = {
            take.number: take
            for take in self.takes.get(shot, ())
            if folder is None or take.folder == folder
        }
        return tuple(newest[number] for number in sorted(newest))


def check_board_files(root: Path, name: str) -> None:
    """Check that the record of a board and its lock are regular files of our own or are missing.

    Raises:
        UnsafeStore: One of them is a link, a special file or a hard link.
        StoreError: The folder can't be read.
    """
    path = _record_path(root, name)
    file_status(path)
    check_in_place(path.with_suffix(".lock"))


class BoardFacts(NamedTuple):
    """The names and files of a record, and the prompts by which a renamed board is recognised."""

    name: str
    ids: frozenset[str]
    """Its own id, and those of records that it continues."""
    former_names: tuple[str, ...]
    other_names: tuple[str, ...]
    """Names of boards that it is not, as the user decided."""
    undecided: tuple[tuple[str, str], ...]
    """Name and file of each board that it may be."""
    files: Mapping[str, tuple[str, ...]]
    """The ids of the shots of each file; empty if no run of it ended."""
    prompts: Mapping[str, frozenset[str | None]]
    """The prompts of each shot in all its takes."""


def read_board_facts(root: Path, name: str) -> BoardFacts:
    """Return the facts of the record of a name; empty if the store has none.

    Raises:
        StoreError: The record is damaged.
    """
    path = _record_path(root, name)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        takes = _parse_takes(record)
        return BoardFacts(
            name,
            _parse_ids(record),
            tuple(record.get("former_names", ())),
            tuple(record.get("other_names", ())),
            tuple((str(other), str(file)) for other, file in record.get("undecided", ())),
            {file: tuple(state.get("shots", ())) for file, state in _parse_states(record).items()},
            {
                shot: frozenset(take.prompt for take in shot_takes)
                for shot, shot_takes in takes.items()
            },
        )


def list_board_facts(root: Path) -> list[BoardFacts]:
    """Return the facts of every record.

    Raises:
        StoreError: A record is damaged.
    """
    names = [file[:-5] for file in list_files(root / BOARDS_FOLDER, _PATTERN)]
    return [read_board_facts(root, name) for name in names]


def merge_board_records(record: BoardRecord, former: BoardRecord) -> BoardRecord:
    """Return the record of a board with what was recorded under a former name of it."""
    return replace(
        record,
        shot_keys={**former.shot_keys, **record.shot_keys},
        takes=_merge_takes(former.takes, record.takes),
        pinned_keys=record.pinned_keys | former.pinned_keys,
        ids=record.ids | former.ids,
        former_names=record.former_names | former.former_names | {former.name},
    )


def record_identity(
    root: Path,
    name: str,
    file: Path | None,
    *,
    newly_recognised: Collection[str] = (),
    undecided: Collection[tuple[str, str]] = (),
    other_names: Collection[str] = (),
) -> str:
    """Record the file of a board, the names that it had, and an id. Writes only what is new.

    Args:
        root: The folder of the store.
        name: The board's name.
        file: The board's file, or None for a board that was passed as a value.
        newly_recognised: Names of records that the board continues: their takes are moved here.
        undecided: Name and file of boards that it may be.
        other_names: Names of boards that it is not.

    Returns:
        The id of the board in the store.

    Raises:
        StoreError: A record is damaged or can't be written.
    """
    file_name = str(file or "")
    changes = {"undecided": [list(pair) for pair in undecided], "other_names": list(other_names)}
    record = read_record(_record_path(root, name)) or {}
    is_known = not newly_recognised and "id" in record and file_name in record.get("states", {})
    if is_known and all(record.get(field, []) == value for field, value in changes.items()):
        return str(record["id"])
    former_records = {
        former: read_record(_record_path(root, former)) or {} for former in newly_recognised
    }
    with _open_record(root, name) as record:
        states = _parse_states(record)
        if states and file_name not in states:
            # A board that was moved goes on from the state that was recorded last. Version 1
            # recorded no file: the first file that is recorded again takes its state over.
            states[file_name] = states.pop("", {}) or next(reversed(states.values()))
        for former_name, former in former_records.items():
            names = {*record.get("former_names", ()), former_name, *former.get("former_names", ())}
            record["former_names"] = sorted(names - {name})
            record["takes"] = _takes_to_json(
                _merge_takes(_parse_takes(former), _parse_takes(record))
            )
            former_states = _parse_states(former)
            gone_states = [
                former_states[file] for file in former_states if _is_gone(file, file_name)
            ]
            if gone_states and not states.get(file_name):
                states[file_name] = gone_states[-1]
            ids = _parse_ids(record) | _parse_ids(former)
            if len(gone_states) == len(former_states) and "id" in former:
                record.setdefault("id", former["id"])
            record["former_ids"] = sorted(ids - {record.get("id")})
        record.pop("shots", None)
        record["states"] = {**states, file_name: states.get(file_name, {})}
        record.setdefault("id", uuid4().hex)
        record.update(changes)
        board_id = str(record["id"])
    for former_name in newly_recognised:
        _release_states(root, former_name, file_name)
    return board_id


def _release_states(root: Path, name: str, file_name: str) -> None:
    """Remove the files that are gone from the record of a former name; another board may use it."""
    with _open_record(root, name) as record:
        states = _parse_states(record)
        record.pop("shots", None)
        record["states"] = {
            file: state for file, state in states.items() if not _is_gone(file, file_name)
        }
        if not record["states"]:
            for field_name in record.keys() - {"version", "states"}:
                record.pop(field_name)


def _is_gone(file: str, renamed_to: str) -> bool:
    """Return True if a file was renamed; without its folder, it may be on another machine."""
    if file in ("", renamed_to):
        return True
    return Path(file).parent.is_dir() and not Path(file).exists()


def _merge_takes(
    former: Mapping[str, tuple[Take, ...]], takes: Mapping[str, tuple[Take, ...]]
) -> dict[str, tuple[Take, ...]]:
    """Return the takes of both, the former ones first, each request once."""
    merged = dict(former)
    for shot, shot_takes in takes.items():
        earlier = tuple(
            old
            for old in merged.get(shot, ())
            if not any(old.is_same_request(take) for take in shot_takes)
        )
        merged[shot] = (*earlier, *shot_takes)
    return merged


def referenced_keys(record: BoardRecord) -> frozenset[str]:
    """Return every key that the last recorded state of a board needs, in both folders.

    For each shot these are the last render and the last recorded take of each folder: a preview
    does not replace the vendor's take.
    """
    last_takes = {
        (shot, take.folder): take.key
        for shot in record.shot_keys
        for take in record.takes.get(shot, ())
    }
    return frozenset((*record.shot_keys.values(), *last_takes.values(), *record.pinned_keys))


def read_board_record(root: Path, name: str, file: Path | None = None) -> BoardRecord:
    """Read the record of a board; it is empty if the store has none.

    Args:
        root: The folder of the store.
        name: The board's name.
        file: The board's file. If it is not on record (a moved board), the state that was
            recorded last under the name is used.

    Raises:
        StoreError: The record is damaged.
    """
    path = _record_path(root, name)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        states = _parse_states(record)
        state = states.get(str(file or ""), next(reversed(states.values()), {}))
        return _build_record(name, file, state, record)


def use_recorded_name(root: Path, board: Board) -> Board:
    """Return the board under its former ASCII name if the store has only that.

    Takes, films and booked sums are kept under the name of a board. `Größe.yaml` was `Groe` until
    names could have letters of every script, and must not start again with an unused budget.

    Raises:
        StoreError: The record is damaged.
    """
    if board.file is None or board.storyboard.name or _is_recorded_board(root, board.name):
        return board
    former = derive_ascii_name(board.file.stem)
    if former in ("", board.name):
        return board
    path = _record_path(root, former)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        is_known = str(board.file) in _parse_states(record)
    return replace(board, name=former) if is_known else board


def iter_board_records(root: Path, name: str | None = None) -> Iterator[BoardRecord]:
    """Yield the records of all boards, or of all boards of one name: one for each board file.

    Raises:
        StoreError: A record is damaged.
    """
    names = [name] if name else [file[:-5] for file in list_files(root / BOARDS_FOLDER, _PATTERN)]
    for board_name in names:
        path = _record_path(root, board_name)
        record = read_record(path) or {}
        with _damaged_record_error(path):
            for file, state in _parse_states(record).items():
                yield _build_record(path.stem, Path(file) if file else None, state, record)


def record_takes(root: Path, name: str, takes: Mapping[str, Take]) -> None:
    """Record the take that each shot requests. Writes nothing if all are on record.

    Args:
        root: The folder of the store.
        name: The board's name.
        takes: The takes by shot id.

    Raises:
        StoreError: The record is damaged or can't be written.
    """
    if _is_recorded(_read_takes(root, name), takes):
        return
    with _open_record(root, name) as record:
        recorded = _parse_takes(record)
        for shot, take in takes.items():
            others = tuple(
                earlier for earlier in recorded.get(shot, ()) if not earlier.is_same_request(take)
            )
            recorded[shot] = (*others, replace(take, recorded_at=utc_now()))
        record["takes"] = _takes_to_json(recorded)


def record_board(
    root: Path,
    name: str,
    file: Path | None,
    *,
    rendered_keys: Mapping[str, str],
    shot_ids: Collection[str],
    pinned_keys: Collection[str] = (),
) -> None:
    """Record the state of a board. Writes nothing if it is on record.

    Args:
        root: The folder of the store.
        name: The board's name.
        file: The board's file, or None for a board that was passed as a value.
        rendered_keys: The keys of the shots that have a clip now, by shot id.
        shot_ids: All shots of the board; other shots are removed from the state.
        pinned_keys: Keys of recorded takes that the board starts shots on or shows.

    Raises:
        StoreError: The record is damaged or can't be written.
    """
    file_name = str(file or "")
    record = read_record(_record_path(root, name)) or {}
    states = _parse_states(record)
    if (
        file_name in states
        and _merge_state(states[file_name], rendered_keys, shot_ids, pinned_keys)
        == states[file_name]
    ):
        return
    with _open_record(root, name) as record:
        states = _parse_states(record)
        # Version 1 recorded no file: the first file that is recorded again takes its state over.
        previous = states.pop(file_name, None) or states.pop("", {})
        record.pop("shots", None)
        record["states"] = {
            **states,
            file_name: _merge_state(previous, rendered_keys, shot_ids, pinned_keys),
        }


def _merge_state(
    state: Mapping[str, Any],
    rendered_keys: Mapping[str, str],
    shot_ids: Collection[str],
    pinned_keys: Collection[str],
) -> dict[str, Any]:
    keys = {**state.get("shots", {}), **rendered_keys}
    return {
        "shots": {shot: keys[shot] for shot in shot_ids if shot in keys},
        "pins": sorted(pinned_keys),
    }


def _is_recorded(recorded: Mapping[str, tuple[Take, ...]], takes: Mapping[str, Take]) -> bool:
    return all(
        recorded.get(shot) and recorded[shot][-1].is_same_request(take)
        for shot, take in takes.items()
    )


@contextmanager
def _open_record(root: Path, name: str) -> Iterator[dict[str, Any]]:
    """Yield the record of a board for changes, under a lock, and write it at the end."""
    path = _record_path(root, name)
    with open_lock_file(path.with_suffix(".lock")) as file:
        wait_for_lock(file)
        record = read_record(path) or {}
        with _damaged_record_error(path):
            yield record
        write_record(path, {**record, "version": BOARD_RECORD_VERSION})


def _record_path(root: Path, name: str) -> Path:
    return root / BOARDS_FOLDER / f"{name}.json"


def _is_recorded_board(root: Path, name: str) -> bool:
    return file_status(_record_path(root, name)) is not None


def _read_takes(root: Path, name: str) -> dict[str, tuple[Take, ...]]:
    path = _record_path(root, name)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        return _parse_takes(record)


@contextmanager
def _damaged_record_error(path: Path) -> Iterator[None]:
    """Convert errors in the structure of a record to StoreError."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"the record {path} is damaged ({error}); restore it from a backup, or move it away"
        raise StoreError(msg) from error


def _build_record(
    name: str, file: Path | None, state: Mapping[str, Any], record: Mapping[str, Any]
) -> BoardRecord:
    return BoardRecord(
        name,
        file,
        {str(shot): str(key) for shot, key in state.get("shots", {}).items()},
        _parse_takes(record),
        frozenset(state.get("pins", ())),
        _parse_ids(record),
        frozenset(record.get("former_names", ())),
    )


def _parse_ids(record: Mapping[str, Any]) -> frozenset[str]:
    own = [record["id"]] if "id" in record else []
    return frozenset(str(board_id) for board_id in (*own, *record.get("former_ids", ())))


def _parse_states(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the state of each file; the state of version 1 has no file: ""."""
    states = dict(record.get("states", {}))
    keys_in_version_1 = record.get("shots")
    if keys_in_version_1 is None:
        return states
    return {"": {"shots": dict(keys_in_version_1), "pins": []}, **states}


_TAKE_FIELDS = frozenset(take_field.name for take_field in fields(Take))


def _parse_takes(record: Mapping[str, Any]) -> dict[str, tuple[Take, ...]]:
    return {
        str(shot): tuple(_parse_take(take) for take in shot_takes)
        for shot, shot_takes in record.get("takes", {}).items()
    }


def _parse_take(record: Mapping[str, Any]) -> Take:
    values = {_NAMES_IN_VERSION_2.get(name, name): value for name, value in record.items()}
    return Take(**{name: value for name, value in values.items() if name in _TAKE_FIELDS})


def _takes_to_json(takes: Mapping[str, tuple[Take, ...]]) -> dict[str, Any]:
    return {
        shot: [_take_to_json(take) for take in shot_takes] for shot, shot_takes in takes.items()
    }


def _take_to_json(take: Take) -> dict[str, Any]:
    return {name: value for name, value in asdict(take).items() if value is not None}
