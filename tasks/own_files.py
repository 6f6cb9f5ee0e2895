"""Open, list and remove files of our own in a folder that may come from a stranger.

A cloned repository may contain a prepared store. This module is the rule for it, for the store and
the simulator alike: only real folders and regular files are used, at every level of a path. A
symbolic link is never followed, and a file of another kind (a named pipe, a device, a socket) is
never opened, because it could hang or change something elsewhere. A file that is written in place
or locked has no second name, which could be a file of the user.

Paths are absolute, and links above the store are resolved before (`tasks.settings.find_store`).
Without `openat` (Windows) each level is examined before the path is used, which an attacker who
writes at the same moment can defeat; a store that was copied or cloned can't.

A folder that is mounted within a store is followed: a repository can't contain a mount.
"""

# pathlib has no functions relative to the descriptor of a folder.
# ruff: noqa: PTH102, PTH105, PTH115, PTH116, PTH208
from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP, EMLINK, ENOENT, ENOTDIR, ENXIO
from pathlib import Path
from typing import IO, Any, Literal

from tasks.errors import StoreError, UnsafeStore

FileMode = Literal["rb", "ab", "wb", "xb"]
"""Read; append or lock; replace the content in place; create a new file."""

ANY_NAME = re.compile(r".*", re.DOTALL)
"""For `list_files`: every entry has to be a regular file."""

OWN_FILE_MODE = 0o600
OWN_FOLDER_MODE = 0o700

_REMEDY = "remove it, or use another --store"
_FLAGS: dict[FileMode, int] = {
    "rb": os.O_RDONLY,
    # NFS needs a file that can be read for a shared lock.
    "ab": os.O_RDWR | os.O_CREAT | os.O_APPEND,
    # Truncated after it was examined.
    "wb": os.O_WRONLY | os.O_CREAT,
    "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_SAFE_FLAGS = _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _SAFE_FLAGS
_HAS_OPENAT = bool(_NO_FOLLOW) and {os.open, os.stat, os.unlink, os.mkdir} <= os.supports_dir_fd
_LINK_ERRORS = (ELOOP, EMLINK, ENOTDIR, ENXIO)
"""Error numbers of opening a link or a file of another kind, which differ between systems."""


class OwnFolder:
    """An open real folder, whose entries are used by name. `open_folder` opens it."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of an entry, of a link itself; None if it does not exist.

        Raises:
            StoreError: The entry can't be examined.
        """
        try:
            place, options = self._at(name)
            return os.stat(place, follow_symlinks=False, **options)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise build_file_error(self.path / name, "read", error) from error

    def file_status(self, name: str) -> os.stat_result | None:
        """Return the status of a regular file; None if it does not exist.

        Raises:
            UnsafeStore: The entry is not a regular file.
            StoreError: The entry can't be examined.
        """
        status = self.status(name)
        if status is not None and not stat.S_ISREG(status.st_mode):
            raise UnsafeStore(_describe(self.path / name, status.st_mode, "file"))
        return status

    def open(
        self, name: str, mode: FileMode, *, permissions: int = OWN_FILE_MODE, buffering: int = -1
    ) -> IO[Any]:
        """Open a regular file.

        Args:
            name: The name of the file in this folder.
            mode: A file for `ab` or `wb` must have no second name and belong to this user, to root,
                or to the owner of the folder.
            permissions: Permissions of a new file.
            buffering: See the builtin `open`.

        Raises:
            UnsafeStore: The entry is not a regular file of our own.
            FileNotFoundError: The file to read does not exist.
            FileExistsError: The file to create exists.
            OSError: The file can't be opened.
        """
        # Examined before: to open a device can have an effect of its own.
        self.file_status(name)
        path = self.path / name

        def open_here(*_: object) -> int:
            place, options = self._at(name)
            return os.open(place, _FLAGS[mode] | _SAFE_FLAGS, permissions, **options)

        try:
            file = open(path, mode, buffering, opener=open_here)  # noqa: SIM115 - returned
        except OSError as error:
            if error.errno in _LINK_ERRORS:
                # Replaced since it was examined.
                self.file_status(name)
            raise
        try:
            self._require_own(path, os.fstat(file.fileno()), mode)
            if mode == "wb":
                file.truncate(0)
        except BaseException:
            file.close()
            raise
        return file

    def check_in_place(self, name: str) -> None:
        """Check that a file that is locked or written in place is our own, if it exists.

        Raises:
            UnsafeStore: The entry is not a regular file, has a second name, or another owner.
            StoreError: The entry can't be examined.
        """
        status = self.file_status(name)
        if status is not None:
            self._require_own(self.path / name, status, "ab")

    def _require_own(self, path: Path, status: os.stat_result, mode: FileMode) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeStore(_describe(path, status.st_mode, "file"))
        if mode in ("rb", "xb"):
            # The content of a file that is read is not trusted, so its owner does not matter.
            return
        if status.st_nlink > 1:
            msg = f"{path} is a hard link, so writing to it would change another file: {_REMEDY}"
            raise UnsafeStore(msg)
        if hasattr(os, "geteuid"):
            # On a network share or in a container every file may belong to the folder's owner.
            folder = os.fstat(self._descriptor) if self._descriptor is not None else status
            if status.st_uid not in (os.geteuid(), 0, folder.st_uid):
                msg = f"{path} belongs to another user (uid {status.st_uid}): {_REMEDY}"
                raise UnsafeStore(msg)

    def names(self) -> list[str]:
        """Return the names of all entries, sorted.

        Raises:
            OSError: The folder can't be read.
        """
        return sorted(os.listdir(self.path if self._descriptor is None else self._descriptor))

    def folder_names(self) -> list[str]:
        """Return the names of the folders in this folder, sorted.

        Raises:
            UnsafeStore: An entry is a link.
            OSError: The folder can't be read.
        """
        place = self.path if self._descriptor is None else self._descriptor
        names = []
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_symlink():
                    raise UnsafeStore(_describe(self.path / entry.name, stat.S_IFLNK, "folder"))
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
        return sorted(names)

    def remove(self, name: str) -> int:
        """Remove a regular file and return its size; 0 if it does not exist.

        Raises:
            UnsafeStore: The entry is not a regular file.
            OSError: The file can't be removed.
        """
        status = self.file_status(name)
        if status is None:
            return 0
        place, options = self._at(name)
        with suppress(FileNotFoundError):
            os.unlink(place, **options)
        return status.st_size

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder; a link to a folder is an error.

        Raises:
            OSError: The folder can't be removed.
        """
        place, options = self._at(name)
        os.rmdir(place, **options)

    def rename(self, name: str, new_name: str) -> None:
        """Rename an entry, replacing another file; neither name is followed as a link.

        Raises:
            OSError: The entry can't be renamed.
        """
        if self._descriptor is None:
            os.replace(self.path / name, self.path / new_name)
            return
        descriptor = self._descriptor
        os.replace(
            _check_name(name),
            _check_name(new_name),
            src_dir_fd=descriptor,
            dst_dir_fd=descriptor,
        )

    def make_folder(self, name: str, permissions: int) -> None:
        """Create a folder unless the entry exists.

        Raises:
            OSError: The folder can't be created.
        """
        place, options = self._at(name)
        with suppress(FileExistsError):
            os.mkdir(place, permissions, **options)

    def sync(self) -> None:
        """Make renames durable. Some file systems can't sync a folder; they rename atomically."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.fsync(self._descriptor)

    def _at(self, name: str) -> tuple[Any, dict[str, Any]]:
        """Return the place of an entry for a function of `os`, and its options."""
        if self._descriptor is None:
            return self.path / _check_name(name), {}
        return _check_name(name), {"dir_fd": self._descriptor}


@contextmanager
def open_folder(
    path: Path, *, create: bool = False, permissions: int = OWN_FOLDER_MODE
) -> Iterator[OwnFolder]:
    """Open a folder within this block, without following a link at any level of its path.

    Args:
        path: The absolute path.
        create: Create the missing folders of the path.
        permissions: Permissions of new folders.

    Raises:
        UnsafeStore: A level of the path is not a real folder.
        FileNotFoundError: The folder does not exist.
        OSError: The folder can't be opened or created.
    """
    try:
        descriptor = _open_descriptor(path)
    except FileNotFoundError:
        if not create:
            raise
        with open_folder(path.parent, create=True, permissions=permissions) as parent:
            parent.make_folder(path.name, permissions)
        descriptor = _open_descriptor(path)
    try:
        yield OwnFolder(path, descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open_descriptor(path: Path) -> int | None:
    if not _HAS_OPENAT:
        _check_levels(path)
        # The errors of a folder that does not exist or is not a folder.
        os.scandir(path).close()
        return None
    try:
        descriptor = os.open(path, _FOLDER_FLAGS)
    except OSError as error:
        if error.errno in (*_LINK_ERRORS, ENOENT):
            _check_levels(path)
        raise
    try:
        if not _is_at(descriptor, path):
            _check_levels(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    """Return True if an open folder surely has this path, so that no link led to it.

    The kernel reports the path of an open folder without links. This takes one call instead of one
    for each level.
    """
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
    except OSError:
        return False


def _check_levels(path: Path) -> None:
    """Raise UnsafeStore for the first level of a path that is not a real folder."""
    # Texts: a plan checks the path of every shot that is not rendered yet, and Path objects take
    # three times as long.
    level = path.anchor.rstrip(os.sep)
    for part in path.parts[1:]:
        level = f"{level}{os.sep}{part}"
        if part == "..":
            msg = f"{path} leads out of its folder: use another --store"
            raise UnsafeStore(msg)
        try:
            mode = os.lstat(level).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            raise UnsafeStore(_describe(Path(level), mode, "folder"))


def _check_name(name: str) -> str:
    # Names may come from records in the store.
    if name in ("", ".", "..") or "/" in name or os.sep in name:
        msg = f"{name!r} is not the name of a file in the store: use another --store"
        raise UnsafeStore(msg)
    return name


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISREG, "a file"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def describe_kind(mode: int) -> str:
    """Return the kind of a file, such as `a named pipe`."""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "a special file")


def _describe(path: Path, mode: int, expected: Literal["file", "folder"]) -> str:
    real = "real folder" if expected == "folder" else "regular file"
    return f"{path} is {describe_kind(mode)}, not a {real}: {_REMEDY}"


@contextmanager
def open_file(
    path: Path,
    mode: FileMode,
    *,
    permissions: int = OWN_FILE_MODE,
    folder_permissions: int = OWN_FOLDER_MODE,
    buffering: int = -1,
) -> Iterator[IO[Any]]:
    """Open a regular file of our own within this block. See `OwnFolder.open`.

    Missing folders are created unless the file is read.

    Raises:
        UnsafeStore: The path is not a regular file of our own in real folders.
        OSError: The file can't be opened.
    """
    with (
        open_folder(path.parent, create=mode != "rb", permissions=folder_permissions) as folder,
        folder.open(path.name, mode, permissions=permissions, buffering=buffering) as file,
    ):
        yield file


def is_own_folder(path: Path) -> bool:
    """Return True if a store that the user did not name is a real folder; False if it is missing.

    Raises:
        UnsafeStore: It is not a real folder, or it belongs to another user.
    """
    try:
        status = path.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode):
        kind = describe_kind(status.st_mode)
        msg = f"the store {path} is {kind}, not a real folder: remove it, or name a --store"
        raise UnsafeStore(msg)
    if hasattr(os, "geteuid") and status.st_uid not in (os.geteuid(), 0):
        owner = f"another user (uid {status.st_uid})"
        msg = f"the store {path} belongs to {owner}: name it with --store if you trust that user"
        raise UnsafeStore(msg)
    return True


def read_file(path: Path) -> bytes:
    """Return the content of a regular file of our own.

    Raises:
        UnsafeStore: The path is not a regular file in real folders.
        OSError: The file can't be read.
    """
    with open_file(path, "rb") as file:
        data: bytes = file.read()
    return data


def file_status(path: Path) -> os.stat_result | None:
    """Return the status of a regular file in real folders; None if it does not exist.

    Raises:
        UnsafeStore: The path is not a regular file in real folders.
        StoreError: The file can't be examined.
    """
    try:
        with open_folder(path.parent) as folder:
            return folder.file_status(path.name)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def list_files(path: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the names of the files of our own making in a folder, sorted.

    Args:
        path: The folder. If it does not exist, the list is empty.
        pattern: Matches exactly the names that we give to files; other names are left out.

    Raises:
        UnsafeStore: The folder is not real, or a name of ours belongs to a link or special file.
        StoreError: The folder can't be read.
    """
    try:
        with open_folder(path) as folder:
            names = [name for name in folder.names() if pattern.fullmatch(name)]
            return [name for name in names if folder.file_status(name) is not None]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def check_folder(path: Path, in_place: re.Pattern[str]) -> None:
    """Check that a folder is real and has only regular files, if it exists.

    Args:
        path: The folder.
        in_place: Matches the names of the files that are locked or written in place.

    Raises:
        UnsafeStore: The folder or an entry is a link, a special file, a folder, or a hard link
            that would be written in place.
        StoreError: The folder can't be read.
    """
    names = list_files(path, ANY_NAME)
    if not names:
        return
    try:
        with open_folder(path) as folder:
            for name in filter(in_place.fullmatch, names):
                folder.check_in_place(name)
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def check_tree(path: Path) -> None:
    """Check that a folder and everything in it are real folders and regular files without links.

    For folders that another program uses by path.

    Raises:
        UnsafeStore: An entry at any level is a link, a special file or a hard link.
        StoreError: A folder can't be read.
    """
    try:
        with open_folder(path) as folder:
            names = folder.names()
            folders = folder.folder_names()
            for name in set(names) - set(folders):
                folder.check_in_place(name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise build_file_error(path, "read", error) from error
    for name in folders:
        check_tree(path / name)


def check_in_place(path: Path) -> None:
    """Check that a file that is locked or written in place is our own, if it exists.

    Raises:
        UnsafeStore: The path is not a regular file in real folders, has a second name, or
            belongs to another user.
        StoreError: The file can't be examined.
    """
    try:
        with open_folder(path.parent) as folder:
            folder.check_in_place(path.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def list_folders(path: Path) -> list[str]:
    """Return the names of the real folders in a folder, sorted; empty if it does not exist.

    Raises:
        UnsafeStore: The folder is not real, or an entry of it is a link.
        StoreError: The folder can't be read.
    """
    try:
        with open_folder(path) as folder:
            return folder.folder_names()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise build_file_error(path, "read", error) from error


def remove_file(path: Path) -> int:
    """Remove a regular file in real folders and return its size; 0 if it does not exist.

    Raises:
        UnsafeStore: The path is not a regular file in real folders.
        StoreError: The file can't be removed.
    """
    try:
        with open_folder(path.parent) as folder:
            return folder.remove(path.name)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise build_file_error(path, "removed", error) from error


def build_file_error(path: Path, verb: str, error: OSError) -> StoreError:
    """Return the error of a file that can't be read, written or removed."""
    reason = error.strerror or error
    return StoreError(f"{path} can't be {verb}: {reason}; check the permissions of the store")
