"""What the store remembers of each board: its shots' present keys, and every take it asked for.

A take is noted before it is paid, so that no kill between the intent and the end of a run makes
its key, its seed or its prompt unknown. Whether it was rendered is the receipt's to say, not this
record's. Boards of one name share their takes; each file keeps its own present state.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from tasks.errors import StoreError
from tasks.receipts import now
from tasks.store import opened_lock, read_record, try_lock, write_record

VERSION = 2

FOLDER = "boards"

LOCK_POLL_SECONDS = 0.01

ShelfName = Literal["previz", "shots"]


@dataclass(frozen=True)
class Take:
    """One take of a shot as a board asked for it."""

    number: int
    key: str
    shelf: ShelfName
    """`previz` for what came over loopback, `shots` for the rest."""
    seed: int | None = None
    """As the board gave it, on the shot or in its look."""
    prompt: str | None = None
    """As the board wrote it, names not expanded."""
    continues: str | None = None
    """The key of the shot it starts from."""
    noted_at: str = ""
    """ISO 8601, UTC."""

    def same(self, other: Take) -> bool:
        """Whether both ask for the same, whenever they were noted."""
        return replace(self, noted_at="") == replace(other, noted_at="")


@dataclass(frozen=True)
class BoardRecord:
    """One board's file as the store saw it last, and the takes of all boards of its name."""

    name: str
    file: Path | None = None
    """None for a board that came as a value, or that an older shotchain noted."""
    shots: Mapping[str, str] = field(default_factory=dict)
    """The key under which each of its shots was rendered last."""
    takes: Mapping[str, tuple[Take, ...]] = field(default_factory=dict)
    """By shot, the newest last."""
    pins: frozenset[str] = frozenset()
    """Keys of other takes that its shots start on."""

    def of(self, shot: str, shelf: ShelfName | None = None) -> tuple[Take, ...]:
        """The takes of a shot, each number once as it was noted last, by number."""
        newest = {
            one.number: one
            for one in self.takes.get(shot, ())
            if shelf is None or one.shelf == shelf
        }
        return tuple(newest[number] for number in sorted(newest))


def referred(record: BoardRecord) -> frozenset[str]:
    """Every key that the board's last noted state refers to or pins, on either shelf.

    Of each of its shots the render that is noted last, and what was noted last on each shelf:
    a previz run takes nothing from the film.
    """
    last = {
        (shot, take.shelf): take.key for shot in record.shots for take in record.takes.get(shot, ())
    }
    return frozenset((*record.shots.values(), *last.values(), *record.pins))


def read_board(root: Path, name: str, file: Path | None = None) -> BoardRecord:
    """What the store at `root` remembers of a board; an empty record where that is nothing.

    A file that is not known yet (a board that was moved) has the state noted last under its name.
    Raises StoreError where the record is damaged.
    """
    path = _path(root, name)
    record = read_record(path) or {}
    with _damage(path):
        states = _states(record)
        state = states.get(str(file or ""), next(reversed(states.values()), {}))
        return _read(name, file, state, _takes(record))


def seen(root: Path) -> Iterator[BoardRecord]:
    """Every board the store at `root` has seen, one record for each file of a name.

    Raises StoreError where a record is damaged.
    """
    for path in sorted((root / FOLDER).glob("*.json")):
        record = read_record(path) or {}
        with _damage(path):
            takes = _takes(record)
            for file, state in _states(record).items():
                yield _read(path.stem, Path(file) if file else None, state, takes)


def note_takes(root: Path, name: str, takes: Mapping[str, Take]) -> None:
    """Note the take that each shot asks for. Nothing is written where all of it is known."""
    if _known(_takes_at(root, name), takes):
        return
    with _opened(root, name) as record:
        known = _takes(record)
        for shot, take in takes.items():
            before = tuple(one for one in known.get(shot, ()) if not one.same(take))
            known[shot] = (*before, replace(take, noted_at=now()))
        record["takes"] = {shot: [_lean(one) for one in all_] for shot, all_ in known.items()}


def note_board(
    root: Path,
    name: str,
    file: Path | None,
    *,
    rendered: Mapping[str, str],
    shots: Collection[str],
    pins: Collection[str] = (),
) -> None:
    """Note the keys of the shots that are rendered now, of all the `shots` the board has.

    Nothing is written where all of it is known.
    """
    place = str(file or "")
    record = read_record(_path(root, name)) or {}
    states = _states(record)
    if place in states and _merged(states[place], rendered, shots, pins) == states[place]:
        return
    with _opened(root, name) as record:
        states = _states(record)
        # What an older shotchain noted names no file: the first that is noted again takes it over.
        before = states.pop(place, None) or states.pop("", {})
        record.pop("shots", None)
        record["states"] = {**states, place: _merged(before, rendered, shots, pins)}


def _merged(
    state: Mapping[str, Any],
    rendered: Mapping[str, str],
    shots: Collection[str],
    pins: Collection[str],
) -> dict[str, Any]:
    keys = {**state.get("shots", {}), **rendered}
    return {"shots": {one: keys[one] for one in shots if one in keys}, "pins": sorted(pins)}


def _known(known: Mapping[str, tuple[Take, ...]], takes: Mapping[str, Take]) -> bool:
    return all(known.get(shot) and known[shot][-1].same(take) for shot, take in takes.items())


@contextmanager
def _opened(root: Path, name: str) -> Iterator[dict[str, Any]]:
    """The record of a board to change, held against every other process; written at the end."""
    path = _path(root, name)
    with opened_lock(path.with_suffix(".lock")) as file:
        while not try_lock(file):
            time.sleep(LOCK_POLL_SECONDS)
        record = read_record(path) or {}
        with _damage(path):
            yield record
        write_record(path, {**record, "version": VERSION})


def _path(root: Path, name: str) -> Path:
    return root / FOLDER / f"{name}.json"


def _takes_at(root: Path, name: str) -> dict[str, tuple[Take, ...]]:
    path = _path(root, name)
    record = read_record(path) or {}
    with _damage(path):
        return _takes(record)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Say in one sentence that a record is not what it should be."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"the record {path} is damaged ({error}); put it back from a backup, or move it away"
        raise StoreError(msg) from error


def _read(
    name: str, file: Path | None, state: Mapping[str, Any], takes: dict[str, tuple[Take, ...]]
) -> BoardRecord:
    return BoardRecord(
        name,
        file,
        {str(shot): str(key) for shot, key in state.get("shots", {}).items()},
        takes,
        frozenset(state.get("pins", ())),
    )


def _states(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of each file; what an older shotchain noted names none."""
    states = dict(record.get("states", {}))
    old = record.get("shots")
    return {"": {"shots": dict(old), "pins": []}, **states} if old is not None else states


_KNOWN = frozenset(known.name for known in fields(Take))


def _takes(record: Mapping[str, Any]) -> dict[str, tuple[Take, ...]]:
    return {
        str(shot): tuple(_take(one) for one in noted)
        for shot, noted in record.get("takes", {}).items()
    }


def _take(noted: Mapping[str, Any]) -> Take:
    return Take(**{name: value for name, value in noted.items() if name in _KNOWN})


def _lean(take: Take) -> dict[str, Any]:
    return {name: value for name, value in asdict(take).items() if value is not None}
