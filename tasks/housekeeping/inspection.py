"""Whether the store still holds what its records say: every kept file by its digest.

Only looks, but for `put_aside`. What a run does about a file that is not there is told by `survey`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import StoreError
from tasks.housekeeping.leftovers import find_leftovers, is_staging, size_of
from tasks.money.bill import show
from tasks.receipts import FILES_LIVE_SECONDS, OVER, Attempt, Kept, Receipt, State, read_receipt
from tasks.records import boards
from tasks.store import LOCK, RECEIPT, Shelf, Store, digest_file, read_record

ASIDE = ".damaged"
"""What the name of a file ends on that was put aside."""

_KEY = re.compile(r"[0-9a-f]{64}")
_OURS = re.compile(r"clip(-\d+)?\.mp4|last_frame(-\d+)?\.(png|jpg|webp)")


@dataclass(frozen=True)
class Damage:
    """Something that is not as its record says."""

    path: Path
    what: str
    remedy: str
    key: str = ""
    attempt: Attempt | None = None
    movable: bool = False
    """Whether putting it aside lets the next run bring it back."""

    @property
    def whose(self) -> str:
        """The board and the shot, where a receipt tells them."""
        return f"{self.attempt.board}/{self.attempt.shot}" if self.attempt else ""


@dataclass(frozen=True)
class Stray:
    """A file that no record knows. It harms nothing but the disk."""

    path: Path
    why: str
    bytes: int


@dataclass
class Inspection:
    """What was looked at and what was found."""

    files: int = 0
    bytes: int = 0
    damages: list[Damage] = field(default_factory=list)
    strays: list[Stray] = field(default_factory=list)


def inspect(store: Store) -> Inspection:
    """Read every kept clip, last frame and film of a store, and every record."""
    found = Inspection()
    for loopback in (False, True):
        shelf = store.shelf(loopback=loopback)
        keys = shelf.keys()
        for key in keys:
            _inspect_key(shelf, key, found)
    _inspect_films(store, found)
    _inspect_boards(store, found)
    for path in find_leftovers(store):
        found.strays.append(Stray(path, "half written by a run that was killed", size_of(path)))
    return found


def put_aside(damage: Damage) -> Path:
    """Rename a damaged file, so that nothing takes it for whole. Returns where it is now.

    Raises StoreError where the disk refuses.
    """
    aside = damage.path.with_name(damage.path.name + ASIDE)
    number = 2
    while aside.exists():
        aside = damage.path.with_name(f"{damage.path.name}{ASIDE}-{number}")
        number += 1
    try:
        return damage.path.rename(aside)
    except OSError as error:
        msg = f"{damage.path} can't be put aside: {error.strerror}; check the store's rights"
        raise StoreError(msg) from error


def _inspect_key(shelf: Shelf, key: str, found: Inspection) -> None:
    home = shelf.home(key)
    if not _KEY.fullmatch(key):
        found.strays.append(Stray(home, "its name is no key", size_of(home)))
        return
    try:
        receipt = read_receipt(key, shelf.read(key))
    except StoreError as error:
        found.damages.append(Damage(home / RECEIPT, str(error), "put it back from a backup", key))
        return
    latest = receipt.latest
    if latest is None:
        found.damages += _without_receipt(home, key)
        return
    replaced = [] if latest.state is State.CLEANED else list(_replaced(receipt))
    wrong = list(_wrong(home, key, latest, found))
    wrong += [damage for one in replaced for damage in _wrong_replaced(home, key, one, found)]
    # A run may have brought a file home again while it was read.
    if wrong and read_receipt(key, shelf.read(key)) != receipt:
        _inspect_key(shelf, key, found)
        return
    found.damages += wrong
    kept = {one.clip.file for one in replaced if one.clip}
    kept |= {one.last_frame.file for one in replaced if one.last_frame}
    found.strays += _strays(home, latest, kept)


def _replaced(receipt: Receipt) -> Iterator[Attempt]:
    """The attempts whose clips were rendered again and are still there, for they are paid."""
    for number, one in enumerate(receipt.attempts, 1):
        if one.state is State.OUTDATED and number != receipt.counting_number:
            yield one


def _wrong_replaced(home: Path, key: str, attempt: Attempt, found: Inspection) -> Iterator[Damage]:
    if attempt.clip and (what := _compare(home / attempt.clip.file, attempt.clip, found)):
        path, remedy = home / attempt.clip.file, "put it back from a backup; no shot needs it now"
        gone = not path.exists()
        yield Damage(path, f"the replaced clip {what}", remedy, key, attempt, movable=not gone)


def _without_receipt(home: Path, key: str) -> Iterator[Damage]:
    for path in sorted(home.iterdir()):
        if _OURS.fullmatch(path.name):
            what = "its receipt is gone, so it would be paid for again"
            yield Damage(path, what, f"put {RECEIPT} back from a backup", key)


def _wrong(home: Path, key: str, attempt: Attempt, found: Inspection) -> Iterator[Damage]:
    if attempt.state in OVER:
        return
    if attempt.state is State.KEPT and attempt.clip:
        what = _compare(home / attempt.clip.file, attempt.clip, found)
        if what:
            gone = not (home / attempt.clip.file).exists()
            remedy = _fetching(attempt) if gone else f"`verify --repair`; then {_fetching(attempt)}"
            path = home / attempt.clip.file
            yield Damage(path, f"the clip {what}", remedy, key, attempt, movable=not gone)
    if attempt.last_frame:
        what = _compare(home / attempt.last_frame.file, attempt.last_frame, found)
        if what:
            remedy = "the next shot that starts on it has it taken from the clip, for nothing"
            path = home / attempt.last_frame.file
            yield Damage(path, f"the last frame {what}", remedy, key, attempt)


def _compare(path: Path, kept: Kept, found: Inspection) -> str:
    """What is wrong with a file, or nothing."""
    try:
        size = path.stat().st_size
        found.files, found.bytes = found.files + 1, found.bytes + size
        if size != kept.bytes:
            return f"has {size} of its {kept.bytes} bytes"
        return "" if digest_file(path) == kept.sha256 else "is not what was kept (its digest)"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"can't be read ({error.strerror})"


def _fetching(attempt: Attempt) -> str:
    price = show(attempt.price if attempt.price is not None else attempt.price_most)
    again = f"renders it again for {price}"
    if attempt.age_seconds > FILES_LIVE_SECONDS:
        return f"the next run {again}, for the vendor kept it for a day"
    return (
        f"the next run asks job {attempt.job} for it, and only if the vendor has it no more {again}"
    )


def _strays(home: Path, latest: Attempt, kept: Collection[str]) -> Iterator[Stray]:
    for path in sorted(home.iterdir()):
        if is_staging(path.name) or path.name in (RECEIPT, LOCK) or path.suffix == ".lock":
            continue
        if path.name in kept:
            continue
        if ASIDE in path.name:
            why = "put aside because it was damaged"
        elif not _OURS.fullmatch(path.name):
            why = "nothing refers to it"
        elif latest.state in OVER:
            why = f"its attempt is {latest.state.value}"
        else:
            continue
        yield Stray(path, why, size_of(path))


def _inspect_films(store: Store, found: Inspection) -> None:
    for path in sorted(store.films.glob("*.mp4*")):
        if path.suffix != ".mp4":
            found.strays.append(Stray(path, "put aside because it was damaged", size_of(path)))
        elif not path.with_suffix(".json").exists():
            found.strays.append(Stray(path, "no record says whose film it is", size_of(path)))
    for path in sorted(store.films.glob("*.json")):
        if path.name != "placed.json":
            _inspect_film(path, found)


def _inspect_film(record: Path, found: Inspection) -> None:
    film = record.with_suffix(".mp4")
    remedy = "the next run joins it again, for nothing"
    try:
        facts = read_record(record) or {}
    except StoreError as error:
        found.damages.append(Damage(record, str(error), f"remove it; {remedy}"))
        return
    if "sha256" in facts:
        what = _compare(film, Kept(film.name, facts["sha256"], facts["bytes"]), found)
        if what:
            gone = not film.exists()
            remedy = remedy if gone else f"`verify --repair`; then {remedy}"
            found.damages.append(Damage(film, f"the film {what}", remedy, movable=not gone))


def _inspect_boards(store: Store, found: Inspection) -> None:
    shelves = (store.shelf(loopback=False), store.shelf(loopback=True))
    for path in sorted((store.root / boards.FOLDER).glob("*.json")):
        try:
            seen = [one for one in boards.seen(store.root) if one.name == path.stem]
        except StoreError as error:
            found.damages.append(Damage(path, str(error), "put it back from a backup"))
            return
        for board in seen:
            for shot, key in board.shots.items():
                if not any(shelf.home(key).joinpath(RECEIPT).exists() for shelf in shelves):
                    what = f"{board.name}/{shot} was rendered, and its receipt is gone"
                    remedy = "put it back from a backup, or it is rendered and paid again"
                    home = shelves[0].home(key)
                    found.damages.append(Damage(home, what, remedy, key))
