"""The record of a board: the current keys of its shots and every take it requested.

A take is recorded before it is paid for. Whether it was rendered is stated by its receipt, not here. Imports nothing of the plan."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from tasks.errors import StoreError
from tasks.store.atomic_files import read_record, write_record
from tasks.store.locks import open_lock_file, try_lock
from tasks.store.receipts import utc_now

BOARD_RECORD_VERSION = 3

_NAMES_IN_VERSION_2 = {
    "shelf": "folder",
    "continues": "continues_key",
    "noted_at": "recorded_at",
}
"""Fields of a take that version 2 wrote under another name."""

BOARDS_FOLDER = "boards"

BOARD_LOCK_POLL_SECONDS = 0.01

RecordsFolder = Literal["previz", "shots"]


@dataclass(frozen=True)
class Take:
    """One take of a shot as a board asked for it."""

    number: int
    key: str
    folder: RecordsFolder
    """`previz` for what came over loopback, `shots` for the rest."""
    seed: int | None = None
    """As the board gave it, on the shot or in its look."""
    prompt: str | None = None
    """As the board wrote it, names not expanded."""
    continues_key: str | None = None
    """The key of the shot it starts from."""
    recorded_at: str = ""
    """ISO 8601, UTC."""

    def is_same_request(self, other: Take) -> bool:
        """Whether both ask for the same, whenever they were noted."""
        return replace(self, recorded_at="") == replace(other, recorded_at="")


@dataclass(frozen=True)
class BoardRecord:
    """One board's file as the store saw it last, and the takes of all boards of its name."""

    name: str
    file: Path | None = None
    """None for a board that came as a value, or that an older shotchain noted."""
    shot_keys: Mapping[str, str] = field(default_factory=dict)
    """The key under which each of its shots was rendered last."""
    takes: Mapping[str, tuple[Take, ...]] = field(default_factory=dict)
    """By shot, the newest last."""
    pinned_keys: frozenset[str] = frozenset()
    """Keys of other takes that its shots start on."""

    def takes_of(self, shot: str, folder: RecordsFolder | None = None) -> tuple[Take, ...]:
        """The takes of a shot, each number once as it was noted last, by number."""
        newest = {
            one.number: one
            for one in self.takes.get(shot, ())
            if folder is None or one.folder == folder
        }
        return tuple(newest[number] for number in sorted(newest))


def referenced_keys(record: BoardRecord) -> frozenset[str]:
    """Every key that the board's last noted state refers to or pins, on either shelf.

    Of each of its shots the render that is noted last, and what was noted last on each shelf:
    a previz run takes nothing from the film.
    """
    last = {
        (shot, take.folder): take.key
        for shot in record.shot_keys
        for take in record.takes.get(shot, ())
    }
    return frozenset((*record.shot_keys.values(), *last.values(), *record.pinned_keys))


def read_board_record(root: Path, name: str, file: Path | None = None) -> BoardRecord:
    """What the store at `root` remembers of a board; an empty record where that is nothing.

    A file that is not known yet (a board that was moved) has the state noted last under its name.
    Raises StoreError where the record is damaged.
    """
    path = _record_path(root, name)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        states = _parse_states(record)
        state = states.get(str(file or ""), next(reversed(states.values()), {}))
        return _build_record(name, file, state, _parse_takes(record))


def iter_board_records(root: Path) -> Iterator[BoardRecord]:
    """Every board the store at `root` has seen, one record for each file of a name.

    Raises StoreError where a record is damaged.
    """
    for path in sorted((root / BOARDS_FOLDER).glob("*.json")):
        record = read_record(path) or {}
        with _damaged_record_error(path):
            takes = _parse_takes(record)
            for file, state in _parse_states(record).items():
                yield _build_record(path.stem, Path(file) if file else None, state, takes)


def record_takes(root: Path, name: str, takes: Mapping[str, Take]) -> None:
    """Note the take that each shot asks for. Nothing is written where all of it is known."""
    if _is_recorded(_read_takes(root, name), takes):
        return
    with _open_record(root, name) as record:
        known = _parse_takes(record)
        for shot, take in takes.items():
            before = tuple(one for one in known.get(shot, ()) if not one.is_same_request(take))
            known[shot] = (*before, replace(take, recorded_at=utc_now()))
        record["takes"] = {shot: [_to_json(one) for one in all_] for shot, all_ in known.items()}


def record_board(
    root: Path,
    name: str,
    file: Path | None,
    *,
    rendered_keys: Mapping[str, str],
    shot_ids: Collection[str],
    pinned_keys: Collection[str] = (),
) -> None:
    """Note the keys of the shots that are rendered now, of all the `shots` the board has.

    Nothing is written where all of it is known.
    """
    place = str(file or "")
    record = read_record(_record_path(root, name)) or {}
    states = _parse_states(record)
    if (
        place in states
        and _merge_state(states[place], rendered_keys, shot_ids, pinned_keys) == states[place]
    ):
        return
    with _open_record(root, name) as record:
        states = _parse_states(record)
        # What an older shotchain noted names no file: the first that is noted again takes it over.
        before = states.pop(place, None) or states.pop("", {})
        record.pop("shots", None)
        record["states"] = {
            **states,
            place: _merge_state(before, rendered_keys, shot_ids, pinned_keys),
        }


def _merge_state(
    state: Mapping[str, Any],
    rendered: Mapping[str, str],
    shots: Collection[str],
    pins: Collection[str],
) -> dict[str, Any]:
    keys = {**state.get("shots", {}), **rendered}
    return {"shots": {one: keys[one] for one in shots if one in keys}, "pins": sorted(pins)}


def _is_recorded(recorded: Mapping[str, tuple[Take, ...]], takes: Mapping[str, Take]) -> bool:
    return all(
        recorded.get(shot) and recorded[shot][-1].is_same_request(take)
        for shot, take in takes.items()
    )


@contextmanager
def _open_record(root: Path, name: str) -> Iterator[dict[str, Any]]:
    """The record of a board to change, held against every other process; written at the end."""
    path = _record_path(root, name)
    with open_lock_file(path.with_suffix(".lock")) as file:
        while not try_lock(file):
            time.sleep(BOARD_LOCK_POLL_SECONDS)
        record = read_record(path) or {}
        with _damaged_record_error(path):
            yield record
        write_record(path, {**record, "version": BOARD_RECORD_VERSION})


def _record_path(root: Path, name: str) -> Path:
    return root / BOARDS_FOLDER / f"{name}.json"


def _read_takes(root: Path, name: str) -> dict[str, tuple[Take, ...]]:
    path = _record_path(root, name)
    record = read_record(path) or {}
    with _damaged_record_error(path):
        return _parse_takes(record)


@contextmanager
def _damaged_record_error(path: Path) -> Iterator[None]:
    """Say in one sentence that a record is not what it should be."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"the record {path} is damaged ({error}); put it back from a backup, or move it away"
        raise StoreError(msg) from error


def _build_record(
    name: str, file: Path | None, state: Mapping[str, Any], takes: dict[str, tuple[Take, ...]]
) -> BoardRecord:
    return BoardRecord(
        name,
        file,
        {str(shot): str(key) for shot, key in state.get("shots", {}).items()},
        takes,
        frozenset(state.get("pins", ())),
    )


def _parse_states(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of each file; what an older shotchain noted names none."""
    states = dict(record.get("states", {}))
    old = record.get("shots")
    return {"": {"shots": dict(old), "pins": []}, **states} if old is not None else states


_TAKE_FIELDS = frozenset(known.name for known in fields(Take))


def _parse_takes(record: Mapping[str, Any]) -> dict[str, tuple[Take, ...]]:
    return {
        str(shot): tuple(_parse_take(one) for one in noted)
        for shot, noted in record.get("takes", {}).items()
    }


def _parse_take(record: Mapping[str, Any]) -> Take:
    facts = {_NAMES_IN_VERSION_2.get(name, name): value for name, value in record.items()}
    return Take(**{name: value for name, value in facts.items() if name in _TAKE_FIELDS})


def _to_json(take: Take) -> dict[str, Any]:
    return {name: value for name, value in asdict(take).items() if value is not None}
