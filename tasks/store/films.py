"""Joined films: their identity, their record in the store, and copies exported for the user.

Joining the clips does not belong here; see `media`.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from tasks.edit import EditClip, FilmEdit, PictureEdit
from tasks.errors import MediaError, StoreError, UnsafeStore, UsageError
from tasks.own_files import describe_kind, file_status, open_file, open_folder, remove_file
from tasks.sound_report import SoundReport, read_sound_report
from tasks.store.atomic_files import (
    digest_bytes,
    digest_file,
    read_record,
    staged_file,
    write_record,
)
from tasks.store.layout import Store
from tasks.store.side_files import export_side_files, find_missing_copies, has_side_files
from tasks.store.temp_files import remove_abandoned_copies, size_of

EXPORTS_NAME = "placed.json"
"""The record of exported films, in the folder of the films."""

PARTIAL_SUFFIX = ".partial"
"""In the name of a film without the shots that failed."""

FILM_SUFFIXES = (".mp4", ".mov")
"""Of films; masters are MOV."""

CLIP_SUFFIXES = (".mp4", ".mov", ".m4v")
"""Of files that are opened as clips, in lower case."""

_MARKER_PREFIX = "shotchain:"
_PLAIN_PICTURE = PictureEdit()
_MARKER_SEARCH_BYTES = 8_000_000
_COPY_BYTES = 1_000_000
_EXPORTED_FILE_MODE = 0o666
_EXPORTED_FOLDER_MODE = 0o777
"""An exported film is for other programs and people, so the user's umask decides who reads it."""


UsedRanges = Mapping[str, Sequence[tuple[int, int]]]
"""First and end frames of the parts of clips that a film shows, by the digest of the clip."""

Conversions = tuple[tuple[str, ...], ...]
"""Descriptions of what was converted in each clip of a film, such as `29.97 to 24 fps`."""


class StoredFilm(NamedTuple):
    """A film that is complete in the store."""

    path: Path
    frame_count: int
    """At its rate."""
    is_new: bool
    """True if it was joined in this run."""
    conversions: Conversions = ()
    encoded_frames: int = 0
    """Number of frames that this run encoded for it, those of converted clips excluded."""
    reused_spans: int = 0
    """Number of its spans that an earlier run had encoded."""
    sound: SoundReport | None = None
    """None if its edit has no loudness."""
    rate: float = 24.0
    """Frames per second, as in the board."""


class WrittenFilm(NamedTuple):
    """A film that was written to a file."""

    frames: int
    conversions: Conversions = ()
    encoded_frames: int = 0
    """Number of frames that were encoded for it, those of converted clips excluded."""
    reused_spans: int = 0
    """Number of its spans that had been encoded for an earlier film."""
    sound: SoundReport | None = None
    new_stems: Mapping[str, Path] = MappingProxyType({})
    """Files that go beside the film, by suffix."""
    kept_stems: Mapping[str, str] = MappingProxyType({})
    """Digests of stems that are beside the film already, by suffix."""


def find_film(store: Store, board_name: str, identity: str) -> StoredFilm | None:
    """Return the film of a board if the store has it with this identity, else None.

    Raises:
        StoreError: The record of the film is damaged, or the film is not a regular file.
    """
    record = read_record(store.films_folder / f"{board_name}.json") or {}
    path = film_file(store, board_name, record)
    status = file_status(path)
    if not record or record.get("identity") != identity:
        return None
    if status is None or status.st_size != record.get("bytes"):
        return None
    if not has_side_files(path):
        return None
    conversions = tuple(tuple(map(str, texts)) for texts in record.get("conversions", ()))
    sound = read_sound_report(record.get("sound"))
    frames, rate = int(record["frames"]), _read_rate(record)
    return StoredFilm(path, frames, False, conversions, sound=sound, rate=rate)


def film_file(store: Store, board_name: str, record: Mapping[str, Any]) -> Path:
    """Return the file of a film by its record: a master is a MOV file, others are MP4 files."""
    suffix = record.get("suffix")
    return store.films_folder / f"{board_name}{suffix if suffix in FILM_SUFFIXES else '.mp4'}"


def _read_rate(record: Mapping[str, Any]) -> float:
    rate = record.get("rate")
    return float(rate) if isinstance(rate, int | float) else 24.0


def read_digest(store: Store, film: StoredFilm) -> str:
    """Return the sha256 of a film in the store, in hex, as it was recorded.

    Raises:
        StoreError: The record is missing or damaged.
    """
    record = read_record(film.path.with_name(f"{film.path.stem}.json")) or {}
    digest = record.get("sha256")
    if not isinstance(digest, str):
        msg = f"the record of {film.path} in {store.root} is damaged; remove the film, then render"
        raise StoreError(msg)
    return digest


class RecordedFilm(NamedTuple):
    """The film of a board in the store, whatever it was joined from."""

    path: Path
    frame_count: int
    identity: str
    made_at: float
    """Unix seconds."""
    rate: float = 24.0


def read_recorded_film(store: Store, board_name: str) -> RecordedFilm | None:
    """Return the film of a board in the store, or None if it has none.

    Raises:
        StoreError: The record of the film is damaged, or the film is not a regular file.
    """
    record = read_record(store.films_folder / f"{board_name}.json") or {}
    path = film_file(store, board_name, record)
    status = file_status(path)
    if not record or status is None or not isinstance(record.get("frames"), int):
        return None
    identity, rate = str(record.get("identity")), _read_rate(record)
    return RecordedFilm(path, record["frames"], identity, status.st_mtime, rate)


def find_film_of_content(store: Store, board_name: str, edit: FilmEdit) -> StoredFilm | None:
    """Return the film of a board if it is intact and differs only in its titles, if at all.

    Raises:
        StoreError: The record of the film is damaged, or the film is not a regular file.
    """
    record = read_record(store.films_folder / f"{board_name}.json") or {}
    if record.get("content") != edit.content_identity():
        return None
    film = find_film(store, board_name, str(record.get("identity")))
    return film if film and digest_file(film.path) == record.get("sha256") else None


def require_unchanged(clip: EditClip) -> None:
    """Check that a clip is still the file that was stored.

    Raises:
        MediaError: It is damaged, or can't be read.
    """
    try:
        is_unchanged = digest_file(clip.file.path) == clip.file.sha256
    except OSError as error:
        message = (
            f"the clip {clip.file.path} can't be read: {error.strerror}; run again to restore it"
        )
        raise MediaError(message) from error
    if not is_unchanged:
        message = (
            f"the clip of {clip.shot} is damaged ({clip.file.path}), so no film was made; "
            "move it away with `shotchain verify --repair`, then run again"
        )
        raise MediaError(message)


def require_unchanged_sounds(edit: FilmEdit) -> None:
    """Check that the music and the voices of a film are still the files that were planned.

    Raises:
        MediaError: One of them was changed, or can't be read.
    """
    voices = [clip.voice for clip in edit.clips] + [edit.sound.voice]
    files = [*voices, edit.sound.music.file if edit.sound.music else None]
    for file in dict.fromkeys(file for file in files if file):
        try:
            is_unchanged = digest_file(file.path) == file.sha256
        except OSError as error:
            message = f"{file.path} can't be read: {error.strerror}"
            raise MediaError(message) from error
        if not is_unchanged:
            message = f"{file.path} was changed since the run began, so no film was made; run again"
            raise MediaError(message)


def check_files(store: Store, board_name: str) -> None:
    """Check that a film, its record and the record of exports are regular files or are missing.

    Raises:
        UnsafeStore: One of them is a link, a special file or a folder.
        StoreError: The folder can't be read.
    """
    films = (f"{board_name}{suffix}" for suffix in FILM_SUFFIXES)
    for name in (*films, f"{board_name}.json", EXPORTS_NAME):
        file_status(store.films_folder / name)


def record_film(
    store: Store,
    board_name: str,
    identity: str,
    frame_count: int,
    conversions: Conversions = (),
    *,
    content: str = "",
    picture: PictureEdit = _PLAIN_PICTURE,
    side_files: Mapping[str, str] | None = None,
    sound: SoundReport | None = None,
    used_ranges: UsedRanges | None = None,
) -> StoredFilm:
    """Record a film that was just written to its path in the store.

    A film that the board had in another format is removed.

    Args:
        store: The store.
        board_name: The name of the film's board.
        identity: See `FilmEdit.identity`.
        frame_count: The number of its frames.
        conversions: What was converted in each clip.
        content: See `FilmEdit.content_identity`; without it other titles let the film be joined.
        picture: The coding and the rate of the film.
        side_files: The digests of the files beside it, by suffix.
        sound: The measurements of its sound.
        used_ranges: The frames of each clip that it shows.

    Raises:
        StoreError: The record can't be written.
    """
    path = store.films_folder / f"{board_name}{picture.suffix}"
    record = {
        "identity": identity,
        "content": content,
        "frames": frame_count,
        "rate": picture.rate,
        "suffix": picture.suffix,
        "bytes": size_of(path),
        "sha256": digest_file(path),
        "conversions": conversions,
        "side_files": dict(side_files or {}),
        "sound": sound.to_record() if sound else None,
        "used": dict(used_ranges or {}),
    }
    write_record(store.films_folder / f"{board_name}.json", record)
    for suffix in FILM_SUFFIXES:
        if suffix != picture.suffix and file_status(other := path.with_name(board_name + suffix)):
            remove_file(other)
    return StoredFilm(path, frame_count, True, conversions, sound=sound, rate=picture.rate)


def film_marker(board_name: str, board_file: Path | None) -> str:
    """Return the comment in a film by which its board recognises it in any folder."""
    file_digest = digest_bytes(os.fsencode(board_file or ""))[:12]
    return f"{_MARKER_PREFIX}{board_name}:{file_digest};"


def require_own_destination(
    store: Store, path: Path, board_name: str, board_file: Path | None, *, is_explicit: bool
) -> None:
    """Check that exporting a film to `path` replaces no other file by accident.

    A link is never replaced or written through: it may be a stranger's, and its target the user's.

    Args:
        store: The store with the record of exported films.
        path: The destination, in real folders.
        board_name: The name of the film's board.
        board_file: The file of the film's board, or None.
        is_explicit: True if the user named the destination; then any file may be replaced.

    Raises:
        UsageError: `path` is not a regular file, or a file that is not a film of this board.
    """
    try:
        with open_folder(path.parent) as folder:
            status = folder.status(path.name)
            if status is None:
                return
            if not stat.S_ISREG(status.st_mode):
                kind = describe_kind(status.st_mode)
                msg = f"{path} is {kind}; use --out with another file, or move it away"
                raise UsageError(msg)
            if is_explicit:
                return
            with folder.open(path.name, "rb") as file:
                beginning = file.read(_MARKER_SEARCH_BYTES)
    except FileNotFoundError:
        return
    except UnsafeStore as error:
        msg = f"the film can't be put at {path}, because a folder of it is a link; use --out"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; use --out with another file"
        raise UsageError(msg) from error
    if film_marker(board_name, board_file).encode() in beginning:
        return
    # The record alone is not enough: the store may be a stranger's.
    owner = read_exports(store).get(str(path))
    is_ours = f"{_MARKER_PREFIX}{board_name}:".encode() in beginning
    if owner is None or not is_ours or (owner != str(board_file) and Path(owner).exists()):
        msg = f"{path} is not the film of this board; use --out with another file, or move it away"
        raise UsageError(msg)


def export_film(store: Store, film: StoredFilm, path: Path, board_file: Path | None) -> None:
    """Copy a film to the user's path and record which board it belongs to.

    The files beside it, such as captions, are copied too; those of a film that was exported before
    only if they are missing, since the user may have corrected them.

    Raises:
        UsageError: A file beside the film is in the way.
        UnsafeStore: The path is not a regular file in real folders.
        StoreError: The copy or the record can't be written.
    """
    file_status(path)
    if path != film.path:
        remove_abandoned_copies(path)
        with (
            staged_file(
                path, permissions=_EXPORTED_FILE_MODE, folder_permissions=_EXPORTED_FOLDER_MODE
            ) as temp_path,
            open_file(film.path, "rb") as source,
            temp_path.open("wb") as copy,
        ):
            shutil.copyfileobj(source, copy, _COPY_BYTES)
    suffixes = None if film.is_new else find_missing_copies(film.path, path)
    export_side_files(store, film.path, path, suffixes)
    exports = read_exports(store)
    if exports.get(str(path)) != str(board_file):
        write_record(store.films_folder / EXPORTS_NAME, {**exports, str(path): str(board_file)})


def is_exported(film: StoredFilm, path: Path) -> bool:
    """Return True if `path` holds this film, by size and modification time, and nothing is missing.

    Raises:
        UnsafeStore: The path is not a regular file in real folders.
        StoreError: A file can't be examined.
    """
    exported, stored = file_status(path), file_status(film.path)
    if exported is None or stored is None:
        return False
    if exported.st_size != stored.st_size or exported.st_mtime < stored.st_mtime:
        return False
    return not find_missing_copies(film.path, path)


def find_newest_film(
    store: Store, board_names: Sequence[str], board_file: Path | None, default_path: Path
) -> Path | None:
    """Return the newest film of a board: a copy of the user, or the film in the store.

    The record of copies may be a stranger's: a copy counts only if it is a clip by its name, a
    regular file in real folders, and marked as a film of this board.

    Args:
        store: The store.
        board_names: The names of the board, the present one first.
        board_file: The file of the board.
        default_path: Where the film is put if the user names no other file.

    Raises:
        StoreError: The record of copies is damaged.
        UnsafeStore: The film in the store is not a regular file in real folders.
    """
    exports = [
        Path(path) for path, owner in read_exports(store).items() if owner == str(board_file)
    ]
    names = [f"{_MARKER_PREFIX}{name}:" for name in board_names]
    copies = [path for path in exports if _has_marker(path, names)]
    # Another board of this name may have put its film there.
    markers = [film_marker(name, board_file) for name in board_names]
    defaults = [default_path.with_name(f"{default_path.stem}{each}") for each in FILM_SUFFIXES]
    copies += [path for path in defaults if _has_marker(path, markers)]
    stored = [
        store.films_folder / f"{name}{partial}{suffix}"
        for name in board_names
        for partial in ("", PARTIAL_SUFFIX)
        for suffix in FILM_SUFFIXES
    ]
    films = [path for path in (*stored, *copies) if file_status(path)]
    # Of equal times the copy counts, which is last.
    return max(reversed(films), key=lambda path: path.stat().st_mtime_ns, default=None)


def _has_marker(path: Path, markers: Sequence[str]) -> bool:
    """Return True if a path is a clip with one of these texts at its beginning."""
    if path.suffix.lower() not in CLIP_SUFFIXES or path.drive.startswith("\\\\"):
        # Examining a path on another host would send it the user's credentials on Windows.
        return False
    with suppress(StoreError, OSError, ValueError), open_file(path, "rb") as file:
        beginning = file.read(_MARKER_SEARCH_BYTES)
        return any(marker.encode() in beginning for marker in markers)
    return False


def read_exports(store: Store) -> dict[str, Any]:
    """Return the board file of each exported film, by the path of the film.

    Raises:
        StoreError: The record is damaged.
    """
    return read_record(store.films_folder / EXPORTS_NAME) or {}
