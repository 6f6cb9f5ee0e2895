"""A store is paid from only if its file system excludes a second process and other machines."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import NotConfigured, StoreError
from tasks.own_files import OwnFolder
from tasks.store import lock_probe
from tasks.store.lock_probe import GRANTED, Mount, find_mount, require_exclusive_locks

LINE = "{id} 1 0:21 / {point} rw,relatime shared:1 - {type} server:/x rw,{options}\n"

LOCAL = [
    ("nfs", "vers=3,nolock"),
    ("nfs4", "vers=4.2,local_lock=flock"),
    ("nfs4", "local_lock=all"),
    ("cifs", "vers=3.1.1,nobrl"),
    ("9p", "trans=virtio,cache=loose"),
    ("fuse.sshfs", "user_id=0"),
    ("fuse.gcsfuse", "user_id=0"),
    ("lustre", "localflock"),
]
SHARED = [
    ("nfs4", "vers=4.2,local_lock=none"),
    ("nfs4", "local_lock=posix"),
    ("cifs", "vers=3.1.1,brl"),
    ("9p", "cache=mmap"),
    ("ext4", "errors=remount-ro"),
    ("fuse.juicefs", ""),
]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the system list a mount above the store."""
    mounts = tmp_path.parent / f"{tmp_path.name}.mountinfo"
    monkeypatch.setattr(lock_probe, "MOUNTS_FILE", mounts)

    def mount(kind: str, options: str, point: Path = tmp_path) -> None:
        lines = [
            LINE.format(id=1, point="/", type="ext4", options="x"),
            LINE.format(id=2, point=point, type=kind, options=options),
            LINE.format(id=3, point=f"{point}-other", type="fuse.sshfs", options=""),
            "not a mount\n",
        ]
        mounts.write_text("".join(lines))

    return mount


def test_probe_accepts_local_disk(tmp_path: Path) -> None:
    """A file system that excludes passes, and the probe leaves no file behind."""
    require_exclusive_locks(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_probe_second_process_with_lock_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this process is granted a lock that excludes no other, the other really gets it."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)

    with pytest.raises(NotConfigured, match="two processes at the same time") as caught:
        require_exclusive_locks(tmp_path)

    assert "--store" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_probe_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process that can't try the lock proves nothing."""
    monkeypatch.setattr(lock_probe, "PROBE", "import sys; sys.exit(1)")

    with pytest.raises(StoreError, match="can't be tried"):
        require_exclusive_locks(tmp_path)


def test_probe_without_locks_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks is refused in one sentence."""

    def fail(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", fail)

    with pytest.raises(StoreError, match="another file system"):
        require_exclusive_locks(tmp_path)


def test_probe_rename_that_is_not_whole_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename that copies over the old file would show readers a mixture."""

    def copy(folder: OwnFolder, name: str, new_name: str) -> None:
        (folder.path / new_name).write_bytes((folder.path / name).read_bytes())
        (folder.path / name).unlink()

    monkeypatch.setattr(OwnFolder, "rename", copy)

    with pytest.raises(NotConfigured, match="does not rename files whole"):
        require_exclusive_locks(tmp_path)


def test_probe_exclusive_creation_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that ignores O_EXCL two processes can create the same file."""
    open_really = os.open

    def open_carelessly(path: str, flags: int, *args: int, **options: int) -> int:
        return open_really(path, flags & ~os.O_EXCL, *args, **options)

    monkeypatch.setattr(os, "open", open_carelessly)

    with pytest.raises(NotConfigured, match="creates a file that exists"):
        require_exclusive_locks(tmp_path)


@pytest.mark.parametrize(("kind", "options"), LOCAL)
def test_mount_with_local_locks_is_refused(
    tmp_path: Path, mounted: Callable[..., None], kind: str, options: str
) -> None:
    """A mount whose locks stay on this machine is refused, although two processes exclude."""
    mounted(kind, options)

    with pytest.raises(NotConfigured, match="exclude no other machine, so a shot could be paid"):
        require_exclusive_locks(tmp_path)


@pytest.mark.parametrize(("kind", "options"), SHARED)
def test_mount_with_shared_locks_is_accepted(
    tmp_path: Path, mounted: Callable[..., None], kind: str, options: str
) -> None:
    """Network file systems that send locks to the server are accepted, and local ones."""
    mounted(kind, options)

    require_exclusive_locks(tmp_path)


def test_find_mount_is_the_nearest_and_last(mounted: Callable[..., None]) -> None:
    """The mount of a folder is the longest prefix of its path, with escaped spaces."""
    mounted("nfs", "nolock", Path("/mnt/my\\040store"))

    assert find_mount(Path("/mnt/my store/x")).type == "nfs"
    assert find_mount(Path("/mnt/my storehouse")) == Mount(
        "ext4", frozenset(("rw", "relatime", "x"))
    )


def test_find_mount_without_list_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS lists no mounts there; the second process is tried all the same."""
    monkeypatch.setattr(lock_probe, "MOUNTS_FILE", tmp_path / "missing")
    monkeypatch.setattr(lock_probe, "_run_probe", lambda _: GRANTED)

    assert find_mount(tmp_path) is None
    with pytest.raises(NotConfigured, match="two processes"):
        require_exclusive_locks(tmp_path)
