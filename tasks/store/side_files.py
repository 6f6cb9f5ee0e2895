"""Files beside a film, such as its captions: in the store, and the copies of the user.

The film's record has their digests. A copy is replaced only as long as it is what was written
there last: it may be the file of a user, or have corrections.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tasks.errors import UsageError
from tasks.own_files import build_file_error, file_status, open_file
from tasks.store.atomic_files import (
    digest_bytes,
    digest_file,
    read_record,
    staged_file,
    write_bytes,
    write_record,
)
from tasks.store.layout import Store

COPIES_NAME = "placed.files.json"
"""The record of copies, in the folder of the films: the digest of each by its path."""

_SUFFIX = re.compile(r"\.[A-Za-z0-9-]{1,40}\.(srt|vtt|wav)")
"""Of the files that are copied: a record may be a stranger's."""
_COPY_BYTES = 1_000_000
_FILE_MODE, _FOLDER_MODE = 0o666, 0o777
"""A copy is for other programs and people: the user's umask decides who reads it."""


def side_path(film: Path, suffix: str) -> Path:
    """Return the path of a file beside a film, such as `film.en.srt` for `.en.srt`."""
    return film.with_name(f"{film.stem}{suffix}")


def write_side_files(film: Path, contents: Mapping[str, bytes]) -> dict[str, str]:
    """Write files beside a film in the store, and return their digests by suffix.

    Args:
        film: The film in the store.
        contents: The content of each file by its suffix.

    Raises:
        StoreError: One of them can't be written.
    """
    digests = {}
    for suffix, data in contents.items():
        path = side_path(film, suffix)
        write_bytes(path, data)
        digests[suffix] = digest_bytes(data)
    return digests


def move_side_files(film: Path, files: Mapping[str, Path]) -> dict[str, str]:
    """Move files beside a film in the store, and return their digests by suffix.

    Args:
        film: The film in the store.
        files: Complete files on the same file system, by their suffix.

    Raises:
        StoreError: One of them can't be moved.
    """
    digests = {}
    for suffix, file in files.items():
        path = side_path(film, suffix)
        with staged_file(path) as temp_path:
            file.replace(temp_path)
        digests[suffix] = digest_file(path)
    return digests


def list_side_files(film: Path, path: Path) -> tuple[Path, ...]:
    """Return the files beside a copy of a film.

    Args:
        film: The film in the store.
        path: The user's copy of the film, or the film itself.

    Raises:
        StoreError: The record of the film is damaged.
    """
    return tuple(side_path(path, suffix) for suffix in read_side_files(film))


def has_side_files(film: Path) -> bool:
    """Return True if the store has every file that a film's record lists.

    Raises:
        StoreError: One of them is not a regular file, or the record is damaged.
    """
    return all(file_status(side_path(film, suffix)) is not None for suffix in read_side_files(film))


def require_own_side_files(store: Store, path: Path, suffixes: Iterable[str]) -> None:
    """Check before anything is spent that files beside a film replace no others.

    Args:
        store: The store with the record of copies.
        path: The file of the film.
        suffixes: The suffixes of the files.

    Raises:
        UsageError: There is another file.
        StoreError: A file can't be read.
    """
    copies = _read_copies(store)
    for suffix in suffixes:
        copy = side_path(path, suffix)
        if file_status(copy) is not None and copies.get(str(copy)) != _digest(copy):
            msg = (
                f"{copy} was not written by shotchain, or was changed since; "
                "move it away, or use --out with another file"
            )
            raise UsageError(msg)


def find_missing_copies(film: Path, path: Path) -> tuple[str, ...]:
    """Return the suffixes of the files beside a film that the user's folder lacks.

    Args:
        film: The film in the store.
        path: The user's copy of the film.

    Raises:
        StoreError: The record of the film is damaged.
    """
    return tuple(
        suffix
        for suffix in read_side_files(film)
        if side_path(path, suffix) != side_path(film, suffix)
        and file_status(side_path(path, suffix)) is None
    )


def export_side_files(store: Store, film: Path, path: Path, suffixes: Iterable[str] | None) -> None:
    """Copy files beside a film to the user's folder.

    Args:
        store: The store.
        film: The film in the store.
        path: The user's copy of the film.
        suffixes: The suffixes of the files to copy; None is all of the film.

    Raises:
        UsageError: There is another file.
        StoreError: A copy can't be written.
    """
    digests = read_side_files(film)
    chosen = [suffix for suffix in digests if suffixes is None or suffix in suffixes]
    if path == film or not chosen:
        return
    changed = list(_find_changed(path, {suffix: digests[suffix] for suffix in chosen}))
    require_own_side_files(store, path, changed)
    for suffix in changed:
        _copy(side_path(film, suffix), side_path(path, suffix))
    written = {str(side_path(path, suffix)): digests[suffix] for suffix in chosen}
    copies = _read_copies(store)
    if not written.items() <= copies.items():
        write_record(store.films_folder / COPIES_NAME, {**copies, **written})


def _find_changed(path: Path, digests: Mapping[str, str]) -> Iterator[str]:
    """Yield the suffixes of the copies that are missing or differ."""
    for suffix, digest in digests.items():
        copy = side_path(path, suffix)
        if file_status(copy) is None or _digest(copy) != digest:
            yield suffix


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def _copy(source_path: Path, path: Path) -> None:
    with (
        staged_file(path, permissions=_FILE_MODE, folder_permissions=_FOLDER_MODE) as temp_path,
        open_file(source_path, "rb") as source,
        temp_path.open("wb") as copy,
    ):
        shutil.copyfileobj(source, copy, _COPY_BYTES)


def read_side_files(film: Path) -> dict[str, str]:
    """Return the digests in a film's record, by suffix; names with folders are left out.

    Args:
        film: The film in the store.

    Raises:
        StoreError: The record is damaged.
    """
    record = read_record(film.with_suffix(".json")) or {}
    listed = record.get("side_files")
    if not isinstance(listed, dict):
        return {}
    return {suffix: str(digest) for suffix, digest in listed.items() if _SUFFIX.fullmatch(suffix)}


def _read_copies(store: Store) -> dict[str, str]:
    return read_record(store.films_folder / COPIES_NAME) or {}
