"""The joined film: what it is made of, where it lies, and where it was put for the user.

A film's identity is its clips by their bytes, its seams and its chapters, so a second run joins
nothing. The join itself is `media.join`'s work.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import UsageError
from tasks.store import Store, digest_bytes, digest_file, read_record, staged, write_record

FORMAT = 1


class Piece(NamedTuple):
    """One shot of the film: its clip, what its chapter is called, whether its last frame goes."""

    clip: Path
    sha256: str
    title: str
    drop_last: bool


class Film(NamedTuple):
    """A film that is complete in the store."""

    path: Path
    frames: int
    joined: bool
    """Whether it was joined now, not kept."""


def identity_of(pieces: Sequence[Piece], title: str) -> str:
    """What a film is made of, in one digest."""
    facts = [FORMAT, title, [[piece.sha256, piece.title, piece.drop_last] for piece in pieces]]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()


def find_kept(store: Store, board: str, identity: str) -> Film | None:
    """The film of a board where the store has just this one, else None."""
    record = read_record(store.films / f"{board}.json")
    path = store.films / f"{board}.mp4"
    if not record or record.get("identity") != identity:
        return None
    try:
        if path.stat().st_size != record.get("bytes"):
            return None
    except OSError:
        return None
    return Film(path, int(record["frames"]), joined=False)


def keep(store: Store, board: str, identity: str, frames: int) -> Film:
    """Note a film that was just written to its place in the store."""
    path = store.films / f"{board}.mp4"
    record = {
        "identity": identity,
        "frames": frames,
        "bytes": path.stat().st_size,
        "sha256": digest_file(path),
    }
    write_record(store.films / f"{board}.json", record)
    return Film(path, frames, joined=True)


def marker(board: str, file: Path | None) -> str:
    """What a film says of itself, so that its board knows it again wherever it lies."""
    place = digest_bytes(str(file or "").encode())[:12]
    return f"shotchain:{board}:{place};"


def refuse_other(store: Store, path: Path, board: str, file: Path | None, *, given: bool) -> None:
    """Raise UsageError where a place holds another board's film and nobody asked to put it there.

    `given` says that the place was named on the command line.
    """
    if path.is_dir():
        msg = f"{path} is a folder; give a file by --out"
        raise UsageError(msg)
    if given or not path.exists():
        return
    if not path.is_file():
        msg = f"{path} is no file; give another place by --out, or move it away"
        raise UsageError(msg)
    owner = placed(store).get(str(path))
    ours = _says(path, marker(board, file)) if owner is None else owner == str(file)
    moved = owner is not None and not Path(owner).exists()
    if not ours and not moved:
        msg = f"{path} is not the film of this board; give another place by --out, or move it away"
        raise UsageError(msg)


def _says(path: Path, word: str) -> bool:
    with path.open("rb") as file:
        return word.encode() in file.read(8_000_000)


def place(store: Store, film: Film, path: Path, file: Path | None) -> None:
    """Put a copy of the film where the user looks for it, and remember whose it is."""
    if not (path.exists() and path.samefile(film.path)):
        with staged(path) as staging:
            shutil.copyfile(film.path, staging)
    known = placed(store)
    if known.get(str(path)) != str(file):
        write_record(store.films / "placed.json", {**known, str(path): str(file)})


def is_placed(film: Film, path: Path) -> bool:
    """Whether the place holds this very film, by its size and age."""
    try:
        there, ours = path.stat(), film.path.stat()
    except OSError:
        return False
    return there.st_size == ours.st_size and there.st_mtime >= ours.st_mtime


def placed(store: Store) -> dict[str, Any]:
    """Which board's file put a film at which place."""
    return read_record(store.films / "placed.json") or {}
