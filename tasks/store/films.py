"""Joined films: their identity, their record in the store, and copies exported for the user.

Joining the clips does not belong here; see `media`.
"""

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

FILM_FORMAT_VERSION = 2
"""Part of the identity of a film: another number lets every film be joined again."""

EXPORTS_NAME = "placed.json"
"""The record of exported films, in the folder of the films."""

_MARKER_SEARCH_BYTES = 8_000_000


class FilmClip(NamedTuple):
    """The clip of one shot of a film."""

    path: Path
    sha256: str
    chapter_title: str
    drop_last_frame: bool
    """True if the next clip begins with the last frame of this one."""


Conversions = tuple[tuple[str, ...], ...]
"""Descriptions of what was converted in each clip of a film, such as `29.97 to 24 fps`."""


class StoredFilm(NamedTuple):
    """A film that is complete in the store."""

    path: Path
    frame_count: int
    is_new: bool
    """True if it was joined in this run."""
    conversions: Conversions = ()


def compute_film_identity(clips: Sequence[FilmClip], title: str) -> str:
    """Return a digest of everything that a film is made of."""
    parts = [
        FILM_FORMAT_VERSION,
        title,
        [[clip.sha256, clip.chapter_title, clip.drop_last_frame] for clip in clips],
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def find_film(store: Store, board_name: str, identity: str) -> StoredFilm | None:
    """Return the film of a board if the store has it with this identity, else None.

    Raises:
        StoreError: The record of the film is damaged.
    """
    record = read_record(store.films_folder / f"{board_name}.json")
    path = store.films_folder / f"{board_name}.mp4"
    if not record or record.get("identity") != identity:
        return None
    try:
        if path.stat().st_size != record.get("bytes"):
            return None
    except OSError:
        return None
    conversions = tuple(tuple(map(str, texts)) for texts in record.get("conversions", ()))
    return StoredFilm(path, int(record["frames"]), is_new=False, conversions=conversions)


def record_film(
    store: Store,
    board_name: str,
    identity: str,
    frame_count: int,
    conversions: Conversions = (),
) -> StoredFilm:
    """Record a film that was just written to its path in the store.

    Raises:
        StoreError: The record can't be written.
    """
    path = store.films_folder / f"{board_name}.mp4"
    record = {
        "identity": identity,
        "frames": frame_count,
        "bytes": path.stat().st_size,
        "sha256": digest_file(path),
        "conversions": conversions,
    }
    write_record(store.films_folder / f"{board_name}.json", record)
    return StoredFilm(path, frame_count, is_new=True, conversions=conversions)


def film_marker(board_name: str, board_file: Path | None) -> str:
    """Return the comment in a film by which its board recognises it in any folder."""
    file_digest = digest_bytes(str(board_file or "").encode())[:12]
    return f"shotchain:{board_name}:{file_digest};"


def require_own_destination(
    store: Store, path: Path, board_name: str, board_file: Path | None, *, is_explicit: bool
) -> None:
    """Check that exporting a film to `path` replaces no other file by accident.

    Args:
        store: The store with the record of exported films.
        path: The destination.
        board_name: The name of the film's board.
        board_file: The file of the film's board, or None.
        is_explicit: True if the user named the destination; then any file may be replaced.

    Raises:
        UsageError: `path` is a folder, or a file that is not a film of this board.
    """
    if path.is_dir():
        msg = f"{path} is a folder; use --out with a file"
        raise UsageError(msg)
    if is_explicit or not path.exists():
        return
    if not path.is_file():
        msg = f"{path} is not a regular file; use --out with another file, or move it away"
        raise UsageError(msg)
    owner = read_exports(store).get(str(path))
    is_own = (
        _contains_text(path, film_marker(board_name, board_file))
        if owner is None
        else owner == str(board_file)
    )
    is_owner_moved = owner is not None and not Path(owner).exists()
    if not is_own and not is_owner_moved:
        msg = f"{path} is not the film of this board; use --out with another file, or move it away"
        raise UsageError(msg)


def _contains_text(path: Path, text: str) -> bool:
    with path.open("rb") as file:
        return text.encode() in file.read(_MARKER_SEARCH_BYTES)


def export_film(store: Store, film: StoredFilm, path: Path, board_file: Path | None) -> None:
    """Copy a film to the user's path and record which board it belongs to.

    Raises:
        StoreError: The copy or the record can't be written.
    """
    if not (path.exists() and path.samefile(film.path)):
        with staged_file(path) as temp_path:
            shutil.copyfile(film.path, temp_path)
    exports = read_exports(store)
    if exports.get(str(path)) != str(board_file):
        write_record(store.films_folder / EXPORTS_NAME, {**exports, str(path): str(board_file)})


def is_exported(film: StoredFilm, path: Path) -> bool:
    """Return True if `path` holds this film, by size and modification time."""
    try:
        exported, stored = path.stat(), film.path.stat()
    except OSError:
        return False
    return exported.st_size == stored.st_size and exported.st_mtime >= stored.st_mtime


def read_exports(store: Store) -> dict[str, Any]:
    """Return the board file of each exported film, by the path of the film.

    Raises:
        StoreError: The record is damaged.
    """
    return read_record(store.films_folder / EXPORTS_NAME) or {}
