"""Joined films: their identity, their record in the store, and the copies exported for the user.

Joining the clips is the work of `media`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.errors import UsageError
from tasks.store.atomic_files import (
    digest_bytes,
    digest_file,
    read_record,
    staged_file,
    write_record,
)
from tasks.store.layout import Store

FILM_FORMAT_VERSION = 1


class FilmClip(NamedTuple):
    """One shot of the film: its clip, what its chapter is called, whether its last frame goes."""

    path: Path
    sha256: str
    chapter_title: str
    drop_last_frame: bool


class StoredFilm(NamedTuple):
    """A film that is complete in the store."""

    path: Path
    frame_count: int
    is_new: bool
    """Whether it was joined now, not kept."""


def compute_film_identity(clips: Sequence[FilmClip], title: str) -> str:
    """What a film is made of, in one digest."""
    facts = [
        FILM_FORMAT_VERSION,
        title,
        [[piece.sha256, piece.chapter_title, piece.drop_last_frame] for piece in clips],
    ]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()


def find_film(store: Store, board_name: str, identity: str) -> StoredFilm | None:
    """The film of a board where the store has just this one, else None."""
    record = read_record(store.films_folder / f"{board_name}.json")
    path = store.films_folder / f"{board_name}.mp4"
    if not record or record.get("identity") != identity:
        return None
    try:
        if path.stat().st_size != record.get("bytes"):
            return None
    except OSError:
        return None
    return StoredFilm(path, int(record["frames"]), is_new=False)


def record_film(store: Store, board_name: str, identity: str, frame_count: int) -> StoredFilm:
    """Note a film that was just written to its place in the store."""
    path = store.films_folder / f"{board_name}.mp4"
    record = {
        "identity": identity,
        "frames": frame_count,
        "bytes": path.stat().st_size,
        "sha256": digest_file(path),
    }
    write_record(store.films_folder / f"{board_name}.json", record)
    return StoredFilm(path, frame_count, is_new=True)


def film_marker(board_name: str, board_file: Path | None) -> str:
    """What a film says of itself, so that its board knows it again wherever it lies."""
    place = digest_bytes(str(board_file or "").encode())[:12]
    return f"shotchain:{board_name}:{place};"


def require_own_destination(
    store: Store, path: Path, board_name: str, board_file: Path | None, *, is_explicit: bool
) -> None:
    """Raise UsageError where a place holds another board's film and nobody asked to put it there.

    `given` says that the place was named on the command line.
    """
    if path.is_dir():
        msg = f"{path} is a folder; give a file by --out"
        raise UsageError(msg)
    if is_explicit or not path.exists():
        return
    if not path.is_file():
        msg = f"{path} is no file; give another place by --out, or move it away"
        raise UsageError(msg)
    owner = read_exports(store).get(str(path))
    ours = (
        _contains_text(path, film_marker(board_name, board_file))
        if owner is None
        else owner == str(board_file)
    )
    moved = owner is not None and not Path(owner).exists()
    if not ours and not moved:
        msg = f"{path} is not the film of this board; give another place by --out, or move it away"
        raise UsageError(msg)


def _contains_text(path: Path, text: str) -> bool:
    with path.open("rb") as file:
        return text.encode() in file.read(8_000_000)


def export_film(store: Store, film: StoredFilm, path: Path, board_file: Path | None) -> None:
    """Put a copy of the film where the user looks for it, and remember whose it is."""
    if not (path.exists() and path.samefile(film.path)):
        with staged_file(path) as staging:
            shutil.copyfile(film.path, staging)
    known = read_exports(store)
    if known.get(str(path)) != str(board_file):
        write_record(store.films_folder / "placed.json", {**known, str(path): str(board_file)})


def is_exported(film: StoredFilm, path: Path) -> bool:
    """Whether the place holds this very film, by its size and age."""
    try:
        there, ours = path.stat(), film.path.stat()
    except OSError:
        return False
    return there.st_size == ours.st_size and there.st_mtime >= ours.st_mtime


def read_exports(store: Store) -> dict[str, Any]:
    """Which board's file put a film at which place."""
    return read_record(store.films_folder / "placed.json") or {}
