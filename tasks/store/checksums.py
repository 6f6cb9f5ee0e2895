"""The file of checksums beside exported films, which `sha256sum -c` checks.

It may list files of other boards and of the user: their lines stay, unless the file is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tasks.errors import StoreError
from tasks.own_files import build_file_error, file_status, read_file
from tasks.store.atomic_files import staged_file
from tasks.store.layout import Store
from tasks.store.locks import open_lock_file, wait_for_lock

CHECKSUMS_NAME = "SHA256SUMS"

_LOCK_NAME = "checksums.lock"
_MAX_BYTES = 5_000_000
_LINE = re.compile(r"(\\?)([0-9a-fA-F]{64}) [ *](.+)", re.DOTALL)
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_FILE_MODE, _FOLDER_MODE = 0o666, 0o777
"""As of exported films: the user's umask decides who reads them."""


def lists_any(folder: Path, names: Mapping[str, str]) -> bool:
    """Return True if the file of checksums in a folder has a line for one of these files.

    Raises:
        StoreError: It can't be read, or is not a regular file.
    """
    listed = dict(_parse(_read(folder / CHECKSUMS_NAME)))
    return any(name in listed for name in names)


def write_checksums(store: Store, folder: Path, digests: Mapping[str, str]) -> Path:
    """Add files to the checksums in their folder; the file is written only if it changes.

    Args:
        store: The store, whose lock lets two runs not lose each other's lines.
        folder: The folder of the files, without links.
        digests: The sha256 of each file, in hex, by its name.

    Returns:
        The file of checksums.

    Raises:
        StoreError: It can't be read or written, or is not a regular file.
    """
    path = folder / CHECKSUMS_NAME
    with open_lock_file(store.films_folder / _LOCK_NAME) as lock:
        wait_for_lock(lock)
        text = _read(path)
        lines = {
            name: line
            for name, line in _parse(text)
            if name not in digests and os.path.lexists(folder / name)
        }
        lines |= {name: _format_line(name, digest) for name, digest in digests.items()}
        updated = "".join(f"{lines[name]}\n" for name in sorted(lines))
        if updated != text:
            with staged_file(
                path, permissions=_FILE_MODE, folder_permissions=_FOLDER_MODE
            ) as temp_path:
                temp_path.write_bytes(os.fsencode(updated))
    return path


def _read(path: Path) -> str:
    """Return the content of a file of checksums; empty if there is none."""
    status = file_status(path)
    if status is None:
        return ""
    if status.st_size > _MAX_BYTES:
        msg = f"{path} is too large to be a list of checksums; move it away"
        raise StoreError(msg)
    try:
        return os.fsdecode(read_file(path))
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def _parse(text: str) -> Iterator[tuple[str, str]]:
    """Yield the file's name and the line of each checksum; other lines are left out."""
    for line in text.split("\n"):
        if match := _LINE.fullmatch(line.removesuffix("\r")):
            name = re.sub(r"\\.", _unescape, match[3]) if match[1] else match[3]
            yield name, line.removesuffix("\r")


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], match[0])


def _format_line(name: str, digest: str) -> str:
    """Return a line as `sha256sum` writes it: it escapes names with a backslash or a line break."""
    escaped = name
    for escape, char in _ESCAPES.items():
        escaped = escaped.replace(char, escape)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}"
