"""Check before anything is paid that the locks and renames of a store's file system are reliable.

Two runs at the same moment pay each shot once only because one of them waits for the other's lock.
Some file systems grant a lock to every process or to every machine. A second process on this
machine tries the lock here. A second machine can't be tried, so mounts that are known to keep locks
to the machine are recognised by their type and options.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tasks.errors import NotConfigured, StoreError
from tasks.own_files import OwnFolder, open_folder
from tasks.settings import child_environment
from tasks.store.locks import try_lock

MOUNTS_FILE = Path("/proc/self/mountinfo")

LOCAL_LOCKS: dict[str, tuple[str, ...] | None] = {
    # nfs(5): `local_lock` and `nolock` keep locks to the client.
    "nfs": ("nolock", "local_lock=flock", "local_lock=all"),
    "nfs4": ("nolock", "local_lock=flock", "local_lock=all"),
    # mount.cifs(8): `nobrl` sends no byte-range locks, which carry flock, to the server.
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
    # The kernel's documentation of 9p: these caches are not consistent with other clients.
    "9p": ("cache=loose", "cache=fscache"),
    # mount.lustre(8), mount.ocfs2(8), and the kernel's documentation of gfs2.
    "lustre": ("localflock",),
    "ocfs2": ("localflocks",),
    "gfs2": ("localflocks",),
    # fuse(4): without a lock operation of the file system the kernel keeps locks to the machine.
    # The pages of these programs document none; most have no atomic rename either.
    "fuse.sshfs": None,
    "fuse.gcsfuse": None,
    "fuse.s3fs": None,
    "fuse.goofys": None,
    "fuse.mount-s3": None,
    "fuse.rclone": None,
    "fuse.blobfuse": None,
    "fuse.blobfuse2": None,
}
"""File systems whose locks don't reach other machines: with an option, or always (None)."""

GRANTED, LOCKED, FAILED = 10, 11, 12

PROBE = f"""\
import fcntl, os, sys
try:
    file = os.open(sys.argv[1], os.O_RDWR | os.O_NOFOLLOW)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit({LOCKED})
except OSError:
    sys.exit({FAILED})
sys.exit({GRANTED})
"""
"""The second process: it exits with LOCKED if the lock of this process excludes it."""

_REMEDY = "so a shot could be paid twice; use a --store on a local disk"


class Mount(NamedTuple):
    """The mount that a folder is on."""

    type: str
    options: frozenset[str]


def require_exclusive_locks(root: Path) -> None:
    """Check that a store is safe to pay from. Takes as long as the start of a small process.

    Nothing is remembered: the mount may change, and a record in the store may be a stranger's.

    Args:
        root: The folder of the store, which exists.

    Raises:
        NotConfigured: The file system does not exclude other processes or machines.
        StoreError: The store can't be written.
    """
    mount = find_mount(root)
    if mount and (option := find_local_locks(mount)) is not None:
        place = f"{mount.type} with the option {option}" if option else mount.type
        msg = f"the store {root} is on {place}, whose locks exclude no other machine, {_REMEDY}"
        raise NotConfigured(msg)
    name = f".probe.{os.getpid()}.{time.monotonic_ns()}.staging"
    try:
        with open_folder(root) as folder:
            failure = _try_promises(folder, name)
    except OSError as error:
        msg = f"the store {root} can't be tried: {error.strerror}; use another --store"
        raise StoreError(msg) from error
    if failure:
        msg = f"the file system of the store {root} {failure}, {_REMEDY}"
        raise NotConfigured(msg)


def find_mount(path: Path) -> Mount | None:
    """Return the mount that an absolute path is on; None if the system does not list its mounts."""
    try:
        text = MOUNTS_FILE.read_text(errors="surrogateescape")
    except OSError:
        return None
    mounts = [mount for line in text.splitlines() if (mount := _parse_mount(line))]
    # Of several mounts at one folder the last hides the others.
    above = [(len(point.parts), mount) for point, mount in mounts if path.is_relative_to(point)]
    return max(reversed(above), key=lambda item: item[0])[1] if above else None


def _parse_mount(line: str) -> tuple[Path, Mount] | None:
    """Return mount point and mount of a line of `/proc/self/mountinfo` (proc_pid_mountinfo(5))."""
    before, separator, after = line.partition(" - ")
    fields, more = before.split(), after.split()
    if not separator or len(fields) < 6 or len(more) < 3:
        return None
    point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
    options = frozenset(fields[5].split(",") + more[2].split(","))
    return Path(point), Mount(more[0], options)


def find_local_locks(mount: Mount) -> str | None:
    """Return the option that keeps a mount's locks to this machine.

    Returns:
        The option; empty if the file system always does; None if it is not known to do so.
    """
    if mount.type not in LOCAL_LOCKS:
        return None
    options = LOCAL_LOCKS[mount.type]
    if options is None:
        return ""
    return next((option for option in options if option in mount.options), None)


def _try_promises(folder: OwnFolder, name: str) -> str:
    """Return which promise the file system of a folder breaks; empty if none."""
    new_name = f"{name.removesuffix('.staging')}2.staging"
    try:
        with folder.open(name, "xb") as file:
            file.write(b"old")
            file.flush()
            if not _is_created_once(folder, name):
                return "creates a file that exists"
            if not try_lock(file):
                return "does not grant a lock on a new file"
            if _run_probe(folder.path / name) != LOCKED:
                return "grants a lock to two processes at the same time"
            with folder.open(new_name, "xb") as new_file:
                new_file.write(b"new")
            return (
                "" if _is_renamed_whole(folder, new_name, name) else "does not rename files whole"
            )
    finally:
        folder.remove(name)
        folder.remove(new_name)


def _is_created_once(folder: OwnFolder, name: str) -> bool:
    try:
        folder.open(name, "xb").close()
    except FileExistsError:
        return True
    return False


def _is_renamed_whole(folder: OwnFolder, name: str, new_name: str) -> bool:
    """Return True if an open file keeps its content when another file takes its name."""
    with folder.open(new_name, "rb") as old:
        folder.rename(name, new_name)
        with folder.open(new_name, "rb") as new:
            contents = (old.read(), new.read())
    return contents == (b"old", b"new") and folder.status(name) is None


def _run_probe(path: Path) -> int:
    """Run the second process and return its exit code.

    Raises:
        OSError: The process can't be started, or it failed.
    """
    arguments = [sys.executable, "-I", "-S", "-c", PROBE, str(path)]
    pid = os.posix_spawn(sys.executable, arguments, child_environment({}))
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (LOCKED, GRANTED):
        raise OSError(errno.EIO, f"the second process ended with {code}")
    return code
